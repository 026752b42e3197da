"""The first page: is anything wrong, anywhere, and is it safe?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from sealbus.web.access.actions import Action
from sealbus.web.pages.overview.queries import plant_of
from sealbus.web.pages.overview.security import security_lines
from sealbus.web.pages.plant.collecting import Collecting
from sealbus.web.pages.shell.page import Page
from sealbus.web.trends.collector_request import request_collector_state

if TYPE_CHECKING:
    from django.http import HttpRequest

__all__ = ["OverviewPage"]


class OverviewPage(Page):
    """All groups at a glance."""

    template = "pages/overview.html"
    fragment = "pages/overview_groups.html"
    place = "overview"
    title = _("Overview")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        collector = request_collector_state()
        return {
            "plant": plant_of(self.subject, Collecting.of(collector)),
            "security": security_lines(self.subject, collector),
            "collector": collector,
            "may_configure": self.subject.rights.allows_anywhere(Action.CONFIGURE),
        }
