"""Query parameters: on every route of the API an unknown one is refused by name, and the known ones are named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import transaction

from web.matrix_world import BODIES
from web.people import ALL_ACTIONS, a_user, signed_in
from web.plant_rows import a_group
from web.routes import Route, routes

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db

_NOBODY_KNOWS = "no_such_parameter"


@pytest.fixture
def everything() -> APIClient:
    return signed_in(a_user("everywhere-5", *ALL_ACTIONS))  # the requester of the commands of the matrix


def _answer(client: APIClient, route: Route) -> Any:
    """What this route of the API says of an unknown parameter, None of another route; everything is as it was before."""
    with transaction.atomic():
        path = route.path(a_group())
        answer = None
        if path.startswith("/api/"):
            body = BODIES[route.row](a_group()) if route.row in BODIES else {}
            named = {} if route.method == "get" else {"data": body, "format": "json"}
            answer = getattr(client, route.method)(f"{path}?{_NOBODY_KNOWS}=1", **named)
        transaction.set_rollback(True)
    return answer


def test_every_route_of_the_api_refuses_a_parameter_that_it_does_not_know(everything: APIClient) -> None:
    answers = {route.row: _answer(everything, route) for route in routes() if not route.is_of_library}
    said = {
        row: f"{answer.status_code} {answer.json().get('errors')}"
        for row, answer in answers.items()
        if answer is not None
    }
    assert len(said) > 80
    refused = f"400 {{'{_NOBODY_KNOWS}': ['unknown query parameter; "
    assert {row: text for row, text in said.items() if not text.startswith(refused)} == {}


@pytest.mark.parametrize("path", ["groups", "roles", "tokens", "audit/sources", "access-review", "retention-classes"])
def test_a_list_without_filters_knows_the_parameters_of_paging(everything: APIClient, path: str) -> None:
    assert everything.get(f"/api/v1/{path}?page=1&page_size=5").status_code == 200
    problem = everything.get(f"/api/v1/{path}?pagesize=5")
    assert problem.json()["errors"] == {"pagesize": ["unknown query parameter; known: page, page_size"]}


def test_a_route_without_parameters_says_so(everything: APIClient) -> None:
    assert everything.get("/api/v1/me").status_code == 200
    problem = everything.get("/api/v1/me?verbose=1")
    assert problem.json()["errors"] == {"verbose": ["unknown query parameter; none is known here"]}


def test_a_misspelt_dry_run_of_a_change_changes_nothing(everything: APIClient) -> None:
    assert everything.post("/api/v1/groups?dryrun=true", {"name": "new"}, format="json").status_code == 400
    assert [each["name"] for each in everything.get("/api/v1/groups").json()["results"]] == []


@pytest.mark.parametrize(
    ("path", "accepted"), [("tags/import", "application/json or text/csv"), ("groups", "application/json")]
)
def test_a_body_of_another_type_is_refused_with_the_types_that_are_accepted(
    everything: APIClient, path: str, accepted: str
) -> None:
    problem = everything.post(f"/api/v1/{path}", b"a,b", content_type="text/plain")
    assert (problem.status_code, problem.json()["type"]) == (415, "unsupported-media-type")
    assert problem.json()["detail"] == f"A body of the type text/plain is not accepted here: send {accepted}"
    unnamed = everything.generic("POST", f"/api/v1/{path}", "a,b", content_type="")
    assert unnamed.json()["detail"] == f"The body has no Content-Type: send {accepted}"
