"""The actions of connections, devices and tags that request commands. Each answers 202."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from sealbus.plant import CommandKind
from sealbus.web.devices import services
from sealbus.web.devices.interchange import Report
from sealbus.web.devices.models import Command
from sealbus.web.devices.serializers.commands import (
    CommandShown,
    CommandsShown,
    ReadForm,
    ScanRegistersForm,
    ScanUnitsForm,
    SunSpecForm,
    TestForm,
)
from sealbus.web.devices.serializers.templates import SunSpecTagsForm, SunSpecTagsShown
from sealbus.web.devices.services import CommandRequest
from sealbus.web.devices.views.exchange import ImportQuery, answer
from sealbus.web.http.strict import query_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rest_framework.request import Request

    from sealbus.web.devices.models import Connection, Device, Tag
    from sealbus.web.http.strict import Strict

__all__ = ["ConnectionCommands", "DeviceCommands", "TagCommands"]


def _body(request: Request, form: type[Strict]) -> Mapping[str, Any]:
    checked = form(data=request.data)
    checked.is_valid(raise_exception=True)
    found: Mapping[str, Any] = checked.validated_data
    return found


def _accepted(view: Any, request: CommandRequest) -> Response:
    [command] = services.request_commands(requests=[request], subject=view.subject)
    shown = CommandShown(command).data
    return Response(shown, status=202, headers={"Location": shown["url"]})


class ConnectionCommands:
    """Commands for a connection."""

    @extend_schema(request=TestForm, responses={202: CommandShown})
    @action(detail=True, methods=["post"])
    def test(self: Any, request: Request, pk: str) -> Response:
        """Test it step by step (name, network, TLS, answer). The result has each step and the reason of a failure."""
        connection: Connection = self.get_object()
        arguments = _body(request, TestForm)
        return _accepted(self, CommandRequest(kind=CommandKind.TEST, target=connection, arguments=arguments))

    @extend_schema(request=ScanUnitsForm, responses={202: CommandShown})
    @action(detail=True, methods=["post"], url_path="scan-units")
    def scan_units(self: Any, request: Request, pk: str) -> Response:
        """Find the units that answer on it."""
        connection: Connection = self.get_object()
        arguments = _body(request, ScanUnitsForm)
        return _accepted(
            self,
            CommandRequest(kind=CommandKind.SCAN_UNITS, target=connection, arguments=arguments),
        )


class DeviceCommands:
    """Commands for a device."""

    @extend_schema(request=ScanRegistersForm, responses={202: CommandShown})
    @action(detail=True, methods=["post"], url_path="scan-registers")
    def scan_registers(self: Any, request: Request, pk: str) -> Response:
        """Find the addresses that it has, and read them."""
        return _accepted(self, _about(self.get_object(), CommandKind.SCAN_REGISTERS, _body(request, ScanRegistersForm)))

    @extend_schema(request=SunSpecForm, responses={202: CommandShown})
    @action(detail=True, methods=["post"])
    def sunspec(self: Any, request: Request, pk: str) -> Response:
        """Find its SunSpec models."""
        return _accepted(self, _about(self.get_object(), CommandKind.SUNSPEC, _body(request, SunSpecForm)))

    @extend_schema(
        parameters=[ImportQuery], request=SunSpecTagsForm, responses={200: SunSpecTagsShown, 201: SunSpecTagsShown}
    )
    @action(detail=True, methods=["post"], url_path="sunspec/tags")
    def sunspec_tags(self: Any, request: Request, pk: str) -> Response:
        """Make tags from the SunSpec models that a command found in it."""
        device: Device = self.get_object()
        dry_run = query_of(request, ImportQuery)["dry_run"]
        options = _body(request, SunSpecTagsForm)
        command = Command.objects.visible_to(self.subject).filter(pk=options["command"], device=device).first()
        if command is None:
            raise ValidationError({"command": ["this device has no command of this id"]})
        report = Report()
        with services.import_slot(self.subject):
            discovery = services.make_sunspec_tags(
                command=command, device=device, report=report, subject=self.subject, options=options, dry_run=dry_run
            )
        if report.problem_count:
            return answer(report, dry_run=False)
        left_out = [asdict(each) for each in discovery.left_out]
        shown = {
            "dry_run": dry_run,
            "created": report.created,
            "tags": msgspec.to_builtins(discovery.tags),
            "without_value": discovery.without_value,
            "left_out": left_out,
        }
        return Response(shown, status=200 if dry_run else 201)


def _about(device: Device, kind: CommandKind, arguments: Mapping[str, Any]) -> CommandRequest:
    return CommandRequest(kind=kind, target=device, arguments=arguments)


class TagCommands:
    """Commands for tags."""

    @extend_schema(request=ReadForm, responses={202: CommandsShown})
    @action(detail=False, methods=["post"])
    def read(self: Any, request: Request) -> Response:
        """Read tags now, outside the schedule: one command for each device."""
        wanted = set(_body(request, ReadForm)["tags"])
        tags: list[Tag] = list(self.get_queryset().live().select_related("device__connection").filter(pk__in=wanted))
        if missing := sorted(wanted - {tag.pk for tag in tags}):
            raise ValidationError({"tags": [f"these tags do not exist: {', '.join(map(str, missing[:10]))}"]})
        requests = services.requests_to_read(tags)
        commands = services.request_commands(requests=requests, subject=self.subject)
        return Response({"commands": CommandShown(commands, many=True).data}, status=202)
