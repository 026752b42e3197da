"""From a record of a gateway to an entry of the audit: actor, address, action, result.

Every kind is taken over except `connected` and `disconnected`: a client that connects for each poll would fill the audit;
its denials and writes name it anyway, and the gateway's own record keeps both kinds. A write is two entries, as it is two
records: the request (its result not known yet) and the outcome, which repeats the request.

`detail.unproven` is set where the chain of the record does not prove the record; the outcome of an unproven write is
unproven as well, because it repeats the write. The time of the entry is when it was taken over; `detail.at` is the
gateway's time. `target` is the record: the name of the gateway, and the number of the record there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from sealbus.records import (
    Connected,
    Denied,
    Disconnected,
    EntitlementLost,
    HandshakeFailed,
    Outcome,
    RecordsLost,
    RefusedConnection,
    ReloadFailed,
    Unreadable,
    WriteOutcome,
    WriteRequested,
    kind_of,
)
from sealbus.web.access.subject import Actor, ActorKind
from sealbus.web.audit.models import Result, Source
from sealbus.web.audit.services import Event, Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealbus.records import Stored

__all__ = [
    "BROKEN",
    "CONTINUES",
    "GAP",
    "RECORD",
    "REPLACED",
    "REWOUND",
    "event_of",
    "is_kept",
    "record_target",
    "takeover_event",
]

RECORD = "gateway-record"
BROKEN = "gateway.chain_broken"
CONTINUES = "gateway.chain_continues"
GAP = "gateway.gap"
REPLACED = "gateway.replaced"
REWOUND = "gateway.rewound"

_LEFT_OUT = (Connected, Disconnected)
_REFUSED = (Denied, HandshakeFailed, RefusedConnection, EntitlementLost)
_FAILED = (ReloadFailed, RecordsLost)
_OUTCOMES = {
    Outcome.DONE: Result.DONE,
    Outcome.EXCEPTION: Result.FAILED,
    Outcome.NOT_SENT: Result.FAILED,
    Outcome.MISMATCH: Result.FAILED,
    Outcome.UNKNOWN: Result.UNKNOWN,
}
_TAKEOVER_RESULTS = {BROKEN: Result.FAILED, CONTINUES: Result.DONE}
_MAX_LINE = 500
_OF_A_REQUEST = (
    "peer", "subject", "serial", "role", "unit", "function", "device", "table", "address", "count", "values", "pdu", "rule",
    "unproven",
)  # fmt: skip


def is_kept(stored: Stored) -> bool:
    """Whether this record becomes an entry."""
    return not isinstance(stored.record, _LEFT_OUT)


def record_target(source: Source, sequence: int) -> Target:
    """One record of one gateway."""
    return Target(RECORD, f"{source.pk}:{sequence}", source.name)


def event_of(source: Source, stored: Stored, requests: Mapping[int, Mapping[str, Any]], *, is_proven: bool) -> Event:
    """The event of a record. `requests` has the details of the writes that outcomes belong to."""
    target = record_target(source, stored.sequence)
    record = stored.record
    detail: dict[str, Any] = {"at": stored.time, "record_hash": stored.hash}
    if not is_proven:
        detail["unproven"] = True
    if isinstance(record, Unreadable):
        detail |= {"file": record.file, "line": record.line, "text": record.text[:_MAX_LINE]}
        return Event(_gateway(source), "gateway.unreadable", target, Result.FAILED, detail)
    detail |= msgspec.to_builtins(record)
    del detail["kind"]
    if isinstance(record, WriteOutcome):
        request = requests.get(record.request, {})
        detail |= {name: request[name] for name in _OF_A_REQUEST if name in request}
    return Event(_actor(source, detail), f"gateway.{kind_of(record)}", target, _result(record), detail)


def takeover_event(source: Source, action: str, detail: Mapping[str, Any]) -> Event:
    """An event of the takeover itself: a gap, a break of the chain, or a record that starts again."""
    result = _TAKEOVER_RESULTS.get(action, Result.UNKNOWN)
    return Event(_gateway(source), action, record_target(source, source.sequence), result, detail)


def _result(record: object) -> Result:
    if isinstance(record, WriteOutcome):
        return _OUTCOMES[record.outcome]
    if isinstance(record, WriteRequested):
        return Result.UNKNOWN
    if isinstance(record, _REFUSED):
        return Result.REFUSED
    return Result.FAILED if isinstance(record, _FAILED) else Result.DONE


def _gateway(source: Source) -> Actor:
    return Actor(ActorKind.GATEWAY, None, source.name)


def _actor(source: Source, detail: Mapping[str, Any]) -> Actor:
    """The peer, by its certificate, if the record names one; else the gateway itself."""
    peer = detail.get("peer")
    if not isinstance(peer, str):
        return _gateway(source)
    address = peer.rpartition(":")[0].strip("[]")
    return Actor(ActorKind.GATEWAY, None, str(detail.get("subject") or ""), address)
