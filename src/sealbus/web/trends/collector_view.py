"""`/collector`: the state of each connection and the problems of the plan, requested over the bus, as far as visible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from sealbus.web.access.actions import Action
from sealbus.web.access.requirement import Requirement, may
from sealbus.web.devices.models import Connection, Device, Tag
from sealbus.web.http.authentication import rest_subject
from sealbus.web.http.rest import SubjectView
from sealbus.web.trends.collector_request import request_collector_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rest_framework.request import Request

    from sealbus.plant import Problem
    from sealbus.web.access.subject import Subject

__all__ = ["CollectorShown", "CollectorView", "ConnectionShown", "PlanProblemShown", "SamplesShown", "visible_problems"]


class ConnectionShown(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    status = serializers.ChoiceField(["idle", "up", "down", "refused"])
    why = serializers.CharField()
    since_us = serializers.IntegerField()
    last_answer_us = serializers.IntegerField(allow_null=True)
    sent = serializers.IntegerField()
    answered = serializers.IntegerField()
    silent = serializers.IntegerField()
    silent_units = serializers.ListField(child=serializers.IntegerField())
    identity_problem = serializers.CharField()
    certificate_not_after_us = serializers.IntegerField(allow_null=True)


class PlanProblemShown(serializers.Serializer[Any]):
    what = serializers.ChoiceField(["connection", "device", "tag", "calculated", "networks"])
    id = serializers.IntegerField()
    text = serializers.CharField()


class SamplesShown(serializers.Serializer[Any]):
    in_memory = serializers.IntegerField()
    on_disk = serializers.IntegerField()
    stored = serializers.IntegerField()
    lost = serializers.IntegerField()
    lost_from_us = serializers.IntegerField(allow_null=True)
    lost_to_us = serializers.IntegerField(allow_null=True)
    damaged_files = serializers.IntegerField()
    problem = serializers.CharField()


class CollectorShown(serializers.Serializer[Any]):
    answers = serializers.BooleanField()
    connections = ConnectionShown(many=True)
    problems = PlanProblemShown(many=True)
    history = SamplesShown(allow_null=True)


class CollectorView(SubjectView):
    """The state of the collector."""

    access: ClassVar[Mapping[str, Requirement]] = {"GET": may(Action.VIEW)}

    @extend_schema(operation_id="collector_retrieve", responses=CollectorShown)
    def get(self, request: Request) -> Response:
        """The state of each connection, and the rows that cannot be collected."""
        subject, state = rest_subject(request), request_collector_state()
        if state is None:
            nothing = {"answers": False, "connections": [], "problems": [], "history": None}
            return Response(CollectorShown(nothing).data)
        seen = _visible(Connection, subject, {each.id for each in state.connections})
        shown = [each for each in state.connections if each.id in seen]
        problems = visible_problems(state.problems, subject)
        history = state.history if subject.rights.allows(Action.ADMINISTER, None) else None
        answer = {"answers": True, "connections": shown, "problems": problems, "history": history}
        return Response(CollectorShown(answer).data)


def visible_problems(problems: tuple[Problem, ...], subject: Subject) -> list[Problem]:
    """The problems of the plan about rows that the subject may see; those of the whole site for an administrator."""
    kinds: dict[str, Any] = {"connection": Connection, "device": Device, "tag": Tag, "calculated": Tag}
    shown = []
    for what, model in kinds.items():
        found = [each for each in problems if each.what == what]
        seen = _visible(model, subject, {each.id for each in found})
        shown += [each for each in found if each.id in seen]
    if subject.rights.allows(Action.ADMINISTER, None):
        shown += [each for each in problems if each.what not in kinds]
    return shown


def _visible(model: Any, subject: Subject, ids: set[int]) -> set[int]:
    """Those of the ids that the caller may see."""
    if not ids or subject.rights.groups(Action.VIEW) is None:
        return ids
    return {pk for pk in model.objects.visible_to(subject).values_list("pk", flat=True) if pk in ids}
