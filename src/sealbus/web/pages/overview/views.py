"""The first page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from sealbus.web.pages.shell.page import Page

if TYPE_CHECKING:
    from django.http import HttpRequest

__all__ = ["OverviewPage"]


class OverviewPage(Page):
    """All groups at a glance."""

    template = "pages/overview.html"
    place = "overview"
    title = _("Overview")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        return {}
