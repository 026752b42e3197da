"""The channel of a program without an event loop: one line over a socket that the calling thread waits on.

It uses `MbapLine`, and the breaker and back-off of `Channel`, so the rules for answers, late answers, closing and
reconnecting are the same code. Only the timing differs: bytes are read and timers run only while a call waits.
So each call first handles what has happened since the last one: a late answer, surplus bytes, the end of the connection.
One request is in flight at a time, with any rules.

Not thread-safe: the owner allows one call at a time.
"""

from __future__ import annotations

import random
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from sealbus.client.backoff import Backoff
from sealbus.client.breaker import UnitBreaker
from sealbus.client.calls import error_of, exception_of
from sealbus.client.channel import ChannelCounters
from sealbus.client.line import LineEnd, LineState
from sealbus.client.mbap_line import MbapLine
from sealbus.client.transaction import Failure, Transaction, ask_again
from sealbus.errors import SealbusError, Unreachable
from sealbus.protocol import ANSWER_FUNCTION_AT, EXCEPTION_BIT
from sealbus.transport import dial_blocking

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from sealbus.client.line import Line, Oddity
    from sealbus.client.target import ConnectionTarget
    from sealbus.endpoints import Endpoint
    from sealbus.protocol import WireRequest
    from sealbus.transport import BlockingTransport

__all__ = ["BlockingChannel"]

_MAX_WAIT_S = 60.0  # poll takes no infinity; the loop around it waits again
_MAX_CAUGHT_UP = 64  # chunks: a peer that never stops sending must not keep a call from being sent
_NEVER = float("inf")
_jitter = random.SystemRandom().random
_OPEN = LineState.OPEN  # used with each request: a member of an Enum costs as much as a call


class BlockingChannel:
    """Sends one request at a time to a tcp or mbaps endpoint, and waits for its answer."""

    def __init__(self, target: ConnectionTarget) -> None:
        self._target = target
        self._rules = replace(target.rules, in_flight=1, connections=1)
        self._send_timeout_s = target.rules.send_timeout_s
        self._backoff = Backoff(_jitter)
        self._breaker = UnitBreaker(_jitter)
        self._transport: BlockingTransport | None = None
        self._again: Transaction | None = None
        """The read that the device did not answer before it closed the connection."""
        self.counters = ChannelCounters()
        self.suspects = self._breaker.suspects
        self.loop = _Timers()
        self.writer = _Writer()
        self._line = MbapLine(self, self._rules)
        self._is_closed = False

    def open(self) -> None:
        """Connect now, if there is no connection. Raises Unreachable."""
        try:
            self._catch_up()
            if self._line.state is LineState.CLOSED:
                self._connect()
        except SealbusError:
            raise
        except BaseException:
            self._drop_interrupted()
            raise

    def close(self) -> None:
        """Close the connection; it cannot be used again."""
        self._is_closed = True
        self._line.close("the connection was closed")

    def exchange(self, request: WireRequest, waited_s: float = 0.0) -> bytes:
        """Send `request` and return its answer, the MBAP ADU without its transaction id. Raises what `error_of` gives.

        `waited_s`: the part of its time that the caller has waited already.
        """
        try:
            return self._exchange(request, waited_s)
        except SealbusError:
            raise
        except BaseException:
            self._drop_interrupted()
            raise

    def _exchange(self, request: WireRequest, waited_s: float) -> bytes:
        if self._transport is not None:
            self._catch_up()
        call = _BlockingCall(self._target.endpoint, request, time.monotonic() + self._send_timeout_s - waited_s)
        if self.suspects and not self._breaker.allows(call, time.monotonic()):
            call.fail(Failure.UNIT_SILENT)
        else:
            self._send_when_ready(call, call)
        while call.answer is None and call.error is None:
            if (again := self._again) is not None:
                self._again = None
                self._send_when_ready(again, call)
            else:
                self._wait(self.loop.next_at)
        if call.error is not None:
            raise call.error
        return call.answer or b""

    # -- for the line (LineOwner)

    def line_free(self, line: Line) -> None: ...

    def line_proven(self, line: Line) -> None:
        self._backoff.succeeded()

    def take_back(self, transaction: Transaction, sent_at: float) -> None:
        self._again = ask_again(transaction, sent_at)

    def line_ending(self, line: Line) -> None: ...

    def line_lost(self, line: Line, reason: str, end: LineEnd) -> None:
        self._transport = None
        if end is LineEnd.BEFORE_ANY_ANSWER:
            self._backoff.failed(time.monotonic(), reason)
            if not self._is_closed:
                self._target.observer.unreachable(reason)
        elif end is not LineEnd.WITHOUT_LOSS and not self._is_closed:
            self._target.observer.lost(reason)

    def unit_answered(self, transaction: Transaction) -> None:
        self._breaker.answered(transaction, time.monotonic())

    def unit_silent(self, transaction: Transaction) -> bool:
        self._breaker.silent(transaction, time.monotonic())
        return not self._breaker.is_ignored(transaction)

    def answer_dropped(self, reason: str) -> None:
        self.counters.dropped_answers += 1

    def noticed(self, oddity: Oddity) -> None: ...

    # -- machinery

    def _make_ready(self, call: _BlockingCall) -> None:
        """Wait until the line can send: connect, settle, keep the gap. Fails the call where that takes too long."""
        while not self._line.is_free():
            now = time.monotonic()
            if now >= call.send_by:
                call.fail(Failure.NOT_SENT_IN_TIME)
                return
            if self._line.state is not LineState.CLOSED:
                self._wait(min(self.loop.next_at, call.send_by))
                continue
            if self._backoff.waits(now):
                call.fail(Failure.UNREACHABLE, self._backoff.reason)
                return
            try:
                self._connect()
            except Unreachable as error:
                call.fail(Failure.UNREACHABLE, str(error))
                return

    def _connect(self) -> None:
        line = self._line = MbapLine(self, self._rules)
        try:
            transport = dial_blocking(
                self._target.endpoint, tls=self._target.tls, timeout_s=self._rules.connect_timeout_s
            )
        except Unreachable as error:
            self._backoff.failed(time.monotonic(), str(error))
            self._target.observer.unreachable(str(error))
            raise
        self._transport = transport = self._target.observer.tapped_blocking(transport)
        self.counters.connects += 1
        self._target.observer.connected()
        line.state = LineState.CONNECTING
        line.connection_made(transport)
        line.state = LineState.SETTLING
        if self._rules.connect_delay_s:
            self.loop.call_at(time.monotonic() + self._rules.connect_delay_s, line.opened)
        else:
            line.opened()

    def _send_when_ready(self, transaction: Transaction, call: _BlockingCall) -> None:
        """Send `call`, or that transaction for it."""
        if self._line.state is not _OPEN or not self._line.is_free():
            self._make_ready(call)
        if call.error is None:
            self._send(transaction)

    def _send(self, transaction: Transaction) -> None:
        self.counters.sent += 1
        try:
            self._line.send(transaction)
        except OSError as error:
            self._lose(error)

    def _catch_up(self) -> None:
        """Handle bytes and timers that came due since the last call."""
        for _ in range(_MAX_CAUGHT_UP):
            transport = self._transport
            if transport is None or not transport.wait(0):
                break
            self._receive(transport)
        if self.loop.next_at <= time.monotonic():
            self.loop.run_due()

    def _wait(self, until: float) -> None:
        transport = self._transport
        wait_s = min(until - time.monotonic(), _MAX_WAIT_S)
        if transport is None:
            time.sleep(max(wait_s, 0.0))
        elif transport.wait(wait_s):
            self._receive(transport)
        # After bytes too: a peer that never stops sending must not keep the deadline of a request from being seen.
        if self.loop.next_at <= time.monotonic():
            self.loop.run_due()

    def _receive(self, transport: BlockingTransport) -> None:
        try:
            data = transport.receive()
        except OSError as error:
            self._lose(error)
            return
        if data:
            self._line.data_received(data)
        elif data is not None:
            self._lose(None)

    def _drop_interrupted(self) -> None:
        """Close the connection: the handler of a signal raised in the middle of a call.

        Half a frame may have been written, or bytes received and not yet handled; the next request would complete it.
        """
        transport, self._transport = self._transport, None
        self._again = None
        if transport is not None:
            transport.abort()
        self._line.close("closed because a call was interrupted")

    def _lose(self, error: Exception | None) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        self._line.connection_lost(error)


class _BlockingCall(Transaction):
    """A transaction whose caller waits in `exchange`."""

    __slots__ = ("answer", "endpoint", "error")

    def __init__(self, endpoint: Endpoint, request: WireRequest, send_by: float) -> None:
        super().__init__(None, request, send_by)
        self.endpoint = endpoint
        self.answer: bytes | None = None
        self.error: SealbusError | None = None

    def finish(self, answer: bytes) -> None:
        if answer[ANSWER_FUNCTION_AT] & EXCEPTION_BIT:
            self.error = exception_of(answer, self.endpoint, self.request)
        else:
            self.answer = answer

    def fail(self, failure: Failure, detail: str = "") -> None:
        self.error = error_of(failure, detail, self.endpoint, self.request)


class _Writer:
    """Writes at once: there is no turn of a loop whose writes could be joined."""

    __slots__ = ()

    def write(self, transport: asyncio.WriteTransport, data: bytes) -> None:
        transport.write(data)


class _Timer:
    __slots__ = ("callback", "timers", "when")

    def __init__(self, timers: _Timers, when: float, callback: Callable[[], object]) -> None:
        self.timers = timers
        self.when = when
        self.callback = callback

    def cancel(self) -> None:
        self.timers.discard(self)


class _Timers:
    """The timers of a line, three at most; they run while a call waits. Times are those of `time.monotonic`."""

    __slots__ = ("_timers", "next_at")

    def __init__(self) -> None:
        self._timers: list[_Timer] = []
        self.next_at = _NEVER
        """When the first of them is due."""

    def time(self) -> float:
        return time.monotonic()

    def call_at(self, when: float, callback: Callable[[], object], /) -> _Timer:
        timer = _Timer(self, when, callback)
        self._timers.append(timer)
        self._find_next()
        return timer

    def call_soon(self, callback: Callable[[], object], /) -> _Timer:
        return self.call_at(0.0, callback)

    def discard(self, timer: _Timer) -> None:
        if timer in self._timers:
            self._timers.remove(timer)
            self._find_next()

    def run_due(self) -> None:
        now = time.monotonic()
        for timer in [each for each in self._timers if each.when <= now]:
            if timer in self._timers:  # one that ran before it may have cancelled it
                self.discard(timer)
                timer.callback()

    def _find_next(self) -> None:
        self.next_at = min((each.when for each in self._timers), default=_NEVER)
