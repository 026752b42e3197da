"""Commands: list them, look at one, withdraw one. They are requested at what they are about (`command_actions`).

`GET /commands/ID?wait=SECONDS` answers when the command has ended, at the latest after that time. It reads the state of
the row a few times a second. A wait holds one thread of the server, so waits are short and few: if four requests wait
already, the next is answered at once, and its client asks again.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from sealbus.plant import CommandState
from sealbus.web.access.actions import Action
from sealbus.web.access.requirement import Requirement, may
from sealbus.web.devices import services
from sealbus.web.devices.models import KIND_CHOICES, STATE_CHOICES, Command
from sealbus.web.devices.serializers.commands import CommandShown
from sealbus.web.http.rest import SubjectViewSet
from sealbus.web.http.strict import Strict, query_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rest_framework.request import Request

__all__ = ["CommandViewSet"]

_MAX_WAIT_S = 15.0
_LOOK_EVERY_S = 0.15
_waiting = threading.BoundedSemaphore(4)  # of sixteen threads: waits must not keep the others from their answers


class _Filter(Strict):
    kind = serializers.ChoiceField(choices=KIND_CHOICES, required=False)
    state = serializers.ChoiceField(choices=STATE_CHOICES, required=False)
    device = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    connection = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)


class _Wait(Strict):
    wait = serializers.FloatField(
        min_value=0, max_value=_MAX_WAIT_S, required=False, help_text="How many seconds to wait for its end."
    )


class CommandViewSet(SubjectViewSet):
    """Commands: those of the caller, and all in groups that the caller may configure."""

    access: ClassVar[Mapping[str, Requirement]] = {
        "list": may(Action.VIEW),
        "retrieve": may(Action.VIEW),
        "withdraw": may(Action.VIEW),
    }
    queries: ClassVar[frozenset[str]] = frozenset({"list", "retrieve"})
    queryset = Command.objects.select_related("device", "connection").order_by("-id")
    serializer_class = CommandShown
    lookup_value_regex = "[0-9]{1,18}"

    @extend_schema(parameters=[_Filter])
    def list(self, request: Request) -> Response:
        """The newest first."""
        rows = self.get_queryset().filter(**query_of(request, _Filter, paged=True))
        return self.get_paginated_response(self.get_serializer(self.paginate_queryset(rows), many=True).data)

    @extend_schema(parameters=[_Wait])
    def retrieve(self, request: Request, pk: str) -> Response:
        """One command, at once or when it has ended."""
        wait_s = query_of(request, _Wait).get("wait", 0.0)
        command = self.get_object()
        if _is_open(command) and wait_s and _waiting.acquire(blocking=False):
            try:
                _wait_for_end(command, wait_s)
            finally:
                _waiting.release()
            command = self.get_object()
        if _is_open(command) and command.deadline <= timezone.now():
            services.expire_overdue()
            command = self.get_object()
        return Response(self.get_serializer(command).data)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        """Withdraw it: at once if no collector has claimed it, else the collector is asked to stop it."""
        command = services.withdraw_command(command=self.get_object(), subject=self.subject)
        return Response(self.get_serializer(command).data)


def _is_open(command: Command) -> bool:
    return not CommandState(command.state).is_final


def _wait_for_end(command: Command, wait_s: float) -> None:
    until = time.monotonic() + wait_s
    rows = Command.objects.filter(pk=command.pk)
    while time.monotonic() < until:
        time.sleep(min(_LOOK_EVERY_S, max(0.0, until - time.monotonic())))
        state = rows.values_list("state", flat=True).first()
        if state is None or CommandState(state).is_final:
            return
