"""How the REST framework learns who asks: it takes over what the middleware worked out, and asks the gate once more.

Nothing here may import the framework's views: they import this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission

from sealbus.web.access.gate import knows_method, requirement_for, subject_of, tell_csrf_refused
from sealbus.web.access.requirement import Verdict

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

    from sealbus.web.access.subject import Subject

__all__ = ["GatePermission", "SubjectAuthentication", "rest_subject"]


def rest_subject(request: Request) -> Subject:
    """Who asks."""
    return subject_of(request._request)


class SubjectAuthentication(SessionAuthentication):
    """Takes over what the middleware worked out; a session has to show that it asks on purpose (CSRF)."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """The user and his subject; None for nobody."""
        subject = rest_subject(request)
        if not subject.is_signed_in:
            return None
        if not subject.is_token:
            self.enforce_csrf(request)
        return (request._request.user, subject)

    def enforce_csrf(self, request: Request) -> None:
        """As its parent, and recorded."""
        try:
            super().enforce_csrf(request)
        except PermissionDenied:
            tell_csrf_refused(request._request)
            raise

    def authenticate_header(self, request: Request) -> str:
        """What a 401 offers."""
        return 'Token realm="sealbus"'


class GatePermission(BasePermission):
    """The gate asked once more from within, so that no way into a REST view goes around it."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the requirement of this view is met."""
        plain = request._request
        match = plain.resolver_match
        if match is None:
            return False
        requirement = requirement_for(match.view_name or "", match.func, request.method or "")
        if requirement is None:
            return not knows_method(match.func, request.method or "")  # the view answers 405, which tells nothing
        return requirement.judge(rest_subject(request)) is Verdict.ALLOWED
