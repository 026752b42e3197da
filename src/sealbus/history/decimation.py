"""A series at the width of a screen. Pure arithmetic on columns.

The range is divided into one column per pixel. A column gives its smallest and its largest value, in the order of their
times as far as it is known, so no peak is lost. A column without a good value gives a gap. Before a longer pause the
last value is added, because it holds; where its hold ends, a gap is added. So a client that draws steps gets at most
two points a pixel, except at the edges of a pause, and never draws a line over a time without data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sealbus.history.folding import worst
from sealbus.history.results import Series, Source
from sealbus.history.sample_block import is_bad, quality_of, reason_of
from sealbus.samples import Quality, Reason

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sealbus.history.folding import Rows
    from sealbus.history.holds import Holds

__all__ = ["Viewport", "draw"]

_NOT_COLLECTED = int(Quality.BAD) | int(Reason.NOT_COLLECTED) << 2


@dataclass(frozen=True, slots=True)
class Viewport:
    """What to draw: the range, its width in pixels, the current time, and how long values hold."""

    start_us: int
    end_us: int
    width: int
    now_us: int
    holds: Holds


def draw(tag_id: int, source: Source, rows: Rows, viewport: Viewport) -> Series:
    """The points for these rows. Rows are sorted by time, the one before the start first; raw samples are rows without
    length.

    Each pixel with rows has up to four points, in this order: its first extreme; its other extreme, unless they are equal;
    its last value, before a pause or a bad time; a gap, where the hold of the last value ends. The arrays `times`, `values`,
    `statuses` and `shown` have one row for each pixel and one column for each of the four.
    """
    if not len(rows):
        return _series(tag_id, source, *_empty_columns())
    columns = _columns(rows, viewport)
    firsts = np.flatnonzero(np.append(True, columns[1:] != columns[:-1]))
    groups = np.repeat(np.arange(len(firsts)), np.diff(np.append(firsts, len(rows))))
    least, least_us = _extreme(rows.minimums, np.fmin, firsts, groups, rows.starts_us)
    most, most_us = _extreme(rows.maximums, np.fmax, firsts, groups, rows.starts_us)
    middle_us = (rows.starts_us + (rows.ends_us - rows.starts_us) // 2)[firsts]
    most_us = np.where((most_us == least_us) & (most != least), np.maximum(middle_us, least_us), most_us)
    lasts = np.append(firsts[1:], len(rows)) - 1
    last, last_us, status = rows.lasts[lasts], rows.last_times_us[lasts], rows.statuses[lasts]
    rising = least_us <= most_us
    second = np.where(rising, most, least)
    flat = (least == most) | np.isnan(least)
    alone = np.append(np.diff(columns[firsts]) > 1, True)
    limit_us = min(viewport.end_us, viewport.now_us)
    gap_us = last_us + viewport.holds.at(last_us)
    silent = gap_us < np.append(rows.starts_us[firsts][1:], max(limit_us, 0))
    worsts = worst(rows.worsts, firsts)
    bad = is_bad(status)
    times = np.stack((np.minimum(least_us, most_us), np.maximum(least_us, most_us), last_us, gap_us), axis=1)
    values = np.stack((np.where(rising, least, most), second, last, np.full(len(last), np.nan)), axis=1)
    statuses = np.stack((worsts, worsts, status, np.full(len(last), _NOT_COLLECTED)), axis=1)
    differs = (last != np.where(flat, least, second)) & ~(np.isnan(last) & np.isnan(least))
    shown = np.stack((np.ones(len(last), bool), ~flat, (alone | bad) & differs, silent), axis=1)
    return _series(tag_id, source, np.maximum.accumulate(times[shown]), values[shown], statuses[shown])


def _columns(rows: Rows, viewport: Viewport) -> NDArray[np.int64]:
    """The pixel of each row. If there are fewer rows than allowed points, each row gets a column of its own."""
    raw = bool(rows.starts_us[-1] == rows.ends_us[-1])
    if len(rows) <= viewport.width * (2 if raw else 1):
        apart = rows.starts_us[1:] > rows.ends_us[:-1]
        return np.append(0, np.cumsum(1 + apart))
    span = max(viewport.end_us - viewport.start_us, 1)
    inside = np.where(rows.ends_us < viewport.start_us, -1.0, np.maximum(rows.starts_us - viewport.start_us, 0))
    return np.floor(inside * (viewport.width / span)).astype(np.int64)


def _extreme(
    values: NDArray[np.float64],
    choose: np.ufunc,
    firsts: NDArray[np.intp],
    groups: NDArray[np.intp],
    times_us: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The extreme value of each group and when it was first reached; for a group without values, when the group began."""
    extremes = choose.reduceat(values, firsts)
    at = times_us[firsts].copy()
    reached = np.flatnonzero(values == extremes[groups])[::-1]
    at[groups[reached]] = times_us[reached]  # in reverse, so that the earliest is written last
    return extremes, at


def _empty_columns() -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    return np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.int64)


def _series(
    tag_id: int, source: Source, times: NDArray[np.int64], values: NDArray[np.float64], statuses: NDArray[np.int64]
) -> Series:
    return Series(tag_id, source, times, values, quality_of(statuses), reason_of(statuses))
