"""Refusals and errors as pages. No database is needed: it may be what failed."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy

from sealbus.web.access.gate import subject_of
from sealbus.web.pages.shell.page import frame

if TYPE_CHECKING:
    from django.http import HttpRequest

__all__ = ["redirect_to_second_factor", "redirect_to_sign_in", "render_refused"]

_HEADINGS = {
    HTTPStatus.BAD_REQUEST: gettext_lazy("This request cannot be used"),
    HTTPStatus.UNAUTHORIZED: gettext_lazy("Sign in first"),
    HTTPStatus.FORBIDDEN: gettext_lazy("Not allowed"),
    HTTPStatus.NOT_FOUND: gettext_lazy("Not found"),
    HTTPStatus.CONFLICT: gettext_lazy("Not possible now"),
    HTTPStatus.TOO_MANY_REQUESTS: gettext_lazy("Too many attempts"),
    HTTPStatus.INTERNAL_SERVER_ERROR: gettext_lazy("A fault of the program"),
    HTTPStatus.SERVICE_UNAVAILABLE: gettext_lazy("Not possible now"),
}


def render_refused(request: HttpRequest, status: HTTPStatus, detail: str) -> HttpResponse:
    """A page that says what is refused. `detail` is English, from the table that programs get too."""
    heading = _HEADINGS.get(status, status.phrase)
    content = frame(request, title=heading) | {"heading": heading, "detail": gettext(detail)}
    if status is HTTPStatus.FORBIDDEN and subject_of(request).is_signed_in:
        content["grant"] = gettext("Somebody who may administer the site can give you the right.")
    return render(request, "pages/refused.html", content, status=status.value)


def redirect_to_sign_in(request: HttpRequest) -> HttpResponse:
    """To the form, and back to this page afterwards. What was posted is not sent again: nobody would see it happen."""
    return HttpResponseRedirect(reverse("account_login") + _back(request))


def redirect_to_second_factor(request: HttpRequest) -> HttpResponse:
    """To the page where the second factor that a role asks for is added or used, and back to this page afterwards."""
    return HttpResponseRedirect(reverse("second-factor") + _back(request))


def _back(request: HttpRequest) -> str:
    is_worth_it = request.method == "GET" and request.path != "/"
    return f"?{urlencode({'next': request.get_full_path()})}" if is_worth_it else ""
