"""Fields of forms, derived from the columns of a model and the bounds of `sealbus.plant`.

A column that is added to a model needs no line here: a number gets its bounds from the table of its model, a JSON column
the check of its name in `values.CHECKS`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from sealbus.web.devices import values
from sealbus.web.http.strict import Strict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealbus.plant import Bounds

__all__ = ["BoundedForm", "BoundedJson", "Finite", "columns_of", "json_field"]

_LAST = ("enabled", "archived_at", "version")


class Finite(serializers.FloatField):
    """A finite number. NaN and the infinities, which pass any limit, are refused; so are true and false."""

    def to_internal_value(self, data: Any) -> float:
        """The number."""
        if isinstance(data, bool):
            self.fail("invalid")
        try:
            value = super().to_internal_value(data)
        except OverflowError:
            self.fail("invalid")
        if not math.isfinite(value):
            raise serializers.ValidationError("this is not a finite number; write another one")
        return value


class BoundedJson(serializers.Field[Any, Any, Any, Any]):
    """A small JSON value that a function checks and brings into its stored form. It raises ValueError with the hint."""

    def __init__(self, check: Any, **options: Any) -> None:
        self._check = check
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> Any:
        """The stored form."""
        try:
            return self._check(data)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None

    def to_representation(self, value: Any) -> Any:
        """As it is stored."""
        return value


def json_field(column: str) -> type[BoundedJson]:
    """The kind of field of a JSON column, with its schema."""
    kind: type[BoundedJson] = extend_schema_field(values.SCHEMAS[column])(type(f"_{column}", (BoundedJson,), {}))
    return kind


_JSON_FIELDS = {column: json_field(column) for column in values.SCHEMAS}


class BoundedForm(Strict, serializers.ModelSerializer[Any]):
    """A form over columns of a model. `bounds` are those of its numbers."""

    bounds: ClassVar[Mapping[str, Bounds]] = {}

    def build_standard_field(self, field_name: str, model_field: Any) -> tuple[Any, dict[str, Any]]:
        """The field of a column."""
        kind, options = super().build_standard_field(field_name, model_field)
        if isinstance(model_field, models.JSONField):
            return _JSON_FIELDS[field_name], {"check": values.CHECKS[field_name], "required": False}
        if isinstance(model_field, models.FloatField):
            kind = Finite
        if (allowed := self.bounds.get(field_name)) is not None:
            options["min_value"] = allowed.low
            options.pop("max_value", None)
            if math.isfinite(allowed.high):
                options["max_value"] = allowed.high
        return kind, options


def columns_of(model: type[models.Model]) -> tuple[str, ...]:
    """The names of all columns of a model, in the order in which its classes declare them, own columns first."""
    names = [field.name for field in model._meta.concrete_fields]
    return (*(name for name in names if name not in _LAST), *(name for name in names if name in _LAST))
