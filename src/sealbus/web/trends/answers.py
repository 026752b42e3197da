"""What is answered about values and history: columns, encoded once and by msgspec. Serializers only describe them.

Qualities and reasons are the numbers of `sealbus.samples`. Numbers that are none are null: a gap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from sealbus.samples import Quality, Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealbus.history import Aggregates, Cursor, SampleBlock, Series
    from sealbus.samples import Sample

__all__ = [
    "AggregatesAnswer",
    "AggregatesTold",
    "HistoryAnswer",
    "HistoryTold",
    "RawAnswer",
    "RawTold",
    "SeriesAnswer",
    "SeriesTold",
    "ValueAnswer",
    "ValueTold",
    "ValuesAnswer",
    "ValuesTold",
    "respond",
]

_encoder = msgspec.json.Encoder()
_Value = bool | int | float | str | None


class ValuesTold(msgspec.Struct, frozen=True):
    """Values now, in columns. `unknown`: ids that are not there for the caller."""

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
    ) -> ValuesTold:
        """`samples` has a tag and its latest sample, None where there is none."""
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


class ValueTold(msgspec.Struct, frozen=True):
    """One value now."""

    state: str
    tag: int
    time_us: int | None
    value: _Value
    quality: int
    reason: int

    @classmethod
    def of(cls, tag_id: int, sample: Sample | None, *, state: str) -> ValueTold:
        """None where there is no sample."""
        if sample is None:
            return cls(state, tag_id, None, None, int(Quality.BAD), int(Reason.NOT_COLLECTED))
        return cls(state, tag_id, sample.time_us, sample.value, int(sample.quality), int(sample.reason))


class SeriesTold(msgspec.Struct, frozen=True):
    """One tag, to be drawn as steps. `texts` is empty but for a tag of text."""

    tag: int
    source: str
    times_us: list[int]
    values: list[float]
    qualities: list[int]
    reasons: list[int]
    texts: tuple[str | None, ...]

    @classmethod
    def of(cls, series: Series) -> SeriesTold:
        """From what history answers."""
        return cls(
            series.tag_id,
            series.source.value,
            series.times_us.tolist(),
            series.values.tolist(),
            series.qualities.tolist(),
            series.reasons.tolist(),
            series.texts,
        )


class HistoryTold(msgspec.Struct, frozen=True):
    """Series of several tags."""

    start_us: int
    end_us: int
    series: list[SeriesTold]
    unknown: list[int]


class AggregatesTold(msgspec.Struct, frozen=True):
    """Buckets of one tag; those in which nothing was known are left out."""

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
    def of(cls, found: Aggregates) -> AggregatesTold:
        """From what history answers."""
        columns = (
            found.starts_us, found.ends_us, found.minimums, found.maximums, found.means, found.lasts, found.counts,
            found.known_us, found.bad_us,
        )  # fmt: skip
        return cls(found.tag_id, found.bucket.value, *(column.tolist() for column in columns))


class RawTold(msgspec.Struct, frozen=True):
    """Samples of one tag. `next` is null on the last page."""

    tag: int
    times_us: list[int]
    values: list[_Value]
    qualities: list[int]
    reasons: list[int]
    next: int | None

    @classmethod
    def of(cls, tag_id: int, block: SampleBlock, cursor: Cursor | None) -> RawTold:
        """From what history answers."""
        samples = list(block.samples())
        return cls(
            tag_id,
            [each.time_us for each in samples],
            [each.value for each in samples],
            [int(each.quality) for each in samples],
            [int(each.reason) for each in samples],
            None if cursor is None else cursor.time_us,
        )


def respond(told: msgspec.Struct) -> HttpResponse:
    """As JSON; NaN becomes null."""
    return HttpResponse(_encoder.encode(told), content_type="application/json")


# -- how the document of the API describes them


@extend_schema_field({"oneOf": [{"type": "number"}, {"type": "boolean"}, {"type": "string"}, {"type": "null"}]})
class _AnyValue(serializers.Field[Any, Any, Any, Any]):
    pass


def _integers(*, nullable: bool = False) -> serializers.ListField:
    return serializers.ListField(child=serializers.IntegerField(allow_null=nullable))


def _numbers() -> serializers.ListField:
    return serializers.ListField(child=serializers.FloatField(allow_null=True))


_STATES = ["starting", "live", "silent", "cut-off", "history"]


class ValuesAnswer(serializers.Serializer[Any]):
    """`ValuesTold`."""

    state = serializers.ChoiceField(choices=_STATES)
    time_us = serializers.IntegerField()
    tags = _integers()
    times_us = _integers(nullable=True)
    values = serializers.ListField(child=_AnyValue())
    qualities = _integers()
    reasons = _integers()
    unknown = _integers()


class ValueAnswer(serializers.Serializer[Any]):
    """`ValueTold`."""

    state = serializers.ChoiceField(choices=_STATES)
    tag = serializers.IntegerField()
    time_us = serializers.IntegerField(allow_null=True)
    value = _AnyValue()
    quality = serializers.IntegerField()
    reason = serializers.IntegerField()


class SeriesAnswer(serializers.Serializer[Any]):
    """`SeriesTold`."""

    tag = serializers.IntegerField()
    source = serializers.ChoiceField(choices=["raw", "minute", "hour", "day"])  # type: ignore[assignment]
    times_us = _integers()
    values = _numbers()
    qualities = _integers()
    reasons = _integers()
    texts = serializers.ListField(child=serializers.CharField(allow_null=True))


class HistoryAnswer(serializers.Serializer[Any]):
    """`HistoryTold`."""

    start_us = serializers.IntegerField()
    end_us = serializers.IntegerField()
    series = SeriesAnswer(many=True)
    unknown = _integers()


class AggregatesAnswer(serializers.Serializer[Any]):
    """`AggregatesTold`."""

    tag = serializers.IntegerField()
    bucket = serializers.ChoiceField(choices=["minute", "hour", "day"])
    starts_us = _integers()
    ends_us = _integers()
    minimums = _numbers()
    maximums = _numbers()
    means = _numbers()
    lasts = _numbers()
    counts = _integers()
    known_us = _integers()
    bad_us = _integers()


class RawAnswer(serializers.Serializer[Any]):
    """`RawTold`."""

    tag = serializers.IntegerField()
    times_us = _integers()
    values = serializers.ListField(child=_AnyValue())
    qualities = _integers()
    reasons = _integers()
    next = serializers.IntegerField(allow_null=True)
