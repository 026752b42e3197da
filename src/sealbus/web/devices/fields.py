"""Fields of forms: numbers that are finite, and small JSON values that a function checks."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

__all__ = ["BoundedJson", "Finite"]


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
