"""History as tables for files: one tag after the other, in portions that fit into memory.

A row has the tag's id, so that the names and units in the head of the file say what it is; times are in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sealbus.history import Bucket, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from sealbus.history import Block, Cursor, History
    from sealbus.web.trends.queries import TagOf

__all__ = ["ExportRange", "Table", "tables"]

_SAMPLES_AT_ONCE = 20_000
_BUCKETS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class ExportRange:
    """What of each tag."""

    source: Source
    start_us: int
    end_us: int


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Some rows of one tag. `numbers` has the columns of a rollup, or `value` of samples; `texts` those of text."""

    tag: TagOf
    times_us: NDArray[np.int64]
    numbers: Mapping[str, NDArray[np.float64] | NDArray[np.int64]]
    texts: Mapping[int, str]
    qualities: NDArray[np.uint8]
    reasons: NDArray[np.uint8] | None


def tables(store: History, tags: Sequence[TagOf], wanted: ExportRange) -> Iterator[Table]:
    """All of it, in order of tags and times. Raises HistoryUnavailable."""
    for tag in tags:
        yield from _samples(store, tag, wanted) if wanted.source is Source.RAW else _buckets(store, tag, wanted)


def _samples(store: History, tag: TagOf, wanted: ExportRange) -> Iterator[Table]:
    after: Cursor | None = None
    while True:
        block, after = store.raw_block(
            tag.asked.tag_id, wanted.start_us, wanted.end_us, limit=_SAMPLES_AT_ONCE, after=after
        )
        if len(block):
            yield _of_block(tag, block)
        if after is None:
            return


def _of_block(tag: TagOf, block: Block) -> Table:
    qualities = (block.statuses & 3).astype(np.uint8)
    reasons = ((block.statuses & 255) >> 2).astype(np.uint8)
    return Table(tag, block.times_us, {"value": block.values}, block.texts, qualities, reasons)


def _buckets(store: History, tag: TagOf, wanted: ExportRange) -> Iterator[Table]:
    bucket = Bucket(wanted.source.value)
    step_us = bucket.usual_us * _BUCKETS_AT_ONCE
    for start_us in range(wanted.start_us, wanted.end_us, step_us):
        found = store.aggregates(tag.asked.tag_id, bucket, start_us, min(start_us + step_us, wanted.end_us))
        begins = found.starts_us >= (start_us if start_us > wanted.start_us else 0)  # the one before has that bucket
        if not begins.any():
            continue
        numbers: dict[str, Any] = {
            "minimum": found.minimums, "maximum": found.maximums, "mean": found.means, "last": found.lasts,
            "count": found.counts, "known_s": found.known_us / 1e6, "bad_s": found.bad_us / 1e6,
        }  # fmt: skip
        yield Table(
            tag,
            found.starts_us[begins],
            {name: column[begins] for name, column in numbers.items()},
            {},
            found.qualities[begins],
            None,
        )
