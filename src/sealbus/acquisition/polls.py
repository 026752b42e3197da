"""All tags of one device that share an interval, read in rounds: each block once a round, never two rounds at a time.

A round puts no more requests into the channel than may be on the wire of all its lines together; the next request goes in
when one has ended. So the queue does not grow, the units of one line take turns, and an urgent request waits for no more
than what is on the wire. When a round is not over at the time of the next one, the next one is counted as an overrun and
left out.

A device that refuses a block (exception 01, 02, 03) may refuse it for one place in it. Then the block is halved and both
halves are read in the same round, down to single tags. Tags that are refused alone are BAD, all others are read. What was
learnt is kept as `LearnedSplits`: refused tags are not read, and no block is merged over a place where merging failed. After
a minute, and then after twice as long each time, up to an hour, all of it is dropped and tried again: devices are repaired,
and policies of gateways are changed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from sealbus.acquisition.blocks import Block
from sealbus.acquisition.planner import DeviceLimits, LearnedSplits, plan_blocks
from sealbus.acquisition.reasons import HALVING_EXCEPTIONS, reason_of_exception, reason_of_failure
from sealbus.acquisition.schedule import PollPhase
from sealbus.acquisition.tag_states import LastRead
from sealbus.client import Failure, Transaction
from sealbus.protocol import ANSWER_DATA_AT, ANSWER_FUNCTION_AT, EXCEPTION_BIT

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from sealbus.acquisition.clock import SampleClock
    from sealbus.acquisition.planner import PlannedBlock
    from sealbus.acquisition.tag_states import TagState
    from sealbus.client import Channel
    from sealbus.plant import Tag
    from sealbus.protocol import Table
    from sealbus.samples import Reason, Sample

__all__ = ["Poll", "PollContext", "PollCounters", "PolledTag", "PolledUnit"]

_MIN_SEND_TIMEOUT_S: Final = 30.0
_FIRST_RETRY_S: Final = 60.0
_LAST_RETRY_S: Final = 3600.0
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
        self._refused: list[Block] = []
        self._refused_in_round: list[Block] = []
        self._barriers_in_round: set[tuple[Table, int]] = set()
        self._splits = LearnedSplits()
        self._retry_at = 0.0
        self._retry_after_s = _FIRST_RETRY_S
        self.is_stopped = False
        self.blocks: list[Block] = []
        self._replan()

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
        for block in self._refused:
            changes += block.repeat(now)
        return changes

    @property
    def refused(self) -> list[Tag]:
        """The tags that the device refuses."""
        return [block.planned.tags[0] for block in self._refused]

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
        if self._has_splits and now >= self._retry_at:
            self._drop_splits()
        self._began_s = now
        self._todo.extend(self.blocks)
        self._fill()

    def _fill(self) -> None:
        """Submit as many requests as may be in the channel. One may fail at once and call this again; the flag ends that."""
        if self._is_filling:
            return
        self._is_filling = True
        unit = self.unit
        while self._todo and self._outstanding < unit.max_outstanding:
            block = self._todo.popleft()
            self._outstanding += 1
            self.counters.requests += 1
            unit.channel.submit(_Read(self, block, self._loop.time() + self._send_timeout_s))
        self._is_filling = False
        if not self._outstanding and not self.is_stopped:
            self._end()

    def _end(self) -> None:
        now = self._loop.time()
        self.counters.rounds += 1
        self.counters.took_s = now - self._began_s
        if self._refused_in_round or self._barriers_in_round:
            self._learn(now)
        elif not self._has_splits:
            self._retry_after_s = _FIRST_RETRY_S

    # -- answers

    def answered(self, block: Block, answer: bytes) -> None:
        """The device answered: the MBAP ADU behind its transaction id."""
        self._outstanding -= 1
        if self.is_stopped:
            return
        if not answer[ANSWER_FUNCTION_AT] & EXCEPTION_BIT:
            changes = self._take(block, answer[_DATA_AT:])
        else:
            changes = self._take_exception(block, answer[ANSWER_DATA_AT])
        self._context.add_changes(changes)
        self._fill()

    def _take(self, block: Block, data: bytes) -> list[Sample]:
        now, time_us = self._loop.time(), self._context.clock.now_us()
        try:
            return block.take(data, time_us, now)
        except Exception as error:  # noqa: BLE001 - the caller is the connection, which would be closed
            self.counters.failures += 1
            return block.fail_undecoded(error, time_us, now)

    def _take_exception(self, block: Block, code: int) -> list[Sample]:
        self.counters.failures += 1
        if code in HALVING_EXCEPTIONS and len(block.states) > 1:
            left, right = block.planned.halves()
            self._barriers_in_round.add((right.place.table, right.place.address))
            self._todo.extendleft((self._build(right, block.last_read), self._build(left, block.last_read)))
            return []
        if code in HALVING_EXCEPTIONS:
            self._refused_in_round.append(block)
        return self._fail(block, reason_of_exception(code))

    def failed(self, block: Block, failure: Failure) -> None:
        """There is no answer."""
        self._outstanding -= 1
        if self.is_stopped:
            return
        reason = None if self.unit.is_resetting else reason_of_failure(failure)
        if reason is not None:
            self.counters.failures += 1
            self._context.add_changes(self._fail(block, reason))
        self._fill()

    def _fail(self, block: Block, reason: Reason) -> list[Sample]:
        return block.fail(reason, self._context.clock.now_us(), self._loop.time())

    # -- learned splits

    @property
    def _has_splits(self) -> bool:
        return bool(self._refused or self._splits.barriers)

    def _learn(self, now: float) -> None:
        """Keep what the round has found. A tag that is refused alone explains why its block was refused, so the round taught
        no barrier; where each half was answered, merging over the middle is what the device refuses.
        """
        if not self._has_splits or now >= self._retry_at:
            self._retry_at = now + self._retry_after_s
            self._retry_after_s = min(2 * self._retry_after_s, _LAST_RETRY_S)
        refused, barriers = self._splits.refused, self._splits.barriers
        if self._refused_in_round:
            self._refused += self._refused_in_round
            refused += tuple(block.planned.place for block in self._refused_in_round)
        else:
            barriers |= self._barriers_in_round
        self._splits = LearnedSplits(refused, barriers)
        self._refused_in_round, self._barriers_in_round = [], set()
        self._replan()

    def _drop_splits(self) -> None:
        self._splits = LearnedSplits()
        self._refused = []
        self._replan()

    def _replan(self) -> None:
        now, time_us = self._loop.time(), self._context.clock.now_us()
        refused = {block.planned.tags[0] for block in self._refused}
        wanted = [polled_tag.tag for polled_tag in self.polled_tags if polled_tag.tag not in refused]
        planned = plan_blocks(wanted, self.unit.limits, self._splits)
        unchanged = {block.planned.tags: block for block in self.blocks}
        blocks = []
        for each in planned:
            block = unchanged.get(each.tags)
            if block is None or block.planned.place != each.place:
                before = self._states[each.tags[0]].last_read
                # Tags that were never read grow stale when they are not read for long enough from now on.
                block = self._build(each, before if before.time_us else LastRead(now, time_us))
            blocks.append(block)
        self.blocks = blocks

    def _build(self, planned: PlannedBlock, before: LastRead) -> Block:
        """A tag grows stale by when it was last read in any block, so the new block starts with the old one's times."""
        states = [self._states[tag] for tag in planned.tags]
        return Block(planned, states, self.unit.unit_id, LastRead(before.at, before.time_us))
