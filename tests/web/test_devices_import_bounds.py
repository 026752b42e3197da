"""What an import may cost: it is judged before it locks, computes for a bounded time, holds a slot, and is audited."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sealbus.web.access.actions import Action
from sealbus.web.coordination.versions import bump_version, read_version
from sealbus.web.devices import services
from sealbus.web.devices.columns import Table
from sealbus.web.devices.interchange import Report, Row
from sealbus.web.devices.models import Device, Tag, Template
from sealbus.web.devices.services import importing
from web.browsers import entries
from web.people import ALL_ACTIONS, a_subject, a_token, a_user, signed_in
from web.plant_rows import a_device, a_group, a_tag

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db

TABLE = "group,device,name,place,type\nplant,meter,power,input:0,uint16\n"
BAD = "group,device,name,place,type\nplant,meter,power,input:99999,uint16\n"


@pytest.fixture
def meter() -> Device:
    return a_device("meter", group=a_group("plant"))


@pytest.fixture
def engineer(meter: Device) -> APIClient:
    return signed_in(a_user("anna", *ALL_ACTIONS))


def _import(client: APIClient, table: str, query: str = "") -> Any:
    return client.post(f"/api/v1/tags/import{query}", table.encode(), content_type="text/csv")


def _calculated(name: str, expression: str, inputs: dict[str, str]) -> dict[str, Any]:
    place = {"place": "", "type": "", "interval_s": 1.0}
    return {"group": "plant", "device": "meter", "name": name, "expression": expression, "inputs": inputs} | place


# -- the lock


@pytest.mark.parametrize("table", [TABLE, BAD])
def test_a_dry_run_writes_nothing_but_its_audit_entry(engineer: APIClient, table: str) -> None:
    _import(engineer, TABLE, "?dry_run=1")
    before = read_version("plan")
    with CaptureQueriesContext(connection) as asked:
        report = _import(engineer, table, "?dry_run=1").json()
    assert report["created"] == (1 if table == TABLE else 0)
    writes = [each["sql"] for each in asked if each["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    assert writes
    assert not [sql for sql in writes if '"audit_' not in sql]
    assert read_version("plan") == before
    assert not Tag.objects.exists()


def test_nothing_is_judged_once_the_lock_is_held(engineer: APIClient, meter: Device) -> None:
    a_tag(meter, "old")
    table = {"tags": [_calculated("new", "x", {"x": "newer"}), _calculated("newer", "x", {"x": "old"})]}
    with CaptureQueriesContext(connection) as asked:
        assert engineer.post("/api/v1/tags/import", table, "json").json()["created"] == 2
    statements = [each["sql"] for each in asked]
    locked = next(index for index, sql in enumerate(statements) if sql.startswith('UPDATE "coordination_version"'))
    read = [sql for sql in statements[locked:] if sql.startswith("SELECT") and '"devices_' in sql]
    assert not read


def test_an_import_that_is_overtaken_each_time_stores_nothing(
    engineer: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = importing._judged
    calls: list[int] = []

    def overtaken(*arguments: Any) -> Any:
        batch = judged(*arguments)
        bump_version("plan")
        calls.append(1)
        return batch

    monkeypatch.setattr(importing, "_judged", overtaken)
    refused = _import(engineer, TABLE)
    assert (refused.status_code, refused.json()["type"], len(calls)) == (409, "changed-meanwhile", 3)
    assert not Tag.objects.exists()
    assert not entries("tag.import")


def test_an_import_that_changes_nothing_does_not_count_as_a_change(engineer: APIClient) -> None:
    assert _import(engineer, TABLE).json()["created"] == 1
    before = read_version("plan")
    assert _import(engineer, TABLE).json()["unchanged"] == 1
    assert read_version("plan") == before


def test_applying_a_template_again_does_not_count_as_a_change(engineer: APIClient, meter: Device) -> None:
    template = Template.objects.get(name="ABB B23")
    path = f"/api/v1/templates/{template.pk}/apply"
    before = read_version("plan")
    assert engineer.post(path, {"device": meter.pk}, "json").json()["created"] > 0
    meter.refresh_from_db()
    applied = (read_version("plan"), meter.version)
    assert applied[0] == before + 1
    assert engineer.post(path, {"device": meter.pk}, "json").json()["unchanged"] > 0
    meter.refresh_from_db()
    assert (read_version("plan"), meter.version) == applied
    assert len(entries("template.apply")) == 1


# -- circles, which are found before anything is stored


def test_an_import_that_makes_a_tag_calculated_closes_no_circle(engineer: APIClient, meter: Device) -> None:
    flow = a_tag(meter, "flow")
    a_tag(meter, "twice", place="", type="", expression="2 * f", inputs={"f": flow.pk}, interval_s=1.0)
    circle = {"tags": [_calculated("flow", "t / 2", {"t": "twice"})]}
    report = engineer.post("/api/v1/tags/import", circle, "json")
    assert (report.status_code, report.json()["errors"][0]["column"]) == (400, "inputs")
    assert Tag.objects.get(name="flow").expression == ""
    # turned round in one import, there is none
    both = {
        "tags": [
            *circle["tags"],
            {"group": "plant", "device": "meter", "name": "twice", "place": "input:2", "type": "uint16"}
            | {"expression": "", "inputs": {}, "interval_s": 1.0},
        ]
    }
    assert engineer.post("/api/v1/tags/import", both, "json").json()["changed"] == 2
    assert Tag.objects.get(name="flow").inputs == {"t": Tag.objects.get(name="twice").pk}


def test_new_tags_are_joined_to_new_tags_whatever_their_order(engineer: APIClient) -> None:
    place = {"group": "plant", "device": "meter", "name": "flow", "place": "input:2", "type": "uint16"}
    rows = [_calculated("four", "x", {"x": "two"}), _calculated("two", "x + y", {"x": "flow", "y": "flow"}), place]
    assert engineer.post("/api/v1/tags/import?dry_run=1", {"tags": rows}, "json").json()["created"] == 3
    assert engineer.post("/api/v1/tags/import", {"tags": rows}, "json").json()["created"] == 3
    ids = {tag.name: tag.pk for tag in Tag.objects.all()}
    assert Tag.objects.get(name="four").inputs == {"x": ids["two"]}
    assert Tag.objects.get(name="two").inputs == {"x": ids["flow"], "y": ids["flow"]}


# -- the time


def test_an_import_that_computes_for_too_long_is_refused_with_the_line_where_to_split_it(meter: Device) -> None:
    rows = [
        Row(
            line,
            {"group": "plant", "device": "meter", "name": f"tag {line}", "place": f"input:{line}", "type": "uint16"},
        )
        for line in (2, 3)
    ]
    subject = a_subject(a_user("anna", *ALL_ACTIONS))
    for within_s, problems in ((0.0, [(2, "")]), (3600.0, [])):
        report = services.import_rows(
            table=Table.TAGS, rows=rows, report=Report(), subject=subject, dry_run=False, within_s=within_s
        )
        assert [(each.line, each.column) for each in report.problems] == problems
        assert Tag.objects.exists() == (not problems)
    assert [entry.result for entry in entries("tag.import")] == ["failed", "done"]


# -- the slots


def _ways(client: APIClient, meter: Device) -> list[Any]:
    template = Template.objects.get(name="ABB B23")
    document = {"schema": 1, "name": "mine", "tags": [{"name": "x", "place": "input:0", "type": "uint16"}]}
    return [
        _import(client, TABLE),
        _import(client, TABLE, "?dry_run=1"),
        client.post("/api/v1/templates?dry_run=1", document, "json"),
        client.post(f"/api/v1/templates/{template.pk}/apply?dry_run=1", {"device": meter.pk}, "json"),
    ]


def test_a_person_has_one_import_at_a_time_whatever_the_session_or_token(engineer: APIClient, meter: Device) -> None:
    anna = a_user("anna", *ALL_ACTIONS)
    _, program = a_token(anna, Action.VIEW, Action.CONFIGURE)
    ben = signed_in(a_user("ben", *ALL_ACTIONS))
    with services.import_slot(a_subject(anna)):
        for client in (engineer, program):
            for refused in _ways(client, meter):
                assert (refused.status_code, refused.json()["type"]) == (429, "import-under-way")
                assert int(refused.headers["Retry-After"]) > 0
        assert {answer.status_code for answer in _ways(ben, meter)} == {200}
    assert {answer.status_code for answer in _ways(engineer, meter)} == {200}


def test_two_imports_run_at_a_time_and_a_slot_is_free_after_every_end(engineer: APIClient, meter: Device) -> None:
    for table in (TABLE, BAD, "\0"):
        _import(engineer, table)
    with ExitStack() as others:
        for name in ("ben", "carl"):
            others.enter_context(services.import_slot(a_subject(a_user(name, Action.CONFIGURE))))
        for refused in _ways(engineer, meter):
            assert (refused.status_code, refused.json()["type"]) == (503, "busy")
            assert int(refused.headers["Retry-After"]) > 0
    assert {answer.status_code for answer in _ways(engineer, meter)} == {200}


# -- the audit


def test_each_import_is_audited_dry_or_refused_or_without_a_change(engineer: APIClient) -> None:
    _import(engineer, TABLE, "?dry_run=1")
    _import(engineer, BAD, "?dry_run=1")
    _import(engineer, BAD)
    _import(engineer, TABLE)
    _import(engineer, TABLE)
    none = {"created": 0, "changed": 0, "problems": 0}
    assert [(entry.actor_name, entry.result, entry.detail) for entry in entries("tag.import")] == [
        ("anna", "done", none | {"created": 1, "dry_run": True}),
        ("anna", "done", none | {"problems": 1, "dry_run": True}),
        ("anna", "failed", none | {"problems": 1}),
        ("anna", "done", {"created": 1, "changed": 0, "fields": [], "names": ["power"]}),
        ("anna", "done", none),
    ]


def test_a_template_that_is_not_stored_is_audited(engineer: APIClient) -> None:
    good = {"schema": 1, "name": "mine", "tags": [{"name": "x", "place": "input:0", "type": "uint16"}]}
    bad = good | {"tags": [{"name": "x", "place": "input:99999", "type": "uint16"}]}
    engineer.post("/api/v1/templates?dry_run=1", good, "json")
    engineer.post("/api/v1/templates", bad, "json")
    assert [(entry.target_name, entry.result, entry.detail) for entry in entries("template.import")] == [
        ("mine", "done", {"tags": 1, "problems": 0, "dry_run": True}),
        ("mine", "failed", {"tags": 1, "problems": 1}),
    ]
