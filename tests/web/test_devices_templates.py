"""Templates: those that come with Sealbus are valid; others are imported by version, checked, and applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sealbus.simulation import PUMPING_STATION
from sealbus.web.access.actions import Action
from sealbus.web.audit.models import Entry
from sealbus.web.devices.interchange import Report
from sealbus.web.devices.models import Device, Tag, Template
from sealbus.web.devices.services.templates import check_tags, renew_shipped
from sealbus.web.devices.template_body import TemplateDocument, shipped_documents
from web.people import ALL_ACTIONS, a_user, signed_in
from web.plant_rows import a_device, a_group, a_tag

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db

SHIPPED = shipped_documents()
_MINE = {
    "schema": 1,
    "name": "My pump",
    "device": {"max_registers": 20},
    "tags": [
        {"name": "flow", "place": "input:0", "type": "float32", "unit": "m³/h"},
        {"name": "twice", "expression": "2 * f", "inputs": {"f": "flow"}, "interval_s": None},
    ],
}


@pytest.fixture
def engineer() -> APIClient:
    return signed_in(a_user("anna", *ALL_ACTIONS))


@pytest.mark.parametrize("document", SHIPPED, ids=[each["name"] for each in SHIPPED])
def test_a_shipped_template_is_valid_and_names_the_sources_of_its_places(document: dict[str, Any]) -> None:
    form = TemplateDocument(data=document)
    assert form.is_valid(), form.errors
    report = Report()
    check_tags(document["tags"], report)
    assert not report.problems
    assert document["sources"]


# Expected places written down from the makers' documents, not from the files.
@pytest.mark.parametrize(
    ("template", "tag", "expected"),
    [
        ("Eastron SDM630", "total power active", ("input:52", "float32", "W", 1.0)),
        ("Eastron SDM630", "imported energy active", ("input:72", "float32", "kWh", 1.0)),
        ("Eastron SDM120", "frequency", ("input:70", "float32", "Hz", 1.0)),
        ("Schneider iEM3155", "active power", ("holding:3059", "float32", "kW", 1.0)),
        ("Schneider iEM3155", "active energy import", ("holding:3203", "int64", "Wh", 1.0)),
        ("ABB B23", "active power", ("holding:23316", "int32", "W", 0.01)),
        ("ABB B23", "active energy import", ("holding:20480", "uint64", "kWh", 0.01)),
        ("Carlo Gavazzi EM340", "active power", ("input:40", "int32", "W", 0.1)),
        ("Janitza UMG 604", "active power", ("holding:19026", "float32", "W", 1.0)),
        ("Siemens SENTRON PAC2200", "active power", ("holding:65", "float32", "W", 1.0)),
        ("Socomec COUNTIS E", "active power", ("holding:50536", "int32", "kW", 0.01)),
        ("WAGO 750-352 coupler", "constant 2002", ("holding:8194", "uint16", "", 1.0)),
        ("Moxa ioLogik E1214", "relay 5", ("coils:5", "", "", 1.0)),
        ("Advantech ADAM-6050", "output 0", ("coils:16", "", "", 1.0)),
        ("Advantech ADAM-6017", "analog input 7", ("holding:7", "uint16", "", 1.0)),
    ],
)
def test_a_shipped_template_has_its_values_where_the_manual_has_them(
    engineer: APIClient, template: str, tag: str, expected: tuple[Any, ...]
) -> None:
    device = a_device()
    row = Template.objects.get(name=template)
    answer = engineer.post(f"/api/v1/templates/{row.pk}/apply", {"device": device.pk}, "json")
    assert answer.status_code == 200, answer.content
    assert answer.json()["created"] == len(row.body["tags"])
    found = Tag.objects.get(device=device, name=tag)
    assert (found.place, found.type, found.unit, found.scale) == expected


def test_the_demo_templates_are_the_simulated_station() -> None:
    by_unit = {each["device"]["unit_id"]: each for each in SHIPPED if each["name"].startswith("Demo pumping station")}
    for device in PUMPING_STATION:
        tags = {tag["place"]: tag for tag in by_unit[device.unit_id]["tags"]}
        assert len(tags) == len(device.points)
        for point in device.points:
            tag = tags[f"{point.table}:{point.address}"]
            is_bit = str(point.type) == "bit"
            assert tag.get("type", "") == ("" if is_bit else str(point.type))
            assert tag.get("order", "ABCD") == str(point.order)
            assert (tag.get("scale", 1.0), tag.get("unit", "")) == (point.factor, point.unit)
            assert tag.get("writable", False) == (point.writing is not None)
            if point.writing is not None and not is_bit:
                assert (tag["write_min"], tag["write_max"]) == (point.writing.minimum, point.writing.maximum)


def test_at_least_ten_templates_are_shipped_and_renewing_twice_changes_nothing() -> None:
    assert Template.objects.filter(shipped=True).count() == len(SHIPPED) >= 10
    assert renew_shipped() == 0
    Template.objects.filter(name="ABB B23").delete()
    assert renew_shipped() == 1


def test_a_template_is_imported_exported_and_versioned(engineer: APIClient) -> None:
    made = engineer.post("/api/v1/templates", _MINE, "json")
    assert (made.status_code, made.json()["number"]) == (201, 1), made.content
    assert engineer.post("/api/v1/templates", _MINE, "json").json()["number"] == 2
    assert engineer.post("/api/v1/templates", _MINE | {"number": 2}, "json").status_code == 409
    document = engineer.get(f"/api/v1/templates/{made.json()['id']}/export").json()
    assert document["tags"] == _MINE["tags"]
    assert engineer.post("/api/v1/templates", document | {"name": "Yours"}, "json").json()["number"] == 1
    listed = engineer.get("/api/v1/templates?name=my").json()["results"]
    assert [(row["number"], row["tag_count"]) for row in listed] == [(2, 2), (1, 2)]
    assert engineer.delete(f"/api/v1/templates/{made.json()['id']}").status_code == 204
    taken = engineer.post("/api/v1/templates", _MINE | {"number": 1}, "json")
    said = "Version 1 of this template exists already, archived: leave the number out"
    assert (taken.status_code, taken.json()["detail"]) == (409, said)
    assert engineer.delete(f"/api/v1/templates/{made.json()['id']}").status_code == 204
    assert engineer.get("/api/v1/templates?name=my").json()["count"] == 1
    assert Entry.objects.filter(action="template.import").count() == 3


@pytest.mark.parametrize(
    ("change", "line", "column"),
    [
        ({"tags": [{"name": "x", "place": "input:70000"}]}, 1, "place"),
        ({"tags": [{"name": "x", "place": "input:0"}, {"name": "x", "place": "input:1"}]}, 2, "name"),
        ({"tags": [{"name": "", "place": "input:0"}]}, 1, "name"),
        ({"tags": [{"name": "x", "place": "input:0", "id": 4}]}, 1, "id"),
        ({"tags": [{"name": "x", "expression": "y", "inputs": {"y": "nowhere"}}]}, 1, "inputs"),
        ({"tags": [{"name": "x", "expression": "y", "inputs": [1]}]}, 1, "inputs"),
    ],
)
def test_an_invalid_template_is_refused_by_item(
    engineer: APIClient, change: dict[str, Any], line: int, column: str
) -> None:
    report = engineer.post("/api/v1/templates?dry_run=true", _MINE | change, "json").json()
    assert (line, column) in [(each["line"], each["column"]) for each in report["problems"]], report
    assert engineer.post("/api/v1/templates", _MINE | change, "json").status_code == 400
    assert not Template.objects.filter(name="My pump").exists()


@pytest.mark.parametrize(
    "change", [{"schema": 2}, {"name": ""}, {"tags": []}, {"tags": "x"}, {"extra": 1}, {"device": {"max_registers": 0}}]
)
def test_a_document_that_is_not_a_template_is_refused(engineer: APIClient, change: dict[str, Any]) -> None:
    assert engineer.post("/api/v1/templates", _MINE | change, "json").status_code == 400


def test_applying_makes_tags_and_settings_and_a_dry_run_reports_them(engineer: APIClient) -> None:
    device = a_device()
    flow = a_tag(device, "flow", place="input:9")
    template = engineer.post("/api/v1/templates", _MINE, "json").json()
    path = f"/api/v1/templates/{template['id']}/apply"
    would = engineer.post(f"{path}?dry_run=1", {"device": device.pk}, "json").json()
    assert (would["created"], would["changed"]) == (1, 1)
    assert (Tag.objects.count(), Device.objects.get().template_name) == (1, "")
    engineer.post(path, {"device": device.pk}, "json")
    device.refresh_from_db()
    assert (device.template_name, device.template_version, device.max_registers) == ("My pump", 1, 20)
    flow.refresh_from_db()
    assert (flow.place, flow.type) == ("input:0", "float32")
    assert Tag.objects.get(name="twice").inputs == {"f": flow.pk}
    assert Entry.objects.filter(action="template.apply").count() == 1


def test_templates_need_the_right_to_configure() -> None:
    mine, theirs = a_group("mine"), a_group("theirs")
    my_device, their_device = a_device("a", group=mine), a_device("b", group=theirs)
    template = Template.objects.get(name="ABB B23")
    path = f"/api/v1/templates/{template.pk}"
    viewer = signed_in(a_user("viewer", Action.VIEW, group=mine))
    assert viewer.get("/api/v1/templates").status_code == viewer.get(path).status_code == 200
    assert viewer.post("/api/v1/templates", _MINE, "json").status_code == 403
    assert viewer.post(f"{path}/apply", {"device": my_device.pk}, "json").status_code == 403
    local = signed_in(a_user("local", Action.VIEW, Action.CONFIGURE, group=mine))
    assert local.post("/api/v1/templates", _MINE, "json").status_code == 201
    assert local.post(f"{path}/apply", {"device": my_device.pk}, "json").status_code == 200
    assert local.post(f"{path}/apply", {"device": their_device.pk}, "json").status_code == 400
    assert local.delete(path).status_code == 403
    assert not Tag.objects.filter(device=their_device).exists()
