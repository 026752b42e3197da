"""The forms of the plant: stored when good, refused in place, never over the change of another user."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from sealbus.plant import CommandKind, CommandResult, CommandState, RangeFound, RegistersScanned
from sealbus.web.access.actions import Action
from sealbus.web.devices.models import Command, Connection, Device, Tag
from sealbus.web.pages.plant.connections import url_of
from web.people import ALL_ACTIONS, a_user, signed_in
from web.plant_rows import a_connection, a_device, a_group, a_tag

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealbus.web.accounts.models import Group

pytestmark = pytest.mark.django_db


def _engineer(group: Group | None = None, name: str = "engineer") -> Client:
    return signed_in(a_user(name, Action.VIEW, Action.WRITE, Action.CONFIGURE, group=group))


def _text(answer: Any) -> str:
    return str(answer.content.decode())


def _line(**fields: Any) -> dict[str, Any]:
    """A connection as the form sends it."""
    return {
        "kind": "tcp", "host": "10.0.0.5", "name": "line", "group": a_group().pk, "enabled": "true", "timeout_s": "1",
        "connect_timeout_s": "5", "connect_delay_s": "0", "gap_s": "0", "turnaround_s": "0.1", "in_flight": "1",
        "connections": "1",
    } | fields  # fmt: skip


def _meter(device: Device, **fields: Any) -> dict[str, Any]:
    """A tag as the form sends it."""
    return {
        "name": "power", "device": device.pk, "enabled": "true", "place": "holding:20", "type": "uint16", "order": "ABCD",
        "interval_s": "1", "scale": "0.1", "offset": "0", "length": "0", "dead_band": "0", "max_interval_s": "600",
        "needs_confirmation": "true",
    } | fields  # fmt: skip


# -- connections


@pytest.mark.parametrize(
    ("kind", "given", "url"),
    [
        ("tcp", {"host": "10.0.0.5"}, "tcp://10.0.0.5"),
        ("tcp", {"host": "fd00::5", "port": "1502"}, "tcp://[fd00::5]:1502"),
        ("mbaps", {"host": "gw", "port": "802", "servername": "plc.example"}, "mbaps://gw:802?name=plc.example"),
        ("rtu", {"port_file": "/dev/ttyUSB0", "baud": "9600", "parity": "E"}, "rtu:///dev/ttyUSB0?baud=9600&parity=E"),
        ("rtu+tcp", {"host": "10.0.0.6", "port": "4001"}, "rtu+tcp://10.0.0.6:4001"),
        (
            "ssh+tcp",
            {"ssh_user": "sealbus", "ssh_host": "bastion", "host": "10.0.0.5", "key": "/etc/key"},
            "ssh+tcp://sealbus@bastion/10.0.0.5?key=/etc/key",
        ),
    ],
)
def test_the_fields_of_each_kind_make_its_url(kind: str, given: Mapping[str, str], url: str) -> None:
    assert url_of(kind, given) == url


@pytest.mark.parametrize("kind", ["tcp", "mbaps", "rtu", "rtu+tcp", "ssh+tcp"])
def test_each_kind_of_connection_has_its_form(kind: str) -> None:
    answer = _engineer().get("/connections/new", {"kind": kind})
    assert answer.status_code == 200
    assert f'name="kind" value="{kind}"' in _text(answer)


def test_a_connection_is_stored_under_its_address_where_no_name_was_typed() -> None:
    answer = _engineer().post("/connections/new", _line(name=""))
    line = Connection.objects.get()
    assert answer.status_code == 303
    assert answer["Location"] == f"/connections/{line.pk}"
    assert (line.url, line.name) == ("tcp://10.0.0.5", "10.0.0.5")


def test_saving_and_testing_leads_to_the_test() -> None:
    answer = _engineer().post("/connections/new", _line(then="test"))
    command = Command.objects.get()
    assert command.kind == CommandKind.TEST
    assert answer["Location"] == f"/commands/{command.pk}"


def test_a_connection_that_is_not_allowed_is_refused_at_its_field_and_nothing_typed_is_lost() -> None:
    answer = _engineer().post("/connections/new", _line(url="tcp://192.0.2.1:502", name="far away"))
    text = _text(answer)
    assert answer.status_code == 422
    assert 'id="field-url-problems"' in text
    assert 'value="far away"' in text
    assert not Connection.objects.exists()


def test_a_number_that_is_none_is_named_at_its_field() -> None:
    answer = _engineer().post("/connections/new", _line(timeout_s="soon"))
    assert answer.status_code == 422
    assert 'id="field-timeout_s-problems"' in _text(answer)


def test_a_connection_needs_the_right_in_all_groups() -> None:
    home = a_group("home")
    answer = _engineer(home).post("/connections/new", _line(group=home.pk))
    assert answer.status_code == 403
    assert not Connection.objects.exists()


# -- devices and tags


def test_a_device_is_made_and_leads_to_finding_its_tags() -> None:
    line = a_connection("line")
    answer = _engineer().post(
        "/devices/new",
        {"name": "meter", "group": line.group_id, "connection": line.pk, "unit_id": "7", "enabled": "true",
         "max_registers": "125", "max_bits": "2000", "gap_registers": "8", "gap_bits": "128",
         "forbidden": "holding:100-119, coils:3"},
    )  # fmt: skip
    device = Device.objects.get()
    assert answer["Location"] == f"/devices/{device.pk}/tags"
    assert (device.unit_id, device.forbidden) == (7, ["holding:100-119", "coils:3"])


def test_the_form_of_a_device_begins_with_the_unit_that_a_scan_has_found() -> None:
    line = a_connection("line")
    text = _text(_engineer().get(f"/devices/new?connection={line.pk}&unit=9"))
    assert 'name="unit_id" type="text" value="9"' in text
    assert f'<option value="{line.pk}" selected>' in text


def test_a_tag_is_made_with_words_sentinels_and_a_comma_in_its_scale() -> None:
    device = a_device("meter")
    data = _meter(device, scale="0,5", enumeration="0 = off\r\n1 = on", sentinels="0x8000, 65535", low="1", high="2")
    answer = _engineer().post("/tags/new", data)
    tag = Tag.objects.get()
    assert answer["Location"] == f"/tags/{tag.pk}"
    assert (tag.scale, tag.enumeration, tag.sentinels) == (0.5, {"0": "off", "1": "on"}, [32768, 65535])
    assert (tag.low, tag.high, tag.stale_after_s) == (1.0, 2.0, None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("place", "40021"),
        ("enumeration", "off"),
        ("sentinels", "many"),
        ("interval_s", ""),
        ("high", "x"),
        ("name", ""),
    ],
)
def test_what_is_wrong_with_a_tag_stands_at_its_field(field: str, value: str) -> None:
    answer = _engineer().post("/tags/new", _meter(a_device("meter"), **{field: value}))
    assert answer.status_code == 422
    assert f'id="field-{field}-problems"' in _text(answer)
    assert not Tag.objects.exists()


def test_a_form_that_is_stored_as_it_was_shown_changes_nothing() -> None:
    tag = a_tag(a_device("meter"), scale=0.1, dead_band=1e-7, enumeration={"1": "on"}, sentinels=[1.5, 3], low=-5.0)
    client = _engineer()
    values = dict(client.get(f"/tags/{tag.pk}/edit").context["form"].values)
    data = {name: "true" if value is True else value for name, value in values.items() if value is not False}
    assert client.post(f"/tags/{tag.pk}/edit", data).status_code == 303
    assert Tag.objects.get().version == tag.version


def test_a_field_leads_to_its_paragraph_in_the_help() -> None:
    assert 'href="/help/tag-dead-band"' in _text(_engineer().get("/tags/new"))


def test_two_who_change_the_same_tag_are_shown_both_and_the_second_decides() -> None:
    device = a_device("meter")
    tag = a_tag(device, "power", place="holding:20", unit="W")
    client = _engineer()
    Tag.objects.filter(pk=tag.pk).update(unit="kW", version=tag.version + 1)
    mine = _meter(device, unit="MW", scale="1", version=tag.version)
    answer = client.post(f"/tags/{tag.pk}/edit", mine)
    text = _text(answer)
    assert answer.status_code == 409
    assert "Another user has changed this meanwhile" in text
    assert "<td>MW</td><td>kW</td>" in text
    assert f'name="version" value="{tag.version + 1}"' in text
    assert Tag.objects.get().unit == "kW"
    assert client.post(f"/tags/{tag.pk}/edit", mine | {"version": tag.version + 1}).status_code == 303
    assert Tag.objects.get().unit == "MW"


def test_a_form_without_the_version_that_was_read_stores_nothing() -> None:
    device = a_device("meter")
    tag = a_tag(device, "power", place="holding:20")
    for version in ({}, {"version": "²"}, {"version": "9" * 5000}):
        assert _engineer().post(f"/tags/{tag.pk}/edit", _meter(device, unit="kW") | version).status_code == 409
    assert Tag.objects.get().unit == ""


def test_a_tag_of_another_group_is_not_found_by_its_forms() -> None:
    tag = a_tag(a_device("theirs", group=a_group("away")))
    client = _engineer(a_group("home"))
    assert client.get(f"/tags/{tag.pk}/edit").status_code == 404
    for what in ("edit", "archive", "restore", "decoding"):
        assert client.post(f"/tags/{tag.pk}/{what}").status_code == 404


def test_a_tag_of_a_group_that_one_may_only_see_is_not_changed() -> None:
    home, away = a_group("home"), a_group("away")
    user = a_user("engineer", Action.VIEW, Action.CONFIGURE, group=home)
    a_user("engineer", Action.VIEW, group=away)
    tag = a_tag(a_device("theirs", group=away), "power", place="holding:20")
    answer = signed_in(user).post(f"/tags/{tag.pk}/edit", _meter(tag.device, unit="kW", version=1))
    assert answer.status_code == 403
    assert Tag.objects.get().unit == ""


def test_rows_are_archived_and_restored_from_their_pages() -> None:
    device = a_device("meter")
    tag = a_tag(device)
    client = _engineer()
    assert client.post(f"/devices/{device.pk}/archive").status_code == 303
    assert "meter" in _text(client.get("/devices?archived=1"))
    assert 'id="device-' not in _text(client.get("/devices"))
    assert "Archived since" in _text(client.get(f"/devices/{device.pk}"))
    assert client.post(f"/devices/{device.pk}/restore").status_code == 303
    tag.refresh_from_db()
    assert tag.archived_at is None
    line = device.connection_id
    assert client.post(f"/connections/{line}/archive").status_code == 303
    refused = client.post(f"/devices/{device.pk}/restore")
    assert refused.status_code == 409
    assert "is archived: restore that first" in _text(refused)


def test_forms_from_another_site_are_refused() -> None:
    tag = a_tag(a_device("meter"))
    client = Client(enforce_csrf_checks=True)
    client.force_login(a_user("engineer", *ALL_ACTIONS))
    for path in (
        f"/tags/{tag.pk}/archive",
        "/tags/new",
        "/connections/new",
        "/import",
        f"/devices/{tag.device_id}/commands",
    ):
        assert client.post(path).status_code == 403, path
    tag.refresh_from_db()
    assert tag.archived_at is None


# -- finding tags


def _a_scan(device: Device) -> Command:
    found = RegistersScanned(ranges=(RangeFound(place="holding:20-21", values=(7, 65535)),), requests=1)
    now, line = timezone.now(), device.connection
    assert line is not None
    return Command.objects.create(
        kind=CommandKind.SCAN_REGISTERS, group=device.group, connection=line, device=device, actor_kind="user",
        actor_id=1, actor_name="anna", requested_at=now, deadline=now + datetime.timedelta(seconds=30), finished_at=now,
        state=CommandState.DONE, result=msgspec.to_builtins(CommandResult(id=1, state=CommandState.DONE, found=found)),
    )  # fmt: skip


def test_tags_are_ticked_from_what_a_scan_has_found() -> None:
    device = a_device("meter")
    command = _a_scan(device)
    client = _engineer()
    text = _text(client.get(f"/devices/{device.pk}/tags", {"command": command.pk}))
    assert "65535" in text
    assert ">-1<" in text
    answer = client.post(
        f"/devices/{device.pk}/tags",
        {
            "source": "scan",
            "command": command.pk,
            "pick": ["holding:21"],
            "name-holding:21": "level",
            "type-holding:21": "int16",
        },
    )
    assert answer.status_code == 303
    assert [(tag.name, tag.place, tag.type) for tag in Tag.objects.all()] == [("level", "holding:21", "int16")]


def test_a_scan_of_another_device_makes_no_tags() -> None:
    device, other = a_device("meter"), a_device("other")
    data = {"source": "scan", "command": _a_scan(other).pk, "pick": ["holding:21"]}
    assert _engineer().post(f"/devices/{device.pk}/tags", data).status_code == 409
    assert not Tag.objects.exists()


# -- many


def test_many_tags_are_changed_after_a_preview() -> None:
    device = a_device("meter")
    tags = [a_tag(device, f"tag {n}", place=f"input:{n}") for n in range(3)]
    client, ids = _engineer(), [tag.pk for tag in tags]
    assert "tag 2" in _text(client.get("/tags/bulk", {"tag": ids}))
    seen = client.post("/tags/bulk", {"tag": ids, "do": "preview", "interval_s": "5", "unit": "kW"})
    assert "Do these 6 changes" in _text(seen)
    assert not Tag.objects.filter(interval_s=5).exists()
    assert client.post("/tags/bulk", {"tag": ids, "do": "apply", "interval_s": "5", "unit": "kW"}).status_code == 303
    assert Tag.objects.filter(interval_s=5, unit="kW").count() == 3


def test_all_tags_that_a_filter_leaves_are_changed_together() -> None:
    device = a_device("meter")
    for n in range(5):
        a_tag(device, f"tag {n}", place=f"input:{n}", type="uint16" if n < 3 else "int16")
    text = _text(_engineer().get("/tags/bulk", {"all": "1", "type": "int16"}))
    assert "tag 4" in text
    assert "tag 1" not in text


def test_a_unit_that_is_none_is_not_tested() -> None:
    answer = _engineer().post("/connections/new", _line(then="test", test_unit="0000999"))
    assert answer["Location"] == f"/connections/{Connection.objects.get().pk}"
    assert not Command.objects.exists()


def test_one_tag_that_cannot_be_changed_keeps_all_as_they_are() -> None:
    device = a_device("meter")
    good, bad = a_tag(device, "good"), a_tag(device, "bad", place="input:1", stale_after_s=2.0)
    answer = _engineer().post("/tags/bulk", {"tag": [good.pk, bad.pk], "do": "apply", "interval_s": "5"})
    assert answer.status_code == 422
    assert "meter / bad" in _text(answer)
    assert not Tag.objects.filter(interval_s=5).exists()


def test_many_tags_are_archived_together_and_those_of_other_groups_are_not_among_them() -> None:
    home = a_group("home")
    mine, theirs = a_tag(a_device("mine", group=home)), a_tag(a_device("theirs", group=a_group("away")))
    client = _engineer(home)
    assert client.post("/tags/bulk", {"tag": [mine.pk, theirs.pk], "do": "archive"}).status_code == 303
    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert mine.archived_at is not None
    assert theirs.archived_at is None


# -- import

TABLE = "group;device;name;place;type\nplant;meter;power;holding:20;uint16\nplant;meter;flow;{place};uint16\n"


def test_an_import_is_checked_cell_by_cell_before_anything_is_stored() -> None:
    a_device("meter")
    client = _engineer()
    wrong = client.post("/import", {"table": "tags", "content": TABLE.format(place="40021"), "do": "dry"})
    text = _text(wrong)
    assert wrong.status_code == 422
    assert "<code>place</code>" in text
    assert "Store these rows" not in text
    checked = client.post("/import", {"table": "tags", "content": TABLE.format(place="holding:21"), "do": "dry"})
    assert "Store these rows" in _text(checked)
    assert not Tag.objects.exists()
    client.post("/import", {"table": "tags", "content": TABLE.format(place="holding:21"), "do": "apply"})
    assert Tag.objects.count() == 2


def test_an_import_takes_a_file_with_any_delimiter_and_nothing_without_one() -> None:
    a_device("meter")
    client = _engineer()
    file = SimpleUploadedFile("tags.csv", TABLE.format(place="holding:21").replace(";", "\t").encode("utf-16"))
    assert "Store these rows" in _text(client.post("/import", {"table": "tags", "do": "dry", "file": file}))
    assert client.post("/import", {"table": "tags", "do": "dry"}).status_code == 422
    assert client.post("/import", {"table": "nothing", "content": "name", "do": "dry"}).status_code == 422


# -- first steps


def test_first_steps_name_the_next_one_with_one_button() -> None:
    client = signed_in(a_user("admin", *ALL_ACTIONS))
    a_group()
    assert 'href="/connections/new"' in _text(client.get("/first-steps"))
    line = a_connection("line")
    assert f'class="button" href="/devices/new?connection={line.pk}"' in _text(client.get("/first-steps"))
    viewer = _text(signed_in(a_user("viewer", Action.VIEW)).get("/first-steps"))
    assert "An engineer does this" in viewer
    assert "/new" not in viewer
