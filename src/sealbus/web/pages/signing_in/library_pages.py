"""Views of django-allauth as pages of this site: their frame, their words, and the answers that it has for programs only."""

from __future__ import annotations

import logging
import math
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from allauth.account.internal.flows.reauthentication import reauthenticate_by_password
from allauth.account.utils import get_next_redirect_url
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sealbus.web.accounts.middleware import BAD_INPUT
from sealbus.web.accounts.models import User
from sealbus.web.accounts.passkeys import is_own_origin, relying_party
from sealbus.web.pages.forms import Form
from sealbus.web.pages.shell.page import frame
from sealbus.web.pages.shell.refusals import render_refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django import forms
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from sealbus.web.access.requirement import Requirement

__all__ = [
    "LibraryPage",
    "form_of",
    "let_add_first_factor",
    "next_of",
    "opened_to",
    "passkey_address",
    "wait_in_words",
    "wants_json",
]

_log = logging.getLogger(__name__)

_SECRET_FIELDS = frozenset({"password", "oldpassword", "password1", "password2", "code", "credential"})
_MINUTE_S = 60


class LibraryPage:
    """Mixed into a view of the library. A refusal for programs becomes a page."""

    access: ClassVar[Mapping[str, Requirement]] = {}
    title: ClassVar[object] = ""
    place: ClassVar[str] = ""
    http_method_names: ClassVar[list[str]] = ["get", "head", "post", "options"]
    request: HttpRequest

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """As the library answers, in words for people."""
        self.request = request
        if (request.method or "").lower() not in self.http_method_names:
            return HttpResponseNotAllowed(["GET", "POST"])
        try:
            answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]  # a view's
        except ImmediateHttpResponse as refused:
            answer = refused.response
        except BAD_INPUT as error:
            if "credential" not in request.POST:
                raise
            _log.warning("the answer of a key to %s is malformed: %s", request.path, type(error).__name__)
            return render_refused(request, HTTPStatus.BAD_REQUEST, "The request cannot be used")
        if (
            isinstance(answer, JsonResponse)
            and answer.status_code >= HTTPStatus.BAD_REQUEST
            and not wants_json(request)
        ):
            return self.refused(answer)
        return answer

    def refused(self, answer: JsonResponse) -> HttpResponseBase:
        """A page for what the library has answered to a program: locked for a time, or begin again."""
        wait_s = int(answer.headers.get("Retry-After", "0"))
        if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            text = _("Too many failed attempts. Try again in %s.") % wait_in_words(wait_s or _MINUTE_S)
        else:
            text = _("The account has changed since you began. Sign in again.")
        page = self.show_refused(text, answer.status_code)
        if wait_s:
            page.headers["Retry-After"] = str(wait_s)
        return page

    def show_refused(self, text: str, status: int) -> HttpResponse:
        """A page with this one sentence. A form that can be used again later shows itself instead."""
        content = self.frame() | {"heading": _("Not possible now"), "detail": text}
        return render(self.request, "pages/refused.html", content, status=status)

    def frame(self) -> dict[str, Any]:
        """What every page needs."""
        return frame(self.request, title=self.title, place=self.place) | {"next": next_of(self.request)}

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        """The library's, within the frame; its form as this site's forms are shown."""
        context: dict[str, Any] = self.frame() | super().get_context_data(**more)  # type: ignore[misc]  # a view's
        shown = form_of(context.get("form"))
        return context | {"form": shown, "library_form": context.get("form")}

    def render_to_response(self, context: dict[str, Any], **more: Any) -> HttpResponseBase:
        """422 where the form shows problems, as every page of the site answers."""
        if self.request.method == "POST" and not context["form"].is_good:
            more.setdefault("status", HTTPStatus.UNPROCESSABLE_ENTITY)
        answer: HttpResponseBase = super().render_to_response(context, **more)  # type: ignore[misc]  # a view's
        return answer


def opened_to(requirement: Requirement) -> Mapping[str, Requirement]:
    """The `access` of a page with a form. The library's classes have handlers for PUT and DELETE too, which answer 405."""
    return dict.fromkeys(("GET", "POST", "PUT", "DELETE"), requirement)


def form_of(form: forms.Form | None) -> Form:
    """A form of the library with its values and problems. Secrets are not sent back."""
    if form is None:
        return Form()
    values = {name: form[name].value() for name in form.fields if name not in _SECRET_FIELDS}
    shown = Form(values)
    for name, problems in form.errors.items() if form.is_bound else ():
        texts = [str(problem) for problem in problems]
        if name == NON_FIELD_ERRORS:
            shown.whole += texts
        else:
            shown.problems[name] = texts
    return shown


def let_add_first_factor(request: HttpRequest) -> None:
    """Right after the password was typed: who has no second factor yet may add one without typing it again."""
    user = request.user
    if isinstance(user, User) and not Authenticator.objects.filter(user_id=user.pk).exists():
        reauthenticate_by_password(request)


def next_of(request: HttpRequest) -> str:
    """Where to go afterwards, as asked in `next` and within this site; else empty."""
    return get_next_redirect_url(request) or ""


def wants_json(request: HttpRequest) -> bool:
    """Whether a script of ours asks for the options of a passkey."""
    return request.headers.get("Accept") == "application/json"


def passkey_address(request: HttpRequest) -> str:
    """Empty where passkeys work. Else the address under which they do: keys are made for a name, never for a number."""
    here = f"{request.scheme}://{request.get_host()}"
    if is_own_origin(here):
        return ""
    public = urlsplit(settings.SEALBUS.public_url)  # type: ignore[misc]  # ours
    port = f":{public.port}" if public.port else ""
    return f"{public.scheme}://{relying_party()}{port}{request.get_full_path()}"


def wait_in_words(wait_s: int) -> str:
    """A time to wait, for a sentence."""
    if wait_s < 2 * _MINUTE_S:
        return ngettext("%d second", "%d seconds", wait_s) % wait_s
    minutes = math.ceil(wait_s / _MINUTE_S)
    return ngettext("%d minute", "%d minutes", minutes) % minutes
