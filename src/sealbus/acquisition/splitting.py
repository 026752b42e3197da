"""What one poll has learnt about which of its requests the device answers, and the requests that teach it.

When a block fails, a `BlockSearch` finds the part that causes it, with steps: requests beside those of the round. Its tags
keep their values until the search says which of them fail. Steps go one at a time, and cost a round no more than a few
time-outs; a search that is not done continues in the next round. The steps that show whether any part is answered go before
the other blocks of the round, the rest behind them.

After a minute, and then after twice as long each time, up to an hour, what was learnt is tried again, because devices are
repaired and policies of gateways are changed: each refused place is read once, and one block is read over each barrier. A
trial that fails costs its own request and affects no tag that is read. After a slow one the others wait for the next round,
and after eight of them for a minute.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Protocol

from sealbus.acquisition.block_search import BlockSearch
from sealbus.acquisition.blocks import Block, read_pdu
from sealbus.acquisition.reasons import Miss
from sealbus.plant import LearnedSplits, plan_blocks
from sealbus.protocol import WireRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sealbus.acquisition.block_search import Ask
    from sealbus.acquisition.polls import PolledUnit
    from sealbus.acquisition.tag_states import LastRead
    from sealbus.plant import PlannedBlock, Tag
    from sealbus.protocol import Place, Table
    from sealbus.samples import Reason, Sample

__all__ = ["SplitPoll", "Splitting", "Step"]

_STEPS_OF_A_ROUND: Final = 64
"""For each ten seconds that a round may take."""
_COST_OF_A_SLOW_STEP: Final = 16
_CUT_OFF_ROUNDS: Final = 3
_SLOW_TRIALS_AT_ONCE: Final = 8
_FIRST_RETRY_S: Final = 60.0
_LAST_RETRY_S: Final = 3600.0


class SplitPoll(Protocol):
    """What is needed of a poll."""

    blocks: list[Block]
    """Those of a round, by table and address."""
    interval_s: float

    @property
    def unit(self) -> PolledUnit: ...
    def build(self, planned: PlannedBlock, before: LastRead) -> Block:
        """A block that reads these tags from now on, which were last read at `before`."""

    def take(self, block: Block, data: bytes) -> list[Sample]: ...
    def fail(self, block: Block, reason: Reason) -> list[Sample]: ...
    def replan(self, spare: Iterable[Block]) -> None:
        """Plan the blocks anew, with those of `spare` that fit."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One request. `end` takes its data, or why there are none, or None if it was not sent; it returns changes of tags."""

    request: WireRequest
    end: Callable[[bytes | Miss | None], list[Sample]]
    is_trial: bool


@dataclass(slots=True, eq=False)
class _Running:
    root: Block
    search: BlockSearch
    blocks: dict[tuple[Tag, ...], Block]
    cut_off: int = 0
    """The rounds in a row in which the device could not be reached."""


class Splitting:
    """The learned splits of one poll."""

    def __init__(self, poll: SplitPoll) -> None:
        self._poll = poll
        self.refused: list[Block] = []
        """Blocks of one place that the device does not answer."""
        self._barriers: dict[tuple[Table, int], Place] = {}
        self._refused_alone: list[Block] = []
        self.running: list[_Running] = []
        """The searches that go on."""
        self._searches = 0
        self.trials: deque[Block | tuple[Table, int]] = deque()
        """What is to be tried again: refused blocks, and addresses of barriers."""
        self._slow_trials = 0
        self._restored: list[Block] = []
        self._is_changed = False
        self._steps_left = 0
        self._retry_at = 0.0
        self._retry_after_s = _FIRST_RETRY_S

    @property
    def splits(self) -> LearnedSplits:
        """For the planner."""
        return LearnedSplits(tuple(block.planned.place for block in self.refused), frozenset(self._barriers))

    @property
    def searched(self) -> list[Block]:
        """The blocks of which a search goes on: they are not read as a whole meanwhile."""
        return [running.root for running in self.running]

    def begin_round(self, now: float) -> None:
        """Allow the steps of a round, and begin to try again what was learnt, if that is due."""
        self._steps_left = int(_STEPS_OF_A_ROUND * max(1.0, self._poll.interval_s / 10))
        if now < self._retry_at or self.running or not (self.refused or self._barriers or self.trials):
            return
        self._slow_trials = 0
        self._retry_at = now + self._retry_after_s
        if not self.trials:
            self.trials.extend((*self.refused, *self._barriers))
            self._retry_after_s = min(2 * self._retry_after_s, _LAST_RETRY_S)

    def begin_search(self, block: Block, miss: Miss, now: float) -> bool:
        """This block of the round failed. True: its tags are left as they are until a search knows more."""
        if not miss.may_be_of_a_part:
            return False
        if not block.planned.is_divisible:
            if miss.is_refusal:
                self._refused_alone.append(block)
            return False
        # A block that was answered before may have failed by chance; a lost connection may be that of another request.
        is_new = not block.is_proven and not miss.is_lost_connection
        if not miss.is_refusal and (now < block.search_at or block.failures < (1 if is_new else 2)):
            return False
        self._searches += 1
        block.forget()
        search = BlockSearch(block.planned, miss, self._searches)
        self.running.append(_Running(block, search, {block.planned.tags: block}))
        return True

    def next_step(self, *, is_first: bool) -> Step | None:
        """The next request; `is_first`: only one that shows whether any part of a failed block is answered."""
        if self._steps_left <= 0:
            return None
        for running in self.running:
            if not running.search.is_done and not (is_first and running.search.has_answer):
                self._steps_left -= 1
                return self._search_step(running)
        return None if is_first or self.running else self._trial_step()

    def end_round(self, now: float) -> None:
        """Learn from what the round has found."""
        spare = self._restored + self._refused_alone
        is_learned = bool(self._refused_alone)
        self.refused += self._refused_alone
        done = [running for running in self.running if running.search.is_done]
        self.running = [running for running in self.running if not running.search.is_done]
        for running in done:
            lessons = running.search.lessons()
            if not lessons.refused and not lessons.barriers:
                running.root.attach()
                running.root.postpone_search(now)
                continue
            is_learned = True
            self.refused += [running.blocks[part.tags] for part in lessons.refused]
            self._barriers.update(lessons.barriers)
            for block in running.search.unexplained:
                running.blocks[block.tags].postpone_search(now)
            spare += running.blocks.values()
        if is_learned or self._is_changed:
            self._retry_at, self._retry_after_s = now + _FIRST_RETRY_S, 2 * _FIRST_RETRY_S
            self._poll.replan(spare)
        if self.trials and self._slow_trials >= _SLOW_TRIALS_AT_ONCE:
            self._retry_at = min(self._retry_at, now + _FIRST_RETRY_S)
        self._refused_alone, self._restored, self._is_changed = [], [], False

    # -- steps of a search

    def _search_step(self, running: _Running) -> Step:
        ask = running.search.next()
        if ask.part_of is not None:
            request = self._request(ask.planned)
        else:
            block = self._poll.build(ask.planned, running.root.last_read)
            running.blocks[ask.planned.tags] = block
            request = block.request
        return Step(request, partial(self._search_ended, running, ask), is_trial=False)

    def _search_ended(self, running: _Running, ask: Ask, outcome: bytes | Miss | None) -> list[Sample]:
        search = running.search
        if outcome is None:
            search.put_back(ask)
            self._steps_left = 0
            return []
        if isinstance(outcome, bytes):
            running.cut_off = 0
            search.answered(ask)
            return [] if ask.part_of is not None else self._poll.take(running.blocks[ask.planned.tags], outcome)
        if not outcome.may_be_of_a_part:
            return self._search_cut_off(running, ask, outcome)
        running.cut_off = 0
        self._steps_left -= _COST_OF_A_SLOW_STEP * outcome.is_slow
        ended = search.missed(ask, outcome)
        if ended is None:
            return []
        planned, miss = ended
        return self._poll.fail(running.blocks[planned.tags], miss.reason)

    def _search_cut_off(self, running: _Running, ask: Ask, miss: Miss) -> list[Sample]:
        """The device cannot be reached. One that closes the connection for the failing place is back in the next round."""
        running.cut_off += 1
        if running.cut_off < _CUT_OFF_ROUNDS:
            running.search.put_back(ask)
            self._steps_left = 0
        else:
            self.running.remove(running)
            running.root.attach()
        return self._poll.fail(running.root, miss.reason)

    # -- trials

    def _trial_step(self) -> Step | None:
        while self.trials and self._slow_trials < _SLOW_TRIALS_AT_ONCE:
            trial = self.trials.popleft()
            if trial not in self.refused and trial not in self._barriers:
                continue
            if isinstance(trial, Block):
                request = trial.request
            elif (joined := self._joined(trial)) is not None:
                request = self._request(joined)
            else:  # it is not needed: something else cuts there too
                self._barriers.pop(trial, None)
                continue
            self._steps_left -= 1
            return Step(request, partial(self._trial_ended, trial), is_trial=True)
        return None

    def _trial_ended(self, trial: Block | tuple[Table, int], outcome: bytes | Miss | None) -> list[Sample]:
        if outcome is None or (isinstance(outcome, Miss) and not outcome.may_be_of_a_part):
            self.trials.appendleft(trial)
            self._steps_left = 0
            return []
        if isinstance(outcome, Miss):
            if outcome.is_slow:
                self._steps_left = 0
                self._slow_trials += 1
            return self._poll.fail(trial, outcome.reason) if isinstance(trial, Block) else []
        self._is_changed = True
        if isinstance(trial, Block):
            self.refused.remove(trial)
            self._restored.append(trial)
            return self._poll.take(trial, outcome)
        self._barriers.pop(trial, None)
        return []

    def _joined(self, barrier: tuple[Table, int]) -> PlannedBlock | None:
        """The block that would be read over this barrier without it; None: no block ends at it for this reason alone."""
        table, address = barrier
        others = LearnedSplits(self.splits.refused, self.splits.barriers - {barrier})
        for before, behind in pairwise(block.planned for block in self._poll.blocks):
            if (behind.place.table, behind.place.address) == barrier and before.place.table is table:
                joined, *_ = plan_blocks(before.tags + behind.tags, self._poll.unit.limits, others)
                return joined if joined.place.last >= address else None
        return None

    def _request(self, planned: PlannedBlock) -> WireRequest:
        return WireRequest(bytes((self._poll.unit.unit_id,)) + read_pdu(planned.place))
