"""Health over HTTP: live and ready for everybody, in one word; the parts for administrators."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar

from django.http import JsonResponse
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from sealbus.web.access.actions import Action
from sealbus.web.access.requirement import EVERYBODY, may, requires
from sealbus.web.http.rest import SubjectView
from sealbus.web.trends.health import current_health

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest
    from rest_framework.request import Request

    from sealbus.web.access.requirement import Requirement

__all__ = ["HealthSerializer", "HealthView", "PartSerializer", "live", "ready"]


class PartSerializer(serializers.Serializer[object]):
    """One part."""

    name = serializers.CharField()
    problem = serializers.CharField(allow_blank=True)
    needed = serializers.BooleanField()


class HealthSerializer(serializers.Serializer[object]):
    """All parts."""

    ready = serializers.BooleanField()
    parts = PartSerializer(many=True)


@requires(EVERYBODY)
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "alive"})


@requires(EVERYBODY)
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """All needed parts work; 503 if one does not."""
    if current_health().is_ready:
        return JsonResponse({"status": "ready"})
    return JsonResponse({"status": "not ready"}, status=HTTPStatus.SERVICE_UNAVAILABLE)


class HealthView(SubjectView):
    """The parts of the site."""

    access: ClassVar[Mapping[str, Requirement]] = {"GET": may(Action.ADMINISTER)}

    @extend_schema(responses=HealthSerializer)
    def get(self, request: Request) -> Response:
        """Every part with its problem; empty if it works."""
        health = current_health()
        return Response({"ready": health.is_ready, "parts": [asdict(part) for part in health.parts]})
