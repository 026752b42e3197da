"""One connection to a device, with any framing: its life, its deadlines, and the check of its answers.

An answer is checked against its request (unit, function, echo, length) before it is passed on. If the transaction id of an
answer matches a request and its content does not, no later answer of this connection can be trusted: the line is closed,
and the channel opens a new one. A line is one connection: once closed it stays closed, so late bytes of the old connection
never reach the new one.

`gap_s` is the pause that a device needs between two requests. With one request in flight it begins when the answer came,
because the device is busy until then; with several it begins when the request was sent, because no answer is waited for.

A write is never sent twice. When the connection breaks, what was sent fails as sent; the caller decides what that means.
One case is different: the device had answered on this connection before and closes it. Devices do so after each answer, or
when idle, and the next request may cross with the close. Then requests that only read go back to the channel, once.
"""

from __future__ import annotations

import asyncio
import ssl
from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol

from sealbus.client.transaction import AskedAgain, Failure
from sealbus.protocol import ANSWER_FUNCTION_AT, ANSWER_UNIT_AT
from sealbus.security import explain_tls_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sealbus.client.transaction import Transaction
    from sealbus.protocol import WireRequest

__all__ = [
    "FrameWriter",
    "Line",
    "LineCounters",
    "LineEnd",
    "LineLoop",
    "LineOwner",
    "LineRules",
    "LineState",
    "Oddity",
    "Timer",
]


class LineState(Enum):
    """CONNECTING -> SETTLING (connect delay) -> OPEN -> CLOSED; any state may go to CLOSED.

    A line that was never dialled is CLOSED too: both have no transport and nothing on the wire, `close` does nothing to
    either, and the channel puts a new line in the place of either before it dials.
    """

    CLOSED = "closed"
    CONNECTING = "connecting"
    SETTLING = "settling"
    OPEN = "open"


_OPEN: Final = LineState.OPEN  # read for each answer: a member of an Enum costs as much as a call


class LineEnd(Enum):
    """How a connection ended."""

    BEFORE_ANY_ANSWER = "the device closed it and had answered nothing"
    WITHOUT_LOSS = "the device closed it when it had answered, and no request was lost: that is no outage"
    WITH_LOSS = "the device closed it, and a request was lost"
    BY_US = "closed by us"


class Oddity(Enum):
    """In what a line or its device differs from the texts, where a rule could allow for it."""

    LOCAL_ECHO = "local echo"
    OTHER_UNIT_ID = "an answer that fits, but for its unit id"
    OTHER_TRANSACTION_ID = "an answer that fits, but for its transaction id"


class LineRules(Protocol):
    """The limits of a device. Times in seconds."""

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
    @property
    def lenient_unit_id(self) -> bool: ...
    @property
    def local_echo(self) -> bool: ...


class LineCounters(Protocol):
    """The counters of a line."""

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
    """The channel, which is called with the events of a line."""

    @property
    def counters(self) -> LineCounters: ...
    @property
    def loop(self) -> LineLoop: ...
    @property
    def writer(self) -> FrameWriter: ...
    @property
    def suspects(self) -> Mapping[int, object]:
        """The units that left a request unanswered: empty on a normal day."""

    def line_free(self, line: Line) -> None:
        """Called only when the line is free."""

    def line_proven(self, line: Line) -> None: ...
    def take_back(self, transaction: Transaction, sent_at: float) -> None:
        """It was lost with its connection and is to be sent once more. `line_lost` follows."""

    def line_ending(self, line: Line) -> None:
        """It gets no more requests. Its own fail now, and who is told may submit others at once."""

    def line_lost(self, line: Line, reason: str, end: LineEnd) -> None: ...
    def unit_answered(self, transaction: Transaction) -> None: ...
    def unit_silent(self, transaction: Transaction) -> bool:
        """It timed out. False: not because of the connection, since the device answered others meanwhile."""

    def answer_dropped(self, reason: str) -> None: ...
    def noticed(self, oddity: Oddity) -> None: ...


class Line(asyncio.Protocol):
    """What all kinds of line share: life, deadlines, gap."""

    __slots__ = (
        "_counters",
        "_gap_s",
        "_held_until",
        "_hold_timer",
        "_in_flight_limit",
        "_loop",
        "_owner",
        "_pending",
        "_rules",
        "_silences",
        "_suspects",
        "_timeout_s",
        "_timer",
        "_writer",
        "is_proven",
        "is_ready",
        "proven_at",
        "state",
        "transport",
    )

    def __init__(self, owner: LineOwner, rules: LineRules) -> None:
        self._owner = owner
        self._counters = owner.counters
        self._suspects = owner.suspects
        self._writer = owner.writer
        self._rules = rules
        self._in_flight_limit = rules.in_flight
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
        """Set by the owner: whether it lists this line among those that can send."""
        self.is_proven = False
        """Whether the device has answered anything on this connection."""
        self.proven_at = 0.0
        """When it did so first, on the loop's clock."""

    def is_free(self) -> bool:
        """Whether a transaction may be sent now."""
        return self.state is _OPEN and self._hold_timer is None and len(self._pending) < self._in_flight_limit

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self.state is LineState.CLOSED:  # while it was being dialled
            transport.abort()  # type: ignore[attr-defined]  # streams only
            return
        self.transport = transport  # type: ignore[assignment]  # streams only

    def opened(self) -> None:
        """The connect delay is over: the line may send."""
        if self.transport is None:
            return  # lost while it settled
        self.state = LineState.OPEN
        self._owner.line_free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        cause = explain_tls_error(exc) if isinstance(exc, ssl.SSLError | ConnectionError) else str(exc or "")
        reason = f"closed by the device: {cause}" if cause else "closed by the device"
        self._closed(reason, by_device=True)

    def send(self, transaction: Transaction) -> bool:
        """Put it on the wire. Only when free; returns whether the line is still free."""
        raise NotImplementedError

    def abandon(self, source: object, *, only_writes: bool = False) -> None:
        """Fail what `source` has submitted and is not on the wire."""

    def close(self, reason: str = "closed") -> None:
        """Close the connection; requests on the wire fail as sent."""
        transport, self.transport = self.transport, None
        if transport is not None:
            transport.abort()
        self._closed(reason, by_device=False)

    def hold(self, seconds: float) -> None:
        """Send nothing for so long. `line_free` is called at the end."""
        self._hold(seconds)

    # -- what the kinds of line do differently

    def _on_request_timeout(self, number: int) -> None:
        """The request of this number timed out."""

    def _why_silent(self) -> str:
        """What is known about a request that timed out, as a sentence; empty: nothing."""
        return ""

    def _on_silence(self) -> None:
        """At least one request timed out."""
        raise NotImplementedError

    # -- shared machinery

    def _start_timers(self, transaction: Transaction) -> None:
        """Start the timer of an answer, and, with several requests in flight, the gap after the request."""
        if self._timer is None:
            self._timer = self._loop.call_at(transaction.answer_due, self._expire)
        if self._gap_s and self._in_flight_limit > 1:
            self._hold(self._gap_s)

    def _answered(self, transaction: Transaction, answer: bytes) -> None:
        """Check an answer, and finish or fail its transaction."""
        request = transaction.request
        if answer[ANSWER_UNIT_AT] != request.unit_id and request.shape.objection(answer[ANSWER_FUNCTION_AT:]) is None:
            self._owner.noticed(Oddity.OTHER_UNIT_ID)
            if self._rules.lenient_unit_id:  # the caller gets the unit that it has asked
                answer = answer[:ANSWER_UNIT_AT] + bytes((request.unit_id,)) + answer[ANSWER_FUNCTION_AT:]
        objection = _objection(transaction.request, answer)
        if objection is None:
            self._finish(transaction, answer)
        else:
            self.close(f"the device's answer does not fit its request: {objection}")
            transaction.fail(Failure.WRONG_ANSWER, objection)

    def _finish(self, transaction: Transaction, answer: bytes) -> None:
        """Finish a transaction whose answer fits."""
        transaction.finish(answer)  # first: a caller waits for it
        self._silences = 0
        if not self.is_proven:
            self.is_proven = True
            self.proven_at = self._loop.time()
            self._owner.line_proven(self)
        self._counters.answered += 1
        if self._suspects:
            self._owner.unit_answered(transaction)

    def _freed(self) -> None:
        """A request was answered or timed out: start the gap, or take the next request."""
        if self.state is not _OPEN:
            return
        if self._gap_s and self._in_flight_limit == 1:
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
        late = [number for number, each in self._pending.items() if each.answer_due <= now]
        is_suspect = False
        for number in late:
            transaction = self._pending.pop(number)
            self._on_request_timeout(number)
            transaction.fail(Failure.NO_ANSWER, self._why_silent())
            is_suspect |= self._owner.unit_silent(transaction)
        if self._pending:
            self._timer = self._loop.call_at(min(each.answer_due for each in self._pending.values()), self._expire)
        if late:
            # Only these: a device that ignores some requests would lose its connection for each of them.
            self._silences += is_suspect
            self._on_silence()
            self._freed()

    def _closed(self, reason: str, *, by_device: bool) -> None:
        if self.state is LineState.CLOSED:
            return
        self.state = LineState.CLOSED
        self.transport = None
        for timer in (self._timer, self._hold_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._hold_timer = None
        pending, self._pending = list(self._pending.values()), {}
        lost = self._take_back(pending) if by_device and self.is_proven else pending
        self._owner.line_ending(self)
        for transaction in lost:
            transaction.fail(Failure.CONNECTION_LOST, reason)
        self._owner.line_lost(self, reason, self._end(lost, by_device=by_device))

    def _take_back(self, pending: list[Transaction]) -> list[Transaction]:
        """Give the reads among these back to the channel, each once. Returns the others."""
        lost = []
        for transaction in pending:
            if transaction.request.may_change_state or isinstance(transaction, AskedAgain):
                lost.append(transaction)
            else:
                self._owner.take_back(transaction, transaction.answer_due - self._timeout_s)
        return lost

    def _end(self, lost: list[Transaction], *, by_device: bool) -> LineEnd:
        if not by_device:
            return LineEnd.BY_US
        if self.is_proven:
            return LineEnd.WITH_LOSS if lost else LineEnd.WITHOUT_LOSS
        # A request that is lost a second time is one that the device closes on: it is no device that cannot be reached.
        is_second = any(isinstance(each, AskedAgain) for each in lost)
        return LineEnd.WITH_LOSS if is_second else LineEnd.BEFORE_ANY_ANSWER


def _objection(request: WireRequest, answer: bytes) -> str | None:
    """Why `answer` cannot belong to `request`; None if it can."""
    unit_id = answer[ANSWER_UNIT_AT]
    if unit_id != request.unit_id:
        return f"it came from unit {unit_id}"
    return request.shape.objection(answer[ANSWER_FUNCTION_AT:])
