"""The audit in the API: for callers with the right in all groups only."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from sealbus.web.access.actions import Action
from sealbus.web.access.subject import Actor, ActorKind
from sealbus.web.accounts.models import Group
from sealbus.web.audit.models import Entry, Result, Source
from sealbus.web.audit.services import Event, Target, append, append_all
from web.people import a_token, a_user, signed_in

pytestmark = pytest.mark.django_db

BASE = "/api/v1/audit"
PATHS = ("entries", "entries/1", "export", "verify", "sources")
BERT = Actor(ActorKind.USER, 8, "bert", "192.0.2.8")
EVE = Actor(ActorKind.GATEWAY, None, "CN=eve,O=ünbekannt", "203.0.113.9")


@pytest.fixture
def auditor() -> APIClient:
    return signed_in(a_user("auditor", Action.AUDIT))


def _fill() -> None:
    append_all(
        [
            Event(BERT, "connection.create", Target("connection", 3, "meter"), detail={"new": {"name": "meter"}}),
            Event(BERT, "connection.change", Target("connection", 3, "meter"), detail={"old": 1, "new": 2}),
            Event(EVE, "gateway.denied", Target("gateway-record", "1:7", "plant"), Result.REFUSED, {"unit": 250}),
            Event(BERT, "session.login", result=Result.FAILED),
        ]
    )


def _actions(client: APIClient, **parameters: Any) -> list[str]:
    answer = client.get(f"{BASE}/entries", parameters)
    assert answer.status_code == 200, answer.content
    return [each["action"] for each in answer.json()["results"] if not each["action"].startswith("access.")]


def _lines(client: APIClient, **parameters: Any) -> bytes:
    answer = client.get(f"{BASE}/export", parameters)
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]  # a stream


@pytest.mark.parametrize("path", PATHS)
def test_without_the_right_the_audit_is_refused_and_the_refusal_recorded(path: str) -> None:
    _fill()
    assert APIClient().get(f"{BASE}/{path}").status_code == 401
    others = a_user("other", *(action for action in Action if action is not Action.AUDIT))
    assert signed_in(others).get(f"{BASE}/{path}").status_code == 403
    refused = Entry.objects.get(action="access.refused", actor_name="other")
    assert (refused.result, refused.detail["path"], refused.detail["method"]) == ("refused", f"{BASE}/{path}", "GET")
    stranger = Entry.objects.get(action="access.refused", actor_kind="nobody")
    assert stranger.detail["reason"] == "sign in"


def test_the_right_in_one_group_is_not_enough() -> None:
    group = Group.objects.create(name="north")
    assert signed_in(a_user("local", Action.AUDIT, group=group)).get(f"{BASE}/entries").status_code == 403


def test_a_token_needs_the_audit_right_itself() -> None:
    user = a_user("auditor", Action.AUDIT, Action.VIEW)
    assert a_token(user, Action.AUDIT)[1].get(f"{BASE}/entries").status_code == 200
    assert a_token(user, Action.VIEW, name="other")[1].get(f"{BASE}/entries").status_code == 403


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_in_the_audit_can_be_changed_by_api(method: str, auditor: APIClient) -> None:
    _fill()
    for path in PATHS:
        assert getattr(auditor, method)(f"{BASE}/{path}", {}, format="json").status_code == 405
    assert Entry.objects.count() == 4


@pytest.mark.parametrize(
    ("parameters", "actions"),
    [
        ({}, ["session.login", "gateway.denied", "connection.change", "connection.create"]),
        ({"actor": "bert"}, ["session.login", "connection.change", "connection.create"]),
        ({"actor": "ber"}, []),
        ({"action": "connection."}, ["connection.change", "connection.create"]),
        ({"action": "connection_"}, []),
        ({"target_kind": "connection", "target_id": "3"}, ["connection.change", "connection.create"]),
        ({"result": "failed"}, ["session.login"]),
        ({"text": "250"}, ["gateway.denied"]),
        ({"text": "MeTeR"}, ["connection.change", "connection.create"]),
        ({"text": "203.0.113"}, ["gateway.denied"]),
        ({"text": "%"}, []),
        ({"since": "2000-01-01T00:00:00Z", "until": "2001-01-01T00:00:00Z"}, []),
        ({"until": "2001-01-01T00:00:00Z"}, []),
        ({"since": "2001-01-01T00:00:00Z", "page_size": "1"}, ["session.login"]),
    ],
)
def test_filters_narrow_a_list(parameters: dict[str, str], actions: list[str], auditor: APIClient) -> None:
    _fill()
    assert _actions(auditor, **parameters) == actions


def test_time_filters_are_exact(auditor: APIClient) -> None:
    _fill()
    moment = Entry.objects.get(sequence=3).time
    assert _actions(auditor, since=moment.isoformat()) == ["session.login", "gateway.denied"]
    assert _actions(auditor, until=moment.isoformat()) == ["connection.change", "connection.create"]
    assert _actions(auditor, since=(timezone.now() + timedelta(days=1)).isoformat()) == []


@pytest.mark.parametrize(
    "parameters",
    [
        {"since": "yesterday"},
        {"page_size": "0"},
        {"page_size": "1001"},
        {"page_size": "many"},
        {"before": "-1"},
        {"before": str(10**30)},
        {"result": "perhaps"},
        {"text": "a\0b"},
        {"text": "x" * 101},
        {"actoor": "bert"},
    ],
)
def test_an_invalid_parameter_is_a_400_that_names_it(parameters: dict[str, str], auditor: APIClient) -> None:
    answer = auditor.get(f"{BASE}/entries", parameters)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert set(answer.json()["errors"]) == set(parameters)


def test_pages_follow_each_other_while_entries_are_added(auditor: APIClient) -> None:
    append_all([Event(BERT, f"test.{number}") for number in range(25)])
    seen, following = [], f"{BASE}/entries?page_size=10"
    while following:
        page = auditor.get(following).json()
        seen += [each["sequence"] for each in page["results"]]
        append(Event(BERT, "test.meanwhile"))
        following = page["next"]
    assert seen == list(range(25, 0, -1))
    few, many = _statements(auditor, 1), _statements(auditor, 25)
    assert few == many <= 12


def _statements(client: APIClient, limit: int) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as caught:
        assert len(client.get(f"{BASE}/entries", {"page_size": limit}).json()["results"]) == limit
    return len(caught)


@pytest.mark.parametrize("sequence", ["5", "0", str(10**30)])
def test_an_entry_that_does_not_exist_is_a_404(sequence: str, auditor: APIClient) -> None:
    _fill()
    assert auditor.get(f"{BASE}/entries/4").json()["action"] == "session.login"
    assert auditor.get(f"{BASE}/entries/{sequence}").status_code == 404


def test_an_export_has_all_matching_entries_with_their_hashes_and_is_itself_recorded(auditor: APIClient) -> None:
    _fill()
    lines = [json.loads(line) for line in _lines(auditor, action="connection.").splitlines()]
    assert [line["sequence"] for line in lines] == [1, 2]
    hashes = Entry.objects.filter(sequence__lte=2).order_by("sequence").values_list("hash", flat=True)
    assert [line["hash"] for line in lines] == list(hashes)
    export = Entry.objects.latest("sequence")
    assert (export.action, export.actor_name) == ("audit.export", "auditor")
    assert export.detail == {"file": "jsonl", "filter": {"action": "connection."}}
    assert json.loads(_lines(auditor).splitlines()[-1])["action"] == "audit.export"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "%", " =", "\t=", "\r=", "\n=", "|=", "x;="])
def test_no_cell_of_a_csv_is_a_formula(start: str, auditor: APIClient) -> None:
    name, safe = f"{start}HYPERLINK(1)", f"{start[:-1]}'{start[-1]}HYPERLINK(1)"
    append(Event(Actor(ActorKind.USER, 9, name), "test.formula", Target("t", name, name)))
    rows = list(csv.DictReader(io.StringIO(_lines(auditor, file="csv").decode(), newline="")))
    assert rows[0]["actor_name"] == rows[0]["target_name"] == rows[0]["target_id"] == safe
    assert json.loads(rows[0]["detail"]) == {}
    assert rows[0]["sequence"] == "1"
    assert rows[1]["action"] == "audit.export"


def test_exports_are_bounded_in_number_and_release_their_place(auditor: APIClient) -> None:
    _fill()
    held = [auditor.get(f"{BASE}/export") for _ in range(6)]
    refused = auditor.get(f"{BASE}/export")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
    for answer in held:
        assert b"session.login" in b"".join(answer.streaming_content)  # type: ignore[attr-defined]  # a stream
    assert _lines(auditor)


def test_a_verification_lists_its_findings_and_checks_a_noted_head(auditor: APIClient) -> None:
    _fill()
    last = Entry.objects.latest("sequence")
    good = auditor.get(f"{BASE}/verify").json()
    assert good == {"good": True, "entries": 4, "head": {"sequence": 4, "hash": last.hash}, "finding": None}
    assert auditor.get(f"{BASE}/verify", {"noted": f"4:{last.hash}"}).json()["good"]
    bad = auditor.get(f"{BASE}/verify", {"noted": f"9:{last.hash}"}).json()
    assert not bad["good"]
    assert bad["finding"]["sequence"] == 5
    assert bad["finding"]["fault"] == "not as noted"
    assert auditor.get(f"{BASE}/verify", {"noted": "4:x"}).status_code == 400


def test_sources_show_their_progress_and_their_problem(auditor: APIClient) -> None:
    Source.objects.create(name="plant-7", folder="somewhere", sequence=12, problem="there are no records in its folder")
    (source,) = auditor.get(f"{BASE}/sources").json()["results"]
    assert (source["name"], source["sequence"]) == ("plant-7", 12)
    assert "folder" not in source
