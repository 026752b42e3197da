"""Bodies and query parameters that say exactly what they mean: whatever nobody asked for is refused by name.

A misspelt member that is silently left out is a setting that somebody believes in; one that is silently taken is a door.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rest_framework.request import Request

__all__ = ["Strict", "query_of"]

_PAGING = frozenset({"page", "page_size"})


class Strict(serializers.Serializer[Any]):
    """Refuses members that it does not know or that cannot be set, and text that a database cannot store."""

    def get_fields(self) -> dict[str, Any]:
        """As its parent; what they say of a wrong value names the right ones."""
        fields: dict[str, Any] = super().get_fields()
        for field in fields.values():
            if isinstance(field, serializers.ChoiceField) and not field.read_only:
                names = ", ".join(str(name) for name in field.choices if name != "")
                field.error_messages["invalid_choice"] = f'"{{input}}" is none of them: {names}'
            elif isinstance(field, serializers.PrimaryKeyRelatedField):
                field.error_messages["incorrect_type"] = "give its id, a number"
        return fields

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


def query_of(request: Request, kind: type[Strict], *, paged: bool = False) -> Mapping[str, Any]:
    """The query parameters, checked; those of `Pages` are its own. Raises ValidationError that names each at fault."""
    given: dict[str, str] = {}
    for name, values in request.query_params.lists():
        if len(values) > 1:
            raise serializers.ValidationError({name: ["say it once"]})
        if paged and name in _PAGING:
            continue
        given[name] = values[0]
    checked = kind(data=given)
    checked.is_valid(raise_exception=True)
    result: Mapping[str, Any] = checked.validated_data
    return result
