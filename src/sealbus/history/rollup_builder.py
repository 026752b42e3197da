"""Rollups from samples: those that maintenance stores when an hour is over, and those that a query needs before.

Both fold the samples of whole hours in the same way, so an answer does not depend on whether an hour was rolled up
already. Days are folded from hours. Where a day begins within an hour (in time zones with half or quarter hours), that
hour is folded from minutes.

A stored day keeps the begin and end that it was cut with. After a change of the zone or of its rules, days are cut again
as far as their hours are kept (`recut_from_us`); between the last day before and the first midnight after is a short one.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sealbus.history.folding import EMPTY, Rows, carried_over, fold, of_rows, of_samples
from sealbus.history.local_days import edges, floor_us
from sealbus.history.results import Bucket, Source
from sealbus.history.rules import DAY_US
from sealbus.history.sample_block import SampleBlock
from sealbus.history.store import HOUR_US

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from sealbus.history.holds import Holds
    from sealbus.history.store import Statements

__all__ = ["MAX_DAY_US", "RollupBuilder", "hour_ranges"]

MAX_DAY_US = 2 * DAY_US
"""No day is longer: a date that is left out or repeated included."""

_MAX_RUN = 48


@dataclass(frozen=True, slots=True)
class RollupBuilder:
    """Folds the history of one tag, within one transaction."""

    statements: Statements
    tag_id: int
    holds: Holds
    now_us: int
    zone: str
    open_us: int | None = None
    """Marked hours from this time on are not folded on the fly; None: all are."""

    def from_samples(self, bucket: Bucket, start_us: int, end_us: int) -> Rows:
        """The minutes or hours of whole hours, folded from samples."""
        return fold(self.pieces_of_samples(self.block(start_us, end_us)), edges(bucket, start_us, end_us, self.zone))

    def pieces_of_samples(self, block: SampleBlock) -> Rows:
        return of_samples(block, hold_us=self.holds.at(block.times_us), now_us=self.now_us)

    def pieces_of(self, rows: Rows) -> Rows:
        return of_rows(rows, hold_us=self.holds.at(rows.last_times_us), now_us=self.now_us)

    def block(self, start_us: int, end_us: int) -> SampleBlock:
        """The samples in [start, end), and the last one before."""
        block = self.statements.raw.samples(self.tag_id, start_us, end_us)
        return SampleBlock.joined([self.statements.raw.sample_before(self.tag_id, start_us), block])

    def rows(self, bucket: Bucket, start_us: int, end_us: int, step_us: int = 0) -> Rows:
        """The buckets that begin in [start, end); those of marked hours are folded on the fly. Start and end are edges.

        With `step_us` the buckets of each step may come as one. That is exact enough for drawing only.
        """
        if bucket is Bucket.DAY:
            return self._days(start_us, end_us)
        parts, done = [], start_us
        first, end = start_us - start_us % HOUR_US, end_us if self.open_us is None else min(end_us, self.open_us)
        for begin, stop in hour_ranges(self.statements.marks(self.tag_id, first, end)):
            fresh = self.from_samples(bucket, begin, stop)
            parts += [self._stored(bucket, (done, begin), step_us)]
            parts += [fresh.select((fresh.starts_us >= start_us) & (fresh.starts_us < end_us))]
            done = stop
        return Rows.joined([*parts, self._stored(bucket, (done, end_us), step_us)])

    def _stored(self, bucket: Bucket, span: tuple[int, int], step_us: int) -> Rows:
        if span[0] >= span[1]:
            return EMPTY
        if step_us >= 2 * bucket.usual_us:
            return self.statements.thinned(Source(bucket.value), self.tag_id, span, step_us)
        return self.statements.rows(Source(bucket.value), self.tag_id, *span)

    def days_from_hours(self, start_us: int, end_us: int) -> Rows:
        """The days that begin in [start, end), both midnights, folded from hours."""
        rows, edge_times = self.parts_of_days(start_us, end_us)
        return fold(self.pieces_of(rows), edge_times)

    def day_edges(self, start_us: int, end_us: int) -> NDArray[np.int64]:
        """The begins of all days that overlap [start, end), and the end of the last one: those of stored days, and
        midnights outside of them.
        """
        midnights = edges(Bucket.DAY, start_us, end_us, self.zone)
        near_us = int(midnights[0]) - MAX_DAY_US
        stored = self.statements.rows(Source.DAY, self.tag_id, near_us, int(midnights[-1]))
        cuts = [stored.starts_us, stored.ends_us]
        if self.statements.has_outdated_days(self.tag_id):
            from_us = self.recut_from_us()
            stored = stored.select(stored.starts_us < from_us)
            cuts = [stored.starts_us, stored.ends_us, np.array([from_us])]
        place = np.searchsorted(stored.starts_us, midnights) - 1
        inside = (place >= 0) & (midnights < np.append(stored.ends_us, 0)[place])
        merged = np.unique(np.concatenate([*cuts, midnights[~inside]]))
        first, last = np.searchsorted(merged, start_us, "right") - 1, np.searchsorted(merged, end_us)
        return merged[first : last + 1]

    def recut_from_us(self) -> int:
        """From when on the days of another zone, or of other rules, can be cut again: the begin of the day in which the
        hours begin that are kept. Minutes are needed as well where that day, or the new ones, begin within an hour.
        """
        floors = self.statements.floors(self.tag_id)
        kept_us = floors.hour
        if floors.hour < floors.minute:
            row = self.statements.first_row(Source.DAY, self.tag_id)
            begin_us = max(floors.hour, floors.minute if row is None else row)
            if begin_us < floors.minute and _has_ragged_days(self.zone, begin_us, floors.minute):
                kept_us = floors.minute
        from_us = self._day_of(kept_us)
        return self._day_of(floors.minute) if from_us % HOUR_US and from_us < floors.minute else from_us

    def _day_of(self, time_us: int) -> int:
        """When the stored day begins that contains this time, or else when the one before ends; 0 if there is none."""
        row = self.statements.row_before(Source.DAY, self.tag_id, time_us + 1)
        if not time_us or not len(row):
            return 0
        start_us, end_us = int(row.starts_us[0]), int(row.ends_us[0])
        return start_us if end_us > time_us else end_us

    def parts_of_days(self, start_us: int, end_us: int) -> tuple[Rows, NDArray[np.int64]]:
        """The rows that these days are folded from (hours, minutes where a day begins within an hour, the last row
        before), and the midnights.
        """
        first, last = start_us, end_us
        hours = self.rows(Bucket.HOUR, floor_us(Bucket.HOUR, first, self.zone), last)
        if not len(hours):
            return EMPTY, np.array((start_us, end_us))
        first, last = max(first, int(hours.starts_us[0])), min(last, int(hours.ends_us[-1]))
        edge_times = self.day_edges(first, last)
        ragged = edge_times[edge_times % HOUR_US != 0].tolist()
        parts = [hours]
        for cut in ragged:
            hour = cut - cut % HOUR_US
            if len(minutes := self.rows(Bucket.MINUTE, hour, hour + HOUR_US)):
                parts = [Rows.joined(parts)]
                parts = [parts[0].select(parts[0].starts_us != hour), minutes]
        before = self.row_before(hours.starts_us[0])
        return Rows.joined([before, *parts]), edge_times

    def row_before(self, time_us: int) -> Rows:
        """The value that the last sample before a time carried over, as a row without length."""
        sample = self.statements.raw.sample_before(self.tag_id, int(time_us))
        if len(sample):
            return carried_over(self.pieces_of_samples(sample))
        for source in (Source.MINUTE, Source.HOUR, Source.DAY):
            row = self.statements.row_before(source, self.tag_id, int(time_us))
            if len(row) and row.ends_us[0] <= time_us:
                return carried_over(row)
        return EMPTY

    def _days(self, start_us: int, end_us: int) -> Rows:
        if self.statements.has_outdated_days(self.tag_id):
            from_us = min(max(self.recut_from_us(), start_us), end_us)
            stored = self.statements.rows(Source.DAY, self.tag_id, start_us, from_us)
            return Rows.joined([stored, self.days_from_hours(from_us, end_us)]) if from_us < end_us else stored
        rows = self.statements.rows(Source.DAY, self.tag_id, start_us, end_us)
        done = start_us
        for hour in self.statements.marks(self.tag_id, start_us - HOUR_US + 1, end_us):
            if hour + HOUR_US <= done:
                continue
            edge_times = self.day_edges(max(hour, start_us), hour + HOUR_US)
            begin, stop = max(int(edge_times[0]), done), min(int(edge_times[-1]), end_us)
            if begin < stop:
                kept = rows.select((rows.starts_us < begin) | (rows.starts_us >= stop))
                rows, done = Rows.joined([kept, self.days_from_hours(begin, stop)]), stop
        return rows


@functools.lru_cache(maxsize=64)
def _has_ragged_days(zone: str, start_us: int, end_us: int) -> bool:
    return bool((edges(Bucket.DAY, start_us, end_us, zone) % HOUR_US).any())


def hour_ranges(hours: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Sorted hours as contiguous ranges, none longer than two days."""
    start = end = None
    for hour in hours:
        if start is not None and end is not None and (hour != end or end - start >= _MAX_RUN * HOUR_US):
            yield start, end
            start = None
        start = hour if start is None else start
        end = hour + HOUR_US
    if start is not None and end is not None:
        yield start, end
