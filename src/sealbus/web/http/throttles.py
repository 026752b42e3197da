"""How often a caller may ask: one allowance for each user, each token, and each address that has not signed in.

Above it the answer is 429 with Retry-After. Each web process counts for itself, in its memory: no request waits for a
database or for Redis because of this, and each process bounds the work that it does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.cache import caches
from rest_framework.throttling import SimpleRateThrottle

from sealbus.web.http.authentication import rest_subject

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

__all__ = ["SubjectThrottle"]


class SubjectThrottle(SimpleRateThrottle):
    """`throttle_scope` of a view names another allowance than "subject"."""

    scope = "subject"

    def __init__(self) -> None:
        self.cache = caches["process"]

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count this request; False above the allowance."""
        subject = rest_subject(request)
        self.scope = getattr(view, "throttle_scope", "subject") if subject.is_signed_in else "nobody"
        self.rate = self.get_rate()
        self.num_requests, self.duration = self.parse_rate(self.rate)
        return bool(super().allow_request(request, view))

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        """The key of the allowance."""
        subject = rest_subject(request)
        caller: Any = subject.token_key or subject.user_id or subject.actor.address
        return f"throttle:{self.scope}:{subject.actor.kind}:{caller}"
