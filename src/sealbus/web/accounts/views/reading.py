"""How a body becomes checked values: read once, at the edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sealbus.web.access.authentication import rest_subject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rest_framework.request import Request

    from sealbus.web.access.strict import Strict

__all__ = ["body_of"]


def body_of(request: Request, form: type[Strict]) -> Mapping[str, Any]:
    """The members of a body. Raises ValidationError that names each at fault."""
    checked = form(data=request.data, context={"subject": rest_subject(request)})
    checked.is_valid(raise_exception=True)
    members: Mapping[str, Any] = checked.validated_data
    return members
