"""The document of the API is valid, complete and true: any request of any caller is answered as documented.

The gate sends two requests of each kind to each operation, the same ones in each run. `make explore` sends a hundred
(SEALBUS_SCHEMA_EXAMPLES), others in each run; a failure prints what was sent.
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
from sealbus.web.config.limits import ServerLimits
from sealbus.web.http.field_help import EVERYWHERE, OF, PARAMETERS
from sealbus.web.trends.limits import LiveLimits
from web.live_site import Site, running_site
from web.people import a_user, signed_in

if TYPE_CHECKING:
    from collections.abc import Iterator

_AT_THE_GATE = 2
_EXAMPLES = int(os.environ.get("SEALBUS_SCHEMA_EXAMPLES", _AT_THE_GATE))
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
    derandomize=_EXAMPLES == _AT_THE_GATE,
    print_blob=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)
_ROLES: dict[str, list[str]] = {
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
    """A separate site: its state afterwards is unknown."""
    limits = ServerLimits(live=LiveLimits(collector_answer_s=0.1))  # there is no collector
    with running_site(tmp_path_factory.mktemp("schema"), limits) as running:
        group = running.do("group", name="plant")
        made = running.do("device", name="meter", group=group, tags=3)
        history = open_history(f"sqlite:///{running.home / 'history.sqlite3'}", rules=HistoryRules())
        history.append([Sample(tag_id, time.time_ns() // 1000, 1.5) for tag_id in made["tags"]])
        history.close()
        yield running


def test_the_document_is_valid_openapi() -> None:
    validate_schema(_document())  # type: ignore[no-untyped-call]


@pytest.mark.django_db
def test_the_document_and_the_index_are_for_signed_in_callers(client: Any) -> None:
    anna = signed_in(a_user("anna", Action.VIEW))
    for path in ("/api/v1/schema", "/api/v1/"):
        assert client.get(path).status_code == 401
        assert anna.get(path).status_code == 200
    assert anna.get("/api/v1/schema").json()["openapi"].startswith("3.1")
    yaml = anna.get("/api/v1/schema", HTTP_ACCEPT="application/yaml")
    assert yaml.content.startswith(b"openapi: 3.1")
    assert anna.get("/api/v1/").json()["resources"]["values"] == "/api/v1/values"


def test_every_operation_documents_its_errors() -> None:
    document = _document()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            responses = operation["responses"]
            assert {"429", "503"} <= responses.keys(), (method, path)
            if operation.get("security") and {} not in operation["security"]:
                assert {"401", "403"} <= responses.keys(), (method, path)
            if "{" in path:
                assert "404" in responses, (method, path)


def test_every_member_and_every_parameter_has_a_sentence() -> None:
    document, without = _document(), []
    for name, schema in document["components"]["schemas"].items():
        assert not name.startswith("_"), name
        described = [(f"{name}.{member}", each) for member, each in schema.get("properties", {}).items()]
        without += [where for where, each in described if not _is_sentence(each.get("description", ""))]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            described = [(f"{method} {path} {each['name']}", each) for each in operation.get("parameters", ())]
            without += [where for where, each in described if not _is_sentence(each.get("description", ""))]
    assert without == []


def test_the_sentences_of_the_parameters_of_history_are_where_those_of_all_others_are() -> None:
    paths = _document()["paths"]
    words = {each["name"]: each["description"] for each in paths["/api/v1/history"]["get"]["parameters"]}
    assert words == {name: PARAMETERS[name] for name in ("tags", "start", "end", "width")}


def test_no_sentence_is_for_a_member_that_is_not_there() -> None:
    schemas = _document()["components"]["schemas"]
    members = {member for schema in schemas.values() for member in schema.get("properties", {})}
    parameters = {
        each["name"]
        for operations in _document()["paths"].values()
        for operation in operations.values()
        for each in operation.get("parameters", ())
    }
    assert EVERYWHERE.keys() - members == set()
    assert PARAMETERS.keys() - parameters == set()
    assert {
        f"{name}.{member}" for name, own in OF.items() for member in own if member not in _properties(schemas, name)
    } == set()


def _properties(schemas: dict[str, Any], name: str) -> set[str]:
    return {member for each in (name, f"Patched{name}") for member in schemas.get(each, {}).get("properties", {})}


def _is_sentence(text: str) -> bool:
    return text[:1].isupper() and text.endswith(".")


@pytest.mark.parametrize("operation", _operations())
def test_any_request_of_any_caller_is_answered_as_documented(schema_site: Site, operation: str) -> None:
    method, path = operation.split(" ")
    tested = _schema()[path][method]
    callers = _callers(schema_site)

    def explore(case: Any) -> None:
        case.headers.pop("Authorization", None)
        case.cookies.clear()
        for headers in callers:
            response = case.call(base_url=schema_site.origin, headers=headers)
            case.validate_response(response, checks=_CHECKS)

    for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
        if mode is schemathesis.GenerationMode.POSITIVE or _takes_anything(tested):
            _SETTINGS(given(case=tested.as_strategy(generation_mode=mode))(explore))()


def _callers(site: Site) -> list[dict[str, str]]:
    """The headers of nobody and of a new user of each role: the requests may take rights away."""
    secrets = site.do("callers", number=next(_numbers), roles=_ROLES)
    return [{}, *({"Authorization": f"Token {secret}"} for secret in secrets.values())]


def _takes_anything(operation: Any) -> bool:
    return bool(operation.body or operation.query or operation.path_parameters)
