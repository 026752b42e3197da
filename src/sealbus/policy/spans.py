"""Ranges of numbers, compiled for bisection.

Addresses, sub-functions and file numbers are ranges of integers, both ends included. Rules grant many ranges, which may
overlap and touch; a request names one range and is allowed if every number in it is granted. The ranges are split into
disjoint pieces when the policy is loaded, so a request costs one bisection:

* `Granted`: each number belongs to the first rule that grants it; adjacent pieces of one rule are merged. A request
  inside one piece gets the prepared Decision of that piece. A request over several pieces is allowed by several rules
  together; only then is text built.
* `Layered`: each number has all ranges that contain it, in the order of the rules. Value limits need this, because a
  second rule may allow a value that the first denies.
"""

from __future__ import annotations

from bisect import bisect_right
from heapq import heappop, heappush
from itertools import pairwise
from typing import TYPE_CHECKING, Generic, TypeVar

from sealbus.policy.decision import Decision, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sealbus.policy.rules import Range, Rule

__all__ = ["Granted", "Layered", "allowed_by"]

_T = TypeVar("_T")


class Granted:
    """The first rule that grants each number."""

    __slots__ = ("_decisions", "_firsts", "_lasts", "_ranges", "_rules")

    def __init__(self, ranges: Sequence[tuple[Range, Rule]]) -> None:
        self._ranges = tuple(ranges)
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self._rules: list[Rule] = []
        for first, last, index in _first_pieces([extent for extent, _ in ranges]):
            self._append(first, last, ranges[index][1])
        self._decisions = [allowed_by((rule,)) for rule in self._rules]

    def __bool__(self) -> bool:
        return bool(self._firsts)

    def decide(self, first: int, last: int) -> Decision | None:
        """The decision that allows all numbers from first to last, or None if one is not granted."""
        at = bisect_right(self._firsts, first) - 1
        if at < 0:
            return None
        if last <= self._lasts[at]:
            return self._decisions[at]
        return self._decide_together(first, last, at)

    def first_rule(self, number: int) -> Rule | None:
        """The first rule that grants this number."""
        at = bisect_right(self._firsts, number) - 1
        return self._rules[at] if at >= 0 and number <= self._lasts[at] else None

    def covers(self, first: int, last: int, below: float) -> bool:
        """Whether rules with numbers below `below` grant all numbers from first to last."""
        at = bisect_right(self._firsts, first) - 1
        while at >= 0 and first <= self._lasts[at] and self._rules[at].number < below:
            first = self._lasts[at] + 1
            if first > last:
                return True
            at += 1
            if at == len(self._firsts) or self._firsts[at] != first:
                return False
        return False

    def missing(self, first: int, last: int) -> Range | None:
        """The first gap between first and last that no rule grants, or None if all is granted."""
        at = bisect_right(self._firsts, first) - 1
        while at >= 0 and first <= self._lasts[at]:
            first = self._lasts[at] + 1
            if first > last:
                return None
            if at + 1 == len(self._firsts) or self._firsts[at + 1] != first:
                break
            at += 1
        end = self._firsts[at + 1] - 1 if at + 1 < len(self._firsts) else last
        return first, min(end, last)

    def _append(self, first: int, last: int, rule: Rule) -> None:
        if self._firsts and self._lasts[-1] + 1 == first and self._rules[-1] is rule:
            self._lasts[-1] = last
            return
        self._firsts.append(first)
        self._lasts.append(last)
        self._rules.append(rule)

    def _decide_together(self, first: int, last: int, at: int) -> Decision | None:
        if self.missing(first, last) is not None:
            return None
        for (from_, to), rule in self._ranges:
            if from_ <= first and last <= to:
                return allowed_by((rule,))
        rules = [self._rules[at]]
        while self._lasts[at] < last:
            at += 1
            rules.append(self._rules[at])
        return allowed_by(rules)


class Layered(Generic[_T]):
    """All ranges that contain each number, in order."""

    __slots__ = ("_firsts", "_lasts", "_layers")

    def __init__(self, ranges: Sequence[tuple[Range, _T]]) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self._layers: list[tuple[_T, ...]] = []
        for first, last, active in _pieces([extent for extent, _ in ranges]):
            self._firsts.append(first)
            self._lasts.append(last)
            self._layers.append(tuple(ranges[index][1] for index in active))

    def __bool__(self) -> bool:
        return bool(self._firsts)

    def values_at(self, number: int) -> tuple[_T, ...]:
        """The values of the ranges that contain this number."""
        at = bisect_right(self._firsts, number) - 1
        return self._layers[at] if at >= 0 and number <= self._lasts[at] else ()


def allowed_by(rules: Sequence[Rule]) -> Decision:
    """The decision that these rules of one role, together, allow a request."""
    unique = list({rule.number: rule for rule in rules}.values())
    if len(unique) == 1:
        return Decision(Verdict.ALLOW, unique[0].title, f"rule {unique[0].label} allows it")
    labels = " and ".join(rule.label for rule in unique)
    return Decision(Verdict.ALLOW, ", ".join(rule.title for rule in unique), f"rules {labels} allow it together")


def _first_pieces(ranges: Sequence[Range]) -> Iterator[tuple[int, int, int]]:
    """Disjoint pieces of the ranges: (first, last, the lowest index of a range that contains the piece)."""
    starting: dict[int, list[int]] = {}
    for index, (first, _) in enumerate(ranges):
        starting.setdefault(first, []).append(index)
    active: list[int] = []  # a heap; ranges that have ended are removed when they come up
    for cut, following in pairwise(sorted(starting.keys() | {last + 1 for _, last in ranges})):
        for index in starting.get(cut, ()):
            heappush(active, index)
        while active and ranges[active[0]][1] < cut:
            heappop(active)
        if active:
            yield cut, following - 1, active[0]


def _pieces(ranges: Sequence[Range]) -> Iterator[tuple[int, int, list[int]]]:
    """Disjoint pieces of the ranges: (first, last, ascending indices of the ranges that contain the piece)."""
    starting: dict[int, list[int]] = {}
    ending: dict[int, list[int]] = {}
    for index, (first, last) in enumerate(ranges):
        starting.setdefault(first, []).append(index)
        ending.setdefault(last + 1, []).append(index)
    active: set[int] = set()
    cuts = sorted(starting.keys() | ending.keys())
    for cut, following in pairwise(cuts):
        active.difference_update(ending.get(cut, ()))
        active.update(starting.get(cut, ()))
        if active:
            yield cut, following - 1, sorted(active)
