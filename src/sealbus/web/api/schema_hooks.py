"""What every operation has in common, added to the document once: errors are problems (RFC 9457), and which there are.

| status | where |
| --- | --- |
| 400 | everything that takes parameters or a body |
| 401, 403 | everything that is not for everybody |
| 404 | everything that names an object |
| 409 | what changes something |
| 413, 415 | what takes a body |
| 414 | what takes a list of ids in its address; answered before anything looks at it, hence as text |
| 429, 503 | everything |
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

__all__ = ["SubjectScheme", "describe_problems"]

_METHODS = frozenset({"get", "post", "put", "patch", "delete"})
_CHANGES = frozenset({"post", "put", "patch", "delete"})
_OBJECTS = frozenset({"connection", "device", "group", "tag"})
_TEXTS = {
    400: "What was sent cannot be used; `errors` names each member at fault",
    401: "Sign in first, or send a token",
    403: "The right for this is missing, or a second factor",
    404: "It is not there, for this caller",
    409: "Not in this state, or somebody else has changed it meanwhile",
    413: "Too big",
    414: "Too many ids for one address",
    415: "Not this content type",
    429: "Too often; `Retry-After` says when to come again",
    503: "Not now; `Retry-After` says when to come again",
}
_TOO_LONG = 414
_PLAIN = {"text/plain": {"schema": {"type": "string"}}}
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "properties": {
        "type": {"type": "string", "description": "A word that stays the same, for programs"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "For people"},
        "errors": {"description": "What is wrong with each member or line"},
    },
    "required": ["type", "title", "status"],
}


class SubjectScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # untyped library
    """How callers say who they are."""

    target_class = "sealbus.web.http.authentication.SubjectAuthentication"
    name: list[str] = ["token", "session"]  # noqa: RUF012 - as the library has it

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        """A token in a header, or the cookie of a session."""
        from django.conf import settings

        return [
            {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`Token ` and the secret"},
            {"type": "apiKey", "in": "cookie", "name": str(settings.SESSION_COOKIE_NAME)},
        ]


def describe_problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A hook of the generator of the document."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = _PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    components["responses"] = {
        f"Problem{status}": {"description": text, "content": _PLAIN if status == _TOO_LONG else content}
        for status, text in _TEXTS.items()
    }
    for path, operations in result.get("paths", {}).items():
        for method, operation in operations.items():
            if method in _METHODS:
                _describe(path, method, operation)
    return result


def _describe(path: str, method: str, operation: dict[str, Any]) -> None:
    has_body = "requestBody" in operation
    is_public = {} in operation.get("security", ()) or not operation.get("security", ())
    parameters = operation.get("parameters", ())
    named = {parameter["name"] for parameter in parameters}
    possible = {429: True, 503: True, 401: not is_public, 403: True, 404: "{" in path or bool(named & _OBJECTS)}
    possible |= {
        400: has_body or bool(operation.get("parameters")),
        413: has_body,
        415: has_body,
        409: method in _CHANGES,
    }
    possible[_TOO_LONG] = any(parameter.get("schema", {}).get("type") == "array" for parameter in parameters)
    responses = operation.setdefault("responses", {})
    for status, is_possible in possible.items():
        if is_possible:
            responses.setdefault(str(status), {"$ref": f"#/components/responses/Problem{status}"})
