"""Works out who asks, once for each request: `request.subject`, which the gate and the views go by.

A request with a token has no session: what a cookie says besides is not looked at, so CSRF does not concern it. The
address is that of the peer, or what a trusted proxy says in front of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

from sealbus.web.accounts.subjects import of_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

__all__ = ["SubjectMiddleware", "address_of"]


class SubjectMiddleware:
    """Sets `request.subject`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Work it out, and pass on."""
        subject = of_request(request, address_of(request))
        request.subject = subject  # type: ignore[attr-defined]  # ours
        if subject.is_token:
            request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]  # no cookie speaks for this request
        return self._get_response(request)


def address_of(request: HttpRequest) -> str:
    """From where it comes: behind trusted proxies, the last address that one of them did not add itself."""
    remote = str(request.META.get("REMOTE_ADDR", ""))
    trusted = settings.SEALBUS.trusted_proxies  # type: ignore[misc]  # ours
    if not trusted.contains(remote):
        return remote
    for hop in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
        remote = hop.strip() or remote
        if not trusted.contains(remote):
            break
    return remote
