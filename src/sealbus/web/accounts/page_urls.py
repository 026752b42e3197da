"""Routes of the pages behind printed links."""

from __future__ import annotations

from django.urls import path

from sealbus.web.accounts.views import LinkPage

__all__ = ["urlpatterns"]

urlpatterns = [
    *(path(kind, LinkPage.as_view(kind=kind), name=f"{kind}-page") for kind in ("setup", "password", "emergency")),
]
