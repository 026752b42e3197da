"""How the API document describes the answers of `responses`. Nothing is serialized by these classes."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

__all__ = [
    "AggregatesAnswer",
    "HistoryAnswer",
    "RawAnswer",
    "SeriesAnswer",
    "ValueAnswer",
    "ValuesAnswer",
]


@extend_schema_field({"oneOf": [{"type": "number"}, {"type": "boolean"}, {"type": "string"}, {"type": "null"}]})
class _AnyValue(serializers.Field[Any, Any, Any, Any]):
    pass


def _integers(*, nullable: bool = False) -> serializers.ListField:
    return serializers.ListField(child=serializers.IntegerField(allow_null=nullable))


def _numbers() -> serializers.ListField:
    return serializers.ListField(child=serializers.FloatField(allow_null=True))


_STATES = ["starting", "live", "silent", "cut-off", "history"]


class ValuesAnswer(serializers.Serializer[Any]):
    """Current values, in columns."""

    state = serializers.ChoiceField(choices=_STATES)
    time_us = serializers.IntegerField()
    tags = _integers()
    times_us = _integers(nullable=True)
    values = serializers.ListField(child=_AnyValue())
    qualities = _integers()
    reasons = _integers()
    unknown = _integers()


class ValueAnswer(serializers.Serializer[Any]):
    """One current value."""

    state = serializers.ChoiceField(choices=_STATES)
    tag = serializers.IntegerField()
    time_us = serializers.IntegerField(allow_null=True)
    value = _AnyValue()
    quality = serializers.IntegerField()
    reason = serializers.IntegerField()


class SeriesAnswer(serializers.Serializer[Any]):
    """One tag, to be drawn as steps."""

    tag = serializers.IntegerField()
    source = serializers.ChoiceField(choices=["raw", "minute", "hour", "day"])  # type: ignore[assignment]
    times_us = _integers()
    values = _numbers()
    qualities = _integers()
    reasons = _integers()
    texts = serializers.ListField(child=serializers.CharField(allow_null=True))


class HistoryAnswer(serializers.Serializer[Any]):
    """Series of several tags, to be drawn as steps."""

    start_us = serializers.IntegerField()
    end_us = serializers.IntegerField()
    series = SeriesAnswer(many=True)
    unknown = _integers()


class AggregatesAnswer(serializers.Serializer[Any]):
    """The buckets of one tag; those without a known value are left out."""

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
    """Samples as they were stored, a page of them."""

    tag = serializers.IntegerField()
    times_us = _integers()
    values = serializers.ListField(child=_AnyValue())
    qualities = _integers()
    reasons = _integers()
    next = serializers.CharField(allow_null=True)
