"""API tokens of oneself, by the same form and service as the API."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sealbus.web.access.actions import Action
from sealbus.web.access.requirement import Requirement
from sealbus.web.accounts import services
from sealbus.web.accounts.models import ApiToken, Group
from sealbus.web.accounts.serializers import TokenForm
from sealbus.web.errors import NotFound
from sealbus.web.pages.administration.wording import ACTIONS
from sealbus.web.pages.checking import checked
from sealbus.web.pages.forms import Form
from sealbus.web.pages.oneself.account import DONE
from sealbus.web.pages.paging import paged
from sealbus.web.pages.shell.page import Page, redirect_to

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse, QueryDict

__all__ = ["NewTokenPage", "OwnTokensPage", "RevokeOwnTokenPage"]

_ONESELF = Requirement(people_only=True)
_MAX_LISTED_GROUPS = 200
_DAYS = (7, 30, 90, 180, 365)
_STANDARD_DAYS = 90


class OwnTokensPage(Page):
    """The list."""

    access: ClassVar[Mapping[str, Requirement]] = {"GET": _ONESELF}
    template = "pages/oneself/tokens.html"
    title = gettext_lazy("API tokens")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        shows_all = request.GET.get("show") == "all"
        rows = _own(self.subject.user_id).prefetch_related("groups").order_by("-created", "-pk")
        if not shows_all:
            rows = rows.filter(revoked_at=None, expiry__gt=timezone.now())
        return {
            "tokens": paged(request, rows),
            "shows_all": shows_all,
            "now": timezone.now(),
            "done": DONE.get(request.GET.get("done", ""), ""),
        }


class NewTokenPage(Page):
    """The form. The answer to a good one shows the secret, once."""

    access: ClassVar[Mapping[str, Requirement]] = {"GET": _ONESELF, "POST": _ONESELF}
    template = "pages/oneself/new_token.html"
    title = gettext_lazy("Make an API token")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        values = {"actions": [Action.VIEW.value], "all_groups": True, "days": _STANDARD_DAYS}
        return {"form": Form(values)} | self._choices()

    def post(self, request: HttpRequest) -> HttpResponse:
        """Make it."""
        sent = _members(request.POST)
        shown = dict(sent) | {"networks": request.POST.get("networks", ""), "days": request.POST.get("days", "")}
        form = Form(shown)
        with form.attempt():
            wanted = services.TokenRequest.of(checked(TokenForm, sent, self.subject))
            issued = services.issue_token(subject=self.subject, session=request.session, wanted=wanted)
        if form.is_good:
            content = {"issued": issued, "title": _("Your new token")}
            return self.show(request, content, HTTPStatus.CREATED)
        _reword(form)
        return self.show(request, {"form": form} | self._choices(), form.status)

    def _choices(self) -> dict[str, Any]:
        rights = self.subject.rights
        groups = Group.objects.visible_to(self.subject).live().order_by("name")
        return {
            "actions": [(each.value, *ACTIONS[each.value]) for each in Action if rights.allows_anywhere(each)],
            "groups": groups[:_MAX_LISTED_GROUPS],
            "days": [(days, _("%d days") % days) for days in _DAYS],
        }


class RevokeOwnTokenPage(Page):
    """Asks before it revokes."""

    access: ClassVar[Mapping[str, Requirement]] = {"GET": _ONESELF, "POST": _ONESELF}
    template = "pages/oneself/sure.html"
    title = gettext_lazy("Revoke a token")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        token = self._token(of_url["pk"])
        text = _("Every program that sends “%s” is refused from now on. This cannot be undone.") % token.name
        return {"text": text, "button": _("Revoke token"), "form": Form(), "back": reverse("own-tokens")}

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Revoke it."""
        services.revoke_token(subject=self.subject, token=self._token(pk))
        return redirect_to(request, f"{reverse('own-tokens')}?done=token-revoked")

    def _token(self, pk: int) -> ApiToken:
        token = _own(self.subject.user_id).filter(pk=pk).first()
        if token is None:
            raise NotFound
        return token


def _own(user_id: int | None) -> QuerySet[ApiToken]:
    rows: QuerySet[ApiToken] = ApiToken.objects.filter(user=user_id).select_related("user")
    return rows


def _members(sent: QueryDict) -> dict[str, Any]:
    """The form as the API takes it."""
    all_groups = sent.get("where") != "some"
    days = sent.get("days", "")
    members: dict[str, Any] = {
        "name": sent.get("name", ""),
        "actions": sent.getlist("actions"),
        "all_groups": all_groups,
        "groups": [] if all_groups else sent.getlist("groups"),
        "networks": sent.get("networks", "").replace(",", " ").split(),
    }
    if days.isdecimal() and int(days) in _DAYS:
        members["expires_at"] = timezone.now() + timedelta(days=int(days))
    return members


def _reword(form: Form) -> None:
    """The API speaks of members; the page has ticks."""
    if "actions" in form.problems and not form.values["actions"]:
        form.problems["actions"] = [_("Choose at least one.")]
    if "groups" in form.problems and not form.values["all_groups"] and not form.values["groups"]:
        form.problems["groups"] = [_("Choose at least one group, or all.")]
