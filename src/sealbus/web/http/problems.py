"""Problem documents (RFC 9457), and the table of refusals of the gate.

`type` is a stable word for programs, `title` and `detail` are for people. No problem reveals more than the caller may
know: an object that is not visible answers 404 like one that does not exist, and a fault of the program is only logged.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.http import JsonResponse

from sealbus.web.access.requirement import GateVerdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["CONTENT_TYPE", "INVALID_TOKEN", "REFUSALS", "TOKEN_CHALLENGE", "RefusalWords", "problem", "problem_body"]

CONTENT_TYPE = "application/problem+json"
TOKEN_CHALLENGE = 'Token realm="sealbus"'  # noqa: S105 - the WWW-Authenticate header of every 401 (RFC 9110, 15.5.2)


@dataclass(frozen=True, slots=True)
class RefusalWords:
    """How a refusal is answered."""

    status: HTTPStatus
    type: str
    detail: str


REFUSALS: Mapping[GateVerdict, RefusalWords] = {
    GateVerdict.SIGN_IN: RefusalWords(HTTPStatus.UNAUTHORIZED, "sign-in-needed", "Sign in first, or send a token"),
    GateVerdict.SECOND_FACTOR: RefusalWords(
        HTTPStatus.FORBIDDEN, "second-factor-needed", "Your role asks for a second factor: add one, or use it"
    ),
    GateVerdict.NOT_FOR_TOKENS: RefusalWords(
        HTTPStatus.FORBIDDEN, "not-for-tokens", "Only a person in a session may do this"
    ),
    GateVerdict.REFUSED: RefusalWords(HTTPStatus.FORBIDDEN, "no-right", "You do not have the right to do this"),
    GateVerdict.CLOSED: RefusalWords(HTTPStatus.FORBIDDEN, "closed", "This is closed"),
}
"""For all surfaces."""
INVALID_TOKEN = RefusalWords(
    HTTPStatus.UNAUTHORIZED,
    "invalid-token",
    "This token is not valid here: it is unknown, has ended, was revoked, or is for other networks. "
    "The header is Authorization: Token sealbus_...",
)
"""In place of "sign in" for a request that has an Authorization header. Which of the four it is stays hidden."""


def problem_body(
    status: int, type: str, detail: str = "", *, errors: Sequence[Mapping[str, Any]] | Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The members of a problem document. `errors` names each field or line at fault."""
    body: dict[str, Any] = {"type": type, "title": HTTPStatus(status).phrase, "status": status}
    if detail:
        body["detail"] = detail
    if errors:
        body["errors"] = errors
    return body


def problem(status: int, type: str, detail: str = "") -> JsonResponse:
    """A problem as a response outside the REST framework."""
    return JsonResponse(problem_body(status, type, detail), status=status, content_type=CONTENT_TYPE)
