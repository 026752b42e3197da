"""Errors and refusals of plain views: answered as a problem document, a page or plain text, depending on the path.

A fault of the program is logged under a number that the answer names, and nothing else of it is shown. A database that
does not answer is not a fault of the program: 503 with Retry-After.
"""

from __future__ import annotations

import logging
import secrets
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING

from django.db import InterfaceError, OperationalError
from django.http import HttpResponse

from sealbus.web.access.gate import record_csrf_refused
from sealbus.web.access.requirement import GateVerdict
from sealbus.web.coordination.outages import log_database_outage
from sealbus.web.errors import WebError
from sealbus.web.http.problems import INVALID_TOKEN, REFUSALS, TOKEN_CHALLENGE, problem
from sealbus.web.http.rest_errors import headers_of, status_of
from sealbus.web.http.surfaces import Surface, surface_of
from sealbus.web.pages.shell.page import is_fragment
from sealbus.web.pages.shell.refusals import redirect_to_second_factor, redirect_to_sign_in, render_refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase


__all__ = [
    "WebErrorMiddleware",
    "bad_request",
    "csrf_failure",
    "not_found",
    "permission_denied",
    "refused",
    "server_error",
    "too_many_requests",
]

_log = logging.getLogger(__name__)

_RETRY_AFTER_S = 5
_LIMITED_S = 60  # the longest window of the limits of the library


class WebErrorMiddleware:
    """Words an error of the domain that a plain view raised. REST views have their own table."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass on: `process_exception` does the work."""
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """None for anything else: Django answers 500."""
        if not isinstance(error, WebError):
            return None
        response = _answer(request, HTTPStatus(status_of(error)), error.code, error.text)
        for name, value in headers_of(error).items():
            response[name] = value
        return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400."""
    return _answer(request, HTTPStatus.BAD_REQUEST, "bad-request", "This request is not valid HTTP for this site.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403."""
    return _answer(request, HTTPStatus.FORBIDDEN, "no-right", "You do not have the right to do this.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a request that a page of another site may have sent."""
    record_csrf_refused(request)
    return _answer(
        request, HTTPStatus.FORBIDDEN, "csrf", "This request may come from another site. Reload the page and try again."
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    return _answer(request, HTTPStatus.NOT_FOUND, "not-found", "There is no page at this address.")


def too_many_requests(request: HttpRequest) -> HttpResponse:
    """429 of a limit of django-allauth."""
    detail = "Too many attempts from here. Wait a minute, then try again."
    response = _answer(request, HTTPStatus.TOO_MANY_REQUESTS, "too-many-requests", detail)
    response["Retry-After"] = str(_LIMITED_S)
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """500; 503 where the database does not answer."""
    error = sys.exc_info()[1]
    if isinstance(error, OperationalError | InterfaceError):
        log_database_outage(error, f"{request.method} {request.path} was answered 503")
        detail = "The database does not answer. Try again in a moment."
        response = _answer(request, HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail)
        response["Retry-After"] = str(_RETRY_AFTER_S)
    else:
        number = secrets.token_hex(6)
        _log.error("error %s in %s %s", number, request.method, request.path, exc_info=error)
        detail = f"A fault of the program. The log has it as error {number}."
        response = _answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", detail)
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django need not log it again
    return response


def refused(request: HttpRequest, verdict: GateVerdict, missing: str) -> HttpResponse:
    """GATE_REFUSAL_VIEW: what the gate answers. `missing` names the right; empty: it is not a right that is missing."""
    words = REFUSALS[verdict]
    is_page = surface_of(request.path) is Surface.PAGE and not is_fragment(request)
    if verdict is GateVerdict.SIGN_IN and "Authorization" in request.headers:
        words = INVALID_TOKEN
    elif verdict is GateVerdict.SIGN_IN and is_page:
        return redirect_to_sign_in(request)
    elif verdict is GateVerdict.SECOND_FACTOR and is_page:
        return redirect_to_second_factor(request)
    response = _answer(request, words.status, words.type, missing or words.detail)
    if words.status is HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = TOKEN_CHALLENGE
    return response


def _answer(request: HttpRequest, status: HTTPStatus, type: str, detail: str) -> HttpResponse:
    surface = surface_of(request.path)
    if surface is Surface.PROGRAM:
        return problem(status.value, type, detail)
    if surface is Surface.PLAIN:
        return HttpResponse(f"{detail}\n", status=status.value, content_type="text/plain; charset=utf-8")
    return render_refused(request, status, detail)
