"""Retention classes, allowed networks and serial ports. Users who may view anything may see the retention
classes; the administrator sees and changes all three.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.response import Response

from sealbus.web.access.actions import Action
from sealbus.web.access.requirement import Requirement, may
from sealbus.web.devices import services
from sealbus.web.devices.models import AllowedNetwork, RetentionClass, SerialPattern
from sealbus.web.devices.serializers import AllowedNetworkForm, RetentionForm, SerialPatternForm
from sealbus.web.http.rest import SubjectViewSet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from rest_framework.request import Request

__all__ = ["AllowedNetworkViewSet", "RetentionViewSet", "SerialPatternViewSet"]


class _Setting(SubjectViewSet):
    access: ClassVar[Mapping[str, Requirement]] = {
        "list": may(Action.ADMINISTER),
        "retrieve": may(Action.ADMINISTER),
        "create": may(Action.ADMINISTER),
        "partial_update": may(Action.ADMINISTER),
        "destroy": may(Action.ADMINISTER),
    }
    lookup_value_regex = "[0-9]{1,18}"
    http_method_names = ["get", "post", "patch", "delete", "head"]  # noqa: RUF012 - as the framework declares it
    queryset: QuerySet[Any]

    def list(self, request: Request) -> Response:
        """All of them, in pages."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, pk: str) -> Response:
        """One."""
        return Response(self.get_serializer(self.get_object()).data)

    def create(self, request: Request) -> Response:
        """Create one."""
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        fields: dict[str, Any] = {name: value for name, value in form.validated_data.items() if name != "version"}
        made = services.create_setting(row=self.queryset.model(**fields), subject=self.subject)
        return Response(self.get_serializer(made).data, status=201)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change one."""
        row = self.get_object()
        form = self.get_serializer(row, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        changed = services.change_setting(row=row, fields=form.validated_data, subject=self.subject)
        return Response(self.get_serializer(changed).data)

    @extend_schema(responses={204: OpenApiResponse(description="deleted")})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete one."""
        services.delete_setting(row=self.get_object(), subject=self.subject)
        return Response(status=204)


class RetentionViewSet(_Setting):
    """How long history is kept. Users who may view anything may see the classes."""

    access: ClassVar[Mapping[str, Requirement]] = {
        **_Setting.access,
        "list": may(Action.VIEW),
        "retrieve": may(Action.VIEW),
    }
    queryset = RetentionClass.objects.order_by("name")
    serializer_class = RetentionForm


class AllowedNetworkViewSet(_Setting):
    """Where devices may be."""

    queryset = AllowedNetwork.objects.order_by("network", "id")
    serializer_class = AllowedNetworkForm


class SerialPatternViewSet(_Setting):
    """The serial ports that may be opened."""

    queryset = SerialPattern.objects.order_by("pattern")
    serializer_class = SerialPatternForm
