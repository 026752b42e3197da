"""Commands by the API: who may request them, how many, and how they are claimed, withdrawn, shown and audited."""

from __future__ import annotations

import datetime
import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from sealbus.plant import (
    CommandKind,
    CommandProgress,
    CommandResult,
    CommandState,
    DiscoverSunSpec,
    ReadNow,
    RegistersScanned,
    ScanRegisters,
    ScanUnits,
    TestConnection,
    ValueRead,
    ValuesRead,
)
from sealbus.web.access.actions import Action
from sealbus.web.accounts.models import Assignment, User
from sealbus.web.audit.models import Entry
from sealbus.web.coordination import leases
from sealbus.web.coordination.versions import read_version
from sealbus.web.devices import services
from sealbus.web.devices.models import Command, Connection
from sealbus.web.devices.views import commands as command_views
from sealbus.web.errors import TooMany
from web.people import ALL_ACTIONS, a_subject, a_token, a_user, signed_in
from web.plant_rows import a_connection, a_device, a_group, a_tag

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def lease() -> None:
    """The collector `one` holds the site."""
    assert leases.acquire_or_renew("collector/main", "main@one") == ""


@pytest.fixture
def engineer() -> APIClient:
    return signed_in(a_user("anna", *ALL_ACTIONS))


def _ask(client: APIClient, path: str, body: Any = None) -> int:
    answer = client.post(f"/api/v1/{path}", body or {}, "json")
    assert answer.status_code == 202, answer.content
    assert answer.headers["Location"] == f"/api/v1/commands/{answer.json()['id']}"
    return int(answer.json()["id"])


def _claimed(holder: str = "main@one") -> list[Any]:
    return list(services.claim_commands(holder, 10))


def _finish(command_id: int, holder: str = "main@one", **fields: Any) -> bool:
    result = CommandResult(id=command_id, **{"state": CommandState.DONE} | fields)
    return services.finish_command(holder, result)


def _progress(command_id: int, done: int, total: int, text: str = "", holder: str = "main@one") -> bool:
    return services.note_progress(holder, CommandProgress(id=command_id, done=done, total=total, text=text))


def test_each_kind_of_command_reaches_the_collector_as_its_struct(engineer: APIClient) -> None:
    device = a_device(unit_id=7)
    tag = a_tag(device, type="float32")
    line = f"connections/{device.connection_id}"
    _ask(engineer, f"{line}/test", {"unit_id": 3, "place": "input:5"})
    [test] = _claimed()
    assert (type(test), test.connection, test.unit_id, test.place) == (
        TestConnection,
        device.connection_id,
        3,
        "input:5",
    )
    assert 29 < test.within_s <= 30
    _ask(engineer, f"{line}/scan-units", {"first": 1, "last": 10})
    [units] = _claimed()
    assert (type(units), units.first, units.last) == (ScanUnits, 1, 10)
    _finish(units.id)
    _ask(engineer, f"devices/{device.pk}/scan-registers", {"place": "holding:0-999"})
    [registers] = _claimed()
    assert (type(registers), registers.unit_id, registers.place) == (ScanRegisters, 7, "holding:0-999")
    _finish(registers.id)
    _ask(engineer, f"devices/{device.pk}/sunspec")
    [sunspec] = _claimed()
    assert (type(sunspec), sunspec.unit_id, sunspec.bases) == (DiscoverSunSpec, 7, (40000, 50000, 0))
    asked = engineer.post("/api/v1/tags/read", {"tags": [tag.pk]}, "json")
    assert asked.status_code == 202, asked.content
    [read] = _claimed()
    assert (type(read), read.unit_id, [each.id for each in read.tags]) == (ReadNow, 7, [tag.pk])
    assert read.tags[0].type == "float32"


def test_reading_tags_of_two_devices_is_two_commands(engineer: APIClient) -> None:
    tags = [a_tag(a_device(name)).pk for name in ("a", "b")]
    commands = engineer.post("/api/v1/tags/read", {"tags": tags}, "json").json()["commands"]
    assert sorted(command["tags"] for command in commands) == sorted([tag] for tag in tags)


def test_the_requester_sees_progress_and_result(engineer: APIClient) -> None:
    device = a_device()
    command_id = _ask(engineer, f"devices/{device.pk}/scan-registers", {"place": "holding:0-9"})
    assert engineer.get(f"/api/v1/commands/{command_id}").json()["state"] == "requested"
    _claimed()
    assert _progress(command_id, 3, 10, "holding:3")
    shown = engineer.get(f"/api/v1/commands/{command_id}?wait=0.05").json()
    assert (shown["state"], shown["done"], shown["total"], shown["progress_text"]) == ("claimed", 3, 10, "holding:3")
    found = RegistersScanned(ranges=(), requests=10)
    assert _finish(command_id, found=found, took_s=0.5)
    shown = engineer.get(f"/api/v1/commands/{command_id}?wait=5").json()
    assert (shown["state"], shown["result"]["found"]["requests"]) == ("done", 10)
    assert not _finish(command_id)
    assert [entry.action for entry in Entry.objects.order_by("sequence")] == [
        "scan_registers.request",
        "scan_registers.finish",
    ]
    assert read_version("command") == 2


def test_text_and_numbers_that_no_database_can_store_are_made_visible(engineer: APIClient) -> None:
    command_id = _ask(engineer, f"connections/{a_connection().pk}/test")
    _claimed()
    values = (
        ValueRead(tag_id=1, time_us=0, value=float("nan"), quality=2, reason=0, text="c\0"),
        ValueRead(tag_id=2, time_us=0, value=2**64 - 1, quality=0, reason=0),
    )
    assert _finish(command_id, state=CommandState.FAILED, reason="a\0b\ud800", found=ValuesRead(values=values))
    shown = engineer.get(f"/api/v1/commands/{command_id}").json()
    assert (shown["state"], shown["reason"]) == ("failed", "a\\0b\\ud800")
    found = shown["result"]["found"]["values"]
    assert [(each["value"], each["text"]) for each in found] == [(None, "c\\0"), (2**64 - 1, "")]


def test_a_command_is_claimed_once(engineer: APIClient) -> None:
    command_id = _ask(engineer, f"connections/{a_connection().pk}/test")
    assert [command.id for command in _claimed("main@one")] == [command_id]
    assert _claimed("main@two") == []
    assert not _progress(command_id, 1, 1, holder="main@two")
    assert not _finish(command_id, holder="main@two")
    assert _finish(command_id)


def test_a_command_that_no_collector_claimed_in_time_expires(engineer: APIClient) -> None:
    command_id = _ask(engineer, f"connections/{a_connection().pk}/test")
    Command.objects.update(deadline=timezone.now() - datetime.timedelta(seconds=1))
    assert _claimed() == []
    assert engineer.get(f"/api/v1/commands/{command_id}").json()["state"] == "expired"
    assert Entry.objects.filter(action="test.finish", result="failed", detail__state="expired").exists()


def test_a_command_expires_while_no_collector_runs(engineer: APIClient) -> None:
    line = a_connection()
    first, second = (_ask(engineer, f"connections/{line.pk}/test") for _ in range(2))
    Command.objects.filter(pk=first).update(deadline=timezone.now())
    assert engineer.get(f"/api/v1/commands/{first}?wait=0.1").json()["state"] == "expired"
    assert engineer.get(f"/api/v1/commands/{second}").json()["state"] == "requested"
    Command.objects.filter(pk=second).update(deadline=timezone.now())
    _ask(engineer, f"connections/{line.pk}/test")
    assert Command.objects.get(pk=second).state == "expired"


@pytest.mark.parametrize("what", ["role", "switched off", "token revoked", "token expired", "gone"])
def test_rights_are_checked_again_when_it_is_claimed(what: str) -> None:
    user = a_user("bert", Action.VIEW, Action.CONFIGURE)
    token, script = a_token(user, Action.VIEW, Action.CONFIGURE)
    client = script if what.startswith("token") else signed_in(user)
    line = a_connection()
    kept = _ask(client, f"connections/{line.pk}/test")
    assert [command.id for command in _claimed()] == [kept]
    lost = _ask(client, f"connections/{line.pk}/test")
    if what == "role":
        Assignment.objects.all().delete()
    elif what == "switched off":
        User.objects.update(is_active=False)
    elif what == "token expired":
        type(token).objects.update(expiry=timezone.now())
    elif what == "token revoked":
        type(token).objects.all().delete()
    else:
        Command.objects.filter(pk=lost).update(actor_id=10**9)
    assert _claimed() == []
    command = Command.objects.get(pk=lost)
    assert (command.state, command.reason) == ("refused", f"{command.actor_name} does not have the right any more")
    assert Entry.objects.filter(action="test.finish", result="refused").count() == 1


def test_a_command_for_something_archived_or_moved_meanwhile_is_refused() -> None:
    client = signed_in(a_user("bert", Action.VIEW, Action.CONFIGURE, group=a_group("mine")))
    device = a_device(group=a_group("mine"))
    command_id = _ask(client, f"devices/{device.pk}/scan-registers", {"place": "holding:0"})
    device.group = a_group("theirs")
    device.save()
    assert _claimed() == []
    assert "right" in Command.objects.get(pk=command_id).reason
    line = a_connection("other", group=a_group("mine"))
    command_id = _ask(client, f"connections/{line.pk}/test")
    line.archived_at = timezone.now()
    line.save()
    assert _claimed() == []
    assert Command.objects.get(pk=command_id).reason == "the connection is archived"


def test_a_command_is_withdrawn(engineer: APIClient) -> None:
    line = a_connection()
    waiting = _ask(engineer, f"connections/{line.pk}/test")
    assert engineer.post(f"/api/v1/commands/{waiting}/withdraw").json()["state"] == "withdrawn"
    assert _claimed() == []
    running = _ask(engineer, f"connections/{line.pk}/test")
    _claimed()
    assert _progress(running, 1, 2)
    assert engineer.post(f"/api/v1/commands/{running}/withdraw").json()["state"] == "claimed"
    assert services.withdrawn_commands("main@one") == [running]
    assert not _progress(running, 2, 2)
    _finish(running, state=CommandState.FAILED)
    assert engineer.get(f"/api/v1/commands/{running}").json()["state"] == "withdrawn"
    assert engineer.post(f"/api/v1/commands/{running}/withdraw").json()["type"] == "ended"


def test_a_scan_is_no_port_scanner(engineer: APIClient) -> None:
    line = a_connection()
    _ask(engineer, f"connections/{line.pk}/scan-units")
    again = engineer.post(f"/api/v1/connections/{line.pk}/scan-units", {}, "json")
    assert (again.status_code, again.json()["type"]) == (409, "busy")
    for number in range(5):
        _ask(engineer, f"connections/{a_connection(f'line {number}').pk}/scan-units")
    more = engineer.post(f"/api/v1/connections/{a_connection('one more').pk}/scan-units", {}, "json")
    assert more.status_code == 429
    assert 0 < int(more.headers["Retry-After"]) <= 60
    Command.objects.update(requested_at=timezone.now() - datetime.timedelta(minutes=2))
    _ask(engineer, f"connections/{a_connection('later').pk}/scan-units")


def test_the_limit_of_a_kind_counts_that_kind_alone() -> None:
    subject = a_subject(a_user("anna", *ALL_ACTIONS))

    def batch(scans: int, tests: int) -> list[services.CommandRequest]:
        kinds = [CommandKind.SCAN_UNITS] * scans + [CommandKind.TEST] * tests
        start = Connection.objects.count()
        lines = [a_connection(f"line {start + number}") for number in range(len(kinds))]
        return [services.CommandRequest(kind=kind, target=line) for kind, line in zip(kinds, lines, strict=True)]

    services.request_commands(requests=batch(5, 4), subject=subject)
    with pytest.raises(TooMany):
        services.request_commands(requests=batch(2, 0), subject=subject)
    services.request_commands(requests=batch(1, 9), subject=subject)


def test_the_queue_is_bounded(engineer: APIClient) -> None:
    line = a_connection()
    for _ in range(20):
        _ask(engineer, f"connections/{line.pk}/test")
    Command.objects.update(requested_at=timezone.now() - datetime.timedelta(minutes=2))
    assert engineer.post(f"/api/v1/connections/{line.pk}/test", {}, "json").status_code == 429
    _claimed()
    for command in Command.objects.filter(state="claimed"):
        _finish(command.pk)
    _ask(engineer, f"connections/{line.pk}/test")


def test_each_kind_needs_its_rights() -> None:
    device = a_device()
    tag = a_tag(device)
    asks = {
        f"connections/{device.connection_id}/test": {},
        f"connections/{device.connection_id}/scan-units": {},
        f"devices/{device.pk}/scan-registers": {"place": "holding:0-9"},
        f"devices/{device.pk}/sunspec": {},
        "tags/read": {"tags": [tag.pk]},
    }

    def statuses(name: str, *actions: Action) -> list[int]:
        Command.objects.all().delete()
        client = signed_in(a_user(name, *actions))
        return [client.post(f"/api/v1/{path}", body, "json").status_code for path, body in asks.items()]

    assert statuses("viewer", Action.VIEW) == [403] * 5
    assert statuses("operator", Action.VIEW, Action.WRITE) == [403, 403, 403, 403, 202]
    assert statuses("engineer", Action.VIEW, Action.CONFIGURE) == [202, 202, 409, 409, 403]


def test_commands_of_others_are_visible_to_users_who_may_configure_their_group() -> None:
    mine, theirs = a_group("mine"), a_group("theirs")
    anna = signed_in(a_user("anna", Action.VIEW, Action.CONFIGURE))
    commands = {
        group.name: _ask(anna, f"connections/{a_connection(group.name, group=group).pk}/test")
        for group in (mine, theirs)
    }
    a_user("bert", Action.VIEW)
    bert = signed_in(a_user("bert", Action.CONFIGURE, group=mine))
    assert [command["id"] for command in bert.get("/api/v1/commands").json()["results"]] == [commands["mine"]]
    assert bert.get(f"/api/v1/commands/{commands['theirs']}").status_code == 404
    assert bert.post(f"/api/v1/commands/{commands['theirs']}/withdraw").status_code == 404
    assert bert.post(f"/api/v1/commands/{commands['mine']}/withdraw").status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "at_fault"),
    [
        ("connections/{line}/test", {"unit_id": 256}, "unit_id"),
        ("connections/{line}/test", {"place": "holding:0-1"}, "place"),
        ("connections/{line}/test", {"connection": 1}, "connection"),
        ("connections/{line}/scan-units", {"first": 5, "last": 4}, "last"),
        ("connections/{line}/scan-units", {"unit_id": 4}, "unit_id"),
        ("devices/{device}/scan-registers", {}, "place"),
        ("devices/{device}/scan-registers", {"place": "holding:0-20000"}, "place"),
        ("devices/{device}/sunspec", {"bases": [70000]}, "bases"),
        ("tags/read", {"tags": []}, "tags"),
        ("tags/read", {"tags": [10**9]}, "tags"),
        ("tags/read", {"tags": ["x"]}, "tags"),
    ],
)
def test_a_bad_member_is_named(engineer: APIClient, path: str, body: dict[str, Any], at_fault: str) -> None:
    device = a_device()
    answer = engineer.post(f"/api/v1/{path.format(line=device.connection_id, device=device.pk)}", body, "json")
    assert answer.status_code == 400, answer.content
    assert at_fault in answer.json()["errors"]
    assert not Command.objects.exists()


def test_a_wait_is_short(engineer: APIClient) -> None:
    command_id = _ask(engineer, f"connections/{a_connection().pk}/test")
    for query in ("wait=3600", "wait=-1", "wait=abc", "wait=nan"):
        assert engineer.get(f"/api/v1/commands/{command_id}?{query}").status_code == 400, query


def test_a_wait_ends_with_its_command_and_too_many_waits_are_answered_at_once(
    engineer: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    command_id = _ask(engineer, f"connections/{a_connection().pk}/test")
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            _claimed()
            _finish(command_id)

    monkeypatch.setattr("sealbus.web.devices.views.commands.time.sleep", sleep)
    assert engineer.get(f"/api/v1/commands/{command_id}?wait=15").json()["state"] == "done"
    assert len(slept) == 3
    other = _ask(engineer, f"connections/{a_connection('other').pk}/test")
    monkeypatch.setattr(command_views, "_waiting", threading.BoundedSemaphore(1))
    command_views._waiting.acquire()
    assert engineer.get(f"/api/v1/commands/{other}?wait=15").json()["state"] == "requested"
    assert len(slept) == 3


def test_the_answers_to_too_many_commands_and_to_a_missing_right_are_problem_documents(engineer: APIClient) -> None:
    line = a_connection()
    for _ in range(20):
        _ask(engineer, f"connections/{line.pk}/test")
    refused = engineer.post(f"/api/v1/connections/{line.pk}/test", {}, "json")
    wait_s = int(refused.headers["Retry-After"])
    assert 0 < wait_s <= 60
    assert (refused.status_code, refused.json()["type"], refused.json()["detail"]) == (
        429,
        "throttled",
        f"Too many commands of this kind in a minute. Expected available in {wait_s} seconds.",
    )
    a_user("bert", Action.VIEW)
    plain = signed_in(a_user("bert", Action.CONFIGURE, group=a_group("mine")))
    refused = plain.post(f"/api/v1/connections/{line.pk}/test", {}, "json")
    assert (refused.status_code, refused.json()["type"], refused.json()["detail"]) == (
        403,
        "no-right",
        f'This needs the right "configure" in group {line.group_id}',
    )
