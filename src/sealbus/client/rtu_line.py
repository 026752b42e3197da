"""One connection to devices that speak RTU or ASCII, on a serial line or over TCP.

These frames have no transaction id, so one request is on the wire at a time (MODBUS over Serial Line V1.02, 2.4). After a
time-out nothing is sent until the line has been quiet, or, over TCP, until a new connection is open: a late answer could
be taken for the next one.

On a line that echoes, a request comes back as the answer to itself (see `local_echo`). A request whose answer may be equal
to it is sent only when it is known whether the line echoes. If that is not known yet, the place that it concerns is read
first; when the unit does not answer that read, the request is not sent.

Bytes that belong to no frame are passed over. When a frame has begun and the line falls quiet, the bytes that began it may
have been noise: then a whole frame behind them counts (2.5.1.1). The pause for that is longer than the 3.5 characters of the
standard, because adapters and converters deliver bytes in pieces; it discards nothing.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from sealbus.client.line import Line, LineState, Oddity
from sealbus.client.local_echo import LocalEcho
from sealbus.client.transaction import AskedAgain, Failure, Transaction
from sealbus.protocol import (
    AsciiStream,
    FunctionCode,
    ReadCoils,
    ReadDiscreteInputs,
    ReadHoldingRegisters,
    ResyncingRtuStream,
    WireRequest,
    encode_answer_adu,
    encode_ascii,
    encode_rtu,
)

if TYPE_CHECKING:
    from sealbus.client.line import LineOwner, LineRules, Timer

__all__ = ["Framing", "RtuLine"]

_BROADCAST_UNIT = 0  # MODBUS over Serial Line V1.02, 2.2
_QUIET_S: Final = 0.05
_KNOWN_FOR_S: Final = 10.0
"""After the first answer on a connection: an adapter is not exchanged within this time."""
_MAX_RECEIVED_BYTES: Final = 2048  # for each request: an echo and an answer have 1,026 at most, in ASCII
_UNREAD: Final = (
    "the read before the first such request, which tells whether the line echoes, was not answered: not sent"
)


class Framing(Enum):
    """How a PDU is framed."""

    RTU = "rtu"
    ASCII = "ascii"


class _EchoProbe(Transaction):
    """A read whose echo cannot be taken for its answer. Its end decides whether the held request is sent."""

    __slots__ = ("_line", "_payer")

    def __init__(self, line: RtuLine, held: Transaction) -> None:
        super().__init__(held.source, _probe_of(held.request), held.send_by)
        self._line = line
        self._payer = held.payer

    @property
    def payer(self) -> object:
        return self._payer

    def finish(self, answer: bytes) -> None:
        """Any answer will do, an exception too. `RtuLine._freed`, which follows, sends the held request."""

    def fail(self, failure: Failure, detail: str = "") -> None:
        if failure is Failure.CONNECTION_LOST:
            self._line.fail_held(Failure.UNREACHABLE, detail)
        else:
            self._line.fail_held(Failure.NOT_SENT_IN_TIME, _UNREAD)


class RtuLine(Line):
    """RTU or ASCII frames: one request in flight."""

    __slots__ = ("_echo", "_encode", "_held", "_over_tcp", "_quiet_timer", "_received_bytes", "_stream")

    def __init__(
        self, owner: LineOwner, rules: LineRules, *, framing: Framing, over_tcp: bool, before: Line | None = None
    ) -> None:
        """`before` is the line of the connection before this one."""
        super().__init__(owner, rules)
        self._in_flight_limit = 1  # with any rules: without a transaction id two answers cannot be distinguished
        self._encode = encode_ascii if framing is Framing.ASCII else encode_rtu
        self._stream: ResyncingRtuStream | AsciiStream = (
            AsciiStream() if framing is Framing.ASCII else ResyncingRtuStream()
        )
        self._over_tcp = over_tcp
        self._echo = LocalEcho(is_set=rules.local_echo)
        if over_tcp and isinstance(before, RtuLine) and before._has_just_shown_no_echo():
            self._echo.is_present = False  # the device closed behind the probe: another one would never end
        self._held: Transaction | None = None
        self._quiet_timer: Timer | None = None
        self._received_bytes = 0

    def _has_just_shown_no_echo(self) -> bool:
        since_s = self._loop.time() - self.proven_at
        return self._echo.is_present is False and self.is_proven and since_s < _KNOWN_FOR_S

    def is_free(self) -> bool:
        return self._held is None and super().is_free()

    def send(self, transaction: Transaction) -> bool:
        if transaction.request.unit_id == _BROADCAST_UNIT and not self._over_tcp:
            self._broadcast(transaction)
            return self.is_free()
        if self._echo.is_present is None and transaction.request.may_equal_its_answer:
            if getattr(transaction, "send_by", None) is None:
                transaction.on_queued(self._loop.time())  # it waits for the probe, until its `send_by`
            self._held = transaction
            self._send(_EchoProbe(self, transaction))
        else:
            self._send(transaction)
        return False

    def abandon(self, source: object, *, only_writes: bool = False) -> None:
        held = self._held
        if held is not None and held.source is source and (held.request.may_change_state or not only_writes):
            self.fail_held(Failure.ABANDONED)

    def fail_held(self, failure: Failure, detail: str = "") -> None:
        """End the request that waits for the answer of a probe: it was not sent."""
        held, self._held = self._held, None
        if held is not None:
            held.fail(failure, detail)

    def _send(self, transaction: Transaction) -> None:
        transaction.answer_due = self._loop.time() + self._timeout_s
        self._stream.reset()
        self._pending[0] = transaction
        self._write(transaction)
        self._start_timers(transaction)

    def _send_held(self) -> None:
        """Send the request that waited for the answer of a probe, unless that took too long or told nothing."""
        held, self._held = self._held, None
        if held is None:
            return
        if self._echo.is_present is None or held.send_by <= self._loop.time():
            held.fail(Failure.NOT_SENT_IN_TIME, "" if self._echo.is_present is not None else _UNREAD)
            super()._freed()
        else:
            self._send(held)

    def _broadcast(self, transaction: Transaction) -> None:
        """Send a request that only writes to all units. That it was sent is all that can be known of it (2.2)."""
        if (
            not transaction.request.may_change_state
            or transaction.request.unit_and_pdu[1] == FunctionCode.READ_WRITE_MULTIPLE_REGISTERS
        ):
            transaction.fail(Failure.BROADCAST_READ)
            return
        self._stream.reset()
        self._write(transaction)
        self._hold(self._rules.turnaround_s)
        transaction.fail(Failure.BROADCAST)

    def _write(self, transaction: Transaction) -> None:
        request = transaction.request
        frame = self._encode(request.unit_id, request.unit_and_pdu[1:])
        self._received_bytes = 0
        self._echo.begin(frame, is_ambiguous=request.may_equal_its_answer)
        self.transport.write(frame)  # type: ignore[union-attr]  # a free line has a transport

    def data_received(self, data: bytes) -> None:
        room = _MAX_RECEIVED_BYTES - self._received_bytes
        self._received_bytes += len(data)
        if room <= 0:
            return  # looking for a frame in endless noise would hold up all other devices
        data = self._echo.strip(data[:room])
        if self._echo.is_heard:
            self._owner.noticed(Oddity.LOCAL_ECHO)
        self._take(self._stream.feed(data))
        if self._pending and self._stream.partial:
            if self._quiet_timer is not None:
                self._quiet_timer.cancel()
            self._quiet_timer = self._loop.call_at(self._loop.time() + _QUIET_S, self._on_quiet)

    def _on_quiet(self) -> None:
        self._quiet_timer = None
        transaction = self._pending.get(0)
        if transaction is None:
            return
        request = transaction.request
        if self._stream.begins_with(bytes((request.unit_id,)) + request.shape.prefix):
            return  # the answer, delayed: what is in its data is no frame
        if frames := self._stream.end_burst():
            self._take(frames)

    def _take(self, frames: list[bytes]) -> None:
        for frame in frames:
            transaction = self._match(frame)
            if transaction is None:
                self._owner.answer_dropped(f"no request waits for unit {frame[0]}")
                continue
            del self._pending[0]
            if self._echo.is_present is None:  # what is known stays, and encoding costs a part of each request
                self._echo.answered(len(self._encode(frame[0], frame[1:])))
            self._answered(transaction, encode_answer_adu(frame[0], frame[1:]))
        if self._stream.fault is not None:
            # A damaged frame counts as none: the timer of the request continues (2.4.1).
            self._owner.answer_dropped(str(self._stream.fault))
            self._stream.fault = None
        if not self._pending:
            self._freed()

    def _match(self, frame: bytes) -> Transaction | None:
        """The request that this frame answers. An answer of another unit does not stop its timer (2.4.1)."""
        transaction = self._pending.get(0)
        if transaction is None or frame[0] == transaction.request.unit_id:
            return transaction
        if transaction.request.shape.objection(frame[1:]) is not None:
            return None
        self._owner.noticed(Oddity.OTHER_UNIT_ID)
        return transaction if self._rules.lenient_unit_id else None

    def _freed(self) -> None:
        if self._held is None or self.state is not LineState.OPEN:
            super()._freed()
        elif self._hold_timer is not None:
            pass  # noise does not prolong the gap
        elif self._gap_s:
            self._hold(self._gap_s)
        else:
            self._send_held()

    def _release(self) -> None:
        if self._held is None or self._pending:
            super()._release()
        else:
            self._hold_timer = None
            self._send_held()

    def _closed(self, reason: str, *, by_device: bool) -> None:
        held = self._held
        if held is not None and by_device and self.is_proven and not isinstance(held, AskedAgain):
            self._held = None  # it was not sent
            self._pending.clear()  # its probe
            self._owner.take_back(held, self._loop.time())
        super()._closed(reason, by_device=by_device)
        self.fail_held(Failure.UNREACHABLE, reason)

    def _why_silent(self) -> str:
        if self._echo.is_heard:
            return f"{Failure.NO_ANSWER.text}: only the echo of the request came"
        if self._rules.local_echo:
            return f"{Failure.NO_ANSWER.text}: local_echo is set, and the echo of the request did not come"
        return ""

    def _on_silence(self) -> None:
        if self._over_tcp:
            self.close("closed after a time-out: a late answer could be taken for the next one")
        elif self._rules.turnaround_s:
            self._hold(self._rules.turnaround_s)


def _probe_of(request: WireRequest) -> WireRequest:
    """A read of the place that the request concerns, or of register 0 where that is no coil or register."""
    function_code, address = request.unit_and_pdu[1], int.from_bytes(request.unit_and_pdu[2:4])
    read: ReadCoils | ReadDiscreteInputs | ReadHoldingRegisters
    match function_code:
        case FunctionCode.WRITE_SINGLE_COIL | FunctionCode.READ_COILS:
            read = ReadCoils(address, 1)
        case FunctionCode.READ_DISCRETE_INPUTS:
            read = ReadDiscreteInputs(address, 1)
        case FunctionCode.WRITE_SINGLE_REGISTER | FunctionCode.MASK_WRITE_REGISTER:
            read = ReadHoldingRegisters(address, 1)
        case _:
            read = ReadHoldingRegisters(0, 1)
    return WireRequest(bytes((request.unit_id,)) + read.encode())
