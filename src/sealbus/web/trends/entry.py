"""Who may open a live socket? Asked before it opens, and again whenever something has changed that the answer came from.

A browser cannot send a header of ours with a socket, so it comes with its session; then the page that opens it must be
one of ours, which its Origin says: without, or with a foreign one, whoever lures people onto a page of his could watch
the plant with their cookies. A program sends its token in the Authorization header, and no Origin is asked of it. What is
in the address of a socket ends in logs, so nothing is taken from there.

The requirement is judged by the same gate rule as any view, and a refusal is told to the audit by the same signal.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from importlib import import_module
from io import BytesIO
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import get_user
from django.core.handlers.asgi import ASGIRequest

from sealbus.web.access.actions import Action
from sealbus.web.access.gate import refused
from sealbus.web.access.requirement import Requirement, Verdict, may
from sealbus.web.accounts.middleware import address_of
from sealbus.web.accounts.subjects import of_request
from sealbus.web.coordination.versions import read_version
from sealbus.web.http.problems import REFUSALS

if TYPE_CHECKING:
    from sealbus.web.access.subject import Subject

__all__ = ["LIVE", "ROUTE", "Credential", "Denied", "Entered", "enter"]

LIVE: Requirement = may(Action.VIEW)
"""What a live socket requires."""
ROUTE = "live-socket"


@dataclass(frozen=True, slots=True)
class Credential:
    """What a client came with, by which others are told apart and its end is noticed. Never the secret of a token."""

    user_id: int | None
    token_key: str = ""
    session_key: str = ""


@dataclass(frozen=True, slots=True)
class Entered:
    """Who came in. `rights_version` was counted before his rights were worked out."""

    subject: Subject
    credential: Credential
    rights_version: int


@dataclass(frozen=True, slots=True)
class Denied:
    """Who did not, and how he is told."""

    status: HTTPStatus
    kind: str
    subject: Subject


def enter(scope: Any) -> Entered | Denied:
    """Judge a handshake by its ASGI scope. Asks the database."""
    rights_version = read_version("rights")
    request = _request(scope)
    address = address_of(request)
    subject = of_request(request, address)
    verdict = LIVE.judge(subject)
    if subject.is_signed_in and not subject.is_token and not _is_from_our_page(request):
        return _deny(Denied(HTTPStatus.FORBIDDEN, "foreign-origin", subject), request, Verdict.REFUSED)
    if verdict is not Verdict.ALLOWED:
        return _deny(Denied(REFUSALS[verdict].status, REFUSALS[verdict].type, subject), request, verdict)
    session_key = "" if subject.is_token else request.session.session_key or ""
    return Entered(subject, Credential(subject.user_id, subject.token_key, session_key), rights_version)


def _request(scope: Any) -> ASGIRequest:
    """The handshake as the request that it is, with session and user as the middleware would have them."""
    request = ASGIRequest({**scope, "type": "http", "method": "GET"}, BytesIO())
    store: Any = import_module(settings.SESSION_ENGINE).SessionStore
    request.session = store(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    request.user = get_user(request)
    return request


def _is_from_our_page(request: ASGIRequest) -> bool:
    """Whether the page that asks is of this site: of its public address, or, on loopback, of the address that was asked."""
    origins = [value for name, value in request.scope["headers"] if name == b"origin"]
    if len(origins) != 1:
        return False
    origin = origins[0].decode("latin-1").lower()
    site = settings.SEALBUS  # type: ignore[misc]  # ours
    return origin == site.public_url.lower() or (
        not site.is_https and origin == f"http://{request.headers.get('Host', '')}".lower()
    )


def _deny(denied: Denied, request: ASGIRequest, verdict: Verdict) -> Denied:
    refused.send(enter, subject=denied.subject, verdict=verdict, method="GET", path=request.path, route=ROUTE)
    return denied
