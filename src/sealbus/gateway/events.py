"""Where events of the gateway are reported: the record on disk, the log, the counters, the alarms.

Everything that must be found a year later goes to the record. A write is recorded before it is sent (`requested`), and
again when its outcome is known (`answered`, `failed`). When the record has no space left, writes are refused and reads
are not. The log reports the same events to an operator who watches. An alarm is active until its cause is gone.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sealbus.client import Failure
from sealbus.gateway.described import describe
from sealbus.gateway.forwarder import WITHOUT_RECORD
from sealbus.gateway.metrics import GatewayCounters
from sealbus.gateway.security import digest_of
from sealbus.protocol import ANSWER_DATA_AT, ANSWER_FUNCTION_AT, EXCEPTION_BIT, FUNCTION_AT, UNIT_AT
from sealbus.records import (
    ALARM_NAME,
    Alarm,
    AlarmState,
    Connected,
    Denied,
    Disconnected,
    EntitlementLost,
    FileRead,
    HandshakeFailed,
    Limits,
    Outcome,
    RecordLog,
    RecordsFull,
    RecordState,
    RefusedConnection,
    Reloaded,
    ReloadFailed,
    Started,
    Stopped,
    WriteOutcome,
    WriteRequested,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sealbus.gateway.config import GatewayTable
    from sealbus.records import Record
    from sealbus.server import Ruling, Session

__all__ = ["GatewayEvents"]

_log = logging.getLogger("sealbus.gateway")
_MIB = 1024 * 1024
_GROWN_RECORDED = 16
_ACCEPT_ALARM = "accepting connections"
_RELOAD_ALARM = "reload of "  # and what could not be reloaded


class GatewayEvents:
    """Observes the services of one gateway, and records its writes."""

    def __init__(self, table: GatewayTable) -> None:
        """Open the record of the gateway. Raises ConfigError when it cannot be kept there."""
        self._unsafe_write_without_record = table.unsafe_write_without_record
        self.counters = GatewayCounters()
        self.alarms: dict[str, str] = {}
        self._not_accepting: dict[str, str] = {}
        """The listeners that cannot accept, and why. One alarm stands for all of them."""
        self.records = RecordLog.open(
            table.records,
            gateway=table.name,
            limits=Limits(bound_bytes=table.records_mib * _MIB),
            on_change=self.record_state_changed,
        )

    # -- sessions (Observer)

    def opened(self, session: Session) -> None:
        self.counters.connections += 1
        peer, transport = session.peer, session.transport
        if peer is None or transport is None:
            self._append(Connected(listener=session.listener, connection=session.number, peer=session.address))
            _log.info("%s connected to %s", session.address, session.listener)
            return
        tls = transport.get_extra_info("ssl_object")
        cipher = tls.cipher()
        self._append(
            Connected(
                listener=session.listener,
                connection=session.number,
                peer=session.address,
                subject=peer.subject,
                serial=peer.serial,
                fingerprint=peer.fingerprint,
                role=peer.role.value,
                role_finding=_finding_of(session),
                tls_version=tls.version(),
                cipher=cipher[0] if cipher else None,
                resumed=bool(tls.session_reused),
            )
        )
        _log.info("%s connected as %s, role %r", session.address, peer.subject, peer.role.value)
        if peer.role.detail:
            words = "has an odd certificate" if peer.role.value else "has no role"
            _log.warning("%s: %s %s: %s", session.address, peer.subject, words, peer.role.detail)

    def closed(self, session: Session) -> None:
        self.counters.requests += session.requests
        self._append(
            Disconnected(
                connection=session.number,
                reason=session.end_reason,
                requests=session.requests,
                duration_s=round(session.age_s, 3),
            )
        )
        _log.info("%s disconnected: %s", session.address, session.end_reason)

    def lost_entitlement(self, session: Session, reason: str) -> None:
        peer = session.peer
        if peer is not None:
            self._append(
                EntitlementLost(
                    connection=session.number,
                    peer=session.address,
                    subject=peer.subject,
                    serial=peer.serial,
                    reason=reason,
                )
            )
            _log.warning("%s: the session of %s ends: %s", session.address, peer.subject, reason)

    def denied(self, session: Session, adu: bytes, ruling: Ruling) -> None:
        self.counters.denials += 1
        described = describe(ruling.request, adu[FUNCTION_AT:])
        peer = session.peer
        self._append(
            Denied(
                connection=session.number,
                peer=session.address,
                unit=adu[UNIT_AT],
                function=adu[FUNCTION_AT],
                reason=ruling.decision.reason,
                subject=peer.subject if peer else None,
                serial=peer.serial if peer else None,
                role=peer.role.value if peer else None,
                table=described.table,
                address=described.address,
                count=described.count,
                pdu=described.pdu,
                rule=ruling.decision.rule,
            )
        )
        _log.warning("%s denied: %s", session.address, ruling.decision.reason)

    def handshake_failed(self, listener: str, address: str, reason: str) -> None:
        self.counters.handshake_failures += 1
        self._append(HandshakeFailed(listener=listener, peer=address, reason=reason))
        _log.warning("%s: handshake with %s failed: %s", listener, address, reason)

    def refused(self, listener: str, address: str, reason: str) -> None:
        self.counters.refused_connections += 1
        self._append(RefusedConnection(listener=listener, peer=address, reason=reason))
        _log.warning("%s: %s refused: %s", listener, address, reason)

    def cannot_accept(self, listener: str, reason: str) -> None:
        self.counters.accept_pauses += 1
        self._not_accepting[listener] = reason
        self._raise_accept_alarm()

    def accepts_again(self, listener: str) -> None:
        self._not_accepting.pop(listener, None)
        if self._not_accepting:
            self._raise_accept_alarm()  # with the text of those that are left
        else:
            self.clear_alarm(_ACCEPT_ALARM)

    # -- writes (WriteRecorder)

    def requested(self, session: Session, adu: bytes, ruling: Ruling, device: str) -> int | None:
        described = describe(ruling.request, adu[FUNCTION_AT:])
        peer = session.peer
        record = WriteRequested(
            connection=session.number,
            peer=session.address,
            unit=adu[UNIT_AT],
            function=adu[FUNCTION_AT],
            device=device,
            subject=peer.subject if peer else None,
            serial=peer.serial if peer else None,
            role=peer.role.value if peer else None,
            table=described.table,
            address=described.address,
            count=described.count,
            values=described.values,
            pdu=described.pdu,
            rule=ruling.decision.rule,
        )
        try:
            number = self.records.append(record)
        except RecordsFull:
            self.counters.writes_not_recorded += 1
            if self._unsafe_write_without_record:
                return WITHOUT_RECORD
            _log.error("%s: a write was refused because it cannot be recorded", session.address)
            return None
        self.counters.writes += 1
        return number

    def answered(self, record: int, answer: bytes) -> None:
        if answer[ANSWER_FUNCTION_AT] & EXCEPTION_BIT:
            self._conclude(record, Outcome.EXCEPTION, exception_code=answer[ANSWER_DATA_AT])
        else:
            self._conclude(record, Outcome.DONE)

    def failed(self, record: int, failure: Failure, detail: str) -> None:
        why = f"{failure.text}: {detail}" if detail else failure.text
        if not failure.was_sent:
            self._conclude(record, Outcome.NOT_SENT, why=why)
        elif failure is Failure.WRONG_ANSWER:
            self._conclude(record, Outcome.MISMATCH, why=why)
        else:
            self._conclude(record, Outcome.UNKNOWN, why=why)
            _log.warning("the outcome of the write in record %d is unknown: %s", record, why)

    # -- the life of the gateway

    def started(self, version: str, listeners: Iterable[str], files: Iterable[str], unsafe: Iterable[str]) -> None:
        self._append(
            Started(version=version, listeners=tuple(listeners), files=_fingerprints_of(files), unsafe=tuple(unsafe))
        )

    def stopped(self, reason: str) -> None:
        self._append(Stopped(reason=reason))
        _log.info("stopped: %s", reason)

    def reloaded(self, what: str, files: Iterable[str]) -> None:
        self.counters.reloads += 1
        self._append(Reloaded(files=_fingerprints_of(files)))
        _log.info("reloaded %s", what)
        self.clear_alarm(_RELOAD_ALARM + what)

    def policy_reloaded(self, file: str, fingerprint: str, grown: Sequence[str]) -> None:
        """A policy is in force. `grown` are the rights that it gives and the one before it did not."""
        self.counters.reloads += 1
        named = tuple(grown[:_GROWN_RECORDED])
        if len(grown) > len(named):
            named += (f"and {len(grown) - len(named)} more",)
        self._append(Reloaded(files=(FileRead(file=file, fingerprint=fingerprint),), grown=named))
        _log.info("reloaded %s", file)
        for right in named:
            _log.warning("%s gives new rights: %s", file, right)
        self.clear_alarm(f"reload of {file}")

    def mark_in_force(self, what: str) -> None:
        """The files on disk are those in force, possibly again: a broken file was restored."""
        self.clear_alarm(_RELOAD_ALARM + what)

    @property
    def has_failed_reload(self) -> bool:
        """Whether a changed file could not be loaded and still differs from the one in force."""
        return any(name.startswith(_RELOAD_ALARM) for name in self.alarms)

    def reload_failed(self, what: str, problem: str) -> None:
        if self.alarms.get(_RELOAD_ALARM + what) == problem:
            return  # reported already; the old state stays in force
        self.counters.reload_failures += 1
        self._append(ReloadFailed(file=what, problem=problem))
        self.raise_alarm(_RELOAD_ALARM + what, problem)

    def raise_alarm(self, name: str, text: str) -> None:
        if name not in self.alarms:
            self._append(Alarm(name=name, state=AlarmState.RAISED, text=text))
            _log.error("alarm: %s: %s", name, text)
        self.alarms[name] = text

    def clear_alarm(self, name: str) -> None:
        if self.alarms.pop(name, None) is not None:
            self._append(Alarm(name=name, state=AlarmState.CLEARED, text=""))
            _log.warning("alarm cleared: %s", name)

    def record_state_changed(self, state: RecordState, reason: str) -> None:
        """The record has more or less space than before.

        Does not call `raise_alarm`: the record log has already recorded this alarm.
        """
        if state is RecordState.OK:
            self.alarms.pop(ALARM_NAME, None)
            _log.warning("alarm cleared: %s", ALARM_NAME)
        else:
            self.alarms[ALARM_NAME] = reason
            _log.error("alarm: %s: %s", ALARM_NAME, reason)

    # -- internals

    def _raise_accept_alarm(self) -> None:
        text = "; ".join(f"{listener}: {reason}" for listener, reason in self._not_accepting.items())
        self.raise_alarm(_ACCEPT_ALARM, text)

    def _conclude(
        self, request: int, outcome: Outcome, *, exception_code: int | None = None, why: str | None = None
    ) -> None:
        self._append(WriteOutcome(request=request, outcome=outcome, exception_code=exception_code, why=why))

    def _append(self, record: Record) -> None:
        self.records.append(record)  # a record that cannot be stored is counted, and the count recorded later


def _finding_of(session: Session) -> str:
    role = session.peer.role if session.peer else None
    if role is None:
        return ""
    return f"{role.finding.value}: {role.detail}" if role.detail else role.finding.value


def _fingerprints_of(files: Iterable[str]) -> tuple[FileRead, ...]:
    return tuple(FileRead(file=file, fingerprint=digest_of(file)) for file in files)
