"""`/api/v1`: the routes of every app, each behind its own prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import include, path

from sealbus.web.api.health_views import HealthView
from sealbus.web.api.schema import IndexView, SchemaView

if TYPE_CHECKING:
    from django.urls import URLPattern, URLResolver

__all__ = ["urlpatterns"]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("sealbus.web.accounts.urls")),
    path("", include("sealbus.web.devices.urls")),
    path("audit/", include("sealbus.web.audit.urls")),
    path("", include("sealbus.web.trends.urls")),
    path("health", HealthView.as_view(), name="health"),
    path("schema", SchemaView.as_view(), name="schema"),
    path("", IndexView.as_view(), name="index"),
]
