"""Everything that goes to one device: its lines, the queue before them, the breaker and the back-off.

A request is sent at once when a line is free and the queue is empty; else it is queued, and sources take turns. A line is
opened when a request waits and no line is free, up to `connections`. A request that cannot be sent in time is dropped,
never sent late. When a connection cannot be made, all queued requests fail, and new ones fail at once until the back-off
is over.

Some devices close the connection after each answer, and a request that was just sent is lost with it. Once a device has
closed two connections in a row within half a second of their first answer, or one with a read on it, each connection carries
one request, and nothing more is sent on it before that time is over. If it is open then, the device keeps it.

Counters are plain integers: the channel increments them, and the metrics read them when they are scraped.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sealbus.client.backoff import Backoff
from sealbus.client.breaker import UnitBreaker
from sealbus.client.fair_queue import FairQueue
from sealbus.client.line import Line, LineEnd, LineState, Oddity
from sealbus.client.mbap_line import MbapLine
from sealbus.client.rtu_line import Framing, RtuLine
from sealbus.client.rule_checks import check_rules
from sealbus.client.transaction import Failure, Transaction, ask_again
from sealbus.endpoints import Scheme
from sealbus.errors import ConfigError, PeerError, Unreachable
from sealbus.transport import WriteCoalescer, dial

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Iterable

    from sealbus.endpoints import Endpoint

__all__ = ["Channel", "ChannelCounters", "ChannelHooks", "ChannelRules"]

_CLOSED: Final = LineState.CLOSED  # read for each queued request: a member of an Enum costs as much as a call
_CLOSES_WITHIN_S: Final = 0.5
_CLOSES_IN_A_ROW: Final = 2
_jitter = random.SystemRandom().random


@dataclass(frozen=True, slots=True)
class ChannelRules:
    """The limits of a device. Times in seconds; the names are those of gateway.toml.

    They are no rules of a policy: the name is part of the Python API.
    """

    connections: int = 1
    in_flight: int = 1
    timeout_s: float = 1.0
    gap_s: float = 0.0
    connect_delay_s: float = 0.0
    connect_timeout_s: float = 5.0
    turnaround_s: float = 0.1
    queue: int = 512
    lenient_transaction_id: bool = False
    lenient_unit_id: bool = False
    local_echo: bool = False

    def __post_init__(self) -> None:
        check_rules(self)

    @property
    def send_timeout_s(self) -> float:
        """How long a call of the client API may wait until it is sent: one connection is made, one request answered."""
        return self.connect_timeout_s + self.connect_delay_s + self.timeout_s


@dataclass(slots=True)
class ChannelCounters:
    """Totals since the channel was made."""

    sent: int = 0
    answered: int = 0
    silent: int = 0
    dropped_answers: int = 0
    connects: int = 0
    connect_failures: int = 0
    refused: int = 0


@dataclass(slots=True)
class ChannelHooks:
    """Callbacks for connections made and lost, and for units that stopped answering. Texts are for the log.

    `locate` returns what to dial, before each connection; it may raise Unreachable and sets its own deadline. `connected`
    may raise PeerError: then nothing is sent on this connection. `answering` is called with the first answer on each
    connection. `lost` is called when one is closed by us, or by the device with requests that are lost by that; not when the
    channel is closed, and not when the device closed it before its first answer: that counts as a connection that cannot be
    made. A device that closes when nothing is lost by it is not down. `unreachable` is called when no connection can be made
    and none is open. `tapped` may put a protocol of its own between a new connection and its line.
    """

    locate: Callable[[Endpoint], Awaitable[Endpoint]] | None = None
    connected: Callable[[asyncio.BaseTransport], None] = field(default=lambda transport: None)
    answering: Callable[[], None] = field(default=lambda: None)
    lost: Callable[[str], None] = field(default=lambda reason: None)
    unreachable: Callable[[str], None] = field(default=lambda reason: None)
    silent: Callable[[int], None] = field(default=lambda unit_id: None)
    tapped: Callable[[asyncio.Protocol], asyncio.Protocol] = field(default=lambda protocol: protocol)


class Channel:
    """Sends transactions to one device over up to `rules.connections` lines."""

    def __init__(
        self,
        endpoint: Endpoint,
        rules: ChannelRules,
        *,
        tls: Callable[[], ssl.SSLContext] | None = None,
        hooks: ChannelHooks | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.rules = rules
        self.counters = ChannelCounters()
        self.oddities: set[Oddity] = set()
        """What its lines have noticed and no rule expects. A test of the connection empties it before its request."""
        self._lines: list[Line] = []
        self.writer = WriteCoalescer(self._lines)
        self._tls = tls
        self._hooks = hooks or ChannelHooks()
        self.loop = asyncio.get_running_loop()
        self._queue = FairQueue(rules.queue)
        self._breaker = UnitBreaker(_jitter)
        self.suspects = self._breaker.suspects
        self._lines += (self._new_line(None) for _ in range(1 if endpoint.scheme.is_serial else rules.connections))
        self._ready: list[Line] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._has_closed_lines = True  # read for each queued request; False only while there are none
        self._expiry: asyncio.TimerHandle | None = None
        self._expires = 0.0
        self._backoff = Backoff(_jitter)
        self._is_closed = False
        self._early_closes = 0  # in a row: connections that the device closed soon after their first answer
        self._closes_after_answer = False

    # -- for callers

    def submit(self, transaction: Transaction) -> None:
        """Send it, queue it, or fail it at once. Never blocks, never raises."""
        if self.suspects and not self._is_allowed(transaction):
            self._fail(transaction, Failure.UNIT_SILENT)
        elif self._ready and not self._queue.length:
            line = self._ready.pop()
            line.is_ready = False
            if line.send(transaction) and not self._closes_after_answer:  # its deadline cannot have passed: it is new
                self.line_free(line)
            self.counters.sent += 1
        elif self._is_closed:
            self._fail(transaction, Failure.UNREACHABLE, "the channel is closed")
        else:
            self._enqueue(transaction)

    def abandon(self, source: object, *, only_writes: bool = False) -> None:
        """Fail the queued requests of `source`, which has disconnected; or only those that may change state."""
        for line in self._lines:
            line.abandon(source, only_writes=only_writes)
        self._fail_all(self._queue.drop(source, only_writes=only_writes), Failure.ABANDONED)

    async def open(self) -> None:
        """Open the first line now. Raises Unreachable."""
        if self._lines[0].state is _CLOSED:
            await self._open(self._begin_line(0))

    def close(self) -> None:
        """Close all lines; what waits or is on the wire fails."""
        self._is_closed = True
        self.reset("the channel was closed")
        if self._expiry is not None:
            self._expiry.cancel()
        self._fail_all(self._queue.drop_all(), Failure.ABANDONED)

    def reset(self, reason: str) -> None:
        """Close the lines; the next request opens new ones, as after a change of trust."""
        opening, self._opening = self._opening, set()
        for task in opening:
            task.cancel()
        for line in self._lines:
            line.close(reason)

    @property
    def waiting(self) -> int:
        return self._queue.length

    @property
    def open_lines(self) -> int:
        return sum(line.state is LineState.OPEN for line in self._lines)

    @property
    def silent_units(self) -> list[int]:
        return self._breaker.tripped()

    # -- for the lines (LineOwner)

    def line_free(self, line: Line) -> None:
        if self._closes_after_answer and line.is_proven and not self._is_kept_open(line):
            return
        if self._queue.length and not self._send_from_queue(line):
            return
        if not line.is_ready:
            line.is_ready = True
            self._ready.append(line)

    def _send_from_queue(self, line: Line) -> bool:
        """Send queued requests. Returns whether the line is still free."""
        is_free = True
        while is_free and self._queue.length:
            transaction = self._queue.take()
            if transaction.send_by > self.loop.time():
                self.counters.sent += 1
                is_free = line.send(transaction) and not self._closes_after_answer
            else:
                self._fail(transaction, Failure.NOT_SENT_IN_TIME)
                is_free = line.is_free()
        return is_free

    def _is_kept_open(self, line: Line) -> bool:
        """Whether the device has not closed a line for so long that it does not close after each answer (any more)."""
        left_s = line.proven_at + _CLOSES_WITHIN_S - self.loop.time()
        if left_s > 0:
            line.hold(left_s)
        else:
            self._early_closes, self._closes_after_answer = 0, False
        return left_s <= 0

    def take_back(self, transaction: Transaction, sent_at: float) -> None:
        self._early_closes = max(self._early_closes, _CLOSES_IN_A_ROW - 1)  # if it was early: it must not be lost again
        again = ask_again(transaction, sent_at)
        if self._is_closed:
            self._fail(again, Failure.ABANDONED)
        elif not self._queue.put(again):
            self._fail(self._queue.put_evicting(again), Failure.BUSY)
        if self._expiry is None or again.send_by < self._expires:
            self._set_expiry(again.send_by)

    def line_ending(self, line: Line) -> None:
        if line.is_ready:
            line.is_ready = False
            self._ready.remove(line)

    def line_lost(self, line: Line, reason: str, end: LineEnd) -> None:
        self._has_closed_lines = True
        if self._is_closed:
            return
        now = self.loop.time()
        if end is LineEnd.BEFORE_ANY_ANSWER:
            self._failed_to_connect(reason)
        elif end is not LineEnd.WITHOUT_LOSS:
            self._hooks.lost(reason)
        is_early = end is not LineEnd.BY_US and line.is_proven and now - line.proven_at < _CLOSES_WITHIN_S
        self._early_closes = self._early_closes + 1 if is_early else 0
        self._closes_after_answer |= self._early_closes >= _CLOSES_IN_A_ROW and not self.endpoint.scheme.is_serial
        if self._is_down(now):
            self._fail_all(self._queue.drop_all(), Failure.UNREACHABLE, reason)
        elif self._queue.length:
            self._open_another(now)

    def unit_answered(self, transaction: Transaction) -> None:
        self._breaker.answered(transaction, self.loop.time())

    def line_proven(self, line: Line) -> None:
        self._backoff.succeeded()
        self._hooks.answering()

    def unit_silent(self, transaction: Transaction) -> bool:
        self.counters.silent += 1
        if self._breaker.silent(transaction, self.loop.time()):
            self._hooks.silent(transaction.request.unit_id)
        held_back = self._queue.drop_of_unit(transaction.request.unit_id, lambda each: not self._is_allowed(each))
        self._fail_all(held_back, Failure.UNIT_SILENT)
        return not self._breaker.is_ignored(transaction)

    def answer_dropped(self, reason: str) -> None:
        self.counters.dropped_answers += 1

    def noticed(self, oddity: Oddity) -> None:
        self.oddities.add(oddity)

    # -- machinery

    def _is_allowed(self, transaction: Transaction) -> bool:
        """Whether the breaker lets it through."""
        return transaction.skips_breaker or self._breaker.allows(transaction, self.loop.time())

    def _enqueue(self, transaction: Transaction) -> None:
        now = self.loop.time()
        if self._is_down(now):
            self._fail(transaction, Failure.UNREACHABLE, self._backoff.reason)
            return
        transaction.on_queued(now)
        if not self._queue.put(transaction):
            self._fail(self._queue.put_evicting(transaction), Failure.BUSY)
        if self._expiry is None or transaction.send_by < self._expires:
            self._set_expiry(transaction.send_by)
        if self._has_closed_lines:
            self._open_another(now)

    def _fail(self, transaction: Transaction, failure: Failure, detail: str = "") -> None:
        self.counters.refused += 1
        transaction.fail(failure, detail)

    def _is_down(self, now: float) -> bool:
        return self._backoff.waits(now) and all(line.state is LineState.CLOSED for line in self._lines)

    def _open_another(self, now: float) -> None:
        if self._backoff.waits(now) or len(self._opening) >= self._queue.length:
            return
        for index, line in enumerate(self._lines):
            if line.state is _CLOSED:
                task = self.loop.create_task(self._open_for_queue(self._begin_line(index)))
                self._opening.add(task)
                task.add_done_callback(self._opening.discard)
                return
        self._has_closed_lines = False

    def _new_line(self, before: Line | None) -> Line:
        scheme = self.endpoint.scheme
        if not scheme.has_transaction_ids:
            framing = Framing.ASCII if scheme is Scheme.ASCII else Framing.RTU
            return RtuLine(self, self.rules, framing=framing, over_tcp=scheme is Scheme.RTU_TCP, before=before)
        return MbapLine(self, self.rules)

    def _begin_line(self, index: int) -> Line:
        line = self._lines[index] = self._new_line(self._lines[index])
        line.state = LineState.CONNECTING  # before dialling: another request of this turn must not open a second one
        return line

    async def _open_for_queue(self, line: Line) -> None:
        try:
            await self._open(line)
        except Unreachable as error:
            if all(each.state is LineState.CLOSED for each in self._lines):
                self._fail_all(self._queue.drop_all(), Failure.UNREACHABLE, str(error))

    async def _open(self, line: Line) -> None:
        try:
            locate = self._hooks.locate
            transport, _ = await dial(
                self.endpoint if locate is None else await locate(self.endpoint),
                lambda: self._hooks.tapped(line),
                tls=self._tls() if self._tls else None,
                timeout_s=self.rules.connect_timeout_s,
            )
        except (Unreachable, ConfigError) as error:
            line.state, self._has_closed_lines = _CLOSED, True
            self._failed_to_connect(str(error))
            raise Unreachable(str(error)) from error
        except BaseException:
            line.state, self._has_closed_lines = _CLOSED, True
            raise
        if line.state is not LineState.CONNECTING:  # lost, or closed by us, before it could be used
            transport.abort()
            raise Unreachable(self._backoff.reason or "closed by the device")
        self.counters.connects += 1
        self._check_usable(line, transport)
        line.state = LineState.SETTLING
        if self.rules.connect_delay_s:
            self.loop.call_later(self.rules.connect_delay_s, line.opened)
        else:
            line.opened()

    def _check_usable(self, line: Line, transport: asyncio.BaseTransport) -> None:
        try:
            self._hooks.connected(transport)
        except PeerError as error:
            self._failed_to_connect(str(error))
            line.close(str(error))
            raise Unreachable(str(error)) from error

    def _failed_to_connect(self, reason: str) -> None:
        self.counters.connect_failures += 1
        self._backoff.failed(self.loop.time(), reason)
        if not self.open_lines:
            self._hooks.unreachable(reason)

    def _fail_all(self, transactions: Iterable[Transaction], failure: Failure, detail: str = "") -> None:
        for transaction in transactions:
            self._fail(transaction, failure, detail)

    def _drop_expired(self) -> None:
        self._expiry = None
        self._fail_all(self._queue.drop_expired(self.loop.time()), Failure.NOT_SENT_IN_TIME)
        if self._queue.length:
            self._set_expiry(self._queue.earliest())

    def _set_expiry(self, expires: float) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self._expires = expires
        self._expiry = self.loop.call_at(expires, self._drop_expired)
