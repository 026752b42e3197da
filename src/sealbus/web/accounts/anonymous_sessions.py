"""Sessions that are stored before anybody has signed in, and how many of them one address gets.

A passkey challenge and the way to the identity provider store a session, and a stranger can ask for them all day. Each
address has an allowance a minute; a request above it is refused and its session is not stored. Expired sessions are deleted
once an hour, when a new one is stored.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import caches

from sealbus.endpoints import address_group
from sealbus.web.accounts.middleware import address_of
from sealbus.web.http.problems import problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

__all__ = ["AnonymousSessionsMiddleware"]

_PER_MINUTE = 20
_MINUTE_S = 60
_CLEANED_EVERY_S = 3600


class AnonymousSessionsMiddleware:
    """Stands directly behind the middleware that stores sessions."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass on; refuse where the answer would store one session too many."""
        response = self._get_response(request)
        session = request.session
        if session.session_key is not None or not session.modified or session.is_empty():
            return response
        if not _may_store(address_of(request)):
            request.session = SessionStore()
            refused = problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many-requests", "Try again in a minute")
            refused["Retry-After"] = str(_MINUTE_S)
            return refused
        if caches["process"].add("sessions-cleaned", True, _CLEANED_EVERY_S):
            SessionStore.clear_expired()
        return response


def _may_store(address: str) -> bool:
    key = f"anonymous-sessions:{address_group(address)}"
    cache = caches["process"]
    cache.add(key, 0, _MINUTE_S)
    try:
        return cache.incr(key) <= _PER_MINUTE
    except ValueError:  # the minute ended between the two calls
        return True
