"""`/collector`: the state of each connection and the problems of the plan, requested over the bus, as far as visible."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from sealbus.bus import STATE_TOPIC, CollectorReport, decode_report
from sealbus.errors import SealbusError
from sealbus.web.access.actions import Action
from sealbus.web.access.requirement import Requirement, may
from sealbus.web.devices.models import Connection, Device, Tag
from sealbus.web.http.authentication import rest_subject
from sealbus.web.http.strict import Strict, query_of
from sealbus.web.trends.service import running_service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rest_framework.request import Request

    from sealbus.bus import ProblemReport
    from sealbus.web.access.subject import Rights

__all__ = ["CollectorView"]


class _ConnectionShown(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    status = serializers.ChoiceField(["idle", "up", "down", "refused"])
    why = serializers.CharField(help_text="The reason of the last failure")
    since_us = serializers.IntegerField(help_text="Since when it has this status, in microseconds")
    last_answer_us = serializers.IntegerField(allow_null=True)
    sent = serializers.IntegerField(help_text="Requests since the collector knows this connection")
    answered = serializers.IntegerField()
    silent = serializers.IntegerField(help_text="Requests that were not answered in time")
    silent_units = serializers.ListField(
        child=serializers.IntegerField(), help_text="Units that are not polled for now because they do not answer"
    )
    identity_problem = serializers.CharField(help_text="What is wrong with the files of its identity")
    certificate_not_after_us = serializers.IntegerField(allow_null=True, help_text="Of the server's certificate")


class _ProblemShown(serializers.Serializer[Any]):
    what = serializers.ChoiceField(["connection", "device", "tag", "calculated", "networks"])
    id = serializers.IntegerField()
    text = serializers.CharField()


class _CollectorShown(serializers.Serializer[Any]):
    answers = serializers.BooleanField(
        help_text="False: no collector runs, or the bus is not connected; then the lists are empty"
    )
    connections = _ConnectionShown(many=True)
    problems = _ProblemShown(many=True, help_text="The rows of the configuration that cannot be used, and why")


class CollectorView(APIView):
    """The state of the collector."""

    access: ClassVar[Mapping[str, Requirement]] = {"GET": may(Action.VIEW)}

    @extend_schema(operation_id="collector_retrieve", responses=_CollectorShown)
    def get(self, request: Request) -> Response:
        """The state of each connection, and the rows that cannot be collected."""
        query_of(request, Strict)
        report = _ask()
        rights = rest_subject(request).rights
        seen = _visible(Connection, "group", rights, {each.id for each in report.connections})
        shown = [each for each in report.connections if each.id in seen]
        problems = _visible_problems(report.problems, rights)
        shown_state = {"answers": report is not _SILENT, "connections": shown, "problems": problems}
        return Response(_CollectorShown(shown_state).data)


_SILENT = CollectorReport(connections=(), problems=())


def _ask() -> CollectorReport:
    service = running_service()
    if service is None:
        return _SILENT
    answer_s = service.limits.collector_answer_s
    requested = service.bus.request(STATE_TOPIC, b"", timeout_s=answer_s)
    try:
        payload = asyncio.run_coroutine_threadsafe(requested, service.loop).result(answer_s + 1)
        return decode_report(payload)
    except (SealbusError, TimeoutError):
        return _SILENT


def _visible_problems(problems: tuple[ProblemReport, ...], rights: Rights) -> list[ProblemReport]:
    kinds: dict[str, tuple[Any, str]] = {
        "connection": (Connection, "group"),
        "device": (Device, "group"),
        "tag": (Tag, "device__group"),
        "calculated": (Tag, "device__group"),
    }
    shown = []
    for what, (model, path) in kinds.items():
        found = [each for each in problems if each.what == what]
        seen = _visible(model, path, rights, {each.id for each in found})
        shown += [each for each in found if each.id in seen]
    if rights.allows(Action.ADMINISTER, None):
        shown += [each for each in problems if each.what not in kinds]
    return shown


def _visible(model: Any, path: str, rights: Rights, ids: set[int]) -> set[int]:
    """Those of the ids that the caller may see."""
    groups = rights.groups(Action.VIEW)
    if groups is None or not ids:
        return ids
    return {pk for pk in model.objects.filter(**{f"{path}__in": groups}).values_list("pk", flat=True) if pk in ids}
