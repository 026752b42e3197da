"""The routes of devices below `/api/v1/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.routers import SimpleRouter

from sealbus.web.devices.views.commands import CommandViewSet
from sealbus.web.devices.views.configured import ConnectionViewSet, DeviceViewSet, TagViewSet
from sealbus.web.devices.views.site import AllowedNetworkViewSet, RetentionViewSet, SerialPatternViewSet
from sealbus.web.devices.views.sunspec import SunSpecModelViewSet
from sealbus.web.devices.views.templates import TemplateViewSet

if TYPE_CHECKING:
    from django.urls import URLPattern, URLResolver

__all__ = ["urlpatterns"]

_router = SimpleRouter(trailing_slash=False)
_router.register("connections", ConnectionViewSet, basename="connection")
_router.register("devices", DeviceViewSet, basename="device")
_router.register("tags", TagViewSet, basename="tag")
_router.register("commands", CommandViewSet, basename="command")
_router.register("retention-classes", RetentionViewSet, basename="retention-class")
_router.register("allowed-networks", AllowedNetworkViewSet, basename="allowed-network")
_router.register("serial-patterns", SerialPatternViewSet, basename="serial-pattern")
_router.register("templates", TemplateViewSet, basename="template")
_router.register("sunspec-models", SunSpecModelViewSet, basename="sunspec-model")

urlpatterns: list[URLPattern | URLResolver] = [*_router.urls]
