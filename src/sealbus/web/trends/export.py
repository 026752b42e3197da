"""History as tables for files: one tag after the other, in parts that fit into memory.

The work depends on the stored samples, never on the length of the requested range: each tag is read where it has samples,
and long gaps are skipped. Each step yields a table or, if it found nothing, None, so that the sender can stop after each.

A row has the tag's id, which the names and units in the head of the file refer to; times are in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sealbus.history import Bucket, Extent, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from sealbus.history import Aggregates, Cursor, History, SampleBlock
    from sealbus.web.trends.queries import NamedTag

__all__ = ["ExportRange", "Table", "clipped", "tables"]

_SAMPLES_AT_ONCE = 20_000
_BUCKETS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class ExportRange:
    """The range and the source of every tag of an export."""

    source: Source
    start_us: int
    end_us: int


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Some rows of one tag. `numbers` has the columns of a rollup, or `value` of samples; `texts` those of text."""

    tag: NamedTag
    times_us: NDArray[np.int64]
    numbers: Mapping[str, NDArray[np.float64] | NDArray[np.int64]]
    texts: Mapping[int, str]
    qualities: NDArray[np.uint8]
    reasons: NDArray[np.uint8] | None


def clipped(store: History, tags: Sequence[NamedTag], wanted: ExportRange) -> dict[int, Extent]:
    """The part of the range in which each tag may have samples, by tag id; a tag without one is left out.

    One statement for each five hundred tags. Raises HistoryUnavailable.
    """
    stored = store.extents([tag.requested.tag_id for tag in tags], wanted.source)
    parts = {
        tag_id: Extent(max(each.start_us, wanted.start_us), min(each.end_us, wanted.end_us))
        for tag_id, each in stored.items()
    }
    return {tag_id: each for tag_id, each in parts.items() if each.start_us < each.end_us}


def tables(
    store: History, tags: Sequence[NamedTag], source: Source, parts: Mapping[int, Extent]
) -> Iterator[Table | None]:
    """All rows, in order of tags and times, from the `clipped` range of each. Raises HistoryUnavailable."""
    for tag in tags:
        if (part := parts.get(tag.requested.tag_id)) is None:
            continue
        yield from (
            _samples(store, tag, part) if source is Source.RAW else _buckets(store, tag, Bucket(source.value), part)
        )


def _samples(store: History, tag: NamedTag, part: Extent) -> Iterator[Table | None]:
    after: Cursor | None = None
    while True:
        block, after = store.raw_block(
            tag.requested.tag_id, part.start_us, part.end_us, limit=_SAMPLES_AT_ONCE, after=after
        )
        yield _of_block(tag, block) if len(block) else None
        if after is None:
            return


def _of_block(tag: NamedTag, block: SampleBlock) -> Table:
    qualities = (block.statuses & 3).astype(np.uint8)
    reasons = ((block.statuses & 255) >> 2).astype(np.uint8)
    return Table(tag, block.times_us, {"value": block.values}, block.texts, qualities, reasons)


def _buckets(store: History, tag: NamedTag, bucket: Bucket, part: Extent) -> Iterator[Table | None]:
    step_us = bucket.usual_us * _BUCKETS_AT_ONCE
    start_us, done_us = part.start_us, 0
    while start_us < part.end_us:
        stop_us = min(start_us + step_us, part.end_us)
        found = store.aggregates(tag.requested.tag_id, bucket, start_us, stop_us)
        begins = found.starts_us >= done_us  # the previous step had the bucket in which it ended
        yield _of_buckets(tag, found, begins) if begins.any() else None
        start_us = done_us = stop_us
        if not begins.any():
            following_us = store.next_known(tag.requested.tag_id, stop_us)
            if following_us is None:
                return
            start_us = max(stop_us, following_us)


def _of_buckets(tag: NamedTag, found: Aggregates, chosen: NDArray[np.bool_]) -> Table:
    numbers: dict[str, Any] = {
        "minimum": found.minimums, "maximum": found.maximums, "mean": found.means, "last": found.lasts,
        "count": found.counts, "known_s": found.known_us / 1e6, "bad_s": found.bad_us / 1e6,
    }  # fmt: skip
    columns = {name: column[chosen] for name, column in numbers.items()}
    return Table(tag, found.starts_us[chosen], columns, {}, found.qualities[chosen], None)
