"""One connection to a device that speaks MBAP, over TCP or TLS.

A line sends each transaction under a transaction id of its own, never the client's, so that requests of many clients can
share it. An answer is matched by that id. An answer that no request waits for is late or a duplicate and is dropped; it
can never become the answer to the next request (MODBUS Messaging on TCP/IP Implementation Guide V1.0b, 4.4.2.2). Surplus
or missing bytes would shift the next answer, so they end the connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sealbus.client.line import Line, LineState, Oddity
from sealbus.protocol import FUNCTION_AT, MbapStream

if TYPE_CHECKING:
    from sealbus.client.line import LineOwner, LineRules
    from sealbus.client.transaction import Transaction

__all__ = ["MbapLine"]

_RESETS_AFTER_SILENCES = 3
_MAX_UNANSWERED = 4096
_BEFORE_UNIT_BYTES: Final = 6  # transaction id, protocol id and length; whatever has no more is not a whole ADU
_OPEN: Final = LineState.OPEN  # read for each answer: a member of an Enum costs as much as a call


class MbapLine(Line):
    """MBAP over TCP or TLS: up to `in_flight` requests outstanding, matched by transaction id."""

    __slots__ = ("_is_joining", "_joined", "_stream", "_transaction_id", "_unanswered")

    def __init__(self, owner: LineOwner, rules: LineRules) -> None:
        super().__init__(owner, rules)
        self._stream = MbapStream()
        self._transaction_id = 0
        self._unanswered: set[int] = set()
        self._joined: list[bytes] = []
        self._is_joining = False

    def send(self, transaction: Transaction) -> bool:
        transaction_id = (self._transaction_id + 1) & 0xFFFF
        while transaction_id in self._unanswered:  # its late answer must not be taken for this one's
            transaction_id = (transaction_id + 1) & 0xFFFF
        self._transaction_id = transaction_id
        frame = transaction_id.to_bytes(2) + transaction.request.frame
        pending = self._pending
        pending[transaction_id] = transaction
        # A first request goes to the WriteCoalescer, which joins the writes of several lines. Further requests of this line
        # are joined to one piece here, and not given to it: it writes each frame with a call of its own.
        if self._is_joining:
            self._joined.append(frame)
        elif len(pending) == 1:  # an idle line does not wait
            self._writer.write(self.transport, frame)  # type: ignore[arg-type]  # a free line has a transport
        else:
            self._is_joining = True
            self._joined.append(frame)
            self._loop.call_soon(self._write_joined)
        transaction.answer_due = self._loop.time() + self._timeout_s
        if self._timer is None or self._gap_s:
            self._start_timers(transaction)
        return len(pending) < self._in_flight_limit and self._hold_timer is None

    def _write_joined(self) -> None:
        """Write the requests of one turn of the loop in one piece: a system call costs more than the rest."""
        self._is_joining = False
        if self._joined and self.transport is not None:
            self.transport.write(b"".join(self._joined))
            self._joined.clear()

    def data_received(self, data: bytes) -> None:
        size = len(data)
        if size > _BEFORE_UNIT_BYTES and not self._stream.partial:
            transaction_id = data[0] << 8 | data[1]
            transaction = self._pending.get(transaction_id)
            if transaction is not None:
                request = transaction.request
                # The usual case, without the stream: the data is one whole answer whose length and beginning fit its request
                # (`WireRequest.answer_head`). Such an answer needs no further check.
                if size == request.answer_bytes and data.startswith(request.answer_head, 2):  # type: ignore[arg-type]  # it has one
                    del self._pending[transaction_id]
                    self._finish(transaction, data[2:])
                    # Without a gap there is no hold timer, so this is all of `is_free`; it saves two calls for each answer.
                    if self._gap_s or self.state is not _OPEN or len(self._pending) >= self._in_flight_limit:
                        self._freed()
                    else:
                        self._owner.line_free(self)
                    return
        self._take_chunk(data)

    def _take_chunk(self, data: bytes) -> None:
        """Handle bytes that are not exactly one answer that fits."""
        # Each answer lets the owner send the next request; what is sent from here on is written in one piece at the end.
        self._is_joining = True
        try:
            for adu in self._stream.feed(data):
                transaction = self._pending.pop(adu[0] << 8 | adu[1], None) or self._match_other(adu)
                if transaction is None:
                    continue
                head = transaction.request.answer_head
                if head is not None and adu.startswith(head, 2):
                    self._finish(transaction, adu[2:])
                else:
                    self._answered(transaction, adu[2:])
                    if self.state is not _OPEN:
                        return
            if self._stream.fault is not None:
                self.close(f"the device does not speak Modbus: {self._stream.fault}")
            elif self._stream.partial and not self._pending:
                self.close("the device sent surplus bytes after its answer")
            else:
                self._freed()
        finally:
            self._is_joining = False
            if self._joined:
                self._write_joined()

    def _match_other(self, adu: bytes) -> Transaction | None:
        """The transaction of an ADU with an unknown id: with lenient ids, the only one in flight."""
        if self._rules.lenient_transaction_id and len(self._pending) == 1:
            return self._pending.popitem()[1]
        transaction_id = adu[0] << 8 | adu[1]
        if transaction_id not in self._unanswered and any(
            each.request.shape.objection(adu[FUNCTION_AT:]) is None for each in self._pending.values()
        ):
            self._owner.noticed(Oddity.OTHER_TRANSACTION_ID)
        self._unanswered.discard(transaction_id)
        self._owner.answer_dropped(f"no request waits for transaction id {transaction_id}")
        return None

    def _on_request_timeout(self, transaction_id: int) -> None:
        self._unanswered.add(transaction_id)

    def _on_silence(self) -> None:
        # With lenient ids a late answer could be taken for the next one, so a time-out must end the connection.
        if self._rules.lenient_transaction_id:
            self.close("closed after a time-out: a late answer could be taken for the next one")
        elif len(self._unanswered) > _MAX_UNANSWERED:
            self.close(f"closed after {len(self._unanswered)} requests without an answer")
        elif self._stream.partial and (self._silences > 1 or not self._pending):
            self.close("the device began an answer and did not end it")
        elif self._silences >= _RESETS_AFTER_SILENCES and not self._pending:
            self.close(f"closed after {self._silences} time-outs in a row")
