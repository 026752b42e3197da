"""Connections, devices, tags: list, show, make, change, archive, restore.

What the caller may not see does not exist. `?archived=1` lists what is archived. PATCH with `version` refuses (409) to
overwrite what somebody else changed meanwhile. DELETE archives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from sealbus.web.access.actions import Action
from sealbus.web.access.requirement import Requirement, may
from sealbus.web.devices import services
from sealbus.web.devices.columns import Table
from sealbus.web.devices.models import Connection, Device, Tag
from sealbus.web.devices.serializers import ConnectionForm, DeviceForm, TagForm
from sealbus.web.devices.views.asking import AskConnection, AskDevice, AskTags
from sealbus.web.devices.views.exchange import Exchange
from sealbus.web.http.rest import ScopedViewSet
from sealbus.web.http.strict import Strict, query_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from rest_framework.request import Request

__all__ = ["ConfiguredViewSet", "ConnectionViewSet", "DeviceViewSet", "TagViewSet"]

_ID: dict[str, Any] = {"min_value": 1, "max_value": 2**63 - 1, "required": False}


class _Filter(Strict):
    name = serializers.CharField(max_length=100, required=False, help_text="part of the name")
    group = serializers.IntegerField(**_ID)
    archived = serializers.BooleanField(required=False, help_text="those that are archived, and no others")


class _DeviceFilter(_Filter):
    connection = serializers.IntegerField(**_ID)


class _TagFilter(_Filter):
    device = serializers.IntegerField(**_ID)
    connection = serializers.IntegerField(**_ID)


class _File(Strict):
    file = serializers.ChoiceField(choices=["csv", "json"], required=False, default="csv")


class _ExportFilter(_File, _Filter):
    pass


class _DeviceExportFilter(_File, _DeviceFilter):
    pass


class _TagExportFilter(_File, _TagFilter):
    pass


class ConfiguredViewSet(ScopedViewSet):
    """What the three have in common."""

    access: ClassVar[Mapping[str, Requirement]] = {
        "list": may(Action.VIEW),
        "retrieve": may(Action.VIEW),
        "create": may(Action.CONFIGURE),
        "partial_update": may(Action.CONFIGURE),
        "destroy": may(Action.CONFIGURE),
        "restore": may(Action.CONFIGURE),
        "import_table": may(Action.CONFIGURE),
        "export": may(Action.VIEW),
    }
    lookup_value_regex = "[0-9]{1,18}"
    http_method_names = ["get", "post", "patch", "delete", "head"]  # noqa: RUF012 - as the framework declares it
    queryset: QuerySet[Any]
    queries: ClassVar[frozenset[str]] = frozenset({"import_table"})
    filter_form: ClassVar[type[Strict]] = _Filter
    export_form: ClassVar[type[Strict]] = _ExportFilter
    filters: ClassVar[Mapping[str, str]] = {}
    """From a query parameter to a lookup."""

    def get_serializer_context(self) -> dict[str, Any]:
        """With who asks: what he cannot see, he cannot refer to."""
        return {**super().get_serializer_context(), "subject": self.subject}

    def list(self, request: Request) -> Response:
        """One page of those that the caller may see."""
        page = self.paginate_queryset(self.narrowed(query_of(request, self.filter_form, paged=True)))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def narrowed(self, wanted: Mapping[str, Any]) -> QuerySet[Any]:
        """What these query parameters leave."""
        rows: Any = self.get_queryset()
        rows = rows.archived() if wanted.get("archived") else rows.live()
        lookups = {self.filters[name]: value for name, value in wanted.items() if name in self.filters}
        found: QuerySet[Any] = rows.filter(**lookups)
        return found

    def retrieve(self, request: Request, pk: str) -> Response:
        """One, archived or not."""
        return Response(self.get_serializer(self.get_object()).data)

    def create(self, request: Request) -> Response:
        """Make one."""
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        row = self.queryset.model(**{name: value for name, value in form.validated_data.items() if name != "version"})
        for group_id in services.groups_touched(row, {}):
            self.check_right(Action.CONFIGURE, group_id)
        made = services.create(row=row, subject=self.subject)
        return Response(self.get_serializer(made).data, status=201)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change one."""
        row = self.get_object()
        form = self.get_serializer(row, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        for group_id in services.groups_touched(row, form.validated_data):
            self.check_right(Action.CONFIGURE, group_id)
        changed = services.change(row=row, fields=form.validated_data, subject=self.subject)
        return Response(self.get_serializer(changed).data)

    @extend_schema(responses={204: OpenApiResponse(description="archived")})
    def destroy(self, request: Request, pk: str) -> Response:
        """Archive one, with what hangs on it."""
        services.archive(row=self.get_object(), subject=self.subject)
        return Response(status=204)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str) -> Response:
        """Bring an archived one back, with what went with it."""
        row = self.get_object()
        services.restore(row=row, subject=self.subject)
        return Response(self.get_serializer(self.get_object()).data)


@extend_schema_view(list=extend_schema(parameters=[_Filter]), export=extend_schema(parameters=[_ExportFilter]))
class ConnectionViewSet(AskConnection, Exchange, ConfiguredViewSet):
    """Ways to devices."""

    access: ClassVar[Mapping[str, Requirement]] = {
        **ConfiguredViewSet.access,
        "test": may(Action.CONFIGURE),
        "scan_units": may(Action.CONFIGURE),
    }
    table = Table.CONNECTIONS
    queryset = Connection.objects.order_by("name", "id")
    serializer_class = ConnectionForm
    filters: ClassVar[Mapping[str, str]] = {"name": "name__icontains", "group": "group_id"}


@extend_schema_view(
    list=extend_schema(parameters=[_DeviceFilter]), export=extend_schema(parameters=[_DeviceExportFilter])
)
class DeviceViewSet(AskDevice, Exchange, ConfiguredViewSet):
    """Devices."""

    access: ClassVar[Mapping[str, Requirement]] = {
        **ConfiguredViewSet.access,
        "scan_registers": may(Action.CONFIGURE),
        "sunspec": may(Action.CONFIGURE),
        "sunspec_tags": may(Action.CONFIGURE),
    }
    queries: ClassVar[frozenset[str]] = frozenset({"import_table", "sunspec_tags"})
    table = Table.DEVICES
    queryset = Device.objects.select_related("connection", "group").order_by("name", "id")
    serializer_class = DeviceForm
    filter_form = _DeviceFilter
    export_form = _DeviceExportFilter
    filters: ClassVar[Mapping[str, str]] = {
        "name": "name__icontains",
        "group": "group_id",
        "connection": "connection_id",
    }


@extend_schema_view(list=extend_schema(parameters=[_TagFilter]), export=extend_schema(parameters=[_TagExportFilter]))
class TagViewSet(AskTags, Exchange, ConfiguredViewSet):
    """Tags: those of a device, a group, or all; ten thousand in pages of up to a thousand."""

    access: ClassVar[Mapping[str, Requirement]] = {**ConfiguredViewSet.access, "read": may(Action.WRITE)}
    table = Table.TAGS
    queryset = Tag.objects.select_related("device", "retention").order_by("device__name", "name", "id")
    serializer_class = TagForm
    group_path = "device__group"
    filter_form = _TagFilter
    export_form = _TagExportFilter
    filters: ClassVar[Mapping[str, str]] = {
        "name": "name__icontains",
        "group": "device__group_id",
        "device": "device_id",
        "connection": "device__connection_id",
    }
