"""Calculated tags: expressions over other tags, evaluated when an input has changed, or at an interval of their own.

Inputs are the current values of tags, calculated ones among them. The tags are put in an order in which each comes after
its inputs; a tag that leads back to itself has no value. The quality of the result is that of its worst input: a BAD input
makes it BAD, NOT_COMPUTABLE, for any expression; a STALE or UNCERTAIN input makes it STALE or UNCERTAIN. Its time
is that of its newest input.

A dead band of an input does not count here, because it only thins what is reported of that input; the calculated tag has a
dead band of its own.

An unforeseen error in one expression makes that tag BAD and is shown as a problem; the others are evaluated.
"""

from __future__ import annotations

import heapq
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sealbus.acquisition.bugs import describe_bug
from sealbus.acquisition.schedule import PollPhase
from sealbus.acquisition.tag_states import TagState, unread
from sealbus.errors import ConfigError
from sealbus.expressions import NotComputable, parse_expression
from sealbus.plant import calculated_problems, raise_first
from sealbus.samples import Quality, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sealbus.expressions import Expression
    from sealbus.plant import CalculatedPlan
    from sealbus.samples import Sample, SampleValue

__all__ = ["Calculations"]

_log = logging.getLogger("sealbus.acquisition")
_BAD: Final = Quality.BAD
_EARLY_S: Final = 0.002  # an event loop may round its timers down


@dataclass(slots=True, eq=False)
class _Calculation:
    plan: CalculatedPlan
    state: TagState
    expression: Expression
    inputs: tuple[tuple[str, TagState], ...]
    phase: PollPhase | None
    rank: int = 0
    """Its place among all of them: behind each of its inputs."""
    dependents: list[_Calculation] = field(default_factory=list)

    def evaluate(self, now: float, now_us: int) -> Sample | None:
        try:
            return self._evaluate(now, now_us)
        except Exception as error:  # noqa: BLE001 - a formula of a user: it costs this tag, and no other one
            self.state.record_bug(error)
            return self.state.fail(Reason.NOT_COMPUTABLE, now_us, now)

    def _evaluate(self, now: float, now_us: int) -> Sample | None:
        samples = [state.current() for _, state in self.inputs]
        known = [sample for sample in samples if sample is not None]
        if len(known) < len(samples):
            return None  # an input was not read yet, so nothing is known, not even that it is bad
        qualities = {sample.quality for sample in known}
        time_us = max((sample.time_us for sample in known), default=now_us)
        values: dict[str, SampleValue] = {
            name: state.value for name, state in self.inputs if state.value is not None and state.quality is not _BAD
        }
        if len(values) < len(self.inputs) or _BAD in qualities:
            return self.state.fail(Reason.NOT_COMPUTABLE, time_us, now)
        try:
            value = self.expression.evaluate(values)
        except NotComputable:
            return self.state.fail(Reason.NOT_COMPUTABLE, time_us, now)
        for quality, reason in ((Quality.STALE, Reason.NOT_REFRESHED), (Quality.UNCERTAIN, Reason.OUT_OF_RANGE)):
            if quality in qualities:
                return self.state.set_value(value, time_us, now, quality=quality, reason=reason)
        return self.state.set_value(value, time_us, now)


class Calculations:
    """The calculated tags of one plan. `states` are those of all tags that are read, `before` the
    calculated ones of the last plan.
    """

    def __init__(
        self,
        plans: Iterable[CalculatedPlan],
        states: Mapping[int, TagState],
        before: Mapping[int, TagState],
        now: float,
    ) -> None:
        self.states: dict[int, TagState] = {}
        self.problems: dict[int, ConfigError] = {}
        """What cannot be used and why, by the id of the calculated tag."""
        self._of_input: dict[int, list[_Calculation]] = {}
        self._timed: list[_Calculation] = []
        self._all: list[_Calculation] = []
        """By their ranks."""
        plans = [plan for plan in plans if plan.enabled]
        for plan in plans:
            self.states[plan.id] = TagState(plan, unread, before=before.get(plan.id))
        known = {**states, **self.states}
        for plan in plans:
            try:
                self._all.append(_compile(plan, known, self.states[plan.id], now))
            except ConfigError as error:
                self.problems[plan.id] = error
            except Exception as error:  # noqa: BLE001 - a row that the rules accepted: the error affects this tag only
                _log.exception("calculated tag %d", plan.id)
                self.problems[plan.id] = ConfigError(describe_bug(error))
        self._connect()

    def problem_texts(self) -> Iterator[tuple[int, str]]:
        """What to show: the problems, and what went wrong in evaluating the others."""
        yield from ((number, str(error)) for number, error in self.problems.items())
        yield from ((state.tag_id, state.bug) for state in self.states.values() if state.bug)

    def evaluate(self, changes: Sequence[Sample], now: float, now_us: int) -> list[Sample]:
        """The changes that follow from these changes, and from time."""
        due = (
            {each.rank for change in changes for each in self._of_input.get(change.tag_id, ())}
            if self._of_input
            else set()
        )
        following = []
        for each in self._timed:
            if each.phase is not None and each.phase.due <= now + _EARLY_S:
                each.phase.advance(now)
                due.add(each.rank)
        waiting = sorted(due)  # which is a heap
        while waiting:
            each = self._all[heapq.heappop(waiting)]
            if (change := each.evaluate(now, now_us)) is None:
                continue
            following.append(change)
            for dependent in each.dependents:
                if dependent.phase is None and dependent.rank not in due:
                    due.add(dependent.rank)
                    heapq.heappush(waiting, dependent.rank)
        return following

    def evaluate_all(self, now: float, now_us: int) -> list[Sample]:
        """The changes of all of them, for a new plan."""
        return [change for each in self._all if (change := each.evaluate(now, now_us)) is not None]

    def sweep(self, now: float) -> list[Sample]:
        """Once in a while: the tags that are due to be reported again."""
        return [change for each in self._all if (change := each.state.repeat(now)) is not None]

    @property
    def next_due(self) -> float | None:
        """When the next one with an interval of its own is due."""
        return min((each.phase.due for each in self._timed if each.phase is not None), default=None)

    def _connect(self) -> None:
        of_id = {each.plan.id: each for each in self._all}
        for each in self._all:
            for _, state in each.inputs:
                if state.tag_id in of_id:
                    of_id[state.tag_id].dependents.append(each)
                elif each.phase is None:
                    self._of_input.setdefault(state.tag_id, []).append(each)
            if each.phase is not None:
                self._timed.append(each)
        self._rank({id(each): sum(state.tag_id in of_id for _, state in each.inputs) for each in self._all})

    def _rank(self, open_inputs: dict[int, int]) -> None:
        """Sort by dependency, inputs first. What is left over is circular: it becomes a problem and is not calculated."""
        ranked = [each for each in self._all if not open_inputs[id(each)]]
        for rank, each in enumerate(ranked):  # the loop appends to it
            each.rank = rank
            for dependent in each.dependents:
                open_inputs[id(dependent)] -= 1
                if not open_inputs[id(dependent)]:
                    ranked.append(dependent)
        known = set(map(id, ranked))
        circular = [each for each in self._all if id(each) not in known]
        self._all = ranked
        for each in circular:
            self.problems[each.plan.id] = ConfigError(
                "its inputs lead back to itself", key="inputs", hint="break the circle"
            )
        if circular:
            self._timed = [each for each in self._timed if id(each) in known]
            for users in [*self._of_input.values(), *(each.dependents for each in ranked)]:
                users[:] = [each for each in users if id(each) in known]


def _compile(plan: CalculatedPlan, states: Mapping[int, TagState], state: TagState, now: float) -> _Calculation:
    raise_first(calculated_problems(plan))
    expression = parse_expression(plan.expression, plan.inputs)
    inputs = []
    for name in sorted(expression.names):
        if plan.inputs[name] not in states:  # without its id: a reader of this problem may not see that tag
            raise ConfigError("its tag is not collected", key=f"inputs.{name}", hint="name one that is")
        inputs.append((name, states[plan.inputs[name]]))
    phase = None if plan.interval_s is None else PollPhase(plan.interval_s, plan.id, now)
    return _Calculation(plan, state, expression, tuple(inputs), phase)
