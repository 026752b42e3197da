"""The table of the REST surface: from exceptions to problem documents. A fault of the program is logged and answers 500.

Services raise `sealbus.web.errors`; serializers and the REST framework raise its own exceptions, which are worded here too.
"""

from __future__ import annotations

import math
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from sealbus.errors import SealbusError
from sealbus.web.errors import Conflict, Forbidden, Invalid, NotFound, TooMany, Unavailable, WebError
from sealbus.web.http.problems import problem_body

__all__ = ["STATUSES", "answer_problem", "headers_of", "status_of"]

STATUSES: dict[type[WebError], int] = {
    Invalid: 400,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    TooMany: 429,
    Unavailable: 503,
}
"""The HTTP status of each error of the domain, for programs and pages alike."""


def status_of(error: WebError) -> int:
    """Of the first class in the table that the error is an instance of."""
    return next((status for kind, status in STATUSES.items() if isinstance(error, kind)), 400)


def headers_of(error: WebError) -> dict[str, str]:
    """`Retry-After` where the error names a time."""
    if isinstance(error, TooMany | Unavailable):
        return {"Retry-After": str(max(1, math.ceil(error.wait_s)))}
    return {}


def answer_problem(error: Exception, context: Any) -> Response | None:
    """EXCEPTION_HANDLER of the REST framework. None: not in the table, so Django answers 500."""
    if isinstance(error, WebError):
        set_rollback()
        errors = error.problems if isinstance(error, Invalid) else None
        text = error.standard_text if isinstance(error, Invalid) else error.text
        status = status_of(error)
        return Response(problem_body(status, error.code, text, errors=errors), status=status, headers=headers_of(error))
    if isinstance(error, DjangoValidationError):
        error = exceptions.ValidationError(error.message_dict if hasattr(error, "error_dict") else error.messages)
    elif isinstance(error, SealbusError):
        error = exceptions.ValidationError(str(error))
    elif isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, DjangoPermissionDenied):
        error = exceptions.PermissionDenied()
    response = exception_handler(error, context)
    if response is None or not isinstance(error, exceptions.APIException):
        return response
    if isinstance(error, exceptions.ValidationError):
        response.data = problem_body(
            response.status_code, Invalid.code, Invalid.standard_text, errors=_errors(response)
        )
    else:
        codes = error.get_codes()
        code = codes if isinstance(codes, str) else "error"
        detail = _accepted(context) if isinstance(error, exceptions.UnsupportedMediaType) else str(error.detail)
        response.data = problem_body(response.status_code, code.replace("_", "-"), detail)
    return response


def _accepted(context: Any) -> str:
    """Which media types the route accepts."""
    given = context["request"].content_type
    accepted = " or ".join(parser.media_type for parser in context["view"].parser_classes)
    said = f"A body of the type {given} is not accepted here" if given else "The body has no Content-Type"
    return f"{said}: send {accepted}"


def _errors(response: Response) -> Any:
    data = response.data
    return data if isinstance(data, dict) else {"non_field_errors": data}
