"""Orders: give them, look how they are, take them back.

Giving one answers 202 with the order and its URL. `GET /orders/ID?wait=SECONDS` answers as soon as it has ended, at
the latest after that time: it looks at the row a few times a second. A wait holds one thread of the server, so it is
short, and when too many wait already it answers at once; whoever asked then asks again.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar

from django.db.models import Q
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from sealbus.web.access.actions import Action
from sealbus.web.access.requirement import Requirement, may
from sealbus.web.devices import services
from sealbus.web.devices.models import Command, CommandKind, CommandState
from sealbus.web.devices.serializers.orders import OrderShown
from sealbus.web.http.rest import ScopedViewSet
from sealbus.web.http.strict import Strict, query_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from rest_framework.request import Request

__all__ = ["OrderViewSet"]

_LONGEST_WAIT_S = 15.0
_LOOK_EVERY_S = 0.15
_waiting = threading.BoundedSemaphore(4)  # of the sixteen threads that everybody shares


class _Filter(Strict):
    kind = serializers.ChoiceField(choices=CommandKind.choices, required=False)
    state = serializers.ChoiceField(choices=CommandState.choices, required=False)
    device = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    connection = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)


class _Wait(Strict):
    wait = serializers.FloatField(
        min_value=0, max_value=_LONGEST_WAIT_S, required=False, help_text="seconds to wait for its end"
    )


class OrderViewSet(ScopedViewSet):
    """Orders: one's own, and those of the groups that one may configure."""

    access: ClassVar[Mapping[str, Requirement]] = {
        "list": may(Action.VIEW),
        "retrieve": may(Action.VIEW),
        "cancel": may(Action.VIEW),
    }
    queryset = Command.objects.select_related("device", "connection").order_by("-id")
    serializer_class = OrderShown
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Any]:
        """In groups that one sees: one's own, and all where one may configure."""
        rows = super().get_queryset()
        configured = self.subject.rights.groups(Action.CONFIGURE)
        if configured is None:
            return rows
        return rows.filter(Q(actor_id=self.subject.user_id or 0) | Q(group__in=configured))

    @extend_schema(parameters=[_Filter])
    def list(self, request: Request) -> Response:
        """The newest first."""
        rows = self.get_queryset().filter(**query_of(request, _Filter, paged=True))
        return self.get_paginated_response(self.get_serializer(self.paginate_queryset(rows), many=True).data)

    @extend_schema(parameters=[_Wait])
    def retrieve(self, request: Request, pk: str) -> Response:
        """One, at once or when it has ended."""
        wait_s = query_of(request, _Wait).get("wait", 0.0)
        command = self.get_object()
        if _is_open(command) and wait_s and _waiting.acquire(blocking=False):
            try:
                _wait_for_end(command, wait_s)
            finally:
                _waiting.release()
            command = self.get_object()
        return Response(self.get_serializer(command).data)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Take it back: at once if nobody has begun, else the collector is asked to stop."""
        command = services.cancel_order(command=self.get_object(), subject=self.subject)
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
