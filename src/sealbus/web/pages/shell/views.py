"""Pages that belong to no place: finding, more, signing out, and the end of signing in again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.auth import logout
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views import View

from sealbus.web.access.gate import subject_of
from sealbus.web.access.requirement import EVERYBODY, SIGNED_IN
from sealbus.web.pages.assets import site_version
from sealbus.web.pages.shell.finding import find
from sealbus.web.pages.shell.page import Page, redirect_to

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest

    from sealbus.web.access.requirement import Requirement

__all__ = ["FindPage", "MorePage", "SignOutPage", "SignedInAgainPage", "VersionPage"]


class FindPage(Page):
    """What the command bar found: tags, devices, places, as far as the caller may see them."""

    template = "pages/found.html"

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        return {"found": find(self.subject, request.GET.get("q", ""))}


class MorePage(Page):
    """All places, for a phone."""

    template = "pages/more.html"
    place = "more"
    title = _("More")


class VersionPage(View):
    """Which version serves: a page that was made by another one says so after its connection was cut."""

    access: ClassVar[Mapping[str, Requirement]] = {"GET": SIGNED_IN}

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(site_version(), content_type="text/plain; charset=utf-8")


class SignedInAgainPage(Page):
    """Tells the window that waits, and closes itself."""

    template = "pages/signed_in_again.html"
    title = _("Signed in")


class SignOutPage(View):
    """POST only: a link could be followed without meaning it."""

    access: ClassVar[Mapping[str, Requirement]] = {"POST": EVERYBODY}

    def post(self, request: HttpRequest) -> HttpResponse:
        was_in = subject_of(request).is_signed_in
        logout(request)
        return redirect_to(request, reverse("account_login") + ("?done=signed-out" if was_in else ""))
