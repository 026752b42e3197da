"""Confirming that it is still the same person, before what protects the account is changed; and the second factor that a
role demands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from allauth.account.views import ReauthenticateView as PasswordView
from allauth.mfa.base.views import ReauthenticateView as CodeView
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal.auth import begin_authentication
from allauth.mfa.webauthn.views import ReauthenticateWebAuthnView as PasskeyView
from allauth.socialaccount.models import SocialAccount
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sealbus.web.access.gate import subject_of
from sealbus.web.access.requirement import PEOPLE
from sealbus.web.accounts.models import User
from sealbus.web.pages.forms import Form
from sealbus.web.pages.shell.page import Page
from sealbus.web.pages.signing_in.library_pages import (
    LibraryPage,
    form_of,
    next_of,
    opened_to,
    passkey_address,
    wants_json,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from sealbus.web.access.requirement import Requirement

__all__ = [
    "ConfirmByCodePage",
    "ConfirmByPasskeyPage",
    "ConfirmByPasswordPage",
    "ConfirmByProviderPage",
    "SecondFactorPage",
]

_ONESELF = opened_to(PEOPLE)
_TITLE = gettext_lazy("Confirm that it is you")
_TEMPLATE = "pages/signing_in/confirm.html"


class _Confirm(LibraryPage):
    access: ClassVar[Mapping[str, Requirement]] = _ONESELF
    template_name = _TEMPLATE
    title = _TITLE
    wrong: ClassVar[object] = ""

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        posted = self.get_form() if self.request.method == "POST" else None  # type: ignore[attr-defined]  # a view's
        problems = form_of(more.get("form", posted))
        field = {"password": "password", "code": "code"}.get(next(iter(problems.problems), ""), "")
        form = (
            Form()
            if problems.is_good
            else Form(problems={field: [str(self.wrong)]} if field else {}, whole=[] if field else [str(self.wrong)])
        )
        return self.frame() | _ways_to_confirm(self.request) | {"form": form}


class ConfirmByPasswordPage(_Confirm, PasswordView):  # type: ignore[misc]  # untyped library
    """By the password; the page offers the other ways too."""

    wrong = gettext_lazy("This is not your password.")


class ConfirmByCodePage(_Confirm, CodeView):  # type: ignore[misc]  # untyped library
    """By a code of the authenticator app, or a recovery code."""

    wrong = gettext_lazy("This code is not right, or was used already. Wait for the next one.")


class ConfirmByPasskeyPage(_Confirm, PasskeyView):  # type: ignore[misc]  # untyped library
    """By a passkey."""

    wrong = gettext_lazy("The passkey was not accepted. Try again.")

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The page; the options of the passkey for the script."""
        if wants_json(request):
            return JsonResponse({"request_options": begin_authentication(request.user)})
        answer: HttpResponseBase = super().get(request, *args, **kwargs)
        return answer

    def form_invalid(self, form: Any) -> HttpResponseBase:
        answer: HttpResponseBase = self.render_to_response(self.get_context_data(form=form))
        return answer


class ConfirmByProviderPage(Page):
    """For a person without password and second factor: the provider confirms."""

    access: ClassVar[Mapping[str, Requirement]] = {"GET": PEOPLE}
    template = _TEMPLATE
    title = _TITLE

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        failed = [_("The provider did not confirm you. Try again.")] if "error" in request.GET else []
        return _ways_to_confirm(request) | {
            "form": Form(whole=failed),
            "next": next_of(request),
        }


class SecondFactorPage(Page):
    """Where the gate sends a person whose role demands a second factor: to use it, or to add one."""

    access: ClassVar[Mapping[str, Requirement]] = {"GET": PEOPLE}

    def get(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        """On to the page."""
        kinds = set(Authenticator.objects.filter(user=self.subject.user_id).values_list("type", flat=True))
        if "totp" in kinds:
            route = "mfa_reauthenticate"
        elif "webauthn" in kinds:
            route = "mfa_reauthenticate_webauthn"
        else:
            route = "mfa_activate_totp"
        return HttpResponseRedirect(f"{reverse(route)}?{urlencode({'next': next_of(request) or '/'})}")


def _ways_to_confirm(request: HttpRequest) -> dict[str, Any]:
    """What the page offers to this user."""
    user = request.user
    if not isinstance(user, User):
        return {}
    kinds = set(Authenticator.objects.filter(user=user).values_list("type", flat=True))
    needs_factor = subject_of(request).needs_second_factor
    is_provider = not kinds and not user.has_usable_password()
    linked = SocialAccount.objects.filter(user=user).first() if is_provider else None
    return {
        "person": user.username,
        "by_password": user.has_usable_password() and not (needs_factor and kinds),
        "by_code": bool(kinds & {"totp", "recovery_codes"}),
        "by_passkey": "webauthn" in kinds,
        "by_provider": linked.provider if linked else "",
        "needs_factor": needs_factor,
        "passkey_address": passkey_address(request),
    }
