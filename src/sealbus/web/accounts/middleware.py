"""Sets `request.subject`, the caller, once for each request; the gate and the views use it. And completes the answers of
django-allauth.

A request with a token has no session: its cookies are not read, so CSRF does not apply. The address of the caller is the
peer's, or the one that a trusted proxy reports.
"""

from __future__ import annotations

import hashlib
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.core.cache import caches
from django.utils import timezone

from sealbus.web.accounts.subjects import subject_of_request
from sealbus.web.http.callers import client_address, note_signed_in
from sealbus.web.http.problems import problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from sealbus.web.access.subject import Subject

__all__ = ["BAD_INPUT", "LibraryAnswersMiddleware", "SubjectMiddleware", "address_of"]

_log = logging.getLogger(__name__)

_LIBRARY = "/_allauth/"
_RETRY_AFTER_S = 60  # the longest window of the limits of the library
_SEEN_EVERY_S = 60
BAD_INPUT = (ValueError, TypeError, AttributeError, KeyError, IndexError, OverflowError)
"""What the library raises for malformed input, whose types it does not check."""


class SubjectMiddleware:
    """Sets `request.subject`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Set it, and pass on."""
        subject = subject_of_request(request, address_of(request))
        request.subject = subject  # type: ignore[attr-defined]  # ours
        if subject.is_signed_in:
            note_signed_in(request)
        if subject.is_token:
            request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]  # no cookie is used for this request
        elif subject.user_id is not None:
            _mark_seen(request, subject)
        return self._get_response(request)


class LibraryAnswersMiddleware:
    """Adds Retry-After to a 429 of django-allauth, and turns its errors about malformed bodies into 400.

    Its views do not check the types of members; an exception from that is logged and becomes a 400 here, not a 500.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass on, and complete a 429."""
        response = self._get_response(request)
        if request.path.startswith(_LIBRARY) and response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            response.headers.setdefault("Retry-After", str(_RETRY_AFTER_S))
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        """400 for an exception that a malformed body causes in the library; None for any other."""
        if not request.path.startswith(_LIBRARY) or not isinstance(error, BAD_INPUT):
            return None
        _log.warning("a request to %s has a malformed body: %s", request.path, type(error).__name__, exc_info=error)
        return problem(HTTPStatus.BAD_REQUEST, "invalid", "The request cannot be used")


def address_of(request: HttpRequest) -> str:
    """The address of the caller: behind trusted proxies, the last one in X-Forwarded-For that is not a proxy itself."""
    trusted = settings.SEALBUS.trusted_proxies  # type: ignore[misc]  # ours
    peer = str(request.META.get("REMOTE_ADDR", ""))
    return client_address(peer, request.headers.get("X-Forwarded-For", ""), trusted.contains)


def _mark_seen(request: HttpRequest, subject: Subject) -> None:
    """Store the last use of a session and its address, to the minute."""
    key = request.session.session_key or ""
    mark = "seen:" + hashlib.sha256(f"{key} {subject.actor.address}".encode()).hexdigest()
    if key and subject.actor.address and caches["process"].add(mark, True, _SEEN_EVERY_S):
        UserSession.objects.filter(session_key=key).update(last_seen_at=timezone.now(), ip=subject.actor.address)
