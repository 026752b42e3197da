"""What can be asked of values and history: query parameters, each checked, each named when it is wrong.

Tags are ids with commas between. Times are RFC 3339 with a zone, or microseconds since 1970, as answers have them.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from sealbus.samples import US_PER_S
from sealbus.web.http.strict import Strict

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "MOST_POINTS",
    "MOST_SERIES",
    "MOST_VALUES",
    "AggregatesAsked",
    "ExportAsked",
    "HistoryAsked",
    "RawAsked",
    "ValuesAsked",
    "described",
]

MOST_VALUES = 20_000
"""Values in one answer."""
MOST_SERIES = 50
"""Tags in one question about history."""
MOST_POINTS = 400_000
"""Points in one answer: a pixel has two."""
_WIDEST = 20_000
_MOST_NAMED = 1_000  # an address has 8 KiB
_LARGEST_PAGE = 10_000
_DAY_US = 86_400 * US_PER_S
_END_OF_TIME_US = 1 << 53
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ID = re.compile(r"[0-9]{1,18}")
_ID_OPTIONS: dict[str, Any] = {"min_value": 1, "max_value": 10**18 - 1}


class _Ids(serializers.Field[tuple[int, ...], str, str, object]):
    """Ids with commas, each counted once."""

    def __init__(self, *, most: int, **options: Any) -> None:
        self.most = most
        super().__init__(**options)

    def to_internal_value(self, data: str) -> tuple[int, ...]:
        """The ids, in the order they were given."""
        parts = data.split(",")
        if len(parts) > self.most:
            raise serializers.ValidationError(f"at most {self.most} of them at once")
        if not all(_ID.fullmatch(part) for part in parts):
            raise serializers.ValidationError("write ids with commas between: 3,4,17")
        return tuple(dict.fromkeys(int(part) for part in parts))


class _Instant(serializers.Field[int, str, str, object]):
    """A time, as microseconds."""

    def to_internal_value(self, data: str) -> int:
        """Microseconds since 1970."""
        time_us = int(data) if re.fullmatch(r"[0-9]{1,16}", data) else _parsed(data)
        if not 0 <= time_us <= _END_OF_TIME_US:
            raise serializers.ValidationError("a time between 1970 and 2255")
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


class ValuesAsked(Strict):
    """Which values: by tag, by device or by group."""

    tags = _Ids(most=_MOST_NAMED, required=False)
    device = serializers.IntegerField(required=False, **_ID_OPTIONS)
    group = serializers.IntegerField(required=False, **_ID_OPTIONS)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly one of them."""
        if len(attrs) != 1:
            raise serializers.ValidationError({"tags": ["say either tags, or device, or group"]})
        return attrs


class _Range(Strict):
    start = _Instant()
    end = _Instant(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The end is now where it is left out, and after the start."""
        attrs.setdefault("end", time.time_ns() // 1000)
        if attrs["start"] >= attrs["end"]:
            raise serializers.ValidationError({"start": ["the start is not before the end"]})
        return attrs


class HistoryAsked(_Range):
    """Series at the width of a screen."""

    tags = _Ids(most=MOST_SERIES)
    width = serializers.IntegerField(min_value=1, max_value=_WIDEST, default=1000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Not more points than one answer can have."""
        attrs = super().validate(attrs)
        if 2 * attrs["width"] * len(attrs["tags"]) > MOST_POINTS:
            raise serializers.ValidationError(
                {"width": [f"more than {MOST_POINTS} points: ask for fewer tags at once"]}
            )
        return attrs


class AggregatesAsked(_Range):
    """Minimum, maximum, mean of minutes, hours or local days."""

    tag = serializers.IntegerField(**_ID_OPTIONS)
    bucket = serializers.ChoiceField(choices=["minute", "hour", "day"])

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Not more buckets than one answer can have."""
        attrs = super().validate(attrs)
        length_us = {"minute": 60 * US_PER_S, "hour": 3600 * US_PER_S, "day": _DAY_US}[attrs["bucket"]]
        if (attrs["end"] - attrs["start"]) // length_us > MOST_POINTS // 8:
            raise serializers.ValidationError(
                {"bucket": ["too many at once: ask for a shorter range or a longer bucket"]}
            )
        return attrs


class RawAsked(_Range):
    """Samples as they were stored, page by page."""

    tag = serializers.IntegerField(**_ID_OPTIONS)
    limit = serializers.IntegerField(min_value=1, max_value=_LARGEST_PAGE, default=1000)
    after = _Instant(required=False)


class ExportAsked(_Range):
    """A file of samples or of rollups."""

    tags = _Ids(most=_MOST_NAMED)
    file = serializers.ChoiceField(choices=["csv", "parquet"], default="csv")
    source = serializers.ChoiceField(  # type: ignore[assignment]  # a member of this name
        choices=["raw", "minute", "hour", "day"], default="raw"
    )


_INSTANT = ({"type": "string", "format": "date-time"}, {"type": "integer", "minimum": 0, "maximum": _END_OF_TIME_US})
_DESCRIPTIONS: Mapping[str, str] = {
    "tags": "Ids with commas between",
    "device": "All tags of this device",
    "group": "All tags of this group",
    "tag": "An id",
    "start": "RFC 3339 with a zone, or microseconds since 1970",
    "end": "As start; now where it is left out",
    "after": "Where the page before ended: its `next`",
    "width": "Pixels: each gets its least and its greatest value",
    "bucket": "Days begin at local midnight of the site",
    "limit": "Samples on one page",
    "file": "What kind of file",
    "source": "Samples as they were stored, or rollups",
}


def described(kind: type[Strict]) -> list[OpenApiParameter]:
    """The parameters for the document of the API."""
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
    return OpenApiParameter(
        name, schema, required=field.required, description=_DESCRIPTIONS[name], style="form", explode=False
    )
