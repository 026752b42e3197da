"""Several tags folded at once: folding costs little for a sample, and much for each time it is begun.

The tags are laid one after the other on one axis of time, so far apart that what one held never reaches the next.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sealbus.history.block import Block
from sealbus.history.folding import EMPTY, Rows, fold, left_behind, of_rows, of_samples
from sealbus.history.local_days import edges
from sealbus.history.rolling import runs
from sealbus.history.shapes import Bucket, Source
from sealbus.history.store import HOUR_US

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from sealbus.history.rolling import Folder
    from sealbus.history.store import TaggedRows

__all__ = ["Lanes", "roll"]

_SAMPLES_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Lanes:
    """Tags with their holds, and the range that is folded of all of them."""

    tag_ids: NDArray[np.int64]
    holds_us: NDArray[np.int64]
    start_us: int
    end_us: int
    now_us: int

    def of_samples(self, blocks: Sequence[Block]) -> Rows:
        """The pieces of each tag's samples, in order of time; the last before the range may be among them."""
        block = Block.joined(blocks)
        lane = np.repeat(np.arange(len(blocks)), [len(each) for each in blocks])
        matters = block.times_us + self.holds_us[lane] > self.start_us
        block, lane = block.chosen(matters), lane[matters]
        shift = lane * self._width_us
        moved = replace(block, times_us=block.times_us + shift)
        return of_samples(moved, hold_us=self.holds_us[lane], now_us=self.now_us + shift)

    def of_rows(self, tag_ids: NDArray[np.int64], rows: Rows) -> Rows:
        """The pieces of stored buckets, each of its tag, tag by tag and in order. What a bucket before the range has left
        behind is a row without length."""
        lane = np.searchsorted(self.tag_ids, tag_ids)
        matters = rows.last_times_us + self.holds_us[lane] > self.start_us
        rows, lane = rows.chosen(matters), lane[matters]
        shift = lane * self._width_us
        return of_rows(_moved(rows, shift), hold_us=self.holds_us[lane], now_us=self.now_us + shift)

    def fold(self, pieces: Rows, cuts: NDArray[np.int64]) -> TaggedRows:
        """The buckets between these edges, which are within the range, and the tag of each; tag by tag, in order."""
        shifts = np.arange(len(self.tag_ids)) * self._width_us
        rows = fold(pieces, (shifts[:, None] + cuts[None, :]).ravel())
        lane = (rows.starts_us - cuts[0]) // self._width_us
        between = rows.starts_us - lane * self._width_us >= cuts[-1]  # what is before the next tag's range
        rows, lane = rows.chosen(~between), lane[~between]
        return self.tag_ids[lane], _moved(rows, -lane * self._width_us)

    @property
    def _width_us(self) -> int:
        return self.end_us - self.start_us + 2 * (int(self.holds_us.max()) + HOUR_US)


def roll(folders: Sequence[Folder], hours: Sequence[int], kept: Sequence[int]) -> None:
    """Store the rollups of tags with the same hours to be rolled, in order; samples are there of those that are `kept`."""
    statements, zone = folders[0].statements, folders[0].zone
    tag_ids = [folder.tag_id for folder in folders]
    for begin, end in runs(kept):
        for tag_id in tag_ids:
            statements.raw.join(tag_id, begin, end)
        for some, blocks in _by_samples(folders, begin, end):
            lanes = _lanes(some, begin, end)
            pieces = lanes.of_samples(blocks)
            for bucket in (Bucket.MINUTE, Bucket.HOUR):
                rows = lanes.fold(pieces, edges(bucket, begin, end, zone))
                statements.replace(Source(bucket.value), (begin, end), lanes.tag_ids.tolist(), rows)
    for begin, end in runs(hours):
        statements.unmark(tag_ids, begin, end)
    done = 0
    for begin, end in runs(hours):
        cuts = edges(Bucket.DAY, max(begin, done), end, zone)
        if end > done:
            first, done = int(cuts[0]), int(cuts[-1])
            lanes = _lanes(folders, first, done)
            pieces = lanes.of_rows(*_parts_of_days(folders, lanes, cuts))
            statements.replace(Source.DAY, (first, done), tag_ids, lanes.fold(pieces, cuts))


def _parts_of_days(folders: Sequence[Folder], lanes: Lanes, cuts: NDArray[np.int64]) -> TaggedRows:
    """What the days between these midnights are folded from. Hours that are still marked come with their own turn."""
    first, last = int(cuts[0]), int(cuts[-1])
    if (cuts % HOUR_US).any():
        parts = [folder.parts_of_days(first, last)[0] for folder in folders]
        return np.repeat(lanes.tag_ids, [len(part) for part in parts]), Rows.laid([EMPTY, *parts])
    tags, rows = folders[0].statements.rows_of_tags(Source.HOUR, lanes.tag_ids.tolist(), first, last)
    before = rows.starts_us < first
    tags = np.concatenate([tags[before], tags[~before]])
    order = np.argsort(tags, kind="stable")  # of each tag what is left from before, then its hours
    return tags[order], Rows.laid([left_behind(rows.chosen(before)), rows.chosen(~before)]).chosen(order)


def _by_samples(folders: Sequence[Folder], begin: int, end: int) -> Iterator[tuple[list[Folder], list[Block]]]:
    """The tags with their samples, so many at once as memory is a matter of indifference."""
    some: list[Folder] = []
    blocks: list[Block] = []
    for folder in folders:
        some.append(folder)
        blocks.append(folder.block(begin, end))
        if sum(len(block) for block in blocks) >= _SAMPLES_AT_ONCE:
            yield some, blocks
            some, blocks = [], []
    if some:
        yield some, blocks


def _lanes(folders: Sequence[Folder], start_us: int, end_us: int) -> Lanes:
    tag_ids = np.array([folder.tag_id for folder in folders], np.int64)
    holds_us = np.array([folder.hold_us for folder in folders], np.int64)
    return Lanes(tag_ids, holds_us, start_us, end_us, folders[0].now_us)


def _moved(rows: Rows, by_us: NDArray[np.int64]) -> Rows:
    return replace(
        rows,
        starts_us=rows.starts_us + by_us,
        ends_us=rows.ends_us + by_us,
        last_times_us=rows.last_times_us + by_us,
    )
