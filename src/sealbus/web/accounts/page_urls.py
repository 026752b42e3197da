"""Routes of the start page and of the pages behind printed links."""

from __future__ import annotations

from django.urls import path

from sealbus.web.accounts.views import LinkPage, StartPage

__all__ = ["urlpatterns"]

urlpatterns = [
    path("", StartPage.as_view(), name="start-page"),
    *(path(kind, LinkPage.as_view(kind=kind), name=f"{kind}-page") for kind in ("setup", "password", "emergency")),
]
