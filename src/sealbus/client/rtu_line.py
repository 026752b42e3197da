"""One connection to devices that speak RTU or ASCII, on a serial line or over TCP.

These frames have no transaction id, so one request is on the wire at a time (MODBUS over Serial Line V1.02, 2.4). After a
time-out nothing is sent until the line has been quiet, or, over TCP, until a new connection is open: a late answer could
be taken for the next one.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from sealbus.client.line import Line
from sealbus.client.transaction import Failure
from sealbus.protocol import AsciiStream, FunctionCode, RtuResponseStream, encode_answer_adu, encode_ascii, encode_rtu

if TYPE_CHECKING:
    from sealbus.client.line import LineOwner, LineRules
    from sealbus.client.transaction import Transaction

__all__ = ["Framing", "RtuLine"]

_BROADCAST_UNIT = 0  # MODBUS over Serial Line V1.02, 2.2


class Framing(Enum):
    """How a PDU is framed."""

    RTU = "rtu"
    ASCII = "ascii"


class RtuLine(Line):
    """RTU or ASCII frames: one request in flight."""

    __slots__ = ("_encode", "_over_tcp", "_stream")

    def __init__(self, owner: LineOwner, rules: LineRules, *, framing: Framing, over_tcp: bool) -> None:
        super().__init__(owner, rules)
        self._in_flight_limit = 1  # with any rules: without a transaction id two answers cannot be distinguished
        self._encode = encode_ascii if framing is Framing.ASCII else encode_rtu
        self._stream: RtuResponseStream | AsciiStream = (
            AsciiStream() if framing is Framing.ASCII else RtuResponseStream()
        )
        self._over_tcp = over_tcp

    def send(self, transaction: Transaction) -> bool:
        if transaction.request.unit_id == _BROADCAST_UNIT and not self._over_tcp:
            self._broadcast(transaction)
            return self.is_free()
        transaction.answer_due = self._loop.time() + self._timeout_s
        self._stream.reset()
        self._pending[0] = transaction
        self._write(transaction)
        self._start_timers(transaction)
        return False

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
        frame = self._encode(transaction.request.unit_id, transaction.request.unit_and_pdu[1:])
        self.transport.write(frame)  # type: ignore[union-attr]  # a free line has a transport

    def data_received(self, data: bytes) -> None:
        for frame in self._stream.feed(data):
            transaction = self._pending.get(0)
            if transaction is None or frame[0] != transaction.request.unit_id:
                # An answer of another unit does not stop the timer (2.4.1).
                self._owner.answer_dropped(f"no request waits for unit {frame[0]}")
                continue
            del self._pending[0]
            self._answered(transaction, encode_answer_adu(frame[0], frame[1:]))
        if self._stream.fault is not None:
            # A damaged frame counts as none: the timer of the request continues (2.4.1).
            self._owner.answer_dropped(str(self._stream.fault))
            self._stream.reset()
        if not self._pending:
            self._freed()

    def _on_silence(self) -> None:
        if self._over_tcp:
            self.close("closed after a time-out: a late answer could be taken for the next one")
        elif self._rules.turnaround_s:
            self._hold(self._rules.turnaround_s)
