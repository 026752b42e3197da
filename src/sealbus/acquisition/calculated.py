"""Calculated tags: expressions over other tags, evaluated when an input has been told anew, or at their own interval.

Inputs are the current values of tags, calculated ones among them, so the tags are put in an order in which each comes
after its inputs; one that leads back to itself has no value. The result is as good as its worst input: a BAD one makes
it BAD, NOT_COMPUTABLE, whatever the expression would make of it; a STALE or UNCERTAIN one makes it that. Its time is
that of its newest input.

Each costs itself alone: an error that nobody foresaw makes it BAD and a problem, and the others of a batch go on.
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
    from collections.abc import Iterable, Iterator, Mapping

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
    point: TagState
    expression: Expression
    inputs: tuple[tuple[str, TagState], ...]
    beat: PollPhase | None
    rank: int = 0
    """Its place among all of them: behind each of its inputs."""
    feeds: list[_Calculation] = field(default_factory=list)

    def evaluate(self, now: float, now_us: int) -> Sample | None:
        try:
            return self._evaluate(now, now_us)
        except Exception as error:  # noqa: BLE001 - a formula of a user: it costs this tag, and no other one
            self.point.troubled(error)
            return self.point.fail(Reason.NOT_COMPUTABLE, now_us, now)

    def _evaluate(self, now: float, now_us: int) -> Sample | None:
        samples = [point.current() for _, point in self.inputs]
        known = [sample for sample in samples if sample is not None]
        if len(known) < len(samples):
            return None  # some input has not been read yet, so nothing is known, not even that it is bad
        qualities = {sample.quality for sample in known}
        time_us = max((sample.time_us for sample in known), default=now_us)
        values: dict[str, SampleValue] = {
            name: point.value for name, point in self.inputs if point.value is not None and point.quality is not _BAD
        }
        if len(values) < len(self.inputs) or _BAD in qualities:
            return self.point.fail(Reason.NOT_COMPUTABLE, time_us, now)
        try:
            value = self.expression.evaluate(values)
        except NotComputable:
            return self.point.fail(Reason.NOT_COMPUTABLE, time_us, now)
        for quality, reason in ((Quality.STALE, Reason.NOT_REFRESHED), (Quality.UNCERTAIN, Reason.OUT_OF_RANGE)):
            if quality in qualities:
                return self.point.settle(value, time_us, now, quality=quality, reason=reason)
        return self.point.settle(value, time_us, now)


class Calculations:
    """The calculated tags of one plan. `points` are those of all tags that are read, `before` those of the last plan."""

    def __init__(
        self,
        plans: Iterable[CalculatedPlan],
        points: Mapping[int, TagState],
        before: Mapping[int, TagState],
        now: float,
    ) -> None:
        self.points: dict[int, TagState] = {}
        self.problems: dict[int, ConfigError] = {}
        """What cannot be used and why, by the id of the calculated tag."""
        self._of_input: dict[int, list[_Calculation]] = {}
        self._timed: list[_Calculation] = []
        self._all: list[_Calculation] = []
        """By their ranks."""
        plans = [plan for plan in plans if plan.enabled]
        for plan in plans:
            self.points[plan.id] = TagState(plan, unread, before=before.get(plan.id))
        known = {**points, **self.points}
        for plan in plans:
            try:
                self._all.append(_compile(plan, known, self.points[plan.id], now))
            except ConfigError as error:
                self.problems[plan.id] = error
            except Exception as error:  # noqa: BLE001 - a row that was judged valid: it costs this tag, and no other one
                _log.exception("calculated tag %d", plan.id)
                self.problems[plan.id] = ConfigError(describe_bug(error))
        self._connect()

    def wrong(self) -> Iterator[tuple[int, str]]:
        """What to show: the problems, and what went wrong in evaluating the others."""
        yield from ((number, str(error)) for number, error in self.problems.items())
        yield from ((point.tag_id, point.trouble) for point in self.points.values() if point.trouble)

    def complete(self, batch: list[Sample], now: float, now_us: int) -> None:
        """Add to `batch` what follows from the samples in it, and from time."""
        due = (
            {each.rank for sample in batch for each in self._of_input.get(sample.tag_id, ())}
            if self._of_input
            else set()
        )
        for each in self._timed:
            if each.beat is not None and each.beat.due <= now + _EARLY_S:
                each.beat.advance(now)
                due.add(each.rank)
        waiting = sorted(due)  # which is a heap
        while waiting:
            each = self._all[heapq.heappop(waiting)]
            if (sample := each.evaluate(now, now_us)) is None:
                continue
            batch.append(sample)
            for fed in each.feeds:
                if fed.beat is None and fed.rank not in due:
                    due.add(fed.rank)
                    heapq.heappush(waiting, fed.rank)

    def refresh(self, now: float, now_us: int, told: list[Sample]) -> None:
        """Evaluate everything, as after a change of the plan."""
        samples = (each.evaluate(now, now_us) for each in self._all)
        told.extend(sample for sample in samples if sample is not None)

    def sweep(self, now: float, told: list[Sample]) -> None:
        """Once in a while: say again what has not been said for its time."""
        for each in self._all:
            sample = each.point.sample
            if sample is not None and (again := each.point.repeat(sample.time_us, now)) is not None:
                told.append(again)

    @property
    def next_due(self) -> float | None:
        """When the next one with an interval of its own is due."""
        return min((each.beat.due for each in self._timed if each.beat is not None), default=None)

    def _connect(self) -> None:
        of_id = {each.plan.id: each for each in self._all}
        for each in self._all:
            for _, point in each.inputs:
                if point.tag_id in of_id:
                    of_id[point.tag_id].feeds.append(each)
                elif each.beat is None:
                    self._of_input.setdefault(point.tag_id, []).append(each)
            if each.beat is not None:
                self._timed.append(each)
        self._rank({id(each): sum(point.tag_id in of_id for _, point in each.inputs) for each in self._all})

    def _rank(self, open_inputs: dict[int, int]) -> None:
        """Each behind its inputs; what is left over leads back to itself."""
        ranked = [each for each in self._all if not open_inputs[id(each)]]
        for rank, each in enumerate(ranked):  # which grows meanwhile
            each.rank = rank
            for fed in each.feeds:
                open_inputs[id(fed)] -= 1
                if not open_inputs[id(fed)]:
                    ranked.append(fed)
        known = set(map(id, ranked))
        circular = [each for each in self._all if id(each) not in known]
        self._all = ranked
        for each in circular:
            self.problems[each.plan.id] = ConfigError(
                "its inputs lead back to itself", key="inputs", hint="break the circle"
            )
        if circular:
            self._timed = [each for each in self._timed if id(each) in known]
            for users in [*self._of_input.values(), *(each.feeds for each in ranked)]:
                users[:] = [each for each in users if id(each) in known]


def _compile(plan: CalculatedPlan, points: Mapping[int, TagState], point: TagState, now: float) -> _Calculation:
    raise_first(calculated_problems(plan))
    expression = parse_expression(plan.expression, plan.inputs)
    inputs = []
    for name in sorted(expression.names):
        if plan.inputs[name] not in points:
            raise ConfigError(f"no tag {plan.inputs[name]} is collected", key=f"inputs.{name}", hint="name one that is")
        inputs.append((name, points[plan.inputs[name]]))
    beat = None if plan.interval_s is None else PollPhase(plan.interval_s, plan.id, now)
    return _Calculation(plan, point, expression, tuple(inputs), beat)
