"""The base of all pages, and what each template gets."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.gzip import gzip_page

from sealbus.web.access.gate import subject_of
from sealbus.web.access.requirement import SIGNED_IN
from sealbus.web.pages.assets import site_version
from sealbus.web.pages.shell.places import places_of
from sealbus.web.pages.values import REASONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest

    from sealbus.web.access.requirement import Requirement
    from sealbus.web.access.subject import Subject

__all__ = ["DENSITIES", "PALETTES", "Page", "frame", "is_fragment", "redirect_to"]

PALETTES, DENSITIES = ("day", "dusk", "night"), ("roomy", "panel")


@method_decorator(gzip_page, name="dispatch")
class Page(View):
    """A page or a fragment. A subclass declares `access`, `template`, `place` and `title`, and answers `content`."""

    access: ClassVar[Mapping[str, Requirement]] = {"GET": SIGNED_IN}
    template: ClassVar[str] = ""
    fragment: ClassVar[str] = ""
    """The template of the part that htmx asks for; empty: the whole page."""
    place: ClassVar[str] = ""
    title: ClassVar[object] = ""

    def get(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        """The page, or its fragment."""
        return self.show(request, self.content(request, **of_url))

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        """What the template needs."""
        return {}

    def show(self, request: HttpRequest, content: Mapping[str, Any], status: int = HTTPStatus.OK) -> HttpResponse:
        """Render the page; its fragment for htmx."""
        wants_part = self.fragment and is_fragment(request)
        template = self.fragment if wants_part else self.template
        context = frame(request, place=self.place, title=self.title) | dict(content)
        response = render(request, template, context, status=status)
        response.headers["Vary"] = "HX-Request, Cookie"
        return response

    @property
    def subject(self) -> Subject:
        """The caller."""
        return subject_of(self.request)


def frame(request: HttpRequest, *, place: str = "", title: object = "") -> dict[str, Any]:
    """What `pages/base.html` needs of this request."""
    subject = subject_of(request)
    cookies = request.COOKIES
    site = settings.SEALBUS  # type: ignore[misc]  # ours
    return {
        "subject": subject,
        "shell": "pages/alone.html"
        if subject.needs_second_factor
        else "pages/base.html",  # without it there are no places
        "places": places_of(subject) if subject.is_signed_in else [],
        "place": place,
        "title": title,
        "site_name": site.public_host,
        "zone": settings.TIME_ZONE,
        "palette": _one_of(cookies.get("sealbus-palette"), PALETTES),
        "density": _one_of(cookies.get("sealbus-density"), DENSITIES),
        "keys": _one_of(cookies.get("sealbus-keys"), ("off",)),
        "language": _one_of(cookies.get(settings.LANGUAGE_COOKIE_NAME), dict(settings.LANGUAGES)),
        "page": {
            "now": round(time.time() * 1000),
            "csrf": settings.CSRF_COOKIE_NAME,
            "signedIn": subject.is_signed_in and not subject.needs_second_factor,
            "version": site_version(),
            "words": _words(),
            "reasons": [str(reason) for reason in REASONS],
        },
        "csrf": get_token(request),  # the cookie is sent: scripts read it
    }


def is_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of the page that is shown. Going back in the history asks for a whole page."""
    return request.headers.get("HX-Request") == "true" and request.headers.get("HX-History-Restore-Request") != "true"


def redirect_to(request: HttpRequest, url: str) -> HttpResponse:
    """After a change: the browser goes there. htmx would follow a redirect out of sight, so it is told by a header."""
    if is_fragment(request):
        return HttpResponse(status=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": url})
    return HttpResponse(status=HTTPStatus.SEE_OTHER, headers={"Location": url})


def _one_of(value: str | None, known: Any) -> str:
    return value if value is not None and value in known else ""


def _words() -> dict[str, str]:
    """The texts of scripts, so that there is one catalogue."""
    return {
        "connecting": _("Connecting"),
        "live": _("Live"),
        "behind": _("Behind"),
        "cut off": _("Cut off"),
        "cut off since": _("Cut off since %s. The values below are not live."),
        "trying again": _("Trying again in %s s."),
        "collector silent since": _("The collector is silent since %s. The values below are the last ones known."),
        "on": _("on"),
        "off": _("off"),
        "passkey none": _("The browser has given no passkey. Try again."),
        "passkey known": _("This key is registered already."),
        "passkey address": _("Passkeys do not work under this address: open the site under its name."),
        "passkey browser": _("This browser has no passkeys."),
        "passkey options": _("The site did not answer. Reload the page and try again."),
        "passkey wait": _("Too many attempts. Wait a minute, then try again."),
        "s": _("s"),
        "min": _("min"),
        "h": _("h"),
        "d": _("d"),
    }
