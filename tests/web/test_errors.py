"""An error of the domain is worded by the surface that was asked: problem documents, pages, the shell."""

from __future__ import annotations

import json

import pytest
from django.test import RequestFactory

from sealbus.errors import ConfigError, LocalError, SealbusError
from sealbus.web.config.error_pages import WebErrorMiddleware
from sealbus.web.config.shell import shell_error
from sealbus.web.errors import Conflict, Forbidden, Invalid, NotFound, TooMany, Unavailable, WebError
from sealbus.web.http.rest_errors import STATUSES, answer_problem

_ERRORS: list[tuple[WebError, int, str]] = [
    (Invalid({"name": ["This is too long"]}), 400, "invalid"),
    (Forbidden(), 403, "no-right"),
    (NotFound(), 404, "not-found"),
    (Conflict("This name is taken", code="taken"), 409, "taken"),
    (TooMany(2.5), 429, "throttled"),
    (Unavailable(5), 503, "unavailable"),
]


@pytest.mark.parametrize(("error", "status", "code"), _ERRORS)
def test_a_program_gets_a_problem_document_with_the_status_and_code_of_the_error(
    error: WebError, status: int, code: str
) -> None:
    response = answer_problem(error, {})
    assert response is not None
    assert response.status_code == status
    assert (response.data["type"], response.data["status"]) == (code, status)


def test_a_problem_document_names_each_member_at_fault() -> None:
    response = answer_problem(Invalid({"name": ["This is too long"]}), {})
    assert response is not None
    assert response.data["detail"] == "The request cannot be used"
    assert response.data["errors"] == {"name": ["This is too long"]}


def test_a_temporary_error_states_when_to_try_again() -> None:
    response = answer_problem(TooMany(2.5), {})
    assert response is not None
    assert response["Retry-After"] == "3"


@pytest.mark.parametrize(("error", "status", "code"), _ERRORS)
def test_a_plain_view_answers_a_page_to_a_browser_and_a_problem_to_a_program(
    error: WebError, status: int, code: str
) -> None:
    middleware = WebErrorMiddleware(lambda request: pytest.fail("not called"))
    page = middleware.process_exception(RequestFactory().get("/setup"), error)
    assert page is not None
    assert (page.status_code, page["Content-Type"]) == (status, "text/html; charset=utf-8")
    problem = middleware.process_exception(RequestFactory().get("/api/v1/x"), error)
    assert problem is not None
    assert (problem.status_code, json.loads(problem.content)["type"]) == (status, code)


def test_a_fault_of_the_program_is_left_to_the_server() -> None:
    middleware = WebErrorMiddleware(lambda request: pytest.fail("not called"))
    assert middleware.process_exception(RequestFactory().get("/setup"), KeyError("x")) is None
    assert answer_problem(KeyError("x"), {}) is None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Invalid({"name": ["This is too long"]}), ConfigError),
        (Forbidden(), LocalError),
        (NotFound(), LocalError),
        (Conflict(), LocalError),
        (TooMany(2.5), TooMany),
        (Unavailable(5), Unavailable),
    ],
)
def test_the_shell_ends_with_one_line_of_the_kind_that_sets_its_status(
    error: WebError, kind: type[SealbusError]
) -> None:
    worded = shell_error(error)
    assert type(worded) is kind
    assert error.text in str(worded)


def test_every_error_of_the_domain_has_a_status() -> None:
    assert set(STATUSES) == set(WebError.__subclasses__())
