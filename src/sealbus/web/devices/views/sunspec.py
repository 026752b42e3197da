"""The SunSpec models that tags can be made from. A discovery shows others with their length only."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from sealbus.web.access.actions import Action
from sealbus.web.access.requirement import Requirement, may
from sealbus.web.devices.serializers.sunspec import SunSpecModelShown
from sealbus.web.devices.sunspec import model_definition, model_ids
from sealbus.web.http.rest import SubjectViewSet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rest_framework.request import Request
    from rest_framework.response import Response

__all__ = ["SunSpecModelViewSet"]


class SunSpecModelViewSet(SubjectViewSet):
    """The known SunSpec models."""

    access: ClassVar[Mapping[str, Requirement]] = {"list": may(Action.VIEW)}
    serializer_class = SunSpecModelShown

    def list(self, request: Request) -> Response:
        """All of them by number, in pages."""
        page = self.paginate_queryset([model_definition(model_id) for model_id in model_ids()])
        return self.get_paginated_response(self.get_serializer(page, many=True).data)
