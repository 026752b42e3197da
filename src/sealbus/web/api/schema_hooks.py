"""The error answers of every operation, added to the document in one place: they are problems (RFC 9457).

| status | where |
| --- | --- |
| 400 | every operation: an unknown query parameter is refused |
| 401, 403 | every operation that is not open to everybody |
| 404 | every operation that names an object |
| 409 | every change |
| 413, 415 | every operation with a body |
| 414, 431 | every operation with a list of ids in its address; the server answers the longest, as text |
| 429, 503 | every operation |
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from sealbus.web.http.field_help import PARAMETERS, help_of

__all__ = ["SubjectScheme", "describe_members", "describe_problems"]

_METHODS = frozenset({"get", "post", "put", "patch", "delete"})
_CHANGES = frozenset({"post", "put", "patch", "delete"})
_OBJECTS = frozenset({"connection", "device", "group", "tag"})
_TEXTS = {
    400: "The request cannot be used; `errors` names each member at fault",
    401: "Sign in first, or send a token",
    403: "The right for this is missing, or a second factor",
    404: "The object does not exist or is not visible to the caller",
    409: "Not possible in the present state, or changed by another caller meanwhile",
    413: "The body is too large",
    414: "Too many ids for one address",
    415: "The content type is not accepted; `detail` names those that are",
    431: "The head of the request is too large: ask for fewer ids",
    429: "Too many requests; `Retry-After` has the seconds to wait",
    503: "Not possible now; `Retry-After` has the seconds to wait",
}
_TOO_LONG = (414, 431)
_PLAIN = {"text/plain": {"schema": {"type": "string"}}}
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "properties": {
        "type": {"type": "string", "description": "A stable word, for programs."},
        "title": {"type": "string", "description": "What went wrong, in a few words."},
        "status": {"type": "integer", "description": "The status of the answer."},
        "detail": {"type": "string", "description": "The particulars, for people."},
        "errors": {"description": "The problems of each member, or of each line of a table."},
    },
    "required": ["type", "title", "status"],
}


class SubjectScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # untyped library
    """The authentication of callers."""

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
    """A postprocessing hook of drf-spectacular."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = _PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    components["responses"] = {
        f"Problem{status}": {"description": text, "content": content | (_PLAIN if status in _TOO_LONG else {})}
        for status, text in _TEXTS.items()
    }
    for path, operations in result.get("paths", {}).items():
        for method, operation in operations.items():
            if method in _METHODS:
                _describe(path, method, operation)
    return result


def describe_members(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A postprocessing hook of drf-spectacular: a sentence for each member and parameter that has none of its own."""
    for name, schema in result.get("components", {}).get("schemas", {}).items():
        for member, described in schema.get("properties", {}).items():
            if "description" not in described:
                described["description"] = help_of(name, member)
    for operations in result.get("paths", {}).values():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", ()) if method in _METHODS else ():
                own = parameter.get("description", "")
                if not own or own.startswith("* `"):  # nothing, or the values of an enumeration, which the schema has
                    parameter["description"] = PARAMETERS.get(parameter["name"], "")
    return result


def _describe(path: str, method: str, operation: dict[str, Any]) -> None:
    has_body = "requestBody" in operation
    is_public = {} in operation.get("security", ()) or not operation.get("security", ())
    parameters = operation.get("parameters", ())
    named = {parameter["name"] for parameter in parameters}
    possible = {
        400: True,
        429: True,
        503: True,
        401: not is_public,
        403: True,
        404: "{" in path or bool(named & _OBJECTS),
    }
    possible |= {413: has_body, 415: has_body, 409: method in _CHANGES}
    takes_ids = any(parameter.get("schema", {}).get("type") == "array" for parameter in parameters)
    possible |= dict.fromkeys(_TOO_LONG, takes_ids)
    responses = operation.setdefault("responses", {})
    for status, is_possible in possible.items():
        if is_possible:
            responses.setdefault(str(status), {"$ref": f"#/components/responses/Problem{status}"})
