"""The base of all pages of the administration: the tabs, what was done, and acts that are confirmed first."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from sealbus.web.access.actions import Action
from sealbus.web.access.requirement import may
from sealbus.web.errors import NotFound
from sealbus.web.pages.administration.wording import DONE
from sealbus.web.pages.forms import Form
from sealbus.web.pages.shell.page import Page, redirect_to

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import Model, QuerySet
    from django.http import HttpRequest, HttpResponse

    from sealbus.web.access.requirement import Requirement

__all__ = ["CHANGE", "TABS", "Act", "ActPage", "AdminPage", "one_of", "url_done"]

_READ: Mapping[str, Requirement] = {"GET": may(Action.ADMINISTER)}
CHANGE: Mapping[str, Requirement] = {**_READ, "POST": may(Action.ADMINISTER, people_only=True)}
"""For a page with a form. Programs use the API, which says for each act whether a token may do it."""
TABS = (
    ("people", "administration", _("People")),
    ("roles", "admin-roles", _("Roles")),
    ("groups", "admin-groups", _("Groups")),
    ("tokens", "admin-tokens", _("Tokens")),
    ("sessions", "admin-sessions", _("Sessions")),
    ("networks", "admin-networks", _("Networks")),
    ("retention", "admin-retention", _("Retention")),
    ("state", "admin-state", _("State")),
    ("licences", "admin-licences", _("Licences")),
)
_MAX_ID = 2**63 - 1


class AdminPage(Page):
    """A page under one of the tabs."""

    access: ClassVar[Mapping[str, Requirement]] = _READ
    place = "administration"
    title = _("Administration")
    tab: ClassVar[str] = ""

    def show(self, request: HttpRequest, content: Mapping[str, Any], status: int = HTTPStatus.OK) -> HttpResponse:
        done = DONE.get(request.GET.get("done", "")) if request.method == "GET" else None
        tabs = [(name, reverse(route), text) for name, route, text in TABS]
        return super().show(
            request, {"tabs": tabs, "tab": self.tab, "messages": [done] if done else [], **content}, status
        )


@dataclass(frozen=True, slots=True)
class Act:
    """An act before it is done: what it is, its effect in sentences, the text of the button, and where to go back to."""

    heading: object
    effects: list[object]
    button: object
    back: str
    obstacle: object = ""
    """Why it is not possible now; then there is no button."""


class ActPage(AdminPage):
    """One act on one row. GET says what it will do, in a dialog or on a page; POST does it."""

    access: ClassVar[Mapping[str, Requirement]] = CHANGE
    template = "pages/administration/act.html"
    fragment = "pages/administration/act_part.html"

    def rows(self) -> QuerySet[Any, Any]:
        """The rows on which it can be done."""
        raise NotImplementedError

    def explain(self, row: Any) -> Act:
        """What it will do."""
        raise NotImplementedError

    def do(self, row: Any) -> str:
        """Do it. Returns the URL to go to."""
        raise NotImplementedError

    def get(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        return self._ask(request, one_of(self.rows(), of_url["pk"]), Form())

    def post(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        """303 after it; else the page with the reason."""
        row = one_of(self.rows(), of_url["pk"])
        form, url = Form(values=request.POST), ""
        with form.attempt():
            url = self.do(row)
        if form.is_good:
            return redirect_to(request, url)
        # the service may have changed the row in memory before the refusal
        return self._ask(request, one_of(self.rows(), of_url["pk"]), form)

    def _ask(self, request: HttpRequest, row: Any, form: Form) -> HttpResponse:
        act = self.explain(row)
        return self.show(request, {"title": act.heading, "act": act, "form": form}, status=form.status)


def one_of(rows: QuerySet[Any, Any], pk: int) -> Any:
    """The row of this id. Raises NotFound, for ids beyond the columns of the database too."""
    found: Model | None = rows.filter(pk=pk).first() if pk <= _MAX_ID else None
    if found is None:
        raise NotFound
    return found


def url_done(done: str, route: str, *arguments: object) -> str:
    """The URL of a page that says what was done."""
    return f"{reverse(route, args=arguments)}?done={done}"
