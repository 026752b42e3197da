"""The gate admits only subjects that meet the requirement, even if a view checks nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import ResolverMatch

from sealbus.web.access.actions import Action
from sealbus.web.access.gate import Gate
from sealbus.web.access.require import require
from sealbus.web.access.requirement import EVERYBODY, PEOPLE, Requirement, may, requires
from sealbus.web.access.subject import NOBODY, Rights, Subject
from sealbus.web.errors import Forbidden

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase

VIEWER = Subject(user_id=1, rights=Rights(frozenset({(Action.VIEW, 7)})), is_signed_in=True)
TOKEN = Subject(user_id=1, token_key="k", rights=VIEWER.rights, is_signed_in=True)
HALF_IN = Subject(user_id=1, is_signed_in=True, needs_second_factor=True)


def _through(requirement: Requirement | None, subject: Subject) -> int:
    """The status that a caller gets from a view with this requirement."""
    answer = _answer("/api/v1/somewhere", requirement, subject)
    return 200 if answer is None else answer.status_code


def _answer(path: str, requirement: Requirement | None, subject: Subject) -> HttpResponseBase | None:
    """What the gate answers; None: the caller passes."""

    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse("in")

    if requirement is not None:
        view = requires(requirement)(view)
    request = RequestFactory().get(path)
    request.subject = subject  # type: ignore[attr-defined]  # ours
    request.resolver_match = ResolverMatch(view, (), {}, "somewhere")
    return Gate(lambda request: HttpResponse("in")).process_view(request, view, (), {})


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
def test_only_a_subject_that_meets_the_requirement_is_admitted(
    requirement: Requirement | None, subject: Subject, status: int
) -> None:
    assert _through(requirement, subject) == status


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "content_type", "text"),
    [
        ("/api/v1/devices", "application/problem+json", '"type": "no-right"'),
        ("/api/v1/devices", "application/problem+json", 'right \\"write\\" in at least one group'),
        ("/devices", "text/html; charset=utf-8", "right &quot;write&quot; in at least one group</p>"),
        ("/.well-known/security.txt", "text/plain; charset=utf-8", 'right "write" in at least one group'),
    ],
)
def test_a_refusal_is_worded_for_the_surface_that_was_asked(path: str, content_type: str, text: str) -> None:
    answer = _answer(path, may(Action.WRITE), VIEWER)
    assert isinstance(answer, HttpResponse)
    assert (answer.status_code, answer["Content-Type"]) == (403, content_type)
    assert text in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/v1/devices", "/.well-known/security.txt"])
def test_a_caller_who_has_not_signed_in_is_challenged_where_no_page_is_asked_for(path: str) -> None:
    answer = _answer(path, may(Action.VIEW), NOBODY)
    assert isinstance(answer, HttpResponse)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Token realm="sealbus"')


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("requirement", "subject", "detail"),
    [
        (may(Action.WRITE), VIEWER, 'This needs the right "write" in at least one group'),
        (may(Action.AUDIT), VIEWER, 'This needs the right "audit" in all groups'),
        (may(Action.ADMINISTER, people_only=True), VIEWER, 'This needs the right "administer" in all groups'),
        (PEOPLE, Subject(is_signed_in=True), "Only a user with an account may do this"),
        (PEOPLE, TOKEN, "Only a person in a session may do this"),
    ],
)
def test_a_refusal_names_the_right_that_is_missing(requirement: Requirement, subject: Subject, detail: str) -> None:
    answer = _answer("/api/v1/devices", requirement, subject)
    assert isinstance(answer, HttpResponse)
    assert (answer.status_code, json.loads(answer.content)["detail"]) == (403, detail)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("groups", "where"),
    [
        ((), "in all groups"),
        ((None,), "in all groups"),
        ((7, None), "in all groups"),
        ((7,), "in group 7"),
        ((7, 8), "in groups 7, 8"),
        ((9,), "in every group that this is about"),
        ((7, 9), "in every group that this is about"),
    ],
)
def test_a_service_names_the_right_and_those_groups_only_that_the_caller_sees(
    groups: tuple[int | None, ...], where: str
) -> None:
    rights = Rights(frozenset({(Action.VIEW, 7), (Action.VIEW, 8), (Action.WRITE, 9), (Action.CONFIGURE, 10)}))
    with pytest.raises(Forbidden) as refused:
        require(Subject(user_id=1, rights=rights, is_signed_in=True), Action.CONFIGURE, 10, *groups or (None,))
    assert refused.value.text == f'This needs the right "configure" {where}'


@pytest.mark.django_db
def test_an_administrator_sees_all_groups_in_a_refusal() -> None:
    rights = Rights(frozenset({(Action.ADMINISTER, None)}))
    with pytest.raises(Forbidden, match=r'right "configure" in groups 3, 9$'):
        require(Subject(user_id=1, rights=rights, is_signed_in=True), Action.CONFIGURE, 9, 3)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("subject", "path", "location"),
    [
        (NOBODY, "/devices?page=2", "/login?next=%2Fdevices%3Fpage%3D2"),
        (NOBODY, "/", "/login"),
        (HALF_IN, "/devices", "/second-factor?next=%2Fdevices"),
        (HALF_IN, "/", "/second-factor"),
    ],
)
def test_a_browser_is_led_to_what_is_lacking_and_back_afterwards(subject: Subject, path: str, location: str) -> None:
    answer = _answer(path, may(Action.VIEW), subject)
    assert isinstance(answer, HttpResponse)
    assert (answer.status_code, answer["Location"]) == (302, location)
