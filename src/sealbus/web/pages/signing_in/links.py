"""The pages behind links that work once. The secret is behind the `#`: a script puts it into the form, so no log has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from django.contrib.auth import logout
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters

from sealbus.web.access.requirement import EVERYBODY
from sealbus.web.accounts import services
from sealbus.web.accounts.views.links import enter_emergency
from sealbus.web.errors import Invalid
from sealbus.web.pages.forms import Form
from sealbus.web.pages.shell.page import Page
from sealbus.web.pages.signing_in.library_pages import let_add_first_factor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest

    from sealbus.web.access.requirement import Requirement
    from sealbus.web.accounts.models import User

__all__ = ["EmergencyPage", "NewPasswordPage", "SetUpPage"]

_MAX = {"secret": 200, "username": 100, "password": 256, "again": 256}


@method_decorator(sensitive_post_parameters(), name="dispatch")
class _LinkPage(Page):
    """GET shows the form, POST submits it. What was typed stays, except for the passwords."""

    access: ClassVar[Mapping[str, Requirement]] = {"GET": EVERYBODY, "POST": EVERYBODY}
    template = "pages/signing_in/link.html"
    text: ClassVar[object] = ""
    button: ClassVar[object] = ""
    asks_name: ClassVar[bool] = False
    asks_password: ClassVar[bool] = True

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        return {"form": Form()} | self._words()

    def post(self, request: HttpRequest) -> HttpResponse:
        """Use the link; go on to the next step, or show what is wrong."""
        sent = {name: request.POST.get(name, "")[:longest] for name, longest in _MAX.items()}
        form = Form({"username": sent["username"], "secret": sent["secret"]})
        with form.attempt():
            if self.asks_password and sent["password"] != sent["again"]:
                raise Invalid({"again": [_("The two passwords differ.")]})
            answer = self.use(request, sent)
        if form.is_good:
            return answer
        return self.show(request, {"form": form} | self._words(), form.status)

    def use(self, request: HttpRequest, sent: Mapping[str, str]) -> HttpResponse:
        """Use the link. Raises Forbidden, Invalid or Conflict."""
        raise NotImplementedError

    def _words(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "button": self.button,
            "asks_name": self.asks_name,
            "asks_password": self.asks_password,
        }

    @property
    def _address(self) -> str:
        return self.subject.actor.address


class SetUpPage(_LinkPage):
    """The first administrator, who is signed in at once and led to the second factor that the role demands."""

    title = gettext_lazy("Set up Sealbus")
    text = gettext_lazy("Choose the name and the password of the first administrator. The second factor comes next.")
    button = gettext_lazy("Create administrator")
    asks_name = True

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        return super().content(request, **of_url) | {"is_closed": not services.setup_open()}

    def use(self, request: HttpRequest, sent: Mapping[str, str]) -> HttpResponse:
        user = services.set_up(
            secret=sent["secret"], username=sent["username"], password=sent["password"], address=self._address
        )
        return _sign_in(request, user, sent["password"], reverse("second-factor"))


class NewPasswordPage(_LinkPage):
    """A new password, by a link from an administrator. The second step of signing in follows for those who have one."""

    title = gettext_lazy("Set a new password")
    text = gettext_lazy("All your open sessions and API tokens end. You are signed in here with the new password.")
    button = gettext_lazy("Set password")

    def use(self, request: HttpRequest, sent: Mapping[str, str]) -> HttpResponse:
        user = services.set_password(secret=sent["secret"], password=sent["password"], address=self._address)
        return _sign_in(request, user, sent["password"], reverse("overview"))


class EmergencyPage(_LinkPage):
    """The view of everything without an account."""

    title = gettext_lazy("Emergency view")
    text = gettext_lazy("You will see everything and can change nothing. Opening the view is recorded.")
    button = gettext_lazy("Open the view")
    asks_password = False

    def use(self, request: HttpRequest, sent: Mapping[str, str]) -> HttpResponse:
        enter_emergency(request, sent["secret"], self._address)
        return HttpResponseRedirect(reverse("overview"), status=303)


def _sign_in(request: HttpRequest, user: User, password: str, onward: str) -> HttpResponse:
    """The first step of signing in, with the password that was just set: as typed in the sign-in form."""
    logout(request)
    login = Login(user=user, redirect_url=onward)
    answer: HttpResponse = perform_password_login(request, {"username": user.username, "password": password}, login)
    let_add_first_factor(request)
    return answer
