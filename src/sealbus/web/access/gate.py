"""The gate: asks every view, before it runs, what it requires, and the caller's subject whether he has it.

It is a middleware, so that no view can forget it: what declares no requirement answers 403 and is logged as a fault
of ours. It stands behind the middleware that works out `request.subject`. Refusals are handed to `refused`, a signal
that the audit hears. Sockets do not pass through middleware: `trends` asks `Requirement.judge` itself, and the matrix
test walks them as well.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.dispatch import Signal

from sealbus.web.access.problems import problem, refusal
from sealbus.web.access.requirement import Requirement, Verdict, requirement_of
from sealbus.web.access.subject import NOBODY, Subject

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

__all__ = ["LIBRARY_VIEWS", "Gate", "knows_method", "refused", "requirement_for", "subject_of", "tell_csrf_refused"]

_log = logging.getLogger(__name__)

refused = Signal()
"""Sent with `subject`, `verdict`, `method`, `path` and `route` when somebody was refused."""

LIBRARY_VIEWS: dict[str, Requirement] = {}
"""What the views of libraries require, by namespaced URL name: their authors know nothing of us. Filled by `accounts`."""


class Gate:
    """Django middleware. Sends away who may not enter, before the view is called."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass on: the judgement is `process_view`'s."""
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        """None lets the request through."""
        route = request.resolver_match.view_name if request.resolver_match else ""
        requirement = requirement_for(route, view, request.method or "")
        subject = subject_of(request)
        if requirement is None:
            if not knows_method(view, request.method or ""):
                return None  # the view itself answers 405, and 405 tells nothing
            _log.error("the view %s declares no requirement for %s: it is closed", route, request.method)
            return problem(403, "closed", "This is closed")
        verdict = requirement.judge(subject)
        if verdict is Verdict.ALLOWED:
            return None
        refused.send(
            Gate, subject=subject, verdict=verdict, method=request.method, path=request.path, route=route or "",
        )  # fmt: skip
        return refusal(verdict)


def tell_csrf_refused(request: HttpRequest) -> None:
    """A request did not show that it comes from a page of ours."""
    route = request.resolver_match.view_name if request.resolver_match else ""
    refused.send(
        Gate, subject=subject_of(request), verdict="csrf", method=request.method, path=request.path, route=route or "",
    )  # fmt: skip


def requirement_for(route: str, view: Callable[..., Any], method: str) -> Requirement | None:
    """What is required: declared by the view, or written in the table of library views."""
    return LIBRARY_VIEWS.get(route) or requirement_of(view, method)


def subject_of(request: HttpRequest) -> Subject:
    """Who asks; nobody where no middleware has said."""
    subject = getattr(request, "subject", NOBODY)
    return subject if isinstance(subject, Subject) else NOBODY


def knows_method(view: Callable[..., Any], method: str) -> bool:
    """Whether the view would run at all for this method."""
    actions = getattr(view, "actions", None)
    lookup = "get" if method == "HEAD" else method.lower()
    if actions is not None:
        return lookup in actions
    cls = getattr(view, "cls", None) or getattr(view, "view_class", None)
    return cls is None or hasattr(cls, lookup)
