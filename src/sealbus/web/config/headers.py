"""The headers of every response, errors included.

Django's middleware sets them on Django's responses, with a content policy that a page may extend for its own scripts.
`EdgeApp` adds the missing ones to all other responses: errors, static files, answers of the server itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

__all__ = ["HeadersMiddleware", "complete_headers", "default_headers"]

_HEADERS = {
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), publickey-credentials-get=(self)",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Permitted-Cross-Domain-Policies": "none",
}
_NOT_SET_BY_DJANGO = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_HSTS = "max-age=31536000"
_DROPPED = frozenset({b"server", b"x-powered-by"})


class HeadersMiddleware:
    """Adds the headers. Everything except static files must not be stored by any cache."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Add the headers to the response."""
        response = self._get_response(request)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def default_headers(*, is_https: bool) -> tuple[tuple[bytes, bytes], ...]:
    """The headers of a response that sets none of them itself, in the form of ASGI."""
    values = _HEADERS | _NOT_SET_BY_DJANGO | ({"Strict-Transport-Security": _HSTS} if is_https else {})
    return tuple((name.lower().encode(), value.encode()) for name, value in values.items())


def complete_headers(
    given: Iterable[tuple[bytes, bytes]], defaults: Iterable[tuple[bytes, bytes]]
) -> list[tuple[bytes, bytes]]:
    """The headers of a response, then the missing defaults. Headers that name the software are removed."""
    kept = [(name.lower(), value) for name, value in given if name.lower() not in _DROPPED]
    present = {name for name, _ in kept}
    return kept + [(name, value) for name, value in defaults if name not in present]
