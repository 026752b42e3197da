"""The gate lets in who may enter and nobody else, whatever a view forgets."""

from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import ResolverMatch

from sealbus.web.access.actions import Action
from sealbus.web.access.gate import Gate
from sealbus.web.access.requirement import EVERYBODY, PEOPLE, Requirement, may, requires
from sealbus.web.access.subject import NOBODY, Rights, Subject

VIEWER = Subject(user_id=1, rights=Rights(frozenset({(Action.VIEW, 7)})), is_signed_in=True)
TOKEN = Subject(user_id=1, token_key="k", rights=VIEWER.rights, is_signed_in=True)
HALF_IN = Subject(user_id=1, is_signed_in=True, needs_second_factor=True)


def _through(requirement: Requirement | None, subject: Subject) -> int:
    """The status that a caller gets from a view with this requirement."""

    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse("in")

    if requirement is not None:
        view = requires(requirement)(view)
    request = RequestFactory().get("/somewhere")
    request.subject = subject  # type: ignore[attr-defined]  # ours
    request.resolver_match = ResolverMatch(view, (), {}, "somewhere")
    gate = Gate(lambda request: HttpResponse("in"))
    answer = gate.process_view(request, view, (), {})
    return 200 if answer is None else answer.status_code


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("requirement", "subject", "status"),
    [
        (None, NOBODY, 403),
        (None, VIEWER, 403),
        (EVERYBODY, NOBODY, 200),
        (PEOPLE, NOBODY, 401),
        (PEOPLE, TOKEN, 403),
        (PEOPLE, VIEWER, 200),
        (PEOPLE, HALF_IN, 200),
        (may(Action.VIEW), NOBODY, 401),
        (may(Action.VIEW), VIEWER, 200),
        (may(Action.VIEW), TOKEN, 200),
        (may(Action.VIEW), HALF_IN, 403),
        (may(Action.WRITE), VIEWER, 403),
        (may(Action.ADMINISTER), Subject(is_signed_in=True, rights=Rights(frozenset({(Action.ADMINISTER, 7)}))), 403),
        (
            may(Action.ADMINISTER),
            Subject(is_signed_in=True, rights=Rights(frozenset({(Action.ADMINISTER, None)}))),
            200,
        ),
    ],
)
def test_only_who_meets_the_requirement_gets_in(requirement: Requirement | None, subject: Subject, status: int) -> None:
    assert _through(requirement, subject) == status
