"""All tags of one device that share an interval, read in rounds: each block once a round, never two rounds at a time.

A round puts no more requests into the channel than may be on the wire of all its lines together; the next request goes in
when one has ended. So the queue does not grow, the units of one line take turns, and an urgent request waits for no more
than what is on the wire. When a round is not over at the time of the next one, the next one is counted as an overrun and
left out.

A block that fails is searched for the part that causes it, in steps between its reads; see `splitting`. Blocks that failed
the last time are read last. A block that was answered the last time is read even while the channel holds back requests to
its unit, because other blocks may be the reason for that; but only until some of these have failed too.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from sealbus.acquisition.blocks import Block
from sealbus.acquisition.reasons import Miss, miss_of_exception, miss_of_failure
from sealbus.acquisition.schedule import PollPhase
from sealbus.acquisition.splitting import Splitting
from sealbus.acquisition.tag_states import LastRead
from sealbus.client import Failure, Transaction
from sealbus.plant import DeviceLimits, plan_blocks
from sealbus.protocol import ANSWER_DATA_AT, ANSWER_FUNCTION_AT, EXCEPTION_BIT

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable, Sequence

    from sealbus.acquisition.clock import SampleClock
    from sealbus.acquisition.splitting import Step
    from sealbus.acquisition.tag_states import TagState
    from sealbus.client import Channel
    from sealbus.plant import PlannedBlock, Tag
    from sealbus.samples import Reason, Sample

__all__ = ["Poll", "PollContext", "PollCounters", "PolledTag", "PolledUnit"]

_MIN_SEND_TIMEOUT_S: Final = 30.0
_MAX_FAILED_ANYWAY: Final = 3
"""Blocks that were answered the last time and failed now, without any answer in between: then the unit is silent."""
_DATA_AT: Final = ANSWER_DATA_AT + 1  # behind the byte count


class PollContext(Protocol):
    """What a poll needs of the engine."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...
    @property
    def clock(self) -> SampleClock: ...
    def add_changes(self, changes: Sequence[Sample]) -> None:
        """Take the changes that an answer brought, or its absence."""

    def record_lag(self, seconds: float) -> None:
        """A round began so long after it was due."""


@dataclass(slots=True, eq=False)
class PolledUnit:
    """One unit and the channel to it. It is the source of its requests: units take turns."""

    device_id: int
    unit_id: int
    limits: DeviceLimits
    channel: Channel
    max_outstanding: int
    """How many requests of a poll may be in the channel: `in_flight` of each of its lines. They may wait there, when other
    units have requests."""
    is_resetting: bool = False
    """The engine closes the connection: requests that are lost by that say nothing about the device."""


@dataclass(frozen=True, slots=True, eq=False)
class PolledTag:
    """A tag and its state."""

    tag: Tag
    state: TagState


@dataclass(slots=True)
class PollCounters:
    """What happened to a poll since it was made. `lag_s` and `took_s` are those of the last round."""

    rounds: int = 0
    requests: int = 0
    failures: int = 0
    overruns: int = 0
    lag_s: float = 0.0
    took_s: float = 0.0


class _Read(Transaction):
    __slots__ = ("_block", "_poll")

    def __init__(self, poll: Poll, block: Block, send_by: float) -> None:
        super().__init__(poll.unit, block.request, send_by)
        self._poll = poll
        self._block = block

    def finish(self, answer: bytes) -> None:
        self._poll.answered(self._block, answer)

    def fail(self, failure: Failure, detail: str = "") -> None:
        self._poll.failed(self._block, failure)


class _ReadAnyway(_Read):
    """Of a block that was answered the last time."""

    __slots__ = ()

    skips_breaker = True


class _TrialRead(Transaction):
    """A step of the splitting: a trial, which the breaker may hold back."""

    __slots__ = ("_poll", "_step")

    def __init__(self, poll: Poll, step: Step, send_by: float) -> None:
        super().__init__(poll.unit, step.request, send_by)
        self._poll = poll
        self._step = step

    def finish(self, answer: bytes) -> None:
        is_exception = answer[ANSWER_FUNCTION_AT] & EXCEPTION_BIT
        self._poll.step_ended(
            self._step, miss_of_exception(answer[ANSWER_DATA_AT]) if is_exception else answer[_DATA_AT:]
        )

    def fail(self, failure: Failure, detail: str = "") -> None:
        self._poll.step_ended(self._step, self._poll.miss_of(failure))


class _SearchRead(_TrialRead):
    """A step that shows whether the unit answers. A search ends within a few requests."""

    __slots__ = ()

    skips_breaker = True


class Poll:
    """The rounds of one device and interval, from `start` to `stop`."""

    def __init__(
        self, unit: PolledUnit, polled_tags: Sequence[PolledTag], interval_s: float, context: PollContext
    ) -> None:
        self.unit = unit
        self.polled_tags = tuple(polled_tags)
        self.interval_s = interval_s
        self.counters = PollCounters()
        self._context = context
        self._loop = context.loop
        self._states = {polled_tag.tag: polled_tag.state for polled_tag in polled_tags}
        self._send_timeout_s = max(_MIN_SEND_TIMEOUT_S, 2 * interval_s)
        self._phase = PollPhase(interval_s, unit.device_id, self._loop.time())
        self._timer: asyncio.TimerHandle | None = None
        self._todo: deque[Block] = deque()
        self._outstanding = 0
        self._is_filling = False
        self._began_s = 0.0
        self._is_stepping = False
        self._has_failing = False
        self._failed_anyway = 0
        self._splitting = Splitting(self)
        self.is_stopped = False
        self.blocks: list[Block] = []
        self.replan(())

    # -- life

    def start(self) -> None:
        """Begin the rounds."""
        self._timer = self._loop.call_at(self._phase.due, self._due)

    def stop(self) -> None:
        """End the rounds; answers that still come are ignored."""
        self.is_stopped = True
        self._todo.clear()
        if self._timer is not None:
            self._timer.cancel()

    def sweep(self, now: float) -> list[Sample]:
        """Once in a while: tags that have grown stale, and refused ones that are due to be reported again."""
        changes = [change for block in self.blocks for change in block.sweep(now)]
        for block in self._splitting.refused:
            changes += block.repeat(now)
        return changes

    @property
    def refused(self) -> list[Tag]:
        """The tags that the device does not answer, while it answers others: they are only tried from time to time."""
        return [tag for block in self._splitting.refused for tag in block.planned.tags]

    # -- rounds

    def _due(self) -> None:
        now = self._loop.time()
        lag_s = max(0.0, now - self._phase.due)
        self.counters.overruns += self._phase.advance(now)
        self._timer = self._loop.call_at(self._phase.due, self._due)
        if self._outstanding or self._todo:
            self.counters.overruns += 1
            return
        self.counters.lag_s = lag_s
        self._context.record_lag(lag_s)
        self._begin(now)

    def _begin(self, now: float) -> None:
        self._splitting.begin_round(now)
        self._began_s = now
        self._todo.extend(self._in_order() if self._has_failing else self.blocks)
        self._fill()

    def _in_order(self) -> list[Block]:
        """Those that were answered the last time, then the others, the one that failed first before all."""
        searched = self._splitting.searched
        blocks = sorted((block for block in self.blocks if block not in searched), key=lambda block: block.failed_at)
        self._has_failing = bool(searched) or any(block.failed_at for block in blocks)
        return blocks

    def _fill(self) -> None:
        """Submit as many requests as may be in the channel. One may fail at once and call this again; the flag ends that."""
        if self._is_filling:
            return
        self._is_filling = True
        while self._outstanding < self.unit.max_outstanding and (transaction := self._next()) is not None:
            self._outstanding += 1
            self.counters.requests += 1
            self.unit.channel.submit(transaction)
        self._is_filling = False
        if not self._outstanding and not self.is_stopped:
            self._end()

    def _next(self) -> Transaction | None:
        """The next request of the round; None if there is none at present."""
        splitting = self._splitting
        if (splitting.running or splitting.trials) and not self._is_stepping and not self.is_stopped:
            step = splitting.next_step(is_first=bool(self._todo))
            if step is not None:
                self._is_stepping = True
                kind = _TrialRead if step.is_trial else _SearchRead
                return kind(self, step, self._loop.time() + self._send_timeout_s)
        if not self._todo:
            return None
        block = self._todo.popleft()
        read = _ReadAnyway if self.unit.channel.suspects and self._is_known_good(block) else _Read
        return read(self, block, self._loop.time() + self._send_timeout_s)

    def _is_known_good(self, block: Block) -> bool:
        return block.is_proven and not block.failures and self._failed_anyway < _MAX_FAILED_ANYWAY

    def _end(self) -> None:
        now = self._loop.time()
        self.counters.rounds += 1
        self.counters.took_s = now - self._began_s
        self._splitting.end_round(now)

    # -- answers

    def answered(self, block: Block, answer: bytes) -> None:
        """The device answered: the MBAP ADU behind its transaction id."""
        self._outstanding -= 1
        if self.is_stopped:
            return
        if not answer[ANSWER_FUNCTION_AT] & EXCEPTION_BIT:
            if self._failed_anyway:
                self._failed_anyway = 0
            changes = self.take(block, answer[_DATA_AT:])
        else:
            changes = self._missed(block, miss_of_exception(answer[ANSWER_DATA_AT]))
        self._context.add_changes(changes)
        self._fill()

    def failed(self, block: Block, failure: Failure) -> None:
        """There is no answer."""
        self._outstanding -= 1
        if self.is_stopped:
            return
        miss = self.miss_of(failure)
        if miss is not None:
            if block.is_proven and not block.failures:
                self._failed_anyway += 1
            self._context.add_changes(self._missed(block, miss))
        self._fill()

    def step_ended(self, step: Step, outcome: bytes | Miss | None) -> None:
        """A request of the search or of a trial has ended: data, why there are none, or None if it was not sent."""
        self._outstanding -= 1
        self._is_stepping = False
        if self.is_stopped:
            return
        self.counters.failures += isinstance(outcome, Miss)
        self._context.add_changes(step.end(outcome))
        self._fill()

    def miss_of(self, failure: Failure) -> Miss | None:
        """What the failure of a request of this poll means; None: nothing is known by it."""
        return None if self.unit.is_resetting else miss_of_failure(failure)

    def _missed(self, block: Block, miss: Miss) -> list[Sample]:
        now = self._loop.time()
        self.counters.failures += 1
        self._has_failing = True
        block.failures += 1
        block.failed_at = now
        return [] if self._splitting.begin_search(block, miss, now) else self.fail(block, miss.reason)

    # -- for the splitting

    def take(self, block: Block, data: bytes) -> list[Sample]:
        """The changes of tags by this answer."""
        now, time_us = self._loop.time(), self._context.clock.now_us()
        try:
            return block.take(data, time_us, now)
        except Exception as error:  # noqa: BLE001 - the caller is the connection, which would be closed
            self.counters.failures += 1
            return block.fail_undecoded(error, time_us, now)

    def fail(self, block: Block, reason: Reason) -> list[Sample]:
        """The changes of tags of a block that has no answer."""
        return block.fail(reason, self._context.clock.now_us(), self._loop.time())

    def replan(self, spare: Iterable[Block]) -> None:
        """Plan the blocks anew. Those that are the same are kept, and those of `spare` that fit are used."""
        now, time_us = self._loop.time(), self._context.clock.now_us()
        refused = set(self.refused)
        wanted = [polled_tag.tag for polled_tag in self.polled_tags if polled_tag.tag not in refused]
        planned = plan_blocks(wanted, self.unit.limits, self._splitting.splits)
        made = {block.planned.tags: block for block in (*self.blocks, *spare)}
        blocks = []
        for each in planned:
            block = made.get(each.tags)
            if block is None or block.planned.place != each.place:
                before = self._states[each.tags[0]].last_read
                # Tags that were never read grow stale when they are not read for long enough from now on.
                block = self.build(each, before if before.time_us else LastRead(now, time_us))
            block.attach()
            blocks.append(block)
        self.blocks = blocks

    def build(self, planned: PlannedBlock, before: LastRead) -> Block:
        """A tag grows stale by when it was last read in any block, so the new block starts with the old one's times."""
        states = [self._states[tag] for tag in planned.tags]
        return Block(planned, states, self.unit.unit_id, LastRead(before.at, before.time_us))
