"""How a table is filled in rounds, and what follows from it.

Every subject of a table is measured once a round, in turn, each time in a fresh process, so that a machine that grows
slow or fast in the middle of a run touches all alike. What is compared is the median over the rounds; the lowest and
highest ratio of a single round stand beside it.
"""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from benchmarks.machine import NotMeasuredError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Bound", "Figure", "Sample", "Table", "Verdict", "compare", "fill"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement of one subject, and what to say beside it."""

    value: float
    beside: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Figure:
    """A subject's measurements, one a round."""

    subject: str
    values: tuple[float, ...]
    beside: Mapping[str, float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)


class Bound(Enum):
    """How a value is held against its target."""

    BELOW = "below"
    AT_MOST = "at most"
    AT_LEAST = "at least"


@dataclass(frozen=True, slots=True)
class Verdict:
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
    """The figures of one measurement, what follows from them, and what could not be measured."""

    title: str
    unit: str
    figures: dict[str, Figure] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def fill(table: Table, subjects: Mapping[str, Callable[[], Sample]], rounds: int) -> None:
    """Measure each subject once a round. A subject that fails once is out, with its reason."""
    samples: dict[str, list[Sample]] = {subject: [] for subject in subjects}
    for turn in range(rounds):
        for subject in list(samples):
            began = time.monotonic()
            try:
                sample = subjects[subject]()
            except NotMeasuredError as reason:
                del samples[subject]
                table.problems.append(f"{subject}: {reason}")
                print(f"  {subject}: not measured: {reason}", file=sys.stderr, flush=True)
                continue
            samples[subject].append(sample)
            took = time.monotonic() - began
            print(
                f"  round {turn + 1}/{rounds}  {subject}: {sample.value:.2f} {table.unit}  ({took:.0f} s)",
                file=sys.stderr,
                flush=True,
            )
    for subject, measured in samples.items():
        beside = {name: statistics.median(sample.beside[name] for sample in measured) for name in measured[0].beside}
        table.figures[subject] = Figure(subject, tuple(sample.value for sample in measured), beside)


def compare(table: Table, ours: str, theirs: str, bound: Bound, target: float) -> None:
    """Add the ratio of two subjects, if both were measured; what was not, `fill` has noted."""
    if ours not in table.figures or theirs not in table.figures:
        return
    one, other = table.figures[ours], table.figures[theirs]
    ratios = [mine / its for mine, its in zip(one.values, other.values, strict=True)]
    ratio = one.median / other.median
    table.verdicts.append(Verdict(f"{ours} / {theirs}", ratio, min(ratios), max(ratios), bound, target))
