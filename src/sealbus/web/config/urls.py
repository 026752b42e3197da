"""All routes."""

from __future__ import annotations

from django.urls import include, path

__all__ = ["urlpatterns"]

urlpatterns = [
    path("api/v1/", include("sealbus.web.api.urls")),
    path("_allauth/", include("allauth.headless.urls")),
]
