"""Rollups from samples: those that maintenance stores when an hour is over, and those that a query needs before.

Both fold the samples of whole hours in the same way, so an answer does not depend on whether an hour was rolled up
already. Days are folded from hours. Where a day begins within an hour (in time zones with half or quarter hours), that
hour is folded from minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sealbus.history.folding import EMPTY, Rows, carried_over, fold, of_rows, of_samples
from sealbus.history.local_days import edges, floor_us, outer_edges
from sealbus.history.results import Bucket, Source
from sealbus.history.sample_block import SampleBlock
from sealbus.history.store import HOUR_US

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from sealbus.history.store import Statements

__all__ = ["RollupBuilder", "hour_ranges"]

_MAX_RUN = 48


@dataclass(frozen=True, slots=True)
class RollupBuilder:
    """Folds the history of one tag, within one transaction."""

    statements: Statements
    tag_id: int
    hold_us: int
    now_us: int
    zone: str
    open_us: int | None = None
    """Marked hours from this time on are not folded on the fly; None: all are."""

    def from_samples(self, bucket: Bucket, start_us: int, end_us: int) -> Rows:
        """The minutes or hours of whole hours, folded from samples."""
        pieces = of_samples(self.block(start_us, end_us), hold_us=self.hold_us, now_us=self.now_us)
        return fold(pieces, edges(bucket, start_us, end_us, self.zone))

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
        return fold(of_rows(rows, hold_us=self.hold_us, now_us=self.now_us), edge_times)

    def parts_of_days(self, start_us: int, end_us: int) -> tuple[Rows, NDArray[np.int64]]:
        """The rows that these days are folded from (hours, minutes where a day begins within an hour, the last row
        before), and the midnights.
        """
        first, last = outer_edges(Bucket.DAY, start_us, end_us, self.zone)
        hours = self.rows(Bucket.HOUR, floor_us(Bucket.HOUR, first, self.zone), last)
        if not len(hours):
            return EMPTY, np.array((start_us, end_us))
        first, last = max(first, int(hours.starts_us[0])), min(last, int(hours.ends_us[-1]))
        edge_times = edges(Bucket.DAY, first, last, self.zone)
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
            return carried_over(of_samples(sample, hold_us=self.hold_us, now_us=self.now_us))
        for source in (Source.MINUTE, Source.HOUR, Source.DAY):
            row = self.statements.row_before(source, self.tag_id, int(time_us))
            if len(row) and row.ends_us[0] <= time_us:
                return carried_over(row)
        return EMPTY

    def _days(self, start_us: int, end_us: int) -> Rows:
        if self.statements.has_outdated_days(self.tag_id):
            return self.days_from_hours(start_us, end_us)
        rows = self.statements.rows(Source.DAY, self.tag_id, start_us, end_us)
        done = start_us
        for hour in self.statements.marks(self.tag_id, start_us - HOUR_US + 1, end_us):
            edge_times = edges(Bucket.DAY, max(hour, start_us), hour + HOUR_US, self.zone)
            begin, stop = max(int(edge_times[0]), done), min(int(edge_times[-1]), end_us)
            if begin < stop:
                kept = rows.select((rows.starts_us < begin) | (rows.starts_us >= stop))
                rows, done = Rows.joined([kept, self.days_from_hours(begin, stop)]), stop
        return rows


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
