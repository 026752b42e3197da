"""May this caller open a live socket? Checked before it opens, and again whenever its credential or rights may have changed.

A browser cannot send a header of its own with a socket, so its session identifies it. Then the Origin must be a page of
this site: otherwise a page of another site could open a socket with the user's cookies and watch the plant. A program
sends its token in the Authorization header and needs no Origin. The query of a socket's address is never read: addresses
end up in logs.

The requirement is checked as for any view, and a refusal is sent to the audit by the same signal.
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
from sealbus.web.access.requirement import GateVerdict, Requirement, may
from sealbus.web.accounts.middleware import address_of
from sealbus.web.accounts.subjects import subject_of_request
from sealbus.web.coordination.versions import read_version
from sealbus.web.http.problems import REFUSALS

if TYPE_CHECKING:
    from sealbus.web.access.subject import Subject

__all__ = ["LIVE", "ROUTE", "AdmittedCaller", "Credential", "Denied", "admit"]

LIVE: Requirement = may(Action.VIEW)
"""The requirement of a live socket."""
ROUTE = "live-socket"


@dataclass(frozen=True, slots=True)
class Credential:
    """The credential of a client, without any secret: by it the clients of one caller are counted and its end is seen."""

    user_id: int | None
    token_key: str = ""
    session_key: str = ""


@dataclass(frozen=True, slots=True)
class AdmittedCaller:
    """A caller who may open a socket. `rights_version` was read before the rights."""

    subject: Subject
    credential: Credential
    rights_version: int


@dataclass(frozen=True, slots=True)
class Denied:
    """A caller who is refused, with the answer."""

    status: HTTPStatus
    kind: str
    subject: Subject


def admit(scope: Any) -> AdmittedCaller | Denied:
    """Check a handshake by its ASGI scope. Reads the database."""
    rights_version = read_version("rights")
    request = _request(scope)
    address = address_of(request)
    subject = subject_of_request(request, address)
    verdict = LIVE.judge(subject)
    if subject.is_signed_in and not subject.is_token and not _is_from_own_page(request):
        return _deny(Denied(HTTPStatus.FORBIDDEN, "foreign-origin", subject), request, GateVerdict.REFUSED)
    if verdict is not GateVerdict.ALLOWED:
        return _deny(Denied(REFUSALS[verdict].status, REFUSALS[verdict].type, subject), request, verdict)
    session_key = "" if subject.is_token else request.session.session_key or ""
    return AdmittedCaller(subject, Credential(subject.user_id, subject.token_key, session_key), rights_version)


def _request(scope: Any) -> ASGIRequest:
    """The handshake as a request, with session and user as the middleware would set them."""
    request = ASGIRequest({**scope, "type": "http", "method": "GET"}, BytesIO())
    store: Any = import_module(settings.SESSION_ENGINE).SessionStore
    request.session = store(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    request.user = get_user(request)
    return request


def _is_from_own_page(request: ASGIRequest) -> bool:
    """Whether the Origin is this site: its public address or, on loopback, the address of the request."""
    origins = [value for name, value in request.scope["headers"] if name == b"origin"]
    if len(origins) != 1:
        return False
    origin = origins[0].decode("latin-1").lower()
    site = settings.SEALBUS  # type: ignore[misc]  # ours
    return origin == site.public_url.lower() or (
        not site.is_https and origin == f"http://{request.headers.get('Host', '')}".lower()
    )


def _deny(denied: Denied, request: ASGIRequest, verdict: GateVerdict) -> Denied:
    refused.send(admit, subject=denied.subject, verdict=verdict, method="GET", path=request.path, route=ROUTE)
    return denied
