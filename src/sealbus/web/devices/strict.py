"""Bodies and query parameters that say exactly what they mean: whatever nobody asked for is refused by name.

A misspelt member that is silently left out is a setting that somebody believes in; one that is silently taken
(`archived_at`, `version`) is a door.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rest_framework.request import Request

__all__ = ["BoundedJson", "Finite", "Strict", "query_of"]

_PAGING = frozenset({"page", "page_size"})
_LARGEST = 2.0**63


class Strict(serializers.Serializer[Any]):
    """Refuses members that it does not know or that cannot be set."""

    def to_internal_value(self, data: Any) -> Any:
        """As its parent, once every member is one of ours."""
        if isinstance(data, dict):
            settable = {name for name, field in self.fields.items() if not field.read_only}
            wrong = {
                str(name): ["this cannot be set" if name in self.fields else "there is no such member"]
                for name in data
                if name not in settable
            }
            if wrong:
                raise serializers.ValidationError(wrong)
        return super().to_internal_value(data)


class Finite(serializers.FloatField):
    """A number that is one: NaN and the infinities, which no limit stops, are refused; so are true and false."""

    def to_internal_value(self, data: Any) -> float:
        """The number."""
        if isinstance(data, bool):
            self.fail("invalid")
        try:
            value = super().to_internal_value(data)
        except OverflowError:
            self.fail("invalid")
        if value != value or abs(value) == float("inf"):
            raise serializers.ValidationError("this is not a finite number")
        return value


class BoundedJson(serializers.Field[Any, Any, Any, Any]):
    """A small JSON value that a function checks and puts into form. The function raises ValueError with the mend."""

    def __init__(self, check: Any, **options: Any) -> None:
        self._check = check
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> Any:
        """In form."""
        try:
            return self._check(data)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None

    def to_representation(self, value: Any) -> Any:
        """As it is stored."""
        return value


def query_of(request: Request, kind: type[Strict]) -> Mapping[str, Any]:
    """The query parameters of a request, checked; paging aside. Raises ValidationError that names each at fault."""
    given: dict[str, str] = {}
    for name, values in request.query_params.lists():
        if name in _PAGING:
            continue
        if len(values) > 1:
            raise serializers.ValidationError({name: ["say it once"]})
        given[name] = values[0]
    checked = kind(data=given)
    checked.is_valid(raise_exception=True)
    result: Mapping[str, Any] = checked.validated_data
    return result
