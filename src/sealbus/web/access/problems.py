"""Errors as the API tells them: problem+json (RFC 9457), everywhere the same, and the one table from errors to
statuses.

`type` is a stable word for programs, `title` and `detail` are for people. No error tells more than the caller may
know: what he may not see does not exist (404), and what went wrong inside is said in the log, not to him.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.http import JsonResponse

from sealbus.web.access.requirement import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["CONTENT_TYPE", "problem", "problem_body", "refusal"]

CONTENT_TYPE = "application/problem+json"
_TITLES: dict[Verdict, tuple[int, str, str]] = {
    Verdict.SIGN_IN: (401, "sign-in-needed", "Sign in first, or send a token"),
    Verdict.SECOND_FACTOR: (403, "second-factor-needed", "Your role asks for a second factor: add one, or use it"),
    Verdict.NOT_FOR_TOKENS: (403, "not-for-tokens", "Only a person in a session may do this"),
    Verdict.REFUSED: (403, "no-right", "You do not have the right to do this"),
}


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


def refusal(verdict: Verdict) -> JsonResponse:
    """What the gate answers."""
    status, kind, detail = _TITLES[verdict]
    response = problem(status, kind, detail)
    if status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = 'Token realm="sealbus"'
    return response
