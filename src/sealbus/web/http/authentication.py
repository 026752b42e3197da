"""How the REST framework gets the caller: it uses the subject of the middleware, and checks the gate again.

This module must not import the framework's views: they import it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission

from sealbus.web.access.gate import knows_method, record_csrf_refused, requirement_for, subject_of
from sealbus.web.access.requirement import GateVerdict
from sealbus.web.http.problems import TOKEN_CHALLENGE

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

    from sealbus.web.access.subject import Subject

__all__ = ["GatePermission", "SubjectAuthentication", "rest_subject"]


def rest_subject(request: Request) -> Subject:
    """The caller."""
    return subject_of(request._request)


class SubjectAuthentication(SessionAuthentication):
    """Takes over the subject. A session must prove by a CSRF token that the request comes from a page of this site."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """The user and the subject; None for nobody."""
        subject = rest_subject(request)
        if not subject.is_signed_in:
            return None
        if not subject.is_token:
            self.enforce_csrf(request)
        return (request._request.user, subject)

    def enforce_csrf(self, request: Request) -> None:
        """As its parent; a refusal is recorded."""
        try:
            super().enforce_csrf(request)
        except PermissionDenied:
            record_csrf_refused(request._request)
            raise

    def authenticate_header(self, request: Request) -> str:
        """WWW-Authenticate of a 401."""
        return TOKEN_CHALLENGE


class GatePermission(BasePermission):
    """The gate again, from inside the framework: a REST view that is called without the middleware stays closed."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the requirement of this view is met."""
        plain = request._request
        match = plain.resolver_match
        if match is None:
            return False
        requirement = requirement_for(match.view_name or "", match.func, request.method or "")
        if requirement is None:
            return not knows_method(match.func, request.method or "")  # the view answers 405, which reveals nothing
        return requirement.judge(rest_subject(request)) is GateVerdict.ALLOWED
