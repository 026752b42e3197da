"""The language of pages: as chosen for this browser, else as the browser asks. Programs always get English."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import translation

from sealbus.web.http.surfaces import Surface, surface_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

__all__ = ["LanguageMiddleware"]


class LanguageMiddleware:
    """Activates the language for the request. The cookie has the name LANGUAGE_COOKIE_NAME."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer in the language."""
        is_page = surface_of(request.path) is Surface.PAGE
        with translation.override(translation.get_language_from_request(request) if is_page else "en"):
            response = self._get_response(request)
            if is_page:
                response.headers["Content-Language"] = translation.get_language() or "en"
        return response
