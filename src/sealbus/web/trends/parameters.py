"""The query parameters of values and history, checked; a wrong one is named.

Tags are ids separated by commas. Times are RFC 3339 with a zone, or microseconds since 1970, as in the answers.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from sealbus.samples import US_PER_S
from sealbus.web.http.strict import Strict

__all__ = [
    "MAX_POINTS",
    "MAX_SERIES",
    "MAX_VALUES",
    "AggregatesQuery",
    "ExportQuery",
    "HistoryQuery",
    "RawQuery",
    "ValuesQuery",
    "described",
]

MAX_VALUES = 20_000
"""Values in one answer."""
MAX_SERIES = 50
"""Tags in one request for history."""
MAX_POINTS = 400_000
"""Points in one answer: each pixel has two."""
_WIDEST = 20_000
_MAX_NAMED = 1_000  # an address has 8 KiB
_MAX_PAGE = 10_000
_DAY_US = 86_400 * US_PER_S
_END_OF_TIME_US = 1 << 53
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ID = re.compile(r"[0-9]{1,18}")
_ID_OPTIONS: dict[str, Any] = {"min_value": 1, "max_value": 10**18 - 1}


class _Ids(serializers.Field[tuple[int, ...], str, str, object]):
    """Ids separated by commas; a repeated one counts once."""

    def __init__(self, *, most: int, **options: Any) -> None:
        self.most = most
        super().__init__(**options)

    def to_internal_value(self, data: str) -> tuple[int, ...]:
        """The ids, in the order they were given."""
        parts = data.split(",")
        if len(parts) > self.most:
            raise serializers.ValidationError(f"at most {self.most} ids in one request")
        if not all(_ID.fullmatch(part) for part in parts):
            raise serializers.ValidationError("write ids separated by commas: 3,4,17")
        return tuple(dict.fromkeys(int(part) for part in parts))


class _Instant(serializers.Field[int, str, str, object]):
    """A time, as microseconds."""

    def to_internal_value(self, data: str) -> int:
        """Microseconds since 1970."""
        time_us = int(data) if re.fullmatch(r"[0-9]{1,16}", data) else _parsed(data)
        if not 0 <= time_us <= _END_OF_TIME_US:
            raise serializers.ValidationError("write a time between 1970 and 2255")
        return time_us


def _parsed(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise serializers.ValidationError("write a time with its zone, such as 2026-01-31T08:00:00Z, or microseconds")
    try:
        return (moment - _EPOCH) // timedelta(microseconds=1)
    except OverflowError:
        return -1


class ValuesQuery(Strict):
    """Values by tags, by device or by group."""

    tags = _Ids(most=_MAX_NAMED, required=False)
    device = serializers.IntegerField(required=False, **_ID_OPTIONS)
    group = serializers.IntegerField(required=False, **_ID_OPTIONS)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly one of them must be there."""
        if len(attrs) != 1:
            raise serializers.ValidationError({"tags": ["write exactly one of tags, device and group"]})
        return attrs


class _Range(Strict):
    start = _Instant()
    end = _Instant(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Without an end it is now. The end is after the start."""
        attrs.setdefault("end", time.time_ns() // 1000)
        if attrs["start"] >= attrs["end"]:
            raise serializers.ValidationError({"start": ["start must be before end"]})
        return attrs


class HistoryQuery(_Range):
    """Series at screen width."""

    tags = _Ids(most=MAX_SERIES)
    width = serializers.IntegerField(min_value=1, max_value=_WIDEST, default=1000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Not more points than one answer can have."""
        attrs = super().validate(attrs)
        if 2 * attrs["width"] * len(attrs["tags"]) > MAX_POINTS:
            raise serializers.ValidationError(
                {"width": [f"more than {MAX_POINTS} points: choose fewer tags or a smaller width"]}
            )
        return attrs


class AggregatesQuery(_Range):
    """Minimum, maximum, mean of minutes, hours or local days."""

    tag = serializers.IntegerField(**_ID_OPTIONS)
    bucket = serializers.ChoiceField(choices=["minute", "hour", "day"])

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Not more buckets than one answer can have."""
        attrs = super().validate(attrs)
        length_us = {"minute": 60 * US_PER_S, "hour": 3600 * US_PER_S, "day": _DAY_US}[attrs["bucket"]]
        if (attrs["end"] - attrs["start"]) // length_us > MAX_POINTS // 8:
            raise serializers.ValidationError(
                {"bucket": ["too many buckets: choose a shorter range or a longer bucket"]}
            )
        return attrs


class RawQuery(_Range):
    """Samples as they were stored, page by page."""

    tag = serializers.IntegerField(**_ID_OPTIONS)
    page_size = serializers.IntegerField(min_value=1, max_value=_MAX_PAGE, default=1000)
    after = _Instant(required=False)


class ExportQuery(_Range):
    """A file of samples or of rollups."""

    tags = _Ids(most=_MAX_NAMED)
    file = serializers.ChoiceField(choices=["csv", "parquet"], default="csv")
    source = serializers.ChoiceField(  # type: ignore[assignment]  # a member of this name
        choices=["raw", "minute", "hour", "day"], default="raw"
    )


_INSTANT = ({"type": "string", "format": "date-time"}, {"type": "integer", "minimum": 0, "maximum": _END_OF_TIME_US})


def described(kind: type[Strict]) -> list[OpenApiParameter]:
    """The parameters for the API document, which words them (`http.field_help`)."""
    return [_described(name, field) for name, field in kind().fields.items()]


def _described(name: str, field: Any) -> OpenApiParameter:
    schema: dict[str, Any]
    match field:
        case _Ids():
            schema = {
                "type": "array",
                "items": {"type": "integer", "minimum": 0},
                "minItems": 1,
                "maxItems": field.most,
            }
        case _Instant():
            schema = {"oneOf": [dict(each) for each in _INSTANT]}
        case serializers.ChoiceField():
            schema = {"type": "string", "enum": list(field.choices)}
        case _:
            schema = {"type": "integer", "minimum": field.min_value, "maximum": field.max_value}
    if not field.required and field.default is not serializers.empty:
        schema["default"] = field.default
    return OpenApiParameter(name, schema, required=field.required, style="form", explode=False)
