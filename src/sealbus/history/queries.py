"""Which source answers a query, and the answer.

Raw samples are used while they are kept and there are at most two per pixel. Otherwise the source is the coarsest
rollup whose buckets are no longer than a pixel and a half. Where even minutes are too coarse, raw samples are used
again, up to a bound, and minutes beyond it. A range that begins before a source is kept is answered by a coarser
source.

Only what is kept is answered, although more may be stored: the engines delete in portions of different sizes, and keep
what later samples need. Of the time before, only the value that still holds at the beginning is known.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from sealbus.errors import LocalError
from sealbus.history.decimation import Viewport, draw
from sealbus.history.folding import EMPTY, Rows, fold
from sealbus.history.local_days import edges, outer_edges
from sealbus.history.results import Aggregates, Bucket, Series, Source
from sealbus.history.sample_block import TEXT, decoded_status, quality_of
from sealbus.samples import Sample

if TYPE_CHECKING:
    from sealbus.history.rollup_builder import RollupBuilder
    from sealbus.history.store import Floors

__all__ = ["aggregates", "latest", "series"]

_MAX_BUCKETS = 200_000
_FINEST_FIRST = (Source.RAW, Source.MINUTE, Source.HOUR, Source.DAY)
_PIXELS_A_BUCKET = 1.5
_FOREVER_US = 1 << 62


def series(builder: RollupBuilder, viewport: Viewport, max_samples: int) -> Series:
    """One tag at the width of the viewport: from raw samples if there are at most `max_samples`, or two per pixel."""
    floors = builder.statements.floors(builder.tag_id)
    source = _choose(builder, floors, viewport, max_samples)
    kept_us = floors.of(source)
    if viewport.end_us <= kept_us:
        return draw(builder.tag_id, source, EMPTY, viewport)
    if source is Source.RAW:
        return _from_samples(builder, viewport, kept_us)
    bucket = Bucket(source.value)
    start_us = max(viewport.start_us, kept_us)
    if bucket is Bucket.DAY:
        first_us = int(builder.day_edges(start_us, start_us + 1)[0])
        last_us = int(builder.day_edges(viewport.end_us - 1, viewport.end_us)[-1])
    else:
        first_us, last_us = outer_edges(bucket, start_us, viewport.end_us, builder.zone)
    pixel_us = (viewport.end_us - viewport.start_us) // viewport.width
    rows = builder.rows(bucket, first_us, last_us, pixel_us)
    rows = rows.select(rows.starts_us >= kept_us)
    before = _value_before(builder, int(rows.starts_us[0]) if len(rows) else start_us, kept_us)
    return draw(builder.tag_id, source, Rows.joined([before, rows]), viewport)


def aggregates(builder: RollupBuilder, bucket: Bucket, start_us: int, end_us: int) -> Aggregates:
    """The buckets that overlap [start, end). Raises LocalError when there are too many."""
    if (end_us - start_us) // bucket.usual_us > _MAX_BUCKETS:
        raise LocalError(
            f"the range has more than {_MAX_BUCKETS} {bucket.value}s; ask for a shorter range, or a longer bucket"
        )
    kept_us = builder.statements.floors(builder.tag_id).of(Source(bucket.value))
    rows = EMPTY if end_us <= kept_us else _buckets(builder, bucket, (max(start_us, kept_us), end_us), kept_us)
    return Aggregates(
        tag_id=builder.tag_id,
        bucket=bucket,
        starts_us=rows.starts_us,
        ends_us=rows.ends_us,
        minimums=rows.minimums,
        maximums=rows.maximums,
        means=rows.means,
        lasts=rows.lasts,
        counts=rows.counts,
        known_us=rows.known_us,
        bad_us=rows.bad_us,
        qualities=quality_of(rows.worsts),
    )


def _buckets(builder: RollupBuilder, bucket: Bucket, span: tuple[int, int], kept_us: int) -> Rows:
    edge_times = builder.day_edges(*span) if bucket is Bucket.DAY else edges(bucket, *span, builder.zone)
    edge_times = edge_times[edge_times >= kept_us]  # of the day in which keeping begins a part is not kept
    if len(edge_times) < 2:
        return EMPTY
    stored = builder.rows(bucket, int(edge_times[0]), int(edge_times[-1]))
    before = builder.row_before(int(stored.starts_us[0]) if len(stored) else int(edge_times[0]))
    pieces = builder.pieces_of(Rows.joined([before, stored]))
    return fold(pieces, edge_times, empty=True)


def latest(builder: RollupBuilder) -> Sample | None:
    """The last sample of a tag. When its samples are deleted, it is rebuilt from the rollups."""
    if found := list(builder.statements.raw.sample_before(builder.tag_id, _FOREVER_US).samples()):
        return found[0]
    row = builder.row_before(_FOREVER_US)
    if not len(row):
        return None
    value, status = float(row.lasts[0]), int(row.statuses[0])
    return Sample(
        builder.tag_id,
        int(row.last_times_us[0]),
        None if np.isnan(value) else value,
        *decoded_status(status),
    )


def _choose(builder: RollupBuilder, floors: Floors, viewport: Viewport, max_samples: int) -> Source:
    reach = max(viewport.start_us, min(floors.of(source) for source in _FINEST_FIRST))
    kept = [source for source in _FINEST_FIRST if floors.of(source) <= reach]
    longest_us = _PIXELS_A_BUCKET * (viewport.end_us - viewport.start_us) / viewport.width
    rollups = [source for source in kept if source is not Source.RAW]
    fitting = [source for source in rollups if Bucket(source.value).usual_us <= longest_us]
    if kept[0] is Source.RAW:
        most = 2 * viewport.width if fitting else max_samples
        if not builder.statements.raw.has_more_than(builder.tag_id, reach, viewport.end_us, most):
            return Source.RAW
    return fitting[-1] if fitting else rollups[0]


def _value_before(builder: RollupBuilder, time_us: int, kept_us: int) -> Rows:
    """The last value before a time. One from before `kept_us` is given only if it still holds then, and from then on."""
    row = builder.row_before(time_us)
    if len(row) and row.last_times_us[0] < kept_us:
        if (row.last_times_us + builder.holds.at(row.last_times_us))[0] <= kept_us:
            return EMPTY
        at = np.array([kept_us])
        return replace(row, starts_us=at, ends_us=at)
    return row


def _from_samples(builder: RollupBuilder, viewport: Viewport, kept_us: int) -> Series:
    start_us = max(viewport.start_us, kept_us)
    block = builder.statements.raw.samples(builder.tag_id, start_us, viewport.end_us)
    before = _value_before(builder, start_us, kept_us)
    rows = builder.pieces_of_samples(block)
    rows = Rows.joined([before, replace(rows, ends_us=rows.starts_us)])
    drawn = draw(builder.tag_id, Source.RAW, rows, viewport)
    if not (rows.statuses & TEXT).any():
        return drawn
    before_it = builder.statements.raw.sample_before(builder.tag_id, start_us)
    texts = {
        max(int(part.times_us[place]), kept_us): text
        for part in (before_it, block)
        for place, text in part.texts.items()
    }
    return replace(drawn, texts=tuple(texts.get(time_us) for time_us in drawn.times_us.tolist()))
