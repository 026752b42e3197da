"""Fill a table in rounds and compare its subjects.

Every subject of a table is measured once per round, in turn, each time in a fresh process, so that a change of the
machine's speed during a run affects all subjects. Some machines change their speed within seconds. For these the subjects
of a round run side by side and are measured in short windows, in turn. The value of a round is that of the cheapest
window, since other load on the machine only adds cost; the median of the windows is kept too. Comparisons use the median
over the rounds, and show the lowest and highest ratio of a single round.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import time
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from benchmarks.machine import NotMeasuredError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

__all__ = ["Bound", "Figure", "Measurement", "Table", "TargetCheck", "compare", "fill", "fill_side_by_side"]


_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measurement of one subject, with further figures by name in `beside`."""

    value: float
    beside: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Figure:
    """The measurements of a subject, one per round."""

    subject: str
    values: tuple[float, ...]
    beside: Mapping[str, float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)


class Bound(Enum):
    """How a value is compared with its target."""

    BELOW = "below"
    AT_MOST = "at most"
    AT_LEAST = "at least"


@dataclass(frozen=True, slots=True)
class TargetCheck:
    """A value, its lowest and highest over the rounds, and the target."""

    what: str
    value: float
    lowest: float
    highest: float
    bound: Bound
    target: float
    unit: str = ""

    @property
    def met(self) -> bool:
        if self.bound is Bound.AT_LEAST:
            return self.value >= self.target
        return self.value < self.target or (self.bound is Bound.AT_MOST and self.value == self.target)


@dataclass(slots=True)
class Table:
    """The figures of one table, the checks against targets, and the reasons for missing figures."""

    title: str
    unit: str
    figures: dict[str, Figure] = field(default_factory=dict)
    verdicts: list[TargetCheck] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def fill(table: Table, subjects: Mapping[str, Callable[[], Measurement]], rounds: int) -> None:
    """Measure each subject once per round. A subject that fails once is dropped, with the reason in `problems`."""
    samples: dict[str, list[Measurement]] = {subject: [] for subject in subjects}
    for turn in range(rounds):
        for subject in list(samples):
            began = time.monotonic()
            sample = _try_measure(table, subject, subjects[subject])
            if sample is None:
                del samples[subject]
                continue
            samples[subject].append(sample)
            took = time.monotonic() - began
            _log(f"round {turn + 1}/{rounds}  {subject}: {sample.value:.2f} {table.unit}  ({took:.0f} s)")
    _conclude(table, samples)


def fill_side_by_side(
    table: Table,
    subjects: Mapping[str, Callable[[], AbstractContextManager[Callable[[], Measurement]]]],
    rounds: int,
    windows: int,
) -> None:
    """As `fill`, for subjects that can run side by side and use no CPU time while they are not measured."""
    samples: dict[str, list[Measurement]] = {subject: [] for subject in subjects}
    for turn in range(rounds):
        with contextlib.ExitStack() as standing:
            seen: dict[str, list[Measurement]] = {}
            measures = {}
            for subject in samples:
                measure = _try_measure(table, subject, lambda name=subject: standing.enter_context(subjects[name]()))
                if measure is not None:
                    measures[subject], seen[subject] = measure, []
            for _ in range(windows):
                for subject in list(seen):
                    sample = _try_measure(table, subject, measures[subject])
                    if sample is None:
                        del seen[subject]
                    else:
                        seen[subject].append(sample)
        samples = {subject: [*samples[subject], _least_disturbed(each)] for subject, each in seen.items()}
        for subject, each in samples.items():
            _log(f"round {turn + 1}/{rounds}  {subject}: {each[-1].value:.2f} {table.unit}")
    _conclude(table, samples)


def _try_measure(table: Table, subject: str, measure: Callable[[], _T]) -> _T | None:
    try:
        return measure()
    except NotMeasuredError as reason:
        table.problems.append(f"{subject}: {reason}")
        _log(f"{subject}: not measured: {reason}")
        return None


def _least_disturbed(windows: list[Measurement]) -> Measurement:
    least = min(windows, key=lambda sample: sample.value)
    return Measurement(
        least.value, {"median window": statistics.median(sample.value for sample in windows), **least.beside}
    )


def _conclude(table: Table, samples: Mapping[str, list[Measurement]]) -> None:
    for subject, measured in samples.items():
        values = tuple(sample.value for sample in measured)
        beside = {name: statistics.median(sample.beside[name] for sample in measured) for name in measured[0].beside}
        table.figures[subject] = Figure(subject, values, beside)


def _log(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)


def compare(table: Table, ours: str, theirs: str, bound: Bound, target: float) -> None:
    """Add the ratio of two subjects, if both were measured. `fill` has recorded the reason if not."""
    if ours not in table.figures or theirs not in table.figures:
        return
    one, other = table.figures[ours], table.figures[theirs]
    ratios = [mine / its for mine, its in zip(one.values, other.values, strict=True)]
    ratio = one.median / other.median
    table.verdicts.append(TargetCheck(f"{ours} / {theirs}", ratio, min(ratios), max(ratios), bound, target))
