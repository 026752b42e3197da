"""Bodies and query parameters in which every member is known: an unknown one is refused by name.

If a misspelt member were dropped silently, the caller would assume that the setting is in effect. If an unknown member
were accepted silently, it would be a security hole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from sealbus.web.http.authentication import rest_subject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rest_framework.request import Request

__all__ = ["Strict", "body_of", "query_of"]

_PAGING = ("page", "page_size")


class Strict(serializers.Serializer[Any]):
    """Refuses members that are unknown or cannot be set, and names the known ones."""

    def get_fields(self) -> dict[str, Any]:
        """As its parent; the message about a wrong value names the right ones."""
        fields: dict[str, Any] = super().get_fields()
        for field in fields.values():
            if isinstance(field, serializers.ChoiceField) and not field.read_only:
                names = ", ".join(str(name) for name in field.choices if name != "")
                field.error_messages["invalid_choice"] = f'"{{input}}" is not one of: {names}'
            elif isinstance(field, serializers.PrimaryKeyRelatedField):
                field.error_messages["incorrect_type"] = "write its id, a number"
        return fields

    def to_internal_value(self, data: Any) -> Any:
        """As its parent, once every member is known."""
        if isinstance(data, dict):
            settable = [name for name, field in self.fields.items() if not field.read_only]
            wrong = {
                str(name): ["this cannot be set" if name in self.fields else _unknown("member", settable)]
                for name in data
                if name not in settable
            }
            if wrong:
                raise serializers.ValidationError(wrong)
        return super().to_internal_value(data)


def body_of(request: Request, form: type[Strict]) -> Mapping[str, Any]:
    """The members of a body, checked. Raises ValidationError that names each at fault."""
    checked = form(data=request.data, context={"subject": rest_subject(request)})
    checked.is_valid(raise_exception=True)
    members: Mapping[str, Any] = checked.validated_data
    return members


def query_of(request: Request, kind: type[Strict], *, paged: bool = False) -> Mapping[str, Any]:
    """The query parameters, checked; `Pages` reads its own. Raises ValidationError that names each at fault."""
    checked = kind(context={"subject": rest_subject(request)})
    known = [*checked.fields, *(_PAGING if paged else ())]
    given: dict[str, str] = {}
    wrong: dict[str, list[str]] = {}
    for name, values in request.query_params.lists():
        if name not in known:
            wrong[name] = [_unknown("query parameter", known)]
        elif len(values) > 1:
            wrong[name] = ["write it once"]
        elif name in checked.fields:
            given[name] = values[0]
    if wrong:
        raise serializers.ValidationError(wrong)
    checked.initial_data = given
    checked.is_valid(raise_exception=True)
    result: Mapping[str, Any] = checked.validated_data
    return result


def _unknown(what: str, known: list[str]) -> str:
    return f"unknown {what}; known: {', '.join(known)}" if known else f"unknown {what}; none is known here"
