"""The pages of the plant: what each shows, hides and refuses."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from django.utils import timezone

from sealbus.plant import (
    CommandKind,
    CommandResult,
    CommandState,
    ConnectionTested,
    Step,
    StepTaken,
    ValueRead,
    ValuesRead,
)
from sealbus.web.access.actions import Action
from sealbus.web.accounts.models import Assignment, Role, User
from sealbus.web.devices.models import Command, Tag
from web.people import ALL_ACTIONS, a_user, signed_in
from web.plant_rows import a_connection, a_device, a_group, a_tag

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from sealbus.web.accounts.models import Group
    from sealbus.web.devices.models import Device

pytestmark = pytest.mark.django_db

MARKUP = "<img src=x onerror=alert(1)>"
OUTSIDE = 5
"""Statements of every request: session, user, rights, the lists of the filters."""


def _engineer(group: Group | None = None, name: str = "engineer") -> Client:
    return signed_in(a_user(name, Action.VIEW, Action.WRITE, Action.CONFIGURE, group=group))


def _viewer(group: Group | None = None, name: str = "viewer") -> Client:
    return signed_in(a_user(name, Action.VIEW, group=group))


def _text(answer: Any) -> str:
    return str(answer.content.decode())


def _a_result(device: Device, kind: CommandKind, found: Any, **fields: Any) -> Command:
    """A command that has ended with this finding."""

    now, line = timezone.now(), device.connection
    assert line is not None
    result = CommandResult(id=1, state=CommandState.DONE, found=found, took_s=0.1)
    return Command.objects.create(
        kind=kind, group=device.group, connection=line, device=device, actor_kind="user", actor_id=999_999,
        actor_name="anna", requested_at=now, deadline=now + datetime.timedelta(seconds=30), finished_at=now,
        state=CommandState.DONE, result=msgspec.to_builtins(result), **fields,
    )  # fmt: skip


# -- lists


def test_devices_stand_under_their_groups_with_state_unit_and_number_of_tags() -> None:
    a_tag(a_device("meter", group=a_group("north"), unit_id=7))
    a_device("drive", group=a_group("south"))
    text = _text(_viewer().get("/devices"))
    assert text.index("north") < text.index("meter") < text.index("south", text.index("meter")) < text.index("drive")
    assert "the collector does not answer" in text
    assert ">7<" in text


def test_a_device_of_another_group_is_not_in_the_list_and_not_found() -> None:
    home, away = a_group("home"), a_group("away")
    a_device("ours", group=home)
    theirs = a_device("theirs", group=away)
    client = _viewer(home)
    assert "theirs" not in _text(client.get("/devices"))
    for part in ("", "/registers", "/connection", "/settings"):
        assert client.get(f"/devices/{theirs.pk}{part}").status_code == 404
    assert client.get(f"/tags/{a_tag(theirs).pk}").status_code == 404
    assert client.get(f"/connections/{theirs.connection_id}").status_code == 404


@pytest.mark.parametrize("path", ["/devices", "/tags", "/connections", "/first-steps"])
def test_nobody_is_sent_to_the_sign_in(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login")


def test_buttons_that_change_something_are_shown_to_engineers_only() -> None:
    device = a_device("meter")
    a_tag(device)
    for path in ("/devices", "/tags", f"/devices/{device.pk}", f"/devices/{device.pk}/settings"):
        assert "/new" not in _text(_viewer().get(path))
        assert "Archive this" not in _text(_viewer().get(path))
    assert "/devices/new" in _text(_engineer().get("/devices"))
    assert "Archive this device" in _text(_engineer().get(f"/devices/{device.pk}/settings"))


@pytest.mark.parametrize("path", ["/devices/new", "/tags/new", "/connections/new", "/import", "/tags/bulk"])
def test_forms_are_refused_to_viewers(path: str) -> None:
    assert _viewer().get(path).status_code == 403


def test_devices_are_filtered_by_words_group_and_state() -> None:
    north, south = a_group("north"), a_group("south")
    a_device("meter", group=north)
    a_device("drive", group=south)
    off = a_device("pump", group=south, enabled=False)
    client = _viewer()
    assert "drive" not in _text(client.get("/devices?q=met"))
    assert "meter" not in _text(client.get(f"/devices?group={south.pk}"))
    found = _text(client.get("/devices?state=check"))
    assert f'id="device-{off.pk}"' in found
    assert "switched off" in found
    assert found.count('id="device-') == 1
    assert "No device fits these filters" in _text(client.get("/devices?q=nothing"))


def test_an_empty_site_says_what_will_be_here_and_how_to_fill_it() -> None:
    assert "Connect the first device" in _text(_engineer().get("/devices"))
    assert "An engineer connects devices" in _text(_viewer().get("/devices"))
    assert "Make the first connection" in _text(_engineer().get("/connections"))


def test_tags_of_all_devices_are_found_by_words_device_type_and_quality() -> None:
    meter, drive = a_device("meter"), a_device("drive")
    a_tag(meter, "power")
    a_tag(drive, "speed", type="float32", place="holding:4")
    client = _viewer()
    assert "speed" not in _text(client.get("/tags?q=meter+pow")).split("<tbody>")[1]
    assert "power" not in _text(client.get("/tags?type=float32")).split("<tbody>")[1]
    assert "power" not in _text(client.get(f"/tags?device={drive.pk}")).split("<tbody>")[1]
    assert _text(client.get("/tags?quality=not-good")).count('id="tag-') == 2, "without a sample a tag is not good"
    assert 'id="tag-' not in _text(client.get("/tags?quality=good"))


def test_a_list_has_pages_of_a_hundred_rows_that_keep_the_filters() -> None:
    device = a_device("meter")
    retention = a_tag(device, "power").retention
    Tag.objects.bulk_create(
        Tag(device=device, name=f"power {n:03}", place=f"input:{n}", type="uint16", retention=retention)
        for n in range(150)
    )
    client = _viewer()
    first, second = _text(client.get("/tags?q=power")), _text(client.get("/tags?q=power&page=2"))
    assert first.count('id="tag-') == 100
    assert "?q=power&amp;page=2" in first
    assert second.count('id="tag-') == 51
    assert _text(client.get("/tags?q=power&page=99")).count('id="tag-') == 51, "a page past the end is the last one"
    for query in (
        "page=x&group=y&device=-1&archived=q&type=%00",
        "q=%00%ED%A0%80",
        "page=" + "9" * 5000,
        "quality=none",
    ):
        assert client.get(f"/tags?{query}").status_code == 200


def test_lists_take_a_fixed_number_of_statements(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    device = a_device("first")
    for n in range(12):
        device = a_device(f"meter {n}", group=a_group(f"group {n % 3}"))
        for place in range(5):
            a_tag(device, f"tag {place}", place=f"input:{place}")
    client = _viewer()
    client.get("/devices")  # the rules of history are read once in two seconds
    for path in ("/devices", "/tags", "/tags?quality=bad", f"/devices/{device.pk}", f"/devices/{device.pk}/registers",
                 "/connections", f"/connections/{device.connection_id}"):  # fmt: skip
        with django_assert_max_num_queries(8 + OUTSIDE):
            assert client.get(path).status_code == 200


def test_a_faceplate_takes_eight_statements_at_most(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    tag = a_tag(a_device("meter"))
    client = signed_in(a_user("admin", *ALL_ACTIONS))
    client.get(f"/tags/{tag.pk}")
    with django_assert_max_num_queries(8 + OUTSIDE):
        assert client.get(f"/tags/{tag.pk}", HTTP_HX_REQUEST="true").status_code == 200


def test_stored_markup_comes_out_as_text_on_every_page() -> None:
    group = a_group(MARKUP)
    line = a_connection(MARKUP, group=group, text=MARKUP)
    device = a_device(MARKUP, group=group, connection=line, text=MARKUP)
    tag = a_tag(
        device,
        MARKUP,
        text=MARKUP,
        unit=MARKUP[:32],
        enumeration={"1": MARKUP},
        low=0.0,
        high=2.0,
        normal_low=0.5,
        normal_high=1.5,
    )
    command = _a_result(device, CommandKind.READ, ValuesRead(values=(ValueRead(
        tag_id=tag.pk, time_us=1, value=MARKUP, quality=0, reason=0, raw="0001", text=MARKUP),)), reason=MARKUP,
        progress_text=MARKUP)  # fmt: skip
    client = _engineer()
    for path in (
        "/devices", "/tags", "/connections", f"/devices/{device.pk}", f"/devices/{device.pk}/registers?tag={tag.pk}",
        f"/devices/{device.pk}/connection", f"/devices/{device.pk}/settings", f"/devices/{device.pk}/edit",
        f"/devices/{device.pk}/tags", f"/tags/{tag.pk}", f"/tags/{tag.pk}/edit", f"/connections/{line.pk}",
        f"/connections/{line.pk}/edit", f"/tags/bulk?tag={tag.pk}", f"/tags?q={MARKUP}", f"/commands/{command.pk}",
    ):  # fmt: skip
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert "<img" not in _text(answer), path


# -- the device


def test_a_device_page_shows_its_tags_with_values_places_and_ranges() -> None:
    device = a_device("meter")
    tag = a_tag(device, "power", unit="kW", place="holding:20", normal_low=0.0, normal_high=10.0)
    text = _text(_viewer().get(f"/devices/{device.pk}"))
    assert f'<sb-value tag="{tag.pk}"' in text
    assert "holding:20" in text
    assert "0 – 10" in text  # noqa: RUF001
    assert "<sb-bar" in text


def test_the_register_map_shows_what_is_read_together_and_what_no_tag_needs() -> None:
    device = a_device("meter", gap_registers=8)
    a_tag(device, "one", place="holding:0")
    a_tag(device, "two", place="holding:5", type="uint32")
    a_tag(device, "far", place="holding:500")
    text = _text(_viewer().get(f"/devices/{device.pk}/registers"))
    assert "holding:0-6" in text
    assert "4 read that no tag needs" in text
    assert "holding:500" in text
    assert "2 requests read this device" in text


def test_raw_words_are_shown_in_all_orders_and_one_is_used_by_a_click() -> None:
    device = a_device("meter")
    tag = a_tag(device, "power", place="holding:0", type="uint32")
    found = ValuesRead(values=(ValueRead(tag_id=tag.pk, time_us=1, value=1, quality=0, reason=0, raw="0000" + "4148"),))
    _a_result(device, CommandKind.READ, found, tags=[tag.pk])
    path = f"/devices/{device.pk}/registers?tag={tag.pk}"
    shown = _text(_engineer().get(path))
    assert "12.5" in shown, "4148 0000 as float32 with the low word first"
    assert "Use float32 CDAB" in shown
    assert "Use float32" not in _text(_viewer().get(path))
    answer = _engineer(name="other").post(
        f"/tags/{tag.pk}/decoding", {"type": "float32", "order": "CDAB", "version": tag.version}
    )
    assert answer.status_code == 303
    tag.refresh_from_db()
    assert (tag.type, tag.order) == ("float32", "CDAB")


def test_a_type_is_not_used_by_viewers_and_not_over_the_change_of_another_user() -> None:
    tag = a_tag(a_device("meter"), place="holding:0")
    data = {"type": "int16", "order": "ABCD", "version": tag.version + 1}
    assert _viewer().post(f"/tags/{tag.pk}/decoding", data).status_code == 403
    answer = _engineer().post(f"/tags/{tag.pk}/decoding", data)
    assert answer.status_code == 409
    assert "Another user has changed this" in _text(answer)


def test_the_connection_of_another_group_is_not_told() -> None:
    line = a_connection("secret line", group=a_group("away"), url="tcp://10.9.9.9:502")
    device = a_device("meter", group=a_group("home"), connection=line)
    client = _viewer(a_group("home"))
    for path in ("/devices", f"/devices/{device.pk}", f"/devices/{device.pk}/connection"):
        text = _text(client.get(path))
        assert "secret line" not in text
        assert "10.9.9.9" not in text


# -- the faceplate


def test_a_faceplate_says_place_quality_settings_and_who_may_write() -> None:
    tag = a_tag(a_device("meter"), place="holding:3", unit="kW", normal_low=1.0, normal_high=2.0)
    text = _text(_viewer().get(f"/tags/{tag.pk}", HTTP_HX_REQUEST="true"))
    assert "<html" not in text
    assert "holding:3" in text
    assert "the collector has not read it yet" in text
    assert "every 1 s, stale after 5 s" in text
    assert "May write" in text
    assert "Operator" in text, "roles, for those who do not administer"


def test_people_with_a_right_are_named_to_administrators_only() -> None:
    tag = a_tag(a_device("meter"))
    Assignment.objects.create(user=User.objects.create_user("carl"), role=Role.objects.get(name="Operator"))
    assert "carl" in _text(signed_in(a_user("admin", *ALL_ACTIONS)).get(f"/tags/{tag.pk}"))
    assert "carl" not in _text(_viewer().get(f"/tags/{tag.pk}"))


# -- commands


def test_a_reading_is_requested_by_a_button_and_has_a_page_that_follows_it() -> None:
    device = a_device("meter")
    tag = a_tag(device)
    client = _engineer()
    answer = client.post(f"/devices/{device.pk}/commands", {"kind": "read"})
    command = Command.objects.get()
    assert answer.status_code == 303
    assert answer["Location"] == f"/commands/{command.pk}"
    assert command.tags == [tag.pk]
    text = _text(client.get(f"/commands/{command.pk}"))
    assert 'hx-trigger="every 1s"' in text
    assert "Waits for the collector" in text
    assert client.post(f"/commands/{command.pk}/withdraw").status_code == 303
    assert 'hx-trigger="every 1s"' not in _text(client.get(f"/commands/{command.pk}"))


def test_a_test_of_a_device_reads_its_unit() -> None:
    device = a_device("meter", unit_id=9)
    _engineer().post(f"/devices/{device.pk}/commands", {"kind": "test", "place": "input:4"})
    assert Command.objects.get().arguments == {"unit_id": 9, "place": "input:4"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"kind": "nonsense"}, 422),
        ({"kind": "write"}, 422),
        ({"kind": "scan_units"}, 422),
        ({"kind": "scan_registers", "place": "<b>"}, 422),
        ({"kind": "read"}, 422),
        ({}, 422),
    ],
)
def test_a_command_that_is_not_possible_is_refused_in_place(body: dict[str, str], status: int) -> None:
    device = a_device("meter")
    answer = _engineer().post(f"/devices/{device.pk}/commands", body)
    assert answer.status_code == status
    assert "Not done" in _text(answer)
    assert not Command.objects.exists()


def test_tests_need_the_right_to_configure_and_readings_the_right_to_write() -> None:
    device = a_device("meter")
    a_tag(device)
    client = _viewer()
    for kind in ("read", "test"):
        assert client.post(f"/devices/{device.pk}/commands", {"kind": kind}).status_code == 403
    assert client.post(f"/connections/{device.connection_id}/commands", {"kind": "test"}).status_code == 403
    assert not Command.objects.exists()


def test_a_failed_test_says_at_which_step_and_what_to_mend() -> None:
    device = a_device("meter")
    steps = (StepTaken(step=Step.RULES, ok=True), StepTaken(step=Step.CONNECT, ok=False, text="refused"))
    command = _a_result(device, CommandKind.TEST, ConnectionTested(steps=steps))
    text = _text(_engineer().get(f"/commands/{command.pk}"))
    assert "Rules of this site" in text
    assert "Check power, cable, address and port" in text


def test_commands_of_others_are_seen_by_those_who_may_configure_only() -> None:
    device = a_device("meter")
    command = _a_result(device, CommandKind.TEST, ConnectionTested(steps=()))
    assert _viewer().get(f"/commands/{command.pk}").status_code == 404
    assert _engineer().get(f"/commands/{command.pk}").status_code == 200
