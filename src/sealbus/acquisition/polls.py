"""All tags of one device that share an interval: asked in rounds, each block once a round, never two rounds at a time.

A round puts no more requests into the channel than the device may have under way; the next goes in when one is done.
So the queue does not grow, units of one line take turns, and what is urgent is never behind more than what is on the
wire. A round that is not over when the next is due makes that one an overrun, which is counted and left out.

A device that refuses a block (exception 01, 02, 03) may refuse it for one place in it. Then the block is halved and
both halves are asked in the same round, down to single tags. Those that are refused alone are BAD, everybody else is
served; what was learnt is kept as `LearnedSplits`: refused tags are not asked, and nothing is merged over a place where it
failed. After a minute, and then after twice as long each time, up to an hour, all of it is forgotten and tried anew:
devices are mended, and policies of gateways changed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from sealbus.acquisition.blocks import Block
from sealbus.acquisition.planner import DeviceLimits, LearnedSplits, plan_blocks
from sealbus.acquisition.reasons import HALVED, reason_of_exception, reason_of_failure
from sealbus.acquisition.schedule import PollPhase
from sealbus.client import Failure, Transaction

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

_SHORTEST_PATIENCE_S: Final = 30.0
_FIRST_RETRY_S: Final = 60.0
_LAST_RETRY_S: Final = 3600.0
_EXCEPTION_BIT: Final = 0x80
_DATA_AT: Final = 7  # behind protocol id, length, unit, function and byte count: the answer comes without its first two


class PollContext(Protocol):
    """What a poll needs of the collector."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...
    @property
    def clock(self) -> SampleClock: ...
    def told(self) -> list[Sample]:
        """The list that samples to be told are appended to; whoever calls this will append."""

    def lagged(self, seconds: float) -> None:
        """A round began so long after it was due."""


@dataclass(slots=True, eq=False)
class PolledUnit:
    """One unit and the way to it. It is the source of its requests: units take turns."""

    device_id: int
    unit_id: int
    limits: DeviceLimits
    channel: Channel
    window: int
    """How many requests may be under way."""
    is_resetting: bool = False
    """The connection is being closed by us: what is lost by that says nothing about the device."""


@dataclass(frozen=True, slots=True, eq=False)
class PolledTag:
    """A tag and its memory."""

    tag: Tag
    point: TagState


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
    __slots__ = ("block", "poll")

    block: Block
    poll: Poll

    def finish(self, answer: bytes) -> None:
        self.poll.answered(self.block, answer)

    def fail(self, failure: Failure, detail: str = "") -> None:
        self.poll.failed(self.block, failure)


class Poll:
    """The rounds of one device and interval, from `start` to `stop`."""

    def __init__(
        self, unit: PolledUnit, members: Sequence[PolledTag], interval_s: float, surroundings: PollContext
    ) -> None:
        self.unit = unit
        self.members = tuple(members)
        self.interval_s = interval_s
        self.counters = PollCounters()
        self._in = surroundings
        self._loop = surroundings.loop
        self._points = {member.tag: member.point for member in members}
        self._patience_s = max(_SHORTEST_PATIENCE_S, 2 * interval_s)
        self._beat = PollPhase(interval_s, unit.device_id, self._loop.time())
        self._timer: asyncio.TimerHandle | None = None
        self._todo: deque[Block] = deque()
        self._under_way = 0
        self._is_filling = False
        self._began_s = 0.0
        self._refused: list[Block] = []
        self._refused_now: list[Block] = []
        self._cuts_now: set[tuple[Table, int]] = set()
        self._detours = LearnedSplits()
        self._retry_at = 0.0
        self._retry_after_s = _FIRST_RETRY_S
        self.is_stopped = False
        self.blocks: list[Block] = []
        self._replan()

    # -- life

    def start(self) -> None:
        """Let it be due from now on."""
        self._timer = self._loop.call_at(self._beat.due, self._due)

    def stop(self) -> None:
        """No more rounds; what still comes of this one is not for us."""
        self.is_stopped = True
        self._todo.clear()
        if self._timer is not None:
            self._timer.cancel()

    def sweep(self, now: float) -> None:
        """Once in a while: find what has grown stale, and say again what nobody asks for."""
        told = self._in.told()
        for block in self.blocks:
            block.sweep(now, told)
        for block in self._refused:
            block.repeat(now, told)

    @property
    def refused(self) -> list[Tag]:
        """The tags that the device refuses."""
        return [block.planned.tags[0] for block in self._refused]

    # -- rounds

    def _due(self) -> None:
        now = self._loop.time()
        lag_s = max(0.0, now - self._beat.due)
        self.counters.overruns += self._beat.advance(now)
        self._timer = self._loop.call_at(self._beat.due, self._due)
        if self._under_way or self._todo:
            self.counters.overruns += 1
            return
        self.counters.lag_s = lag_s
        self._in.lagged(lag_s)
        self._begin(now)

    def _begin(self, now: float) -> None:
        if self._has_detours and now >= self._retry_at:
            self._forget()
        self._began_s = now
        self._todo.extend(self.blocks)
        self._fill()

    def _fill(self) -> None:
        """Put in what may be under way. A request may fail at once, so this is a loop and no recursion."""
        if self._is_filling:
            return
        self._is_filling = True
        unit = self.unit
        while self._todo and self._under_way < unit.window:
            block = self._todo.popleft()
            self._under_way += 1
            self.counters.requests += 1
            read = _Read(unit, block.request, self._loop.time() + self._patience_s)
            read.block, read.poll = block, self
            unit.channel.submit(read)
        self._is_filling = False
        if not self._under_way and not self.is_stopped:
            self._end()

    def _end(self) -> None:
        now = self._loop.time()
        self.counters.rounds += 1
        self.counters.took_s = now - self._began_s
        if self._refused_now or self._cuts_now:
            self._learn(now)
        elif not self._has_detours:
            self._retry_after_s = _FIRST_RETRY_S

    # -- answers

    def answered(self, block: Block, answer: bytes) -> None:
        """The device answered: the MBAP ADU behind its transaction id."""
        self._under_way -= 1
        if self.is_stopped:
            return
        told = self._in.told()
        if not answer[5] & _EXCEPTION_BIT:
            self._take(block, answer[_DATA_AT:], told)
        else:
            self._take_exception(block, answer[6], told)
        self._fill()

    def _take(self, block: Block, data: bytes, told: list[Sample]) -> None:
        now, time_us = self._loop.time(), self._in.clock.now_us()
        try:
            block.take(data, time_us, now, told)
        except Exception as error:  # noqa: BLE001 - above this is the connection, and it is not to blame
            self.counters.failures += 1
            block.fail_undecoded(error, time_us, now, told)

    def _take_exception(self, block: Block, code: int, told: list[Sample]) -> None:
        self.counters.failures += 1
        if code in HALVED and len(block.points) > 1:
            left, right = block.planned.halves()
            self._cuts_now.add((right.place.table, right.place.address))
            self._todo.extendleft((self._build(right, block), self._build(left, block)))
            return
        self._fail(block, reason_of_exception(code), told)
        if code in HALVED:
            self._refused_now.append(block)

    def failed(self, block: Block, failure: Failure) -> None:
        """There is no answer."""
        self._under_way -= 1
        if self.is_stopped:
            return
        reason = None if self.unit.is_resetting else reason_of_failure(failure)
        if reason is not None:
            self.counters.failures += 1
            self._fail(block, reason, self._in.told())
        self._fill()

    def _fail(self, block: Block, reason: Reason, told: list[Sample]) -> None:
        block.fail(reason, self._in.clock.now_us(), self._loop.time(), told)

    # -- what is learnt

    @property
    def _has_detours(self) -> bool:
        return bool(self._refused or self._detours.cuts)

    def _learn(self, now: float) -> None:
        """A round has shown places that are refused; or, where each half was served, that they cannot be merged."""
        if not self._has_detours or now >= self._retry_at:
            self._retry_at = now + self._retry_after_s
            self._retry_after_s = min(2 * self._retry_after_s, _LAST_RETRY_S)
        refused, cuts = self._detours.refused, self._detours.cuts
        if self._refused_now:
            self._refused += self._refused_now
            refused += tuple(block.planned.place for block in self._refused_now)
        else:
            cuts |= self._cuts_now
        self._detours = LearnedSplits(refused, cuts)
        self._refused_now, self._cuts_now = [], set()
        self._replan()

    def _forget(self) -> None:
        self._detours = LearnedSplits()
        self._refused = []
        self._replan()

    def _replan(self) -> None:
        now, time_us = self._loop.time(), self._in.clock.now_us()
        refused = {block.planned.tags[0] for block in self._refused}
        wanted = [member.tag for member in self.members if member.tag not in refused]
        planned = plan_blocks(wanted, self.unit.limits, self._detours)
        unchanged = {block.planned.tags: block for block in self.blocks}
        blocks = []
        for each in planned:
            block = unchanged.get(each.tags)
            if block is None or block.planned.place != each.place:
                block = self._build(each, self._points[each.tags[0]].block)
                if block.read_us == 0:
                    block.begins(now, time_us)
            blocks.append(block)
        self.blocks = blocks

    def _build(self, planned: PlannedBlock, before: Block | None) -> Block:
        block = Block(planned, [self._points[tag] for tag in planned.tags], self.unit.unit_id)
        if before is not None:
            block.begins(0.0, 0, before)
        return block
