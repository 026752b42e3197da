"""Connections, devices and tags by API: created, changed, archived, restored; each refusal beside the allowed case."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sealbus.web.access.actions import Action
from sealbus.web.audit.models import Entry
from sealbus.web.coordination.versions import read_version
from sealbus.web.devices.models import AllowedNetwork, Connection, Device, SerialPattern, Tag
from web.people import ALL_ACTIONS, a_user, signed_in
from web.plant_rows import a_connection, a_device, a_group, a_retention, a_tag

pytestmark = pytest.mark.django_db

_TAG = {"name": "power", "place": "holding:20", "type": "float32", "order": "CDAB"}


@pytest.fixture
def engineer() -> Any:
    return signed_in(a_user("anna", *ALL_ACTIONS))


def test_a_plant_is_made_by_api(engineer: Any) -> None:
    group = a_group()
    line = engineer.post("/api/v1/connections", {"name": "line", "group": group.pk, "url": "tcp://10.0.0.5"}, "json")
    assert line.status_code == 201, line.content
    device = engineer.post(
        "/api/v1/devices",
        {"name": "meter", "group": group.pk, "connection": line.json()["id"], "unit_id": 247},
        "json",
    )
    assert device.status_code == 201, device.content
    tag = engineer.post("/api/v1/tags", {**_TAG, "device": device.json()["id"]}, "json")
    assert tag.status_code == 201, tag.content
    shown = tag.json()
    assert (shown["place"], shown["scale"], shown["retention"]) == ("holding:20", 1.0, a_retention().pk)
    assert [entry.action for entry in Entry.objects.order_by("sequence")] == [
        "connection.create",
        "device.create",
        "tag.create",
    ]
    assert read_version("plan") == 3


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("tcp://10.0.0.5:502", 201),
        ("tcp://plc.example:502", 201),
        ("rtu:///dev/ttyUSB0", 201),
        ("tcp://127.0.0.1:502", 400),
        ("tcp://169.254.169.254:502", 400),
        ("tcp://[::ffff:127.0.0.1]:502", 400),
        ("tcp://0x7f.1:502", 400),
        ("tcp://8.8.8.8:502", 400),
        ("tcp://10.0.0.5:22", 400),
        ("rtu:///dev/../etc/passwd", 400),
        ("rtu:///dev/sda", 400),
        ("http://10.0.0.5", 400),
        ("mbaps://10.0.0.5", 400),
        ("ssh+tcp://anna@10.0.0.5/10.0.0.6:502", 400),
    ],
)
def test_a_connection_goes_only_where_the_operator_allows(engineer: Any, url: str, status: int) -> None:
    answer = engineer.post("/api/v1/connections", {"name": "line", "group": a_group().pk, "url": url}, "json")
    assert answer.status_code == status, answer.content
    if status == 400:
        assert list(answer.json()["errors"]) == ["url"]


def test_an_identity_is_a_name_and_not_a_path(engineer: Any) -> None:
    fields = {"name": "line", "group": a_group().pk, "url": "mbaps://10.0.0.5", "identity": "../../etc"}
    assert engineer.post("/api/v1/connections", fields, "json").status_code == 400
    assert engineer.post("/api/v1/connections", fields | {"identity": "plant-7"}, "json").status_code == 201


def test_no_url_names_a_file_of_the_collector(engineer: Any) -> None:
    fields = {"name": "line", "group": a_group().pk, "identity": "bastion"}
    url = "ssh+tcp://anna@10.0.0.5:502/10.0.0.6:502"
    for query in ("?key=/etc/ssh/ssh_host_ed25519_key", "?known_hosts=/dev/null"):
        answer = engineer.post("/api/v1/connections", fields | {"url": url + query}, "json")
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["url"])
    assert engineer.post("/api/v1/connections", fields | {"url": url}, "json").status_code == 201


@pytest.mark.parametrize(
    ("fields", "at_fault"),
    [
        ({"place": "holding:70000"}, "place"),
        ({"place": "holding:65535"}, "place"),
        ({"place": "holding:0-9"}, "place"),
        ({"place": "register:1"}, "place"),
        ({"place": ""}, "place"),
        ({"type": "float16"}, "type"),
        ({"type": "string"}, "length"),
        ({"type": "uint16", "length": 4}, "length"),
        ({"place": "coils:1"}, "type"),
        ({"type": "bit"}, "type"),
        ({"bit": 3}, "bit"),
        ({"type": "uint16", "bit": 16}, "bit"),
        ({"type": "uint16", "bit": 12, "bit_width": 8}, "bit"),
        ({"bit_width": 8}, "bit"),
        ({"order": "ACBD"}, "order"),
        ({"scale": 0}, "scale"),
        ({"scale": "NaN"}, "scale"),
        ({"scale": "1e999"}, "scale"),
        ({"raw_low": 0}, "raw_high"),
        ({"raw_low": 0, "raw_high": 0, "scaled_low": 0, "scaled_high": 1}, "raw_high"),
        ({"low": 2, "high": 1}, "high"),
        ({"write_min": 2, "write_max": 1}, "write_max"),
        ({"place": "input:1", "writable": True}, "writable"),
        ({"interval_s": 0.01}, "interval_s"),
        ({"interval_s": None}, "interval_s"),
        ({"max_interval_s": 3600}, "max_interval_s"),
        ({"sentinels": ["x"]}, "sentinels"),
        ({"sentinels": [2**70]}, "sentinels"),
        ({"enumeration": {"a": "b"}}, "enumeration"),
        ({"enumeration": {"1": ""}}, "enumeration"),
        ({"inputs": {"a": 1}}, "inputs"),
        ({"expression": "1"}, "place"),
        ({"place": "", "type": "", "order": "ABCD", "expression": "1 +"}, "expression"),
        ({"place": "", "type": "", "expression": "open('x')"}, "expression"),
        ({"device": 2**62}, "device"),
        ({"retention": 2**62}, "retention"),
        ({"id": 7}, "id"),
        ({"archived_at": None}, "archived_at"),
        ({"surprise": 1}, "surprise"),
        ({"name": "a\0b"}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
    ],
)
def test_an_invalid_tag_is_refused_by_the_name_of_its_member(
    engineer: Any, fields: dict[str, Any], at_fault: str
) -> None:
    device = a_device()
    answer = engineer.post("/api/v1/tags", {**_TAG, "device": device.pk} | fields, "json")
    assert answer.status_code == 400, answer.content
    assert at_fault in answer.json()["errors"], answer.json()
    assert engineer.post("/api/v1/tags", {**_TAG, "device": device.pk}, "json").status_code == 201


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "uint64", "place": "input:65532"},
        {"type": "string", "length": 16},
        {"type": "bcd32"},
        {"type": "uint32", "bit": 16, "bit_width": 16},
        {"type": "uint16", "bit": 15, "enumeration": {"0": "off", "1": "on"}},
        {"place": "coils:3", "type": "", "writable": True},
        {"raw_low": 4000, "raw_high": 20000, "scaled_low": 0, "scaled_high": 10, "type": "uint16"},
        {"writable": True, "write_min": 0, "write_max": 10, "write_step": 0.5, "needs_second_person": True},
        {"sentinels": [0x80000000, -1.5], "sunspec": True, "sunspec_type": "acc32", "type": "uint32"},
    ],
)
def test_every_kind_of_register_value_can_be_configured(engineer: Any, fields: dict[str, Any]) -> None:
    device = a_device()
    first = engineer.post("/api/v1/tags", {**_TAG, "device": device.pk} | fields, "json")
    assert first.status_code == 201, first.content
    again = engineer.post("/api/v1/tags", {**_TAG, "device": device.pk, "name": "the same place"} | fields, "json")
    assert again.status_code == 201, again.content


def test_a_hidden_group_is_answered_as_missing_and_a_right_in_one_group_gives_none_in_another() -> None:
    mine, theirs = a_group("mine"), a_group("theirs")
    my_device, their_device = a_device("a", group=mine), a_device("b", group=theirs)
    user = a_user("bert", Action.VIEW, Action.CONFIGURE, group=mine)
    client = signed_in(user)
    assert [row["name"] for row in client.get("/api/v1/devices").json()["results"]] == ["a"]
    assert client.get(f"/api/v1/devices/{their_device.pk}").status_code == 404
    assert client.patch(f"/api/v1/devices/{their_device.pk}", {"name": "c"}, "json").status_code == 404
    assert client.delete(f"/api/v1/devices/{their_device.pk}").status_code == 404
    assert client.post("/api/v1/tags", {**_TAG, "device": their_device.pk}, "json").status_code == 400
    assert client.patch(f"/api/v1/devices/{my_device.pk}", {"name": "c"}, "json").status_code == 200
    a_user("bert", Action.VIEW, group=theirs)
    client = signed_in(user)
    assert client.get(f"/api/v1/devices/{their_device.pk}").status_code == 200
    assert client.patch(f"/api/v1/devices/{their_device.pk}", {"name": "c"}, "json").status_code == 403
    assert client.delete(f"/api/v1/devices/{their_device.pk}").status_code == 403
    assert client.post("/api/v1/tags", {**_TAG, "device": their_device.pk}, "json").status_code == 403
    assert client.patch(f"/api/v1/devices/{my_device.pk}", {"group": theirs.pk}, "json").status_code == 403


def test_no_user_reads_units_of_another_group_through_their_own_device() -> None:
    mine, theirs = a_group("mine"), a_group("theirs")
    line = a_connection("their line", group=theirs)
    device = a_device("a", group=mine, connection=line, unit_id=1)
    a_user("bert", Action.VIEW, Action.CONFIGURE, group=mine)
    client = signed_in(a_user("bert", Action.VIEW, group=theirs))
    assert client.patch(f"/api/v1/devices/{device.pk}", {"unit_id": 2}, "json").status_code == 403
    body = {"name": "b", "group": mine.pk, "connection": line.pk}
    assert client.post("/api/v1/devices", body, "json").status_code == 403
    assert client.patch(f"/api/v1/devices/{device.pk}", {"text": "still mine"}, "json").status_code == 200
    assert client.post("/api/v1/devices", {"name": "b", "group": mine.pk}, "json").status_code == 201


def test_a_change_of_an_outdated_version_is_refused(engineer: Any) -> None:
    device = a_device()
    assert engineer.patch(f"/api/v1/devices/{device.pk}", {"text": "a", "version": 1}, "json").json()["version"] == 2
    late = engineer.patch(f"/api/v1/devices/{device.pk}", {"text": "b", "version": 1}, "json")
    assert (late.status_code, late.json()["type"]) == (409, "changed-meanwhile")
    assert Device.objects.get().text == "a"
    assert engineer.patch(f"/api/v1/devices/{device.pk}", {"text": "b", "version": 2}, "json").status_code == 200


def test_a_change_is_audited_with_old_and_new(engineer: Any) -> None:
    tag = a_tag(a_device())
    engineer.patch(f"/api/v1/tags/{tag.pk}", {"scale": 0.1, "unit": "kW"}, "json")
    entry = Entry.objects.get(action="tag.change")
    assert (entry.actor_name, entry.target_id, entry.target_name) == ("anna", str(tag.pk), "power")
    assert entry.detail == {"old": {"scale": 1.0, "unit": ""}, "new": {"scale": 0.1, "unit": "kW"}}
    engineer.patch(f"/api/v1/tags/{tag.pk}", {"scale": 0.1}, "json")
    assert Entry.objects.filter(action="tag.change").count() == 1


def test_a_change_that_changes_nothing_bumps_no_version_and_leaves_no_audit_entry(engineer: Any) -> None:
    device = a_device()
    tag = a_tag(device)
    network = AllowedNetwork.objects.create(network="10.9.0.0/16", text="plant")
    pattern = SerialPattern.objects.create(pattern="/dev/ttyTest*", text="serial")
    before = (read_version("plan"), Entry.objects.count())
    for path, fields in {
        f"connections/{device.connection_id}": {"url": "tcp://10.0.0.5:502", "version": 1},
        f"devices/{device.pk}": {"name": "meter", "group": device.group_id, "version": 1},
        f"tags/{tag.pk}": {"scale": 1.0, "retention": tag.retention_id},
        f"retention-classes/{tag.retention_id}": {"raw_days": 90, "version": 1},
        f"allowed-networks/{network.pk}": {"network": "10.9.0.0/16", "text": "plant"},
        f"serial-patterns/{pattern.pk}": {"text": "serial"},
    }.items():
        answer = engineer.patch(f"/api/v1/{path}", fields, "json")
        assert (answer.status_code, answer.json().get("version", 1)) == (200, 1), answer.content
    assert (read_version("plan"), Entry.objects.count()) == before
    outdated = engineer.patch(f"/api/v1/devices/{device.pk}", {"name": "meter", "version": 2}, "json")
    assert (outdated.status_code, outdated.json()["type"]) == (409, "changed-meanwhile")
    assert engineer.patch(f"/api/v1/serial-patterns/{pattern.pk}", {"text": "other"}, "json").status_code == 200
    assert engineer.patch(f"/api/v1/tags/{tag.pk}", {"scale": 2.0}, "json").status_code == 200
    assert (read_version("plan"), Entry.objects.count()) == (before[0] + 2, before[1] + 2)


def test_a_name_is_in_use_until_its_row_is_archived(engineer: Any) -> None:
    device = a_device()
    tag = a_tag(device)
    body = {**_TAG, "device": device.pk}
    assert engineer.post("/api/v1/tags", body, "json").json()["type"] == "name-taken"
    assert engineer.delete(f"/api/v1/tags/{tag.pk}").status_code == 204
    assert engineer.post("/api/v1/tags", body, "json").status_code == 201
    restored = engineer.post(f"/api/v1/tags/{tag.pk}/restore")
    assert (restored.status_code, restored.json()["type"]) == (409, "name-taken")


def test_archiving_a_connection_archives_its_devices_and_tags_and_restoring_restores_them(engineer: Any) -> None:
    line = a_connection()
    device = a_device(connection=line)
    a_tag(device)
    gone_before = a_tag(device, "old")
    engineer.delete(f"/api/v1/tags/{gone_before.pk}")
    assert engineer.delete(f"/api/v1/connections/{line.pk}").status_code == 204
    for path in ("connections", "devices", "tags"):
        assert engineer.get(f"/api/v1/{path}").json()["count"] == 0
    assert engineer.get("/api/v1/tags?archived=1").json()["count"] == 2
    assert engineer.get(f"/api/v1/devices/{device.pk}").json()["archived_at"] is not None
    assert engineer.patch(f"/api/v1/devices/{device.pk}", {"text": "x"}, "json").json()["type"] == "archived"
    assert engineer.post(f"/api/v1/devices/{device.pk}/restore").json()["type"] == "archived"
    assert engineer.post(f"/api/v1/connections/{line.pk}/restore").status_code == 200
    assert [row["name"] for row in engineer.get("/api/v1/tags").json()["results"]] == ["power"]
    assert Entry.objects.filter(action="connection.archive", detail__with={"tags": 1, "devices": 1}).exists()


def test_archiving_a_connection_needs_the_right_in_all_groups_of_its_devices() -> None:
    mine, theirs = a_group("mine"), a_group("theirs")
    line = a_connection(group=mine)
    a_device(connection=line, group=theirs)
    user = a_user("bert", Action.VIEW, Action.CONFIGURE, group=mine)
    assert signed_in(user).delete(f"/api/v1/connections/{line.pk}").status_code == 403
    a_user("bert", Action.VIEW, Action.CONFIGURE, group=theirs)
    assert signed_in(user).delete(f"/api/v1/connections/{line.pk}").status_code == 204


def test_calculated_tags_need_existing_inputs_without_a_circle(engineer: Any) -> None:
    device = a_device()
    flow = a_tag(device, "flow")
    first = {"device": device.pk, "name": "twice", "expression": "2 * f", "inputs": {"f": flow.pk}, "interval_s": None}
    made = engineer.post("/api/v1/tags", first, "json")
    assert made.status_code == 201, made.content
    assert engineer.post("/api/v1/tags", first | {"name": "x", "inputs": {"f": 99999}}, "json").status_code == 400
    assert engineer.post("/api/v1/tags", first | {"name": "x", "inputs": {}}, "json").status_code == 400
    second = first | {"name": "four times", "inputs": {"f": made.json()["id"]}}
    again = engineer.post("/api/v1/tags", second, "json")
    assert again.status_code == 201
    circle = engineer.patch(f"/api/v1/tags/{made.json()['id']}", {"inputs": {"f": again.json()["id"]}}, "json")
    assert circle.status_code == 400
    assert "twice > four times > twice" in str(circle.json())
    assert Tag.objects.get(name="twice").inputs == {"f": flow.pk}
    assert engineer.delete(f"/api/v1/tags/{flow.pk}").json()["type"] == "needed"
    assert engineer.delete(f"/api/v1/devices/{device.pk}").status_code == 204


def test_an_input_in_a_hidden_group_is_answered_as_missing() -> None:
    mine, theirs = a_group("mine"), a_group("theirs")
    secret = a_tag(a_device("b", group=theirs), "secret")
    device = a_device("a", group=mine)
    user = a_user("bert", Action.VIEW, Action.CONFIGURE, group=mine)
    body = {"device": device.pk, "name": "copy", "expression": "s", "inputs": {"s": secret.pk}}
    assert signed_in(user).post("/api/v1/tags", body, "json").status_code == 400
    a_user("bert", Action.VIEW, group=theirs)
    assert signed_in(user).post("/api/v1/tags", body, "json").status_code == 201


def test_lists_are_filtered_and_bad_parameters_are_named(engineer: Any) -> None:
    one, two = a_device("one"), a_device("two", group=a_group("other"))
    a_tag(one, "flow in")
    a_tag(two, "flow out")

    def names(query: str) -> list[str]:
        return [row["name"] for row in engineer.get(f"/api/v1/tags?{query}").json()["results"]]

    assert names("name=FLOW") == ["flow in", "flow out"]
    assert names(f"device={one.pk}") == ["flow in"]
    assert names(f"group={two.group_id}") == ["flow out"]
    assert names(f"connection={two.connection_id}&page_size=1") == ["flow out"]
    for size in ("0", "-1", "1001", "abc", "1e2", "\u0661", "", "1&page_size=2"):
        assert engineer.get(f"/api/v1/tags?page_size={size}").status_code == 400, size
    for query in ("device=abc", "group=-1", "archived=maybe", "name=%00", "surprise=1", "device=1&device=2"):
        answer = engineer.get(f"/api/v1/tags?{query}")
        assert answer.status_code == 400, query
        assert query.partition("=")[0] in answer.json()["errors"]


def test_a_page_of_tags_takes_the_same_number_of_statements_for_any_number_of_tags(engineer: Any) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert engineer.get("/api/v1/tags?page_size=1000").status_code == 200
        return len(asked)

    device = a_device()
    a_tag(device, "first")
    engineer.get("/api/v1/tags")
    few = statements()
    for number in range(200):
        a_tag(device, f"tag {number}", place=f"input:{number}")
    assert statements() == few <= 10


def test_only_an_administrator_sets_the_allowed_networks(engineer: Any) -> None:
    path = "/api/v1/allowed-networks"
    plain = signed_in(a_user("bert", Action.VIEW, Action.CONFIGURE, Action.WRITE))
    assert plain.get(path).status_code == 403
    assert plain.post(path, {"network": "127.0.0.1", "ports": "5020"}, "json").status_code == 403
    for wrong in ({"network": "10.0.0.1/8"}, {"network": "/dev/x"}, {"network": "1.2.3.4", "ports": "99999"}):
        assert engineer.post(path, wrong, "json").status_code == 400, wrong
    made = engineer.post(path, {"network": "127.0.0.1", "ports": "5020-5022"}, "json")
    assert made.status_code == 201, made.content
    body = {"name": "here", "group": a_group().pk, "url": "tcp://127.0.0.1:5020"}
    assert plain.post("/api/v1/connections", body, "json").status_code == 201
    assert engineer.delete(f"{path}/{made.json()['id']}").status_code == 204
    assert plain.post("/api/v1/connections", body | {"name": "again"}, "json").status_code == 400
    assert Connection.objects.count() == 1


def test_retention_can_be_edited_within_reason(engineer: Any) -> None:
    path = f"/api/v1/retention-classes/{a_retention().pk}"
    assert engineer.patch(path, {"raw_days": 30, "version": 1}, "json").status_code == 200
    assert engineer.patch(path, {"raw_days": 31, "version": 1}, "json").status_code == 409
    assert "minute_days" in engineer.patch(path, {"raw_days": 1000}, "json").json()["errors"]
    a_tag(a_device(), max_interval_s=900)
    assert "hold_s" in engineer.patch(path, {"hold_s": 900}, "json").json()["errors"]
    assert engineer.delete(path).json()["type"] == "needed"
    plain = signed_in(a_user("bert", Action.VIEW))
    assert plain.get(path).status_code == 200
    assert plain.patch(path, {"raw_days": 1}, "json").status_code == 403
