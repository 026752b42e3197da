"""What was typed, through the same rules as a body of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import ErrorDetail

from sealbus.web.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rest_framework import serializers

    from sealbus.web.access.subject import Subject

__all__ = ["checked"]


def checked(
    rules: type[serializers.BaseSerializer[Any]],
    given: Mapping[str, Any],
    subject: Subject,
    *,
    row: Any = None,
) -> dict[str, Any]:
    """The members, as the serializer makes them; with a row, changes of it. Raises Invalid by member."""
    form = rules(instance=row, data=given, partial=row is not None, context={"subject": subject})
    if not form.is_valid():
        raise Invalid({name: _texts(problems) for name, problems in dict(form.errors).items()})
    return dict(form.validated_data)


def _texts(problems: Any) -> list[str]:
    """Of nested problems, such as those of a list, all texts once."""
    if isinstance(problems, ErrorDetail | str):
        return [str(problems)]
    nested = problems.values() if isinstance(problems, dict) else problems
    return list(dict.fromkeys(text for each in nested for text in _texts(each)))
