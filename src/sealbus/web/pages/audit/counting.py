"""Counts beside the list: how many entries for each person, action, result and source, and when.

Only the newest entries that match are counted, in one statement of narrow rows: counting a million entries at each click
would cost more than the list. The page says so where there are more.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from sealbus.web.audit.queries import EntryFilter, select
from sealbus.web.pages.audit.wording import FAMILIES, KINDS, OBJECTS, RESULTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sealbus.web.access.subject import Subject
    from sealbus.web.pages.audit.asking import Asked

__all__ = ["COUNTED", "Bar", "Bars", "Choice", "Counts", "counts"]

COUNTED = 5_000
_SHOWN = 8
_MOST_BARS = 120
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a facet: what it filters by, its text, and how many entries there are."""

    value: str
    text: str
    count: int


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the time axis; places and heights in percent. `bad` are refused, failed and unknown entries."""

    x: float
    width: float
    height: float
    bad_height: float
    count: int
    bad: int
    start: datetime
    end: datetime
    query: str

    @property
    def y(self) -> float:
        """Its upper end."""
        return 100 - self.height

    @property
    def bad_y(self) -> float:
        """The upper end of its lower part."""
        return 100 - self.bad_height


@dataclass(frozen=True, slots=True)
class Bars:
    """The time axis."""

    start: datetime
    end: datetime
    highest: int
    bars: tuple[Bar, ...]
    is_by_day: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """All facets by the name of their filter, the time axis, and whether there are more entries than were counted."""

    facets: Mapping[str, list[Choice]]
    bars: Bars | None
    total: int
    is_cut: bool


def counts(subject: Subject, asked: Asked) -> Counts:
    """One statement."""
    rows = select(subject, asked.wanted).order_by("-sequence")
    found = list(rows.values_list("time", "actor_name", "action", "target_kind", "result", "actor_kind")[: COUNTED + 1])
    is_cut = len(found) > COUNTED
    found = found[:COUNTED]
    facets = {
        "actor": _choices([row[1] for row in found], lambda name: name),
        "action": _choices(
            [f"{row[2].partition('.')[0]}." for row in found],
            lambda family: str(FAMILIES.get(family[:-1], family[:-1])),
        ),
        "target_kind": _choices([row[3] for row in found], lambda kind: str(OBJECTS.get(kind, kind))),
        "result": _choices([row[4] for row in found], lambda result: str(RESULTS.get(result, result))),
        "actor_kind": _choices([row[5] for row in found], lambda kind: str(KINDS.get(kind, kind))),
    }
    return Counts(facets, _bars([(row[0], row[4]) for row in found], asked, is_cut=is_cut), len(found), is_cut)


def _choices(values: list[str], text: Callable[[str], str]) -> list[Choice]:
    counted = Counter(value for value in values if value)
    return [Choice(value, text(value), count) for value, count in counted.most_common(_SHOWN)]


def _bars(times: list[tuple[datetime, str]], asked: Asked, *, is_cut: bool) -> Bars | None:
    if not times:
        return None
    wanted: EntryFilter = asked.wanted
    oldest = times[-1][0]
    start = oldest if wanted.since is None or is_cut else wanted.since
    end = max(wanted.until or timezone.now(), times[0][0])
    edges, is_by_day = _edges(start, end)
    counted, bad = [0] * (len(edges) - 1), [0] * (len(edges) - 1)
    at = len(counted) - 1
    for time, result in times:  # newest first
        while at > 0 and time < edges[at]:
            at -= 1
        counted[at] += 1
        bad[at] += result != "done"
    highest = max(counted)
    share = 100 / len(counted)
    bars = tuple(
        Bar(
            x=round(n * share, 3), width=round(share * 0.82, 3), height=round(count / highest * 100, 2),
            bad_height=round(bad[n] / highest * 100, 2), count=count, bad=bad[n], start=edges[n], end=edges[n + 1],
            query=asked.query(since=_typed(edges[n]), until=_typed(edges[n + 1])),
        )
        for n, count in enumerate(counted)
    )  # fmt: skip
    return Bars(edges[0], edges[-1], highest, bars, is_by_day)


def _edges(start: datetime, end: datetime) -> tuple[list[datetime], bool]:
    """The edges of the bars: five minutes up to two hours, then hours up to eight days, then days. Days begin at midnight
    of the site, so that one of them may have 23 or 25 hours.
    """
    span = end - start
    step = timedelta(minutes=5) if span <= 2 * _HOUR else _HOUR if span <= 8 * _DAY else _DAY
    local = timezone.localtime(start)
    if step < _DAY:
        minute = local.minute - local.minute % 5 if step < _HOUR else 0
        edge = local.replace(minute=minute, second=0, microsecond=0)
        edges = [edge]
        while edges[-1] < end:
            edges.append(timezone.localtime(edges[-1].astimezone(UTC) + step))
        return edges, False
    step *= max(1, -(-span.days // _MOST_BARS))
    edges = [local.replace(hour=0, minute=0, second=0, microsecond=0)]
    while edges[-1] < end:
        edges.append(edges[-1] + step)  # of the same zone: by the calendar, midnight to midnight
    return edges, True


def _typed(time: datetime) -> str:
    """As a field of date and time has it."""
    return timezone.localtime(time).strftime("%Y-%m-%dT%H:%M")
