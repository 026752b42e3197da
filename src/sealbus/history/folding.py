"""Samples into buckets, and buckets into longer buckets. Pure arithmetic on columns.

The value of a sample is in force from its time until the next sample, but no longer than the hold of its tag; after
that the value is unknown. So the history of a tag is a sequence of *pieces* of time, each with the value in force. A
piece of one constant value is cut at the edges of buckets; a bucket is the sum of its pieces. Only buckets that contain
a sample are stored. A bucket between them follows from the last value of the bucket before, as between two samples.

So all rollups depend on the samples alone, not on their order of arrival: after a late sample the buckets that it
touches are folded again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sealbus.history.sample_block import is_bad, quality_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sealbus.history.sample_block import SampleBlock

    Time = int | NDArray[np.int64]  # one for all pieces, or one for each

__all__ = ["EMPTY", "Rows", "carried_over", "fold", "held_until", "of_rows", "of_samples", "worst"]

_RANK = np.array([0, 1, 3, 2], np.int64)  # severity of GOOD, UNCERTAIN, BAD, STALE; `store._THINNED` has it in SQL


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Buckets or pieces: what was in force between `starts_us` and `ends_us`.

    `lasts` is the value at the end; it is from a sample at `last_times_us` with `statuses`. `worsts` is the worst
    status. `known_us` is the time in good quality, `no_number_us` the part of it in which the value was not a number,
    as a text is not: means are over the rest.
    """

    starts_us: NDArray[np.int64]
    ends_us: NDArray[np.int64]
    counts: NDArray[np.int64]
    minimums: NDArray[np.float64]
    maximums: NDArray[np.float64]
    means: NDArray[np.float64]
    lasts: NDArray[np.float64]
    last_times_us: NDArray[np.int64]
    known_us: NDArray[np.int64]
    bad_us: NDArray[np.int64]
    no_number_us: NDArray[np.int64]
    statuses: NDArray[np.int64]
    worsts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts_us)

    def columns(self) -> tuple[NDArray[np.int64] | NDArray[np.float64], ...]:
        """All columns, in the order of the fields."""
        return tuple(getattr(self, name) for name in Rows.__slots__)

    def select(self, which: NDArray[np.bool_] | NDArray[np.int64] | slice) -> Rows:
        return Rows(*(column[which] for column in self.columns()))  # type: ignore[arg-type]

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """The rows of all parts, sorted by start."""
        concatenated = cls.concatenated(parts)
        return concatenated.select(np.argsort(concatenated.starts_us, kind="stable"))

    @classmethod
    def concatenated(cls, parts: Sequence[Rows]) -> Rows:
        """The rows of all parts, one part after the other."""
        columns = (np.concatenate(each) for each in zip(*(part.columns() for part in parts), strict=True))
        return cls(*columns)


def _empty() -> Rows:
    ints, floats = np.empty(0, np.int64), np.empty(0, np.float64)
    return Rows(ints, ints, ints, floats, floats, floats, floats, ints, ints, ints, ints, ints, ints)


EMPTY = _empty()


def of_samples(block: SampleBlock, *, hold_us: Time, now_us: Time) -> Rows:
    """The pieces of the samples of one tag, sorted by time. Time after `now_us` is not included."""
    if not len(block):
        return EMPTY
    times = block.times_us
    ends = np.minimum(np.append(times[1:], np.iinfo(np.int64).max), times + hold_us)
    ends = np.maximum(np.minimum(ends, now_us), times + 1)
    return _constant(times, ends, _InForce(block.values, times, block.statuses), np.ones(len(block), np.int64))


def of_rows(rows: Rows, *, hold_us: Time, now_us: Time) -> Rows:
    """The pieces of stored buckets: each bucket, and the time its last value held before the next bucket began."""
    if not len(rows):
        return EMPTY
    nexts = np.append(rows.starts_us[1:], np.iinfo(np.int64).max)
    ends = np.minimum(np.minimum(nexts, rows.last_times_us + hold_us), now_us)
    gaps = ends > rows.ends_us
    held = rows.select(gaps)
    return Rows.joined([rows, held_until(held, ends[gaps])]) if len(held) else rows


def held_until(rows: Rows, ends_us: NDArray[np.int64]) -> Rows:
    """The last value of each row, from the end of the row until `ends_us`."""
    none = np.zeros(len(rows), np.int64)
    return _constant(rows.ends_us, ends_us, _last_of(rows), none)


def carried_over(rows: Rows) -> Rows:
    """The last value of each row, at its time and without length: the value that the following time begins with."""
    at = rows.last_times_us
    return _constant(at, at, _last_of(rows), np.zeros(len(rows), np.int64))


def fold(pieces: Rows, edges: NDArray[np.int64], *, empty: bool = False) -> Rows:
    """The buckets between these edges, from sorted pieces. A bucket without samples is left out, unless `empty`.

    A piece of constant value is cut at the edges; any other piece counts in the bucket in which it begins.
    """
    pieces = _cut(pieces, edges)
    bucket = np.searchsorted(edges, pieces.starts_us, "right") - 1
    inside = (bucket >= 0) & (bucket < len(edges) - 1)
    if not inside.all():
        pieces, bucket = pieces.select(inside), bucket[inside]
    if not len(pieces):
        return EMPTY
    firsts = np.flatnonzero(np.append(True, bucket[1:] != bucket[:-1]))
    rows = _folded(pieces, firsts, edges, bucket[firsts])
    return rows if empty else rows.select(rows.counts > 0)


def worst(statuses: NDArray[np.int64], firsts: NDArray[np.intp]) -> NDArray[np.int64]:
    """The status of the worst quality in each group; `firsts` are the indices at which groups begin."""
    ranked: NDArray[np.int64] = np.maximum.reduceat(_RANK[quality_of(statuses)] << 16 | statuses, firsts) & 0xFFFF
    return ranked


def _folded(pieces: Rows, firsts: NDArray[np.intp], edges: NDArray[np.int64], bucket: NDArray[np.intp]) -> Rows:
    ends = np.append(firsts[1:], len(pieces)) - 1
    minimums, maximums = np.fmin.reduceat(pieces.minimums, firsts), np.fmax.reduceat(pieces.maximums, firsts)
    return Rows(
        starts_us=edges[bucket],
        ends_us=edges[bucket + 1],
        counts=np.add.reduceat(pieces.counts, firsts),
        minimums=minimums,
        maximums=maximums,
        means=np.clip(_means(pieces, firsts), minimums, maximums),
        lasts=pieces.lasts[ends],
        last_times_us=pieces.last_times_us[ends],
        known_us=np.add.reduceat(pieces.known_us, firsts),
        bad_us=np.add.reduceat(pieces.bad_us, firsts),
        no_number_us=np.add.reduceat(pieces.no_number_us, firsts),
        statuses=pieces.statuses[ends],
        worsts=worst(pieces.worsts, firsts),
    )


def _means(pieces: Rows, firsts: NDArray[np.intp]) -> NDArray[np.float64]:
    """The mean of each group, weighted by the time in which the value was a number; NaN where it never was."""
    lengths = pieces.known_us - pieces.no_number_us
    values = np.where(lengths > 0, pieces.means, 0.0)
    totals = np.add.reduceat(lengths, firsts)
    divisors = np.where(totals > 0, totals, np.nan)
    with np.errstate(invalid="ignore", over="ignore"):
        weighted = np.add.reduceat(values * lengths, firsts)
        if np.isfinite(weighted).all():
            return weighted / divisors
        # Values near the largest float64 overflow when they are multiplied by a time: multiply them by shares of it.
        shares = lengths / np.repeat(divisors, np.diff(np.append(firsts, len(pieces))))
        return np.add.reduceat(values * shares, firsts)


def _cut(pieces: Rows, edges: NDArray[np.int64]) -> Rows:
    """Cut the pieces that cross an edge. A stored bucket is never cut: its value is not constant, and it rarely crosses
    one.
    """
    begin = np.searchsorted(edges, pieces.starts_us, "right") - 1
    end = np.searchsorted(edges, pieces.ends_us, "left") - 1
    length = pieces.ends_us - pieces.starts_us
    same = (pieces.minimums == pieces.maximums) | np.isnan(pieces.minimums)
    throughout = (pieces.known_us == length) | (pieces.bad_us == length)
    throughout &= (pieces.no_number_us == 0) | (pieces.no_number_us == pieces.known_us)
    parts = np.where(same & throughout & (pieces.counts <= 1), np.maximum(end - begin, 0) + 1, 1)
    if (parts == 1).all():
        return pieces
    # For each part: the index of its piece, its own index within the piece, and the index of its bucket.
    piece = np.repeat(np.arange(len(pieces)), parts)
    part = np.arange(len(piece)) - np.repeat(np.cumsum(parts) - parts, parts)
    bucket = begin[piece] + part
    cut = pieces.select(piece)
    whole = parts[piece] == 1
    lower, upper = np.clip(bucket, 0, len(edges) - 1), np.clip(bucket + 1, 0, len(edges) - 1)
    starts = np.where(whole | (part == 0), cut.starts_us, edges[lower])
    ends = np.where(whole | (part == parts[piece] - 1), cut.ends_us, edges[upper])
    share = _constant(starts, ends, _last_of(cut), np.where(part == 0, cut.counts, 0))
    return replace(
        cut,
        starts_us=starts,
        ends_us=ends,
        counts=share.counts,
        known_us=np.where(whole, cut.known_us, share.known_us),
        bad_us=np.where(whole, cut.bad_us, share.bad_us),
        no_number_us=np.where(whole, cut.no_number_us, share.no_number_us),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _InForce:
    """The samples that are in force in pieces, one for each: their values, times and statuses."""

    values: NDArray[np.float64]
    times_us: NDArray[np.int64]
    statuses: NDArray[np.int64]


def _last_of(rows: Rows) -> _InForce:
    return _InForce(rows.lasts, rows.last_times_us, rows.statuses)


def _constant(starts: NDArray[np.int64], ends: NDArray[np.int64], sample: _InForce, counts: NDArray[np.int64]) -> Rows:
    """Pieces in which one sample is in force. A STALE one repeats an old value: it is shown, and counts as bad time."""
    statuses = sample.statuses
    bad = is_bad(statuses)
    usable = np.where(bad, np.nan, sample.values)
    length = ends - starts
    zero = np.zeros_like(length)
    return Rows(
        starts_us=starts,
        ends_us=ends,
        counts=counts,
        minimums=usable,
        maximums=usable,
        means=usable,
        lasts=usable,
        last_times_us=sample.times_us,
        known_us=np.where(bad, zero, length),
        bad_us=np.where(bad, length, zero),
        no_number_us=np.where(~bad & np.isnan(usable), length, zero),
        statuses=statuses,
        worsts=statuses,
    )
