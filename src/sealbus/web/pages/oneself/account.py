"""The account itself: who I am here, what I may do, the password, and how the site looks in this browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from allauth.account.views import PasswordChangeView, PasswordSetView
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from sealbus.web.access.requirement import PEOPLE
from sealbus.web.accounts.models import Assignment, User
from sealbus.web.accounts.queries import valid_sessions_of
from sealbus.web.pages.shell.page import DENSITIES, PALETTES, Page, redirect_to
from sealbus.web.pages.signing_in.library_pages import LibraryPage, opened_to

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse

    from sealbus.web.access.requirement import Requirement

__all__ = ["DONE", "AccountPage", "ChangePasswordPage", "SetPasswordPage"]

_YEAR_S = 365 * 24 * 3600
_ONESELF = opened_to(PEOPLE)
DONE = {
    "password": _("The password has been changed. Your other sessions have ended."),
    "look": _("Language and look are kept in this browser."),
    "app-removed": _("The authenticator app has been removed."),
    "passkey-added": _("The passkey has been added. Your other sessions have ended."),
    "passkey-removed": _("The passkey has been removed."),
    "passkey-named": _("The name of the passkey has been changed."),
    "session-ended": _("The session has ended."),
    "sessions-ended": _("All other sessions have ended."),
    "token-revoked": _("The token has been revoked. It opens nothing any more."),
}
"""What a page says after a change, by the word in its URL."""


class AccountPage(Page):
    """The account at a glance. POST keeps language and look in cookies of this browser."""

    access: ClassVar[Mapping[str, Requirement]] = _ONESELF
    template = "pages/oneself/account.html"
    title = _("My account")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        user = User.objects.get(pk=self.subject.user_id or 0)
        kinds = list(Authenticator.objects.filter(user=user).values_list("type", flat=True))
        return {
            "person": user,
            "held": Assignment.objects.filter(user=user).select_related("role", "group").order_by("role__name", "pk"),
            "has_password": user.has_usable_password(),
            "has_app": "totp" in kinds,
            "passkey_count": kinds.count("webauthn"),
            "session_count": valid_sessions_of(user.pk).count(),
            "languages": settings.LANGUAGES,
            "done": DONE.get(request.GET.get("done", ""), ""),
        }

    def post(self, request: HttpRequest) -> HttpResponse:
        """Keep what was chosen."""
        answer = redirect_to(request, f"{reverse('account')}?done=look")
        known = {"language": dict(settings.LANGUAGES), "palette": PALETTES, "density": DENSITIES}
        for name, values in known.items():
            chosen = request.POST.get(name, "")
            if chosen in values:
                answer.set_cookie(f"sealbus-{name}", chosen, max_age=_YEAR_S, samesite="Lax")
            else:
                answer.delete_cookie(f"sealbus-{name}")
        return answer


class ChangePasswordPage(LibraryPage, PasswordChangeView):  # type: ignore[misc]  # untyped library
    """A new password, with the present one."""

    access: ClassVar[Mapping[str, Requirement]] = _ONESELF
    template_name = "pages/oneself/password.html"
    title = _("Change the password")

    def get_success_url(self) -> str:
        return f"{reverse('account')}?done=password"


class SetPasswordPage(LibraryPage, PasswordSetView):  # type: ignore[misc]  # untyped library
    """The first password of a person who came by single sign-on."""

    access: ClassVar[Mapping[str, Requirement]] = _ONESELF
    template_name = "pages/oneself/password.html"
    title = _("Set a password")

    def get_success_url(self) -> str:
        return f"{reverse('account')}?done=password"
