"""Calculated tags: expressions over other tags, evaluated when an input has been told anew, or at their own interval.

Inputs are the current values of tags, calculated ones among them, so the tags are put in an order in which each comes
after its inputs; one that leads back to itself has no value. The result is as good as its worst input: a BAD one makes
it BAD, NOT_COMPUTABLE, whatever the expression would make of it; a STALE or UNCERTAIN one makes it that. Its time is
that of its newest input.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sealbus.acquisition.points import Point, unread
from sealbus.acquisition.schedule import Beat
from sealbus.acquisition.tags import LONGEST_INTERVAL_S, SHORTEST_INTERVAL_S, check_pace
from sealbus.errors import ConfigError
from sealbus.expressions import NotComputable, check_expression, parse_expression
from sealbus.samples import Quality, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sealbus.acquisition.plan import CalculatedPlan
    from sealbus.expressions import Expression
    from sealbus.samples import Sample, SampleValue

__all__ = ["Calculations"]

_BAD: Final = Quality.BAD
_EARLY_S: Final = 0.002  # an event loop may round its timers down


@dataclass(slots=True, eq=False)
class _Calculation:
    plan: CalculatedPlan
    point: Point
    expression: Expression
    inputs: tuple[tuple[str, Point], ...]
    beat: Beat | None
    rank: int = 0
    feeds: list[_Calculation] = field(default_factory=list)

    def evaluate(self, now: float, now_us: int) -> Sample | None:
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
        self, plans: Iterable[CalculatedPlan], points: Mapping[int, Point], before: Mapping[int, Point], now: float
    ) -> None:
        self.points: dict[int, Point] = {}
        self.problems: dict[int, ConfigError] = {}
        """What is wrong, by the id of the calculated tag."""
        self._of_input: dict[int, list[_Calculation]] = {}
        self._timed: list[_Calculation] = []
        self._all: list[_Calculation] = []
        plans = [plan for plan in plans if plan.enabled]
        for plan in plans:
            self.points[plan.id] = Point(plan, unread, before=before.get(plan.id))
        known = {**points, **self.points}
        for plan in plans:
            try:
                self._all.append(_compile(plan, known, self.points[plan.id], now))
            except ConfigError as error:
                self.problems[plan.id] = error
        self._connect()

    def complete(self, batch: list[Sample], now: float, now_us: int) -> None:
        """Add to `batch` what follows from the samples in it, and from time."""
        due = {each for sample in batch for each in self._of_input.get(sample.tag_id, ())} if self._of_input else set()
        for each in self._timed:
            if each.beat is not None and each.beat.due <= now + _EARLY_S:
                each.beat.advance(now)
                due.add(each)
        while due:
            each = min(due, key=lambda one: one.rank)
            due.discard(each)
            if (sample := each.evaluate(now, now_us)) is not None:
                batch.append(sample)
                due.update(fed for fed in each.feeds if fed.beat is None)

    def refresh(self, now: float, now_us: int, told: list[Sample]) -> None:
        """Evaluate everything, as after a change of the plan."""
        samples = (each.evaluate(now, now_us) for each in sorted(self._all, key=lambda each: each.rank))
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
        ready = [each for each in self._all if not open_inputs[id(each)]]
        ranked: set[int] = set()
        while ready:
            each = ready.pop()
            ranked.add(id(each))
            for fed in each.feeds:
                fed.rank = max(fed.rank, each.rank + 1)
                open_inputs[id(fed)] -= 1
                if not open_inputs[id(fed)]:
                    ready.append(fed)
        circular = [each for each in self._all if id(each) not in ranked]
        for each in circular:
            self.problems[each.plan.id] = ConfigError(
                "its inputs lead back to itself", key="inputs", mend="break the circle"
            )
        if circular:
            self._all = [each for each in self._all if id(each) in ranked]
            self._timed = [each for each in self._timed if id(each) in ranked]
            for users in [*self._of_input.values(), *(each.feeds for each in self._all)]:
                users[:] = [each for each in users if id(each) in ranked]


def _compile(plan: CalculatedPlan, points: Mapping[int, Point], point: Point, now: float) -> _Calculation:
    check_pace(plan)
    check_expression(plan.expression, plan.inputs)
    expression = parse_expression(plan.expression, plan.inputs)
    if plan.interval_s is not None and not SHORTEST_INTERVAL_S <= plan.interval_s <= LONGEST_INTERVAL_S:
        raise ConfigError(
            f"{plan.interval_s:g} s is not possible", key="interval_s", mend=f"give {SHORTEST_INTERVAL_S:g} s to a week"
        )
    inputs = []
    for name in sorted(expression.names):
        if plan.inputs[name] not in points:
            raise ConfigError(f"no tag {plan.inputs[name]} is collected", key=f"inputs.{name}", mend="name one that is")
        inputs.append((name, points[plan.inputs[name]]))
    if not inputs and plan.interval_s is None:
        raise ConfigError("it has no inputs, so it never changes", key="interval_s", mend="give an interval")
    beat = None if plan.interval_s is None else Beat(plan.interval_s, plan.id, now)
    return _Calculation(plan, point, expression, tuple(inputs), beat)
