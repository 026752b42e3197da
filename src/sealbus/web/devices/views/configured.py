"""Connections, devices, tags: list, show, create, change, archive (one or many), restore.

Rows that the caller may not see are answered as if there were none (404). `?archived=1` lists archived rows. PATCH with
`version` is refused (409) if the row was changed since that version. DELETE archives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from sealbus.web.access.actions import Action
from sealbus.web.access.requirement import Requirement, may
from sealbus.web.devices import services
from sealbus.web.devices.columns import Table
from sealbus.web.devices.interchange import Report
from sealbus.web.devices.models import Connection, Device, Tag
from sealbus.web.devices.serializers import ConnectionForm, DeviceForm, TagForm
from sealbus.web.devices.tables import rows_of
from sealbus.web.devices.views.command_actions import ConnectionCommands, DeviceCommands, TagCommands
from sealbus.web.devices.views.exchange import CsvParser, ImportQuery, ReportShown, answer, file_of, table_of
from sealbus.web.http.json_bodies import JsonBody
from sealbus.web.http.rest import SubjectViewSet
from sealbus.web.http.strict import Strict, body_of, query_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from django.http import HttpResponse
    from rest_framework.request import Request

__all__ = ["ArchiveForm", "ArchivedShown", "ConfiguredViewSet", "ConnectionViewSet", "DeviceViewSet", "TagViewSet"]

_MAX_AT_ONCE = 1000
_ID: dict[str, Any] = {"min_value": 1, "max_value": 2**63 - 1, "required": False}


class _Filter(Strict):
    name = serializers.CharField(max_length=100, required=False, help_text="A part of the name.")
    group = serializers.IntegerField(**_ID)
    archived = serializers.BooleanField(required=False, help_text="True: those that are archived, and no others.")


class _DeviceFilter(_Filter):
    connection = serializers.IntegerField(**_ID)


class _TagFilter(_Filter):
    device = serializers.IntegerField(**_ID)
    connection = serializers.IntegerField(**_ID)


class ArchiveForm(Strict):
    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        min_length=1,
        max_length=_MAX_AT_ONCE,
        help_text=f"The ids of the rows, 1 to {_MAX_AT_ONCE}; those that are archived already stay so.",
    )


class ArchivedShown(serializers.Serializer[Any]):
    archived = serializers.IntegerField(help_text="How many of the rows were not archived before.")


class _File(Strict):
    file = serializers.ChoiceField(choices=["csv", "json"], required=False, default="csv")


class _ExportFilter(_File, _Filter):
    pass


class _DeviceExportFilter(_File, _DeviceFilter):
    pass


class _TagExportFilter(_File, _TagFilter):
    pass


class ConfiguredViewSet(SubjectViewSet):
    """The actions that the three have in common."""

    access: ClassVar[Mapping[str, Requirement]] = {
        "list": may(Action.VIEW),
        "retrieve": may(Action.VIEW),
        "create": may(Action.CONFIGURE),
        "partial_update": may(Action.CONFIGURE),
        "destroy": may(Action.CONFIGURE),
        "restore": may(Action.CONFIGURE),
        "archive": may(Action.CONFIGURE),
        "import_table": may(Action.CONFIGURE),
        "export": may(Action.VIEW),
    }
    lookup_value_regex = "[0-9]{1,18}"
    http_method_names = ["get", "post", "patch", "delete", "head"]  # noqa: RUF012 - as the framework declares it
    queryset: QuerySet[Any]
    table: ClassVar[Table]
    queries: ClassVar[frozenset[str]] = frozenset({"list", "export", "import_table"})
    filter_form: ClassVar[type[Strict]] = _Filter
    export_form: ClassVar[type[Strict]] = _ExportFilter
    filters: ClassVar[Mapping[str, str]] = {}
    """From a query parameter to a lookup."""

    def get_serializer_context(self) -> dict[str, Any]:
        """With the subject: the caller can refer only to rows that the caller may see."""
        return {**super().get_serializer_context(), "subject": self.subject}

    def list(self, request: Request) -> Response:
        """One page of the rows that the caller may see."""
        page = self.paginate_queryset(self.narrowed(query_of(request, self.filter_form, paged=True)))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def narrowed(self, wanted: Mapping[str, Any]) -> QuerySet[Any]:
        """The rows that these query parameters leave."""
        rows: Any = self.get_queryset()
        rows = rows.archived() if wanted.get("archived") else rows.live()
        lookups = {self.filters[name]: value for name, value in wanted.items() if name in self.filters}
        found: QuerySet[Any] = rows.filter(**lookups)
        return found

    def retrieve(self, request: Request, pk: str) -> Response:
        """One, archived or not."""
        return Response(self.get_serializer(self.get_object()).data)

    def create(self, request: Request) -> Response:
        """Create one."""
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        row = self.queryset.model(**{name: value for name, value in form.validated_data.items() if name != "version"})
        made = services.create(row=row, subject=self.subject)
        return Response(self.get_serializer(made).data, status=201)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change one."""
        row = self.get_object()
        form = self.get_serializer(row, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        changed = services.change(row=row, fields=form.validated_data, subject=self.subject)
        return Response(self.get_serializer(changed).data)

    @extend_schema(responses={204: OpenApiResponse(description="archived")})
    def destroy(self, request: Request, pk: str) -> Response:
        """Archive one, with its devices and tags."""
        services.archive(row=self.get_object(), subject=self.subject)
        return Response(status=204)

    @extend_schema(request=ArchiveForm, responses=ArchivedShown)
    @action(detail=False, methods=["post"])
    def archive(self, request: Request) -> Response:
        """Archive many, with their devices and tags: all or none."""
        ids = body_of(request, ArchiveForm)["ids"]
        archived = services.archive_many(rows=self.get_queryset(), ids=ids, subject=self.subject)
        return Response({"archived": archived})

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str) -> Response:
        """Restore an archived one, with the rows that were archived with it."""
        row = self.get_object()
        services.restore(row=row, subject=self.subject)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(
        parameters=[ImportQuery],
        request={"text/csv": OpenApiTypes.BINARY, "application/json": OpenApiTypes.OBJECT},
        responses={200: ReportShown},
    )
    @action(detail=False, methods=["post"], url_path="import", parser_classes=[JsonBody, CsvParser])
    def import_table(self, request: Request) -> Response:
        """Create and change many at once, or none."""
        dry_run = query_of(request, ImportQuery)["dry_run"]
        report = Report()
        with services.import_slot(self.subject):
            rows = rows_of(table_of(request), self.table, report)
            services.import_rows(table=self.table, rows=rows, report=report, subject=self.subject, dry_run=dry_run)
        return answer(report, dry_run=dry_run)

    @extend_schema(
        responses={
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR),
            (200, "application/json"): OpenApiResponse(OpenApiTypes.OBJECT),
        }
    )
    @action(detail=False, methods=["get"])
    def export(self, request: Request) -> HttpResponse:
        """All rows that the filters leave, as a file that can be imported again."""
        wanted = query_of(request, self.export_form)
        rows = self.narrowed(wanted)
        found = file_of(rows, self.table, is_json=wanted["file"] == "json", reader=self.subject)
        services.note_export(table=self.table, count=rows.count(), subject=self.subject)
        return found


@extend_schema_view(list=extend_schema(parameters=[_Filter]), export=extend_schema(parameters=[_ExportFilter]))
class ConnectionViewSet(ConnectionCommands, ConfiguredViewSet):
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
class DeviceViewSet(DeviceCommands, ConfiguredViewSet):
    """Devices."""

    access: ClassVar[Mapping[str, Requirement]] = {
        **ConfiguredViewSet.access,
        "scan_registers": may(Action.CONFIGURE),
        "sunspec": may(Action.CONFIGURE),
        "sunspec_tags": may(Action.CONFIGURE),
    }
    queries: ClassVar[frozenset[str]] = ConfiguredViewSet.queries | {"sunspec_tags"}
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
class TagViewSet(TagCommands, ConfiguredViewSet):
    """Tags of a device, of a group, or all; in pages of up to a thousand."""

    access: ClassVar[Mapping[str, Requirement]] = {**ConfiguredViewSet.access, "read": may(Action.WRITE)}
    table = Table.TAGS
    queryset = Tag.objects.select_related("device", "retention").order_by("device__name", "name", "id")
    serializer_class = TagForm
    filter_form = _TagFilter
    export_form = _TagExportFilter
    filters: ClassVar[Mapping[str, str]] = {
        "name": "name__icontains",
        "group": "device__group_id",
        "device": "device_id",
        "connection": "device__connection_id",
    }
