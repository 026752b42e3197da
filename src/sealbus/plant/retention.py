"""How long history is kept: the class that a tag belongs to.

A class gives the days for which raw samples, minutes, hours and days are kept, and how long a value holds when no other
sample comes. The collector stores a sample at least every `max_interval_s` of a tag, so a longer silence means that the
tag was not read: history shows a gap there, never a line. Therefore `hold_s` is more than the longest interval between
two samples of any tag of the class.

A coarser rollup is kept at least as long as a finer one, so old values can still be drawn, more coarsely.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealbus.errors import ConfigError
from sealbus.plant.fields import RETENTION_BOUNDS, FieldProblem
from sealbus.samples import US_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealbus.plant.plan import CalculatedPlan, TagPlan

__all__ = ["RetentionClass", "hold_problems", "order_problems"]


@dataclass(frozen=True, slots=True)
class RetentionClass:
    """How long the samples and rollups of its tags are kept. None keeps days for ever. Raises ConfigError."""

    name: str
    raw_days: int = 90
    minute_days: int = 400
    hour_days: int = 3650
    day_days: int | None = None
    hold_s: float = 3600.0

    def __post_init__(self) -> None:
        problem = next(order_problems(self.raw_days, self.minute_days, self.hour_days, self.day_days), None)
        if problem is None and self.raw_days < 1:
            problem = FieldProblem("raw_days", f"{self.raw_days} days are not possible", "write 1 or more")
        if problem is None and not RETENTION_BOUNDS["hold_s"].holds(self.hold_s):
            hint = f"write {RETENTION_BOUNDS['hold_s']} seconds"
            problem = FieldProblem("hold_s", f"a value cannot hold for {self.hold_s} s", hint)
        if problem is not None:
            raise ConfigError(f"{problem.key}: {problem.problem}", key=self.name, hint=problem.hint)

    @property
    def hold_us(self) -> int:
        return round(self.hold_s * US_PER_S)


def order_problems(raw_days: int, minute_days: int, hour_days: int, day_days: int | None) -> Iterator[FieldProblem]:
    """A coarser rollup that is kept for less time than a finer one."""
    kept = {"raw_days": raw_days, "minute_days": minute_days, "hour_days": hour_days}
    if day_days is not None:
        kept["day_days"] = day_days
    for (finer, days), (coarser, coarse_days) in zip(kept.items(), list(kept.items())[1:], strict=False):
        if coarse_days < days:
            problem = f"{coarse_days} days are less than the {days} of {finer}"
            yield FieldProblem(coarser, problem, f"keep each coarser rollup as long: write {days} or more")


def hold_problems(plan: TagPlan | CalculatedPlan, retention: RetentionClass) -> Iterator[FieldProblem]:
    """The intervals of a tag that are not shorter than the time for which its class holds a value."""
    for key in ("max_interval_s", "interval_s"):
        value = getattr(plan, key)
        if value is not None and value >= retention.hold_s:
            problem = f'its retention class "{retention.name}" holds a value for {retention.hold_s:g} s only'
            yield FieldProblem(key, problem, "write less, or choose a class that holds longer")
