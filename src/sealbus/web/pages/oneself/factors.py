"""The second factors of oneself: authenticator app, passkeys, recovery codes. Each change asks first who is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from allauth.mfa.base.forms import ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, ViewRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.internal.flows import begin_registration
from allauth.mfa.webauthn.views import AddWebAuthnView, EditWebAuthnView, RemoveWebAuthnView
from django.http import JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic.edit import FormView

from sealbus.web.access.gate import subject_of
from sealbus.web.access.requirement import PEOPLE
from sealbus.web.accounts.models import User
from sealbus.web.accounts.services.passkeys import MAX_KEYS
from sealbus.web.accounts.subjects import used_second_factor
from sealbus.web.pages.forms import Form
from sealbus.web.pages.oneself.account import DONE
from sealbus.web.pages.oneself.qr_code import qr_code
from sealbus.web.pages.shell.page import Page
from sealbus.web.pages.signing_in.library_pages import LibraryPage, next_of, opened_to, passkey_address, wants_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from sealbus.web.access.requirement import Requirement

__all__ = [
    "AddAppPage",
    "AddPasskeyPage",
    "FactorsPage",
    "NewRecoveryCodesPage",
    "PasskeyPage",
    "RecoveryCodesPage",
    "RemoveAppPage",
    "RemovePasskeyPage",
]

_ONESELF = opened_to(PEOPLE)
_FOUR = 4


class FactorsPage(Page):
    """All of them, with their last use."""

    access: ClassVar[Mapping[str, Requirement]] = {"GET": PEOPLE}
    template = "pages/oneself/factors.html"
    title = gettext_lazy("Second factors")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        held = list(Authenticator.objects.filter(user=self.subject.user_id).order_by("pk"))
        codes = next((each for each in held if each.type == Authenticator.Type.RECOVERY_CODES), None)
        return {
            "app": next((each for each in held if each.type == Authenticator.Type.TOTP), None),
            "passkeys": [
                {"row": each, "name": each.wrap().name, "alone": each.wrap().is_passwordless}
                for each in held
                if each.type == Authenticator.Type.WEBAUTHN
            ],
            "max_passkeys": MAX_KEYS,
            "codes": codes,
            "codes_left": len(codes.wrap().get_unused_codes()) if codes else 0,
            "done": DONE.get(request.GET.get("done", ""), ""),
        }


class _Factor(LibraryPage):
    access: ClassVar[Mapping[str, Requirement]] = _ONESELF

    def get_success_url(self) -> str:
        """To the recovery codes that were made with the first factor; else on, or back to the list."""
        back = next_of(self.request)
        if getattr(self, "did_generate_recovery_codes", False):
            return _with_next("mfa_view_recovery_codes", back)
        return back or f"{reverse('mfa_index')}?done={self.done}"

    done: ClassVar[str] = ""


class AddAppPage(_Factor, ActivateTOTPView):  # type: ignore[misc]  # untyped library
    """Scan the code, type the six digits."""

    template_name = "pages/oneself/add_app.html"
    title = gettext_lazy("Add an authenticator app")
    done = "app-added"

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        context = super().get_context_data(**more)
        secret = str(context["library_form"].secret)
        shown: Form = context["form"]
        if "code" in shown.problems:
            shown.problems["code"] = [
                _("This code is not right. Wait for the next one, and check the clock of the phone.")
            ]
        return context | {
            "qr": qr_code(context["totp_url"], _("QR code for the authenticator app")),
            "secret": " ".join(secret[at : at + _FOUR] for at in range(0, len(secret), _FOUR)),
        }

    def form_valid(self, form: Any) -> HttpResponseBase:
        """The code has shown that the app works. In a session that has used no second factor yet, it counts as that."""
        answer: HttpResponseBase = super().form_valid(form)
        user = self.request.user
        if isinstance(user, User) and not used_second_factor(self.request, user):
            use = ReauthenticateForm(user=user, data={"code": form.cleaned_data["code"]})
            if use.is_valid():
                use.save()
        return answer


class RemoveAppPage(_Factor, DeactivateTOTPView):  # type: ignore[misc]  # untyped library
    """Asks before it removes."""

    template_name = "pages/oneself/sure.html"
    title = gettext_lazy("Remove the authenticator app")
    done = "app-removed"

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        text = _("Codes of this app are not accepted any more. Without any second factor your recovery codes end too.")
        return super().get_context_data(**more) | {"text": text, "button": _("Remove app"), "form": Form()}


class AddPasskeyPage(_Factor, AddWebAuthnView):  # type: ignore[misc]  # untyped library
    """A name, then the browser asks for the key."""

    template_name = "pages/oneself/add_passkey.html"
    title = gettext_lazy("Add a passkey")
    done = "passkey-added"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The form; for the script, what the key is to be made for."""
        if wants_json(request):
            options = begin_registration(request, request.user, passwordless=False)
            return JsonResponse({"creation_options": options})
        answer: HttpResponseBase = super().get(request, *args, **kwargs)
        return answer

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        context = self.frame() | FormView.get_context_data(self, **more)
        problems = Form({"name": self.request.POST.get("name", "")})
        if self.request.method == "POST":
            problems.whole.append(_("The passkey was not accepted. Perhaps it is registered already. Try again."))
        return context | {"form": problems, "passkey_address": passkey_address(self.request)}

    def get_success_url(self) -> str:
        """A key that is to replace a demanded factor is used once first: adding it does not prove that it works."""
        onward = super().get_success_url()
        user = self.request.user
        if (
            isinstance(user, User)
            and not used_second_factor(self.request, user)
            and subject_of(self.request).needs_second_factor
        ):
            return _with_next("mfa_reauthenticate_webauthn", onward)
        return onward


class PasskeyPage(_Factor, EditWebAuthnView):  # type: ignore[misc]  # untyped library
    """Its name."""

    template_name = "pages/oneself/passkey.html"
    title = gettext_lazy("Passkey")
    done = "passkey-named"

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        return super().get_context_data(**more) | {"key": self.object, "name": self.object.wrap().name}


class RemovePasskeyPage(_Factor, RemoveWebAuthnView):  # type: ignore[misc]  # untyped library
    """Asks before it removes."""

    template_name = "pages/oneself/sure.html"
    title = gettext_lazy("Remove a passkey")
    done = "passkey-removed"

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        text = _("“%s” does not open this account any more. Delete it on the device or in the password manager too.")
        name = self.object.wrap().name
        return super().get_context_data(**more) | {"text": text % name, "button": _("Remove passkey"), "form": Form()}


class RecoveryCodesPage(_Factor, ViewRecoveryCodesView):  # type: ignore[misc]  # untyped library
    """The codes, at the first look; later only how many are left."""

    access: ClassVar[Mapping[str, Requirement]] = {"GET": PEOPLE}
    template_name = "pages/oneself/recovery_codes.html"
    title = gettext_lazy("Recovery codes")


class NewRecoveryCodesPage(_Factor, GenerateRecoveryCodesView):  # type: ignore[misc]  # untyped library
    """New codes in place of the old ones."""

    template_name = "pages/oneself/sure.html"
    title = gettext_lazy("Make new recovery codes")

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        text = _(
            "The codes that you have now end. The new ones are shown once: keep them where no one else reads them."
        )
        return super().get_context_data(**more) | {"text": text, "button": _("Make new codes"), "form": Form()}

    def get_success_url(self) -> str:
        return reverse("mfa_view_recovery_codes")


def _with_next(route: str, back: str) -> str:
    return reverse(route) + (f"?{urlencode({'next': back})}" if back else "")
