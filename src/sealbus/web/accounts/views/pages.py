"""The start page and the pages behind printed links: one plain form, and a small script that reads the secret behind the
`#`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.debug import sensitive_post_parameters

from sealbus.web.access.gate import subject_of
from sealbus.web.access.requirement import EVERYBODY
from sealbus.web.accounts import services
from sealbus.web.accounts.views.links import enter_emergency
from sealbus.web.errors import Invalid, WebError
from sealbus.web.http.rest_errors import status_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse

__all__ = ["LinkPage", "StartPage"]


@dataclass(frozen=True, slots=True)
class _Words:
    """The texts of a page."""

    title: str
    text: str
    button: str
    done: str
    asks_name: bool = False
    asks_password: bool = True


_PAGES = {
    "setup": _Words(
        "Set up Sealbus",
        "Choose the name and the password of the first administrator.",
        "Create administrator",
        "The administrator has been created. Sign in, then add a second factor: the role asks for one.",
        asks_name=True,
    ),
    "password": _Words(
        "Set a new password",
        "All your open sessions will end.",
        "Set password",
        "The password has been set. Sign in with it.",
    ),
    "emergency": _Words(
        "Emergency view",
        "You will see everything and can change nothing. Opening the view is recorded.",
        "Open the view",
        "The emergency view is open in this browser.",
        asks_password=False,
    ),
}
_MAX = {"secret": 200, "username": 100, "password": 256}


class StartPage(View):
    """What runs here, and what to do next."""

    access = {"GET": EVERYBODY}  # noqa: RUF012 - as every view declares it

    def get(self, request: HttpRequest) -> HttpResponse:
        """The page."""
        return render(request, "accounts/start.html", {"setup_open": services.setup_open()})


@method_decorator(sensitive_post_parameters(), name="dispatch")
class LinkPage(View):
    """GET shows the form, POST submits it."""

    kind = ""
    access = {"GET": EVERYBODY, "POST": EVERYBODY}  # noqa: RUF012 - as every view declares it

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form."""
        return self._page(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Submit, or show the errors."""
        sent = {name: request.POST.get(name, "")[:longest] for name, longest in _MAX.items()}
        try:
            if self.kind != "emergency" and sent["password"] != request.POST.get("again"):
                raise Invalid({"password": ["The two passwords differ"]})
            self._submit(request, sent)
        except Invalid as error:
            texts = [text for texts in error.problems.values() for text in texts]
            return self._page(request, status_of(error), **_kept(sent), errors=texts)
        except WebError as error:
            return self._page(request, status_of(error), **_kept(sent), errors=[error.text])
        return self._page(request, is_done=True)

    def _submit(self, request: HttpRequest, sent: Mapping[str, str]) -> None:
        address = subject_of(request).actor.address
        if self.kind == "setup":
            services.set_up(**sent, address=address)
        elif self.kind == "password":
            services.set_password(secret=sent["secret"], password=sent["password"], address=address)
        else:
            enter_emergency(request, sent["secret"], address)

    def _page(self, request: HttpRequest, status: int = 200, **more: Any) -> HttpResponse:
        return render(request, "accounts/link.html", {"words": _PAGES[self.kind], **more}, status=status)


def _kept(sent: Mapping[str, str]) -> dict[str, str]:
    """What need not be typed again. The secret came from this browser, and no cache stores the page."""
    return {"username": sent["username"], "secret": sent["secret"]}
