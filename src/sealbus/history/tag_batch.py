"""Rollups of several tags computed together, because folding costs little for a sample and much for each call.

The samples of the tags are placed one tag after the other on one axis of time, so far apart that the hold of one tag
does not reach the next.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sealbus.history.folding import EMPTY, Rows, carried_over, fold, of_rows, of_samples
from sealbus.history.local_days import edges
from sealbus.history.results import Bucket, Source
from sealbus.history.rollup_builder import MAX_DAY_US, hour_ranges
from sealbus.history.sample_block import SampleBlock
from sealbus.history.store import HOUR_US

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from sealbus.history.holds import Holds
    from sealbus.history.rollup_builder import RollupBuilder
    from sealbus.history.store import TaggedRows

__all__ = ["TagBatch", "roll_up"]

_SAMPLES_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class TagBatch:
    """Tags with their holds, and the range that is folded for all of them."""

    tag_ids: NDArray[np.int64]
    holds: Sequence[Holds]
    start_us: int
    end_us: int
    now_us: int

    def of_samples(self, blocks: Sequence[SampleBlock]) -> Rows:
        """The pieces of each tag's samples, sorted by time. The last sample before the range may be among them."""
        block = SampleBlock.joined(blocks)
        position = np.repeat(np.arange(len(blocks)), [len(each) for each in blocks])
        holds_us = self._holds_us(position, block.times_us)
        matters = block.times_us + holds_us > self.start_us
        block, position, holds_us = block.select(matters), position[matters], holds_us[matters]
        shift = position * self._stride_us
        moved = replace(block, times_us=block.times_us + shift)
        return of_samples(moved, hold_us=holds_us, now_us=self.now_us + shift)

    def of_rows(self, tag_ids: NDArray[np.int64], rows: Rows) -> Rows:
        """The pieces of stored buckets, sorted by tag and time; `tag_ids` is parallel to `rows`. The value carried over
        from a bucket before the range is a row without length.
        """
        position = np.searchsorted(self.tag_ids, tag_ids)
        holds_us = self._holds_us(position, rows.last_times_us)
        matters = rows.last_times_us + holds_us > self.start_us
        rows, position, holds_us = rows.select(matters), position[matters], holds_us[matters]
        shift = position * self._stride_us
        return of_rows(_moved(rows, shift), hold_us=holds_us, now_us=self.now_us + shift)

    def fold(self, pieces: Rows, edge_times: NDArray[np.int64]) -> TaggedRows:
        """The buckets between these edges, which lie within the range, with the tag of each; sorted by tag and time."""
        shifts = np.arange(len(self.tag_ids)) * self._stride_us
        rows = fold(pieces, (shifts[:, None] + edge_times[None, :]).ravel())
        position = (rows.starts_us - edge_times[0]) // self._stride_us
        between = (
            rows.starts_us - position * self._stride_us >= edge_times[-1]
        )  # the time before the range of the next tag
        rows, position = rows.select(~between), position[~between]
        return self.tag_ids[position], _moved(rows, -position * self._stride_us)

    def _holds_us(self, position: NDArray[np.int64], times_us: NDArray[np.int64]) -> NDArray[np.int64]:
        holds_us: NDArray[np.int64] = np.array([each.holds_us[-1] for each in self.holds], np.int64)[position]
        for place, holds in enumerate(self.holds):
            if len(holds.holds_us) > 1:  # the hold of this tag was changed
                of_tag = position == place
                holds_us[of_tag] = holds.at(times_us[of_tag])
        return holds_us

    @property
    def _stride_us(self) -> int:
        return self.end_us - self.start_us + 2 * (max(each.longest_us for each in self.holds) + HOUR_US)


def roll_up(builders: Sequence[RollupBuilder], hours: Sequence[int], kept: Sequence[int]) -> None:
    """Store the rollups of tags that have the same hours to roll up, in order. `kept` are the hours whose samples still
    exist.
    """
    statements, zone = builders[0].statements, builders[0].zone
    tag_ids = [builder.tag_id for builder in builders]
    for begin, end in hour_ranges(kept):
        for tag_id in tag_ids:
            statements.raw.pack_hours(tag_id, begin, end)
        for part, blocks in _parts_by_samples(builders, begin, end):
            batch = _tag_batch(part, begin, end)
            pieces = batch.of_samples(blocks)
            for bucket in (Bucket.MINUTE, Bucket.HOUR):
                rows = batch.fold(pieces, edges(bucket, begin, end, zone))
                statements.replace(Source(bucket.value), (begin, end), batch.tag_ids.tolist(), rows)
    for begin, end in hour_ranges(hours):
        statements.unmark(tag_ids, begin, end)
    done = 0  # the end of the last day that was folded: a day that two ranges share is folded once
    for begin, end in hour_ranges(hours):
        edge_times = edges(Bucket.DAY, max(begin, done), end, zone)
        if end > done:
            first, done = int(edge_times[0]), int(edge_times[-1])
            regular, others = _split_by_cuts(builders, edge_times)
            if regular:
                batch = _tag_batch(regular, first, done)
                pieces = batch.of_rows(*_parts_of_days(regular, batch, edge_times))
                statements.replace(Source.DAY, (first, done), batch.tag_ids.tolist(), batch.fold(pieces, edge_times))
            for builder in others:
                cuts = builder.day_edges(first, done)
                days = builder.days_from_hours(int(cuts[0]), int(cuts[-1]))
                span = (int(cuts[0]), int(cuts[-1]))
                statements.replace(Source.DAY, span, [builder.tag_id], (np.full(len(days), builder.tag_id), days))


def _split_by_cuts(
    builders: Sequence[RollupBuilder], edge_times: NDArray[np.int64]
) -> tuple[list[RollupBuilder], list[RollupBuilder]]:
    """The tags whose stored days begin and end at these edges; the others, some of whose days were cut by other rules."""
    first, last = int(edge_times[0]), int(edge_times[-1])
    tag_ids = [builder.tag_id for builder in builders]
    tags, days = builders[0].statements.rows_of_tags(Source.DAY, tag_ids, first - MAX_DAY_US, last)
    overlaps = (days.ends_us > first) & (days.starts_us < last)
    fits = np.isin(days.starts_us, edge_times) & np.isin(days.ends_us, edge_times)
    irregular = set(tags[overlaps & ~fits].tolist())
    return (
        [builder for builder in builders if builder.tag_id not in irregular],
        [builder for builder in builders if builder.tag_id in irregular],
    )


def _parts_of_days(builders: Sequence[RollupBuilder], batch: TagBatch, edge_times: NDArray[np.int64]) -> TaggedRows:
    """The rows from which the days between these midnights are folded. Hours that are still marked follow in their own
    turn.
    """
    first, last = int(edge_times[0]), int(edge_times[-1])
    if (edge_times % HOUR_US).any():
        parts = [builder.parts_of_days(first, last)[0] for builder in builders]
        return np.repeat(batch.tag_ids, [len(part) for part in parts]), Rows.concatenated([EMPTY, *parts])
    tags, rows = builders[0].statements.rows_of_tags(Source.HOUR, batch.tag_ids.tolist(), first, last)
    before = rows.starts_us < first
    tags = np.concatenate([tags[before], tags[~before]])
    order = np.argsort(tags, kind="stable")  # of each tag the value carried over, then its hours
    return tags[order], Rows.concatenated([carried_over(rows.select(before)), rows.select(~before)]).select(order)


def _parts_by_samples(
    builders: Sequence[RollupBuilder], begin: int, end: int
) -> Iterator[tuple[list[RollupBuilder], list[SampleBlock]]]:
    """The tags with their samples, in parts whose size bounds the memory used."""
    part: list[RollupBuilder] = []
    blocks: list[SampleBlock] = []
    for builder in builders:
        part.append(builder)
        blocks.append(builder.block(begin, end))
        if sum(len(block) for block in blocks) >= _SAMPLES_AT_ONCE:
            yield part, blocks
            part, blocks = [], []
    if part:
        yield part, blocks


def _tag_batch(builders: Sequence[RollupBuilder], start_us: int, end_us: int) -> TagBatch:
    tag_ids = np.array([builder.tag_id for builder in builders], np.int64)
    return TagBatch(tag_ids, [builder.holds for builder in builders], start_us, end_us, builders[0].now_us)


def _moved(rows: Rows, by_us: NDArray[np.int64]) -> Rows:
    return replace(
        rows,
        starts_us=rows.starts_us + by_us,
        ends_us=rows.ends_us + by_us,
        last_times_us=rows.last_times_us + by_us,
    )
