"""Is the site well? Its parts with their problems and what to do, the configuration that cannot be used, the gateways."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from sealbus.web.access.actions import Action
from sealbus.web.audit.models import Source
from sealbus.web.pages.administration.page import AdminPage
from sealbus.web.pages.administration.wording import PARTS
from sealbus.web.trends.collector_request import request_collector_state
from sealbus.web.trends.collector_view import visible_problems
from sealbus.web.trends.health import current_health

if TYPE_CHECKING:
    from django.http import HttpRequest

__all__ = ["LicencesPage", "StatePage"]

_PROBLEMS_SHOWN = 100
_VENDORED = Path(__file__).parent.parent / "vendor.toml"


@dataclass(frozen=True, slots=True)
class _PartShown:
    """One part of health in words."""

    name: object
    problem: str
    what_to_do: object
    needed: bool


class StatePage(AdminPage):
    """Processes and problems."""

    template = "pages/administration/state.html"
    fragment = "pages/administration/state_part.html"
    title = _("State")
    tab = "state"

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        """The probes run at most every two seconds, whoever asks."""
        health = current_health()
        parts = []
        for part in health.parts:
            name, what_to_do = PARTS.get(part.name, (part.name, ""))
            parts.append(_PartShown(name, part.problem, what_to_do, part.needed))
        parts.sort(key=lambda part: not part.problem)
        state = request_collector_state()
        problems = visible_problems(state.problems, self.subject) if state is not None else []
        may_audit = self.subject.rights.allows(Action.AUDIT, None)
        return {
            "parts": parts,
            "is_ready": health.is_ready,
            "bad": [part for part in parts if part.problem],
            "collector": state,
            "problems": problems[:_PROBLEMS_SHOWN],
            "problem_count": len(problems),
            "sources": list(Source.objects.visible_to(self.subject).order_by("name")) if may_audit else [],
        }


class LicencesPage(AdminPage):
    """What of others is in the files that a browser is sent."""

    template = "pages/administration/licences.html"
    title = _("Licences")
    tab = "licences"

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        return _vendored()


@lru_cache(maxsize=1)
def _vendored() -> dict[str, Any]:
    read = tomllib.loads(_VENDORED.read_text(encoding="utf-8"))
    return {"components": read.get("component", []), "files": read.get("file", [])}
