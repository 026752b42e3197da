"""The document of the API is valid, complete and true: whatever is sent, by whomever, is answered as it says.

SEALBUS_SCHEMA_EXAMPLES=100 looks longer. What is sent is the same in each run.
"""

from __future__ import annotations

import functools
import itertools
import os
import time
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from sealbus.history import HistoryRules, open_history
from sealbus.samples import Sample
from sealbus.web.access.actions import Action
from web.live_site import Site, running_site
from web.people import a_user, signed_in

if TYPE_CHECKING:
    from collections.abc import Iterator

_EXAMPLES = int(os.environ.get("SEALBUS_SCHEMA_EXAMPLES", "3"))
_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
_SETTINGS = settings(
    max_examples=_EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)
_ROLES: dict[str, list[str] | None] = {
    "nobody": None,
    "viewer": ["view"],
    "engineer": ["view", "acknowledge", "write", "configure"],
    "administrator": [action.value for action in Action],
}
_numbers = itertools.count(1)


@functools.cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return document


@functools.cache
def _schema() -> Any:
    return schemathesis.openapi.from_dict(_document())


def _operations() -> list[str]:
    return sorted(
        f"{method.upper()} {path}"
        for path, operations in _document()["paths"].items()
        for method in operations
        if method in ("get", "post", "put", "patch", "delete")
    )


@pytest.fixture(scope="module")
def schema_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of its own: nobody knows what state it is in afterwards."""
    with running_site(tmp_path_factory.mktemp("schema")) as running:
        group = running.do("group", name="plant")
        made = running.do("device", name="meter", group=group, tags=3)
        history = open_history(f"sqlite:///{running.home / 'history.sqlite3'}", rules=HistoryRules())
        history.append([Sample(tag_id, time.time_ns() // 1000, 1.5) for tag_id in made["tags"]])
        history.close()
        yield running


def test_the_document_is_valid_openapi() -> None:
    validate_schema(_document())  # type: ignore[no-untyped-call]


@pytest.mark.django_db
def test_the_document_and_the_index_are_for_whoever_has_signed_in(client: Any) -> None:
    anna = signed_in(a_user("anna", Action.VIEW))
    for path in ("/api/v1/schema", "/api/v1/"):
        assert client.get(path).status_code == 401
        assert anna.get(path).status_code == 200
    assert anna.get("/api/v1/schema").json()["openapi"].startswith("3.1")
    yaml = anna.get("/api/v1/schema", HTTP_ACCEPT="application/yaml")
    assert yaml.content.startswith(b"openapi: 3.1")
    assert anna.get("/api/v1/").json()["resources"]["values"] == "/api/v1/values"


def test_every_operation_says_how_it_may_fail() -> None:
    document = _document()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            responses = operation["responses"]
            assert {"429", "503"} <= responses.keys(), (method, path)
            if operation.get("security") and {} not in operation["security"]:
                assert {"401", "403"} <= responses.keys(), (method, path)
            if "{" in path:
                assert "404" in responses, (method, path)


@pytest.mark.parametrize("operation", _operations())
def test_whatever_is_sent_by_whomever_is_answered_as_documented(schema_site: Site, operation: str) -> None:
    method, path = operation.split(" ")
    tested = _schema()[path][method]
    callers = [_headers(schema_site, role) for role in _ROLES]

    def explore(case: Any) -> None:
        case.headers.pop("Authorization", None)
        case.cookies.clear()
        for headers in callers:
            response = case.call(base_url=schema_site.origin, headers=headers)
            case.validate_response(response, checks=_CHECKS)

    for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
        if mode is schemathesis.GenerationMode.POSITIVE or _takes_anything(tested):
            _SETTINGS(given(case=tested.as_strategy(generation_mode=mode))(explore))()


def _headers(site: Site, role: str) -> dict[str, str]:
    """A fresh person for each operation, because what is tried may be to take his rights away."""
    actions = _ROLES[role]
    if actions is None:
        return {}
    user = site.do("user", name=f"{role}{next(_numbers)}", actions=actions)
    return {"Authorization": f"Token {site.do('token', user=user, actions=actions)}"}


def _takes_anything(operation: Any) -> bool:
    return bool(operation.body or operation.query or operation.path_parameters)
