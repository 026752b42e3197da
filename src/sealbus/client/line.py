"""One connection to a device: what is on the wire, what came back, and whether the two belong together.

A line sends a transaction under a transaction id of its own, never the client's, so that requests of many clients can
share it. What comes back is matched by that id and then checked against its request (unit, function, echo, length)
before anybody sees it. An answer that nobody waits for is late or a duplicate and is dropped; it can never become the
answer to the next request (MODBUS Messaging on TCP/IP Implementation Guide V1.0b, 4.4.2.2). An answer that has the right
id and the wrong content means that the two sides no longer talk of the same thing, and bytes that are left over or
missing would be taken for the beginning of the next answer: the line is closed and a new one opened.

A line is one connection. When it is closed it stays closed, so nothing that still comes from it meets another one.

Nothing is ever sent twice. Whatever was sent when the line broke fails as sent; what it means is for the one who asked.

"""

from __future__ import annotations

import asyncio
import ssl
from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol

from sealbus.client.transaction import Failure
from sealbus.protocol import MbapStream
from sealbus.security import explain_tls_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sealbus.client.transaction import Transaction
    from sealbus.protocol import RawRequest

__all__ = [
    "FrameWriter",
    "Line",
    "LineCounters",
    "LineLoop",
    "LineOwner",
    "LineRules",
    "LineState",
    "MbapLine",
    "Timer",
]

_RESETS_AFTER_SILENCES = 3
_MOST_UNANSWERED = 256
_SHORTEST_HEAD: Final = 6


class LineState(Enum):
    """CONNECTING -> SETTLING (connect delay) -> OPEN -> CLOSED; any state may go to CLOSED. A new line is CLOSED."""

    CLOSED = "closed"
    CONNECTING = "connecting"
    SETTLING = "settling"
    OPEN = "open"


_OPEN: Final = LineState.OPEN  # for what is asked with each answer: a member of an Enum costs as much as a call


class LineRules(Protocol):
    """What a device asks of those who talk to it. Times in seconds."""

    @property
    def in_flight(self) -> int: ...
    @property
    def timeout_s(self) -> float: ...
    @property
    def gap_s(self) -> float: ...
    @property
    def turnaround_s(self) -> float: ...
    @property
    def lenient_transaction_id(self) -> bool: ...


class LineCounters(Protocol):
    """What a line counts."""

    answered: int


class Timer(Protocol):
    """A callback that a loop will call, until it is cancelled."""

    def cancel(self) -> None: ...


class LineLoop(Protocol):
    """The part of an event loop that a line uses. `BlockingChannel` has one without an event loop."""

    def time(self) -> float: ...
    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer: ...
    def call_soon(self, callback: Callable[[], object], /) -> object: ...


class FrameWriter(Protocol):
    """Puts frames on transports, at once or at the end of the loop's turn."""

    def write(self, transport: asyncio.WriteTransport, data: bytes) -> None: ...


class LineOwner(Protocol):
    """Who is told what happens on a line: the channel."""

    @property
    def counters(self) -> LineCounters: ...
    @property
    def loop(self) -> LineLoop: ...
    @property
    def outbox(self) -> FrameWriter: ...
    @property
    def suspects(self) -> Mapping[int, object]:
        """The units that left a request unanswered: empty on a normal day."""

    def line_free(self, line: Line) -> None:
        """Told only when it is free."""

    def line_proven(self, line: Line) -> None: ...
    def line_lost(self, line: Line, reason: str, *, is_refusal: bool) -> None:
        """`is_refusal`: the device closed it before it had answered anything."""

    def unit_answered(self, unit_id: int) -> None: ...
    def unit_silent(self, unit_id: int) -> None: ...
    def answer_dropped(self, reason: str) -> None: ...


class Line(asyncio.Protocol):
    """What both kinds of line share: life, deadlines, gap."""

    __slots__ = (
        "_counters",
        "_gap_s",
        "_held_until",
        "_hold_timer",
        "_in_flight",
        "_loop",
        "_outbox",
        "_owner",
        "_pending",
        "_rules",
        "_silences",
        "_suspects",
        "_timeout_s",
        "_timer",
        "is_proven",
        "is_ready",
        "state",
        "transport",
    )

    def __init__(self, owner: LineOwner, rules: LineRules) -> None:
        self._owner = owner
        self._counters = owner.counters
        self._suspects = owner.suspects
        self._outbox = owner.outbox
        self._rules = rules
        self._in_flight = rules.in_flight
        self._timeout_s = rules.timeout_s
        self._gap_s = rules.gap_s
        self._loop = owner.loop
        self.transport: asyncio.Transport | None = None
        self._pending: dict[int, Transaction] = {}
        self._timer: Timer | None = None
        self._hold_timer: Timer | None = None
        self._held_until = 0.0
        self._silences = 0
        self.state = LineState.CLOSED
        self.is_ready = False
        """Whether the owner keeps this line among those that can send: the owner's mark."""
        self.is_proven = False
        """Whether the device has answered anything on this connection."""

    def is_free(self) -> bool:
        """Whether a transaction may be sent now."""
        return self.state is _OPEN and self._hold_timer is None and len(self._pending) < self._in_flight

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self.state is LineState.CLOSED:  # while it was being dialled
            transport.abort()  # type: ignore[attr-defined]  # streams only
            return
        self.transport = transport  # type: ignore[assignment]  # streams only

    def opened(self) -> None:
        """The connect delay is over: the line may be used."""
        if self.transport is None:
            return  # lost while it settled
        self.state = LineState.OPEN
        self._owner.line_free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        said = explain_tls_error(exc) if isinstance(exc, ssl.SSLError | ConnectionError) else str(exc or "")
        reason = f"closed by the device: {said}" if said else "closed by the device"
        self._closed(reason, is_refusal=not self.is_proven)

    def send(self, transaction: Transaction) -> bool:
        """Put it on the wire. Only when free; returns whether it still is."""
        raise NotImplementedError

    def close(self, reason: str = "closed") -> None:
        """Close the connection; what is on the wire fails as sent."""
        transport, self.transport = self.transport, None
        if transport is not None:
            transport.abort()
        self._closed(reason, is_refusal=False)

    # -- what the two kinds do differently

    def _given_up(self, number: int) -> None:
        """The request of this number timed out."""

    def _after_silence(self) -> None:
        """Some requests timed out."""
        raise NotImplementedError

    # -- shared machinery

    def _watch(self, transaction: Transaction) -> None:
        """It was put on the wire: wait for its answer, and for the gap behind it."""
        if self._timer is None:
            self._timer = self._loop.call_at(transaction.expires, self._expire)
        if self._gap_s and self._in_flight > 1:
            self._hold(self._gap_s)

    def _answered(self, transaction: Transaction, answer: bytes) -> None:
        """Its answer has come, and may or may not fit."""
        objection = _objection(transaction.request, answer)
        if objection is None:
            self._settle(transaction, answer)
        else:
            transaction.fail(Failure.WRONG_ANSWER, objection)
            self.close(f"the device's answer does not fit its request: {objection}")

    def _settle(self, transaction: Transaction, answer: bytes) -> None:
        """The answer fits."""
        transaction.settle(answer)  # before anything else: somebody waits for it
        self._silences = 0
        if not self.is_proven:
            self.is_proven = True
            self._owner.line_proven(self)
        self._counters.answered += 1
        if self._suspects:
            self._owner.unit_answered(transaction.request.tail[0])

    def _freed(self) -> None:
        """Something is no longer on the wire."""
        if self.state is not _OPEN:
            return
        if self._gap_s and self._in_flight == 1:
            self._hold(self._gap_s)
        elif self.is_free():
            self._owner.line_free(self)

    def _hold(self, seconds: float) -> None:
        until = self._loop.time() + seconds
        if self._hold_timer is not None:
            if self._held_until >= until:
                return
            self._hold_timer.cancel()
        self._held_until = until
        self._hold_timer = self._loop.call_at(until, self._release)

    def _release(self) -> None:
        self._hold_timer = None
        if self.is_free():
            self._owner.line_free(self)

    def _expire(self) -> None:
        self._timer = None
        now = self._loop.time()
        late = [number for number, each in self._pending.items() if each.expires <= now]
        for number in late:
            transaction = self._pending.pop(number)
            self._given_up(number)
            transaction.fail(Failure.NO_ANSWER)
            self._owner.unit_silent(transaction.request.tail[0])
        if self._pending:
            self._timer = self._loop.call_at(min(each.expires for each in self._pending.values()), self._expire)
        if late:
            self._silences += 1
            self._after_silence()
            self._freed()

    def _closed(self, reason: str, *, is_refusal: bool) -> None:
        if self.state is LineState.CLOSED:
            return
        self.state = LineState.CLOSED
        self.transport = None
        for timer in (self._timer, self._hold_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._hold_timer = None
        lost, self._pending = self._pending, {}
        for transaction in lost.values():
            transaction.fail(Failure.CONNECTION_LOST, reason)
        self._owner.line_lost(self, reason, is_refusal=is_refusal)


class MbapLine(Line):
    """MBAP over TCP or TLS: up to `in_flight` requests at once, matched by transaction id."""

    __slots__ = ("_is_joining", "_joined", "_stream", "_transaction_id", "_unanswered")

    def __init__(self, owner: LineOwner, rules: LineRules) -> None:
        super().__init__(owner, rules)
        self._stream = MbapStream()
        self._transaction_id = 0
        self._unanswered: set[int] = set()
        self._joined: list[bytes] = []
        self._is_joining = False

    def send(self, transaction: Transaction) -> bool:
        number = (self._transaction_id + 1) & 0xFFFF
        while number in self._unanswered:  # its answer may still come, and must not pass for this one's
            number = (number + 1) & 0xFFFF
        self._transaction_id = number
        frame = number.to_bytes(2) + transaction.request.framed
        pending = self._pending
        pending[number] = transaction
        if self._is_joining:
            self._joined.append(frame)
        elif len(pending) == 1:  # an idle line does not wait
            self._outbox.write(self.transport, frame)  # type: ignore[arg-type]  # a free line has a transport
        else:
            self._is_joining = True
            self._joined.append(frame)
            self._loop.call_soon(self._write_joined)
        transaction.expires = self._loop.time() + self._timeout_s
        if self._timer is None or self._gap_s:
            self._watch(transaction)
        return len(pending) < self._in_flight and self._hold_timer is None

    def _write_joined(self) -> None:
        """What was sent within one turn of the loop goes out in one piece: a system call costs more than all the rest."""
        self._is_joining = False
        if self._joined and self.transport is not None:
            self.transport.write(b"".join(self._joined))
            self._joined.clear()

    def data_received(self, data: bytes) -> None:
        size = len(data)
        if size > _SHORTEST_HEAD and not self._stream.partial:
            number = data[0] << 8 | data[1]
            transaction = self._pending.get(number)
            if transaction is not None:
                request = transaction.request
                if size == request.answer_bytes and data.startswith(request.head, 2):  # type: ignore[arg-type]  # it has one
                    del self._pending[number]
                    self._settle(transaction, data[2:])
                    # Without a gap nothing is held, so this is all of `is_free`, and spares two calls an answer.
                    if self._gap_s or self.state is not _OPEN or len(self._pending) >= self._in_flight:
                        self._freed()
                    else:
                        self._owner.line_free(self)
                    return
        self._take_apart(data)

    def _take_apart(self, data: bytes) -> None:
        """What is not one answer, whole and right: whatever it is."""
        self._is_joining = True
        try:
            for adu in self._stream.feed(data):
                transaction = self._pending.pop(adu[0] << 8 | adu[1], None) or self._whose(adu)
                if transaction is None:
                    continue
                head = transaction.request.head
                if head is not None and adu.startswith(head, 2):
                    self._settle(transaction, adu[2:])
                else:
                    self._answered(transaction, adu[2:])
                    if self.state is not _OPEN:
                        return
            if self._stream.fault is not None:
                self.close(f"the device does not speak Modbus: {self._stream.fault}")
            elif self._stream.partial and not self._pending:
                self.close("the device sent something behind its answer")
            else:
                self._freed()
        finally:
            self._is_joining = False
            if self._joined:
                self._write_joined()

    def _whose(self, adu: bytes) -> Transaction | None:
        """Whose answer it is, when its id is nobody's: with a lenient id, that of the only one who waits."""
        if self._rules.lenient_transaction_id and len(self._pending) == 1:
            return self._pending.popitem()[1]
        number = adu[0] << 8 | adu[1]
        self._unanswered.discard(number)
        self._owner.answer_dropped(f"nobody waits for transaction {number}")
        return None

    def _given_up(self, number: int) -> None:
        self._unanswered.add(number)

    def _after_silence(self) -> None:
        # With a lenient id a late answer could pass for the next one, so the silence must end the connection.
        if self._rules.lenient_transaction_id:
            self.close("opened anew: a late answer could not be told from the next one")
        elif len(self._unanswered) > _MOST_UNANSWERED:
            self.close(f"opened anew after {len(self._unanswered)} requests that were never answered")
        elif self._stream.partial and (self._silences > 1 or not self._pending):
            self.close("the device began an answer and did not end it")
        elif self._silences >= _RESETS_AFTER_SILENCES and not self._pending:
            self.close(f"opened anew after {self._silences} time-outs in a row")


def _objection(request: RawRequest, answer: bytes) -> str | None:
    """Why this cannot be the answer; None if it can."""
    if answer[4] != request.tail[0]:
        return f"it came from unit {answer[4]}"
    return request.shape.fits(answer[5:])
