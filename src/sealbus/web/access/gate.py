"""The gate: before a view runs, compares what the view requires with what the caller's subject has.

It is a middleware, so that no view can leave it out: a view that declares no requirement answers 403 and is logged as a
fault of the program. It runs behind the middleware that sets `request.subject`. A refusal is sent to the signal `refused`,
which the audit records, and answered by the view named in GATE_REFUSAL_VIEW: as a problem document, a page or a line of
text, depending on the path.
Sockets do not pass through middleware: `trends.handshake` calls `Requirement.judge` itself, and the matrix test covers them.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.dispatch import Signal
from django.utils.module_loading import import_string

from sealbus.web.access.requirement import GateVerdict, Requirement, requirement_of
from sealbus.web.access.subject import NOBODY, Subject

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

__all__ = ["LIBRARY_VIEWS", "Gate", "knows_method", "record_csrf_refused", "refused", "requirement_for", "subject_of"]

_log = logging.getLogger(__name__)

refused = Signal()
"""Sent with `subject`, `verdict`, and as texts `method`, `path`, `route` or `action`, whenever a caller was refused."""

LIBRARY_VIEWS: dict[str, Requirement] = {}
"""Requirements of the views of libraries, by namespaced URL name: their authors cannot declare any. `accounts` fills it."""


class Gate:
    """Django middleware. Refuses a caller before the view is called."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        self._answer_refused: Callable[[HttpRequest, GateVerdict, str], HttpResponseBase] = import_string(
            settings.GATE_REFUSAL_VIEW  # type: ignore[misc]  # ours
        )

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass on: `process_view` decides."""
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        """None lets the request through."""
        route = request.resolver_match.view_name if request.resolver_match else ""
        requirement = requirement_for(route, view, request.method or "")
        if requirement is None:
            if not knows_method(view, request.method or ""):
                return None  # the view itself answers 405, which reveals nothing
            _log.error("the view %s declares no requirement for %s: it is closed", route, request.method)
            return self._answer_refused(request, GateVerdict.CLOSED, "")
        subject = subject_of(request)
        verdict = requirement.judge(subject)
        if verdict is GateVerdict.ALLOWED:
            return None
        _send_refused(request, verdict)
        missing = requirement.missing(subject) if verdict is GateVerdict.REFUSED else ""
        return self._answer_refused(request, verdict, missing)


def record_csrf_refused(request: HttpRequest) -> None:
    """Send `refused` for a request that may come from a page of another site."""
    _send_refused(request, "csrf")


def requirement_for(route: str, view: Callable[..., Any], method: str) -> Requirement | None:
    """The requirement: from the table of library views, or as the view declares it."""
    return LIBRARY_VIEWS.get(route) or requirement_of(view, method)


def subject_of(request: HttpRequest) -> Subject:
    """The caller; NOBODY where no middleware has set it."""
    subject = getattr(request, "subject", NOBODY)
    return subject if isinstance(subject, Subject) else NOBODY


def knows_method(view: Callable[..., Any], method: str) -> bool:
    """Whether the view has a handler for this method."""
    actions = getattr(view, "actions", None)
    lookup = "get" if method == "HEAD" else method.lower()
    if actions is not None:
        return lookup in actions
    cls = getattr(view, "cls", None) or getattr(view, "view_class", None)
    return cls is None or hasattr(cls, lookup)


def _send_refused(request: HttpRequest, verdict: GateVerdict | str) -> None:
    route = request.resolver_match.view_name if request.resolver_match else ""
    refused.send(
        Gate, subject=subject_of(request), verdict=verdict, method=request.method, path=request.path, route=route or "",
    )  # fmt: skip
