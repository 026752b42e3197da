"""The answers about values and history: columns, encoded by msgspec. `serializers` describes them in the API document.

Qualities and reasons are the numbers of `sealbus.samples`. NaN becomes null: a gap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from django.http import HttpResponse

from sealbus.samples import Quality, Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealbus.history import Aggregates, SampleBlock, Series
    from sealbus.samples import Sample

__all__ = [
    "AggregatesResponse",
    "HistoryResponse",
    "RawResponse",
    "SeriesResponse",
    "ValueResponse",
    "ValuesResponse",
    "respond",
]

_encoder = msgspec.json.Encoder()
_Value = bool | int | float | str | None


class ValuesResponse(msgspec.Struct, frozen=True):
    """Current values, in columns. `unknown`: ids of tags that do not exist or are not visible."""

    state: str
    time_us: int
    tags: list[int]
    times_us: list[int | None]
    values: list[_Value]
    qualities: list[int]
    reasons: list[int]
    unknown: list[int]

    @classmethod
    def of(
        cls, samples: Sequence[tuple[int, Sample | None]], *, state: str, time_us: int, unknown: Sequence[int]
    ) -> ValuesResponse:
        """`samples` are tag ids with the latest sample, None without one."""
        held = [sample for _, sample in samples]
        return cls(
            state,
            time_us,
            [tag_id for tag_id, _ in samples],
            [None if each is None else each.time_us for each in held],
            [None if each is None else each.value for each in held],
            [int(Quality.BAD if each is None else each.quality) for each in held],
            [int(Reason.NOT_COLLECTED if each is None else each.reason) for each in held],
            list(unknown),
        )


class ValueResponse(msgspec.Struct, frozen=True):
    """One current value."""

    state: str
    tag: int
    time_us: int | None
    value: _Value
    quality: int
    reason: int

    @classmethod
    def of(cls, tag_id: int, sample: Sample | None, *, state: str) -> ValueResponse:
        """From the latest sample, None without one."""
        if sample is None:
            return cls(state, tag_id, None, None, int(Quality.BAD), int(Reason.NOT_COLLECTED))
        return cls(state, tag_id, sample.time_us, sample.value, int(sample.quality), int(sample.reason))


class SeriesResponse(msgspec.Struct, frozen=True):
    """One tag, to be drawn as steps. `texts` is empty except for a text tag."""

    tag: int
    source: str
    times_us: list[int]
    values: list[float]
    qualities: list[int]
    reasons: list[int]
    texts: tuple[str | None, ...]

    @classmethod
    def of(cls, series: Series) -> SeriesResponse:
        """From a result of the history store."""
        return cls(
            series.tag_id,
            series.source.value,
            series.times_us.tolist(),
            series.values.tolist(),
            series.qualities.tolist(),
            series.reasons.tolist(),
            series.texts,
        )


class HistoryResponse(msgspec.Struct, frozen=True):
    """Series of several tags."""

    start_us: int
    end_us: int
    series: list[SeriesResponse]
    unknown: list[int]


class AggregatesResponse(msgspec.Struct, frozen=True):
    """Buckets of one tag; those without any known value are left out."""

    tag: int
    bucket: str
    starts_us: list[int]
    ends_us: list[int]
    minimums: list[float]
    maximums: list[float]
    means: list[float]
    lasts: list[float]
    counts: list[int]
    known_us: list[int]
    bad_us: list[int]

    @classmethod
    def of(cls, found: Aggregates) -> AggregatesResponse:
        """From a result of the history store."""
        columns = (
            found.starts_us, found.ends_us, found.minimums, found.maximums, found.means, found.lasts, found.counts,
            found.known_us, found.bad_us,
        )  # fmt: skip
        return cls(found.tag_id, found.bucket.value, *(column.tolist() for column in columns))


class RawResponse(msgspec.Struct, frozen=True):
    """Samples of one tag. `next` is the URL of the next page, null on the last one."""

    tag: int
    times_us: list[int]
    values: list[_Value]
    qualities: list[int]
    reasons: list[int]
    next: str | None

    @classmethod
    def of(cls, tag_id: int, block: SampleBlock, following: str | None) -> RawResponse:
        """From a result of the history store."""
        samples = list(block.samples())
        return cls(
            tag_id,
            [each.time_us for each in samples],
            [each.value for each in samples],
            [int(each.quality) for each in samples],
            [int(each.reason) for each in samples],
            following,
        )


def respond(response: msgspec.Struct) -> HttpResponse:
    """The response, as JSON."""
    return HttpResponse(_encoder.encode(response), content_type="application/json")
