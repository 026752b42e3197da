"""From exceptions to problems: the one table of the REST boundary. What went wrong inside is logged, not told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.views import exception_handler

from sealbus.errors import SealbusError
from sealbus.web import errors
from sealbus.web.access.problems import problem_body
from sealbus.web.errors import Forbidden, Invalid, WebError

if TYPE_CHECKING:
    from rest_framework.response import Response

__all__ = ["Conflict", "answer_problem"]


class Conflict(exceptions.APIException):
    """409: the request was right, but not in this state."""

    status_code = 409
    default_detail = "This is not possible in the present state"
    default_code = "conflict"


def answer_problem(error: Exception, context: Any) -> Response | None:
    """From an exception to a problem: the table of the REST boundary. None leaves it to Django, as 500."""
    if isinstance(error, WebError):  # until `web` words these in its own table
        error = _as_rest(error)
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
            response.status_code, "invalid", "What was sent cannot be used", errors=_errors(response)
        )
    else:
        codes = error.get_codes()
        code = codes if isinstance(codes, str) else "error"
        response.data = problem_body(response.status_code, code.replace("_", "-"), str(error.detail))
    return response


def _as_rest(error: WebError) -> exceptions.APIException:
    match error:
        case Invalid():
            return exceptions.ValidationError(error.problems)
        case Forbidden():
            return exceptions.PermissionDenied(error.text, code=error.code)
        case errors.Conflict():
            return Conflict(error.text, code=error.code)
        case _:
            return exceptions.APIException(error.text, code=error.code)


def _errors(response: Response) -> Any:
    data = response.data
    return data if isinstance(data, dict) else {"non_field_errors": data}
