"""The steps of signing in: password or passkey or provider, then the second factor."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from allauth.account.views import LoginView
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal.auth import begin_authentication
from allauth.mfa.webauthn.views import LoginWebAuthnView
from allauth.socialaccount.adapter import get_adapter
from django.http import HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sealbus.web.access.requirement import EVERYBODY
from sealbus.web.accounts import services
from sealbus.web.pages.forms import Form
from sealbus.web.pages.signing_in.library_pages import (
    LibraryPage,
    form_of,
    let_add_first_factor,
    next_of,
    opened_to,
    passkey_address,
    wants_json,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django import forms
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

    from sealbus.web.access.requirement import Requirement

__all__ = ["LoginPage", "PasskeyLoginPage", "SecondStepPage", "provider_names"]

_OPEN = opened_to(EVERYBODY)
_SAID = {
    "passkey": gettext_lazy("The passkey was not accepted. Try again, or sign in with your password."),
    "changed": gettext_lazy("The account has changed since you began. Sign in again."),
    "cancelled": gettext_lazy("Signing in at the provider was cancelled."),
    "locked": gettext_lazy("Too many failed attempts. Wait a few minutes, then try again."),
}
_SSO_FAILED = gettext_lazy(
    "Single sign-on did not succeed. Try again; if it happens again, an administrator finds the reason in the audit."
)
_DONE = {
    "password": gettext_lazy("The password has been set. Sign in with it."),
    "signed-out": gettext_lazy("You have signed out."),
}


class LoginPage(LibraryPage, LoginView):  # type: ignore[misc]  # untyped library
    """The first step."""

    access: ClassVar[Mapping[str, Requirement]] = _OPEN
    template_name = "pages/signing_in/login.html"
    title = gettext_lazy("Sign in")

    def form_valid(self, form: Any) -> HttpResponseBase:
        """The password is right."""
        answer: HttpResponseBase = super().form_valid(form)
        let_add_first_factor(self.request)
        return answer

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        context = super().get_context_data(**more)
        return context | self._offers() | {"form": _worded(context["library_form"])}

    def show_refused(self, text: str, status: int) -> HttpResponse:
        """The form again: what was typed stays, except for the password."""
        form = Form({"login": self.request.POST.get("login", "")[:100]}, whole=[text])
        return render(self.request, self.template_name, self.frame() | self._offers() | {"form": form}, status=status)

    def _offers(self) -> dict[str, Any]:
        back = next_of(self.request)
        said = self.request.GET.get("error") or self.request.GET.get("problem") or ""
        own = reverse("account_login")
        return {
            "said": _SAID.get(said, _SSO_FAILED) if said else "",
            "done": _DONE.get(self.request.GET.get("done", ""), ""),
            "setup_open": services.setup_open(),
            "providers": provider_names(self.request),
            "came_back": f"{own}?{urlencode({'next': back})}" if back else own,
            "passkey_address": passkey_address(self.request),
        }


class PasskeyLoginPage(LibraryPage, LoginWebAuthnView):  # type: ignore[misc]  # untyped library
    """A passkey in place of the password: the options for the browser (GET), and the key's answer (POST)."""

    access: ClassVar[Mapping[str, Requirement]] = _OPEN

    def form_invalid(self, form: Any) -> HttpResponse:
        """Back to the form."""
        return _to_login(self.request, "passkey")

    def show_refused(self, text: str, status: int) -> HttpResponse:
        return _to_login(self.request, "locked")


class SecondStepPage(LibraryPage, AuthenticateView):  # type: ignore[misc]  # untyped library
    """The second step."""

    access: ClassVar[Mapping[str, Requirement]] = _OPEN
    template_name = "pages/signing_in/second_step.html"
    title = gettext_lazy("Second factor")

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The form; the options of a passkey for the script."""
        if wants_json(request):
            return JsonResponse({"request_options": begin_authentication(self.stage.login.user)})
        answer: HttpResponseBase = super().get(request, *args, **kwargs)
        return answer

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        user = self.stage.login.user
        kinds = set(Authenticator.objects.filter(user=user).values_list("type", flat=True))
        posted = self.form if self.request.method == "POST" else None
        problems = form_of(posted)
        if "credential" in problems.problems:
            problems = Form(whole=[_("The passkey was not accepted. Try again.")])
        elif posted is not None and not problems.is_good:
            problems = Form(problems={"code": [_wrong_code(kinds)]})
        return self.frame() | {
            "form": problems,
            "person": user.username,
            "kinds": kinds,
            "passkey_address": passkey_address(self.request),
        }

    def show_refused(self, text: str, status: int) -> HttpResponse:
        """The form again, or the first step if this one is over."""
        if status != HTTPStatus.TOO_MANY_REQUESTS:
            return _to_login(self.request, "changed")
        stage_user = self.stage.login.user
        kinds = set(Authenticator.objects.filter(user=stage_user).values_list("type", flat=True))
        content = {"form": Form(whole=[text]), "person": stage_user.username, "kinds": kinds}
        return render(self.request, self.template_name, self.frame() | content, status=status)


def provider_names(request: HttpRequest) -> list[tuple[str, str]]:
    """The providers of single sign-on: id and name."""
    return [(app.provider_id, app.name) for app in get_adapter(request).list_apps(request)]


def _worded(form: forms.Form) -> Form:
    """The same answer for a name that does not exist and for a password that is wrong."""
    shown = form_of(form)
    if shown.whole:
        shown.whole = [_("This name and this password do not belong together. Check both; mind capital letters.")]
    return shown


def _wrong_code(kinds: set[str]) -> str:
    if "totp" in kinds:
        return _(
            "This code is not right, or was used already. Wait for the next one, and check the clock of the phone."
        )
    return _("This code is not right, or was used already.")


def _to_login(request: HttpRequest, problem: str) -> HttpResponse:
    query = {"problem": problem} | ({"next": back} if (back := next_of(request)) else {})
    return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode(query)}")
