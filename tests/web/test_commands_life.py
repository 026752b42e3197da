"""The life of commands in the database: what a collector sent, what it did not, and how each ends whatever happens.

Writes cannot be requested in this version, so their rows are made here.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from sealbus.plant import (
    FINAL_STATES,
    CommandKind,
    CommandProgress,
    CommandResult,
    CommandState,
    InvalidTransition,
    TestConnection,
    WriteTag,
    next_states,
)
from sealbus.web.access.actions import Action
from sealbus.web.accounts.subjects import subject_of_user
from sealbus.web.audit.models import Entry
from sealbus.web.coordination import leases
from sealbus.web.coordination.models import Lease
from sealbus.web.devices import services
from sealbus.web.devices.models import Command
from sealbus.web.errors import Conflict
from web.people import a_user
from web.plant_rows import a_device, a_group

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealbus.web.access.subject import Subject
    from sealbus.web.accounts.models import User

pytestmark = pytest.mark.django_db

SENT_ENDS = {CommandState.DONE, CommandState.FAILED, CommandState.DIFFERS, CommandState.UNKNOWN}


@pytest.fixture
def user() -> User:
    return a_user("anna", Action.VIEW, Action.WRITE, Action.CONFIGURE)


@pytest.fixture(autouse=True)
def lease() -> Iterator[None]:
    """The collector `one` holds the site."""
    assert leases.acquire_or_renew("collector/main", "main@one") == ""
    yield


def a_command(user: User, kind: CommandKind = CommandKind.WRITE, **fields: Any) -> Command:
    device = a_device(f"device {Command.objects.count()}", unit_id=7)
    assert device.connection is not None
    arguments = {"tag": {"id": 1, "place": "holding:5"}, "value": 42} if kind.is_write else {}
    now = timezone.now()
    return Command.objects.create(
        **{
            "kind": kind.value, "group": device.group, "connection": device.connection,
            "device": device if kind.is_write else None, "arguments": arguments, "actor_kind": "user",
            "actor_id": user.pk, "actor_name": user.username, "requested_at": now,
            "deadline": now + datetime.timedelta(seconds=30),
        } | fields
    )  # fmt: skip


def claimed(user: User, kind: CommandKind = CommandKind.WRITE) -> Command:
    command = a_command(user, kind)
    assert [each.id for each in services.claim_commands("main@one", 10)] == [command.pk]
    command.refresh_from_db()
    return command


def sent(user: User) -> Command:
    command = claimed(user)
    assert services.record_sent("main@one", command.pk)
    command.refresh_from_db()
    return command


def finish(command: Command, state: CommandState, holder: str = "main@one") -> bool:
    return services.finish_command(holder, CommandResult(id=command.pk, state=state, reason="so it was"))


def state_of(command: Command) -> str:
    command.refresh_from_db()
    return command.state


def audited(command: Command) -> list[tuple[str, str]]:
    rows = Entry.objects.filter(detail__command=command.pk).order_by("sequence")
    return list(rows.values_list("action", "result"))


# -- sent before the wire


def test_a_write_is_recorded_as_sent_in_state_and_audit(user: User) -> None:
    command = a_command(user)
    (write,) = services.claim_commands("main@one", 10)
    assert isinstance(write, WriteTag)
    assert (write.unit_id, write.tag.place, write.value) == (7, "holding:5", 42)
    assert services.record_sent("main@one", command.pk)
    assert state_of(command) == "sent"
    assert command.sent_at is not None
    assert not services.record_sent("main@one", command.pk), "once"
    assert finish(command, CommandState.DONE)
    assert audited(command) == [("write.send", "done"), ("write.finish", "done")]


@pytest.mark.parametrize(
    "case", ["not claimed", "withdrawn", "too late", "of another", "lease lost", "no lease", "ended"]
)
def test_a_write_that_may_not_be_sent_any_more_is_not_recorded_as_sent(user: User, case: str) -> None:
    command = a_command(user) if case == "not claimed" else claimed(user)
    rows = Command.objects.filter(pk=command.pk)
    if case == "withdrawn":
        services.withdraw_command(command=command, subject=subject_of(user))
    elif case == "too late":
        rows.update(deadline=timezone.now())
    elif case == "of another":
        rows.update(claimed_by="main@two")
    elif case == "lease lost":
        Lease.objects.update(holder="main@two")
    elif case == "no lease":
        Lease.objects.all().delete()
    elif case == "ended":
        services.recover_commands("main")
    before = state_of(command)
    assert not services.record_sent("main@one", command.pk)
    assert state_of(command) == before
    assert "write.send" not in dict(audited(command))


def test_a_record_that_the_database_does_not_take_is_an_error_and_no_permission(user: User) -> None:
    command = claimed(user)

    def away(execute: Any, sql: str, *given: Any) -> Any:
        if sql.startswith("UPDATE"):
            raise OperationalError("connection refused")
        return execute(sql, *given)

    with connection.execute_wrapper(away), pytest.raises(OperationalError), transaction.atomic():
        services.record_sent("main@one", command.pk)
    assert state_of(command) == "claimed"


def test_a_reading_is_never_recorded_as_sent(user: User) -> None:
    command = claimed(user, CommandKind.TEST)
    assert not services.record_sent("main@one", command.pk)
    assert state_of(command) == "claimed"


# -- every way to an end


@pytest.mark.parametrize("reported", sorted(FINAL_STATES))
def test_a_sent_write_ends_by_its_answer_or_as_unknown(user: User, reported: CommandState) -> None:
    command = sent(user)
    assert finish(command, reported)
    assert state_of(command) == (reported if reported in SENT_ENDS else "unknown")


@pytest.mark.parametrize("reported", sorted(FINAL_STATES))
@pytest.mark.parametrize("kind", [CommandKind.TEST, CommandKind.WRITE])
def test_a_claimed_command_ends_as_reported_where_the_table_allows_it(
    user: User, kind: CommandKind, reported: CommandState
) -> None:
    command = claimed(user, kind)
    assert finish(command, reported)
    if reported in next_states(CommandState.CLAIMED, kind):
        assert state_of(command) == reported
    elif kind.is_write and reported in SENT_ENDS:
        assert state_of(command) == reported, "a collector that proves that it has sent is not contradicted"
        assert command.sent_at is not None
    else:
        assert state_of(command) == "failed"


def test_after_a_kill_the_state_proves_what_was_sent(user: User) -> None:
    on_the_wire, not_sent, reading = sent(user), claimed(user), claimed(user, CommandKind.TEST)
    assert services.recover_commands("main") == 3
    assert [state_of(each) for each in (on_the_wire, not_sent, reading)] == ["unknown", "failed", "failed"]
    assert "may or may not" in on_the_wire.reason
    assert not_sent.reason == "the collector stopped before it sent the write"
    assert audited(on_the_wire)[-1] == ("write.finish", "unknown")
    assert services.recover_commands("main") == 0
    for command in (on_the_wire, not_sent, reading):
        assert not finish(command, CommandState.DONE), "its collector comes too late"
    assert services.claim_commands("main@one", 10) == [], "nothing is executed again"


def test_a_collector_that_lost_its_lease_changes_nothing_any_more(user: User) -> None:
    command = sent(user)
    Lease.objects.update(holder="main@two")
    services.recover_commands("main")
    assert not finish(command, CommandState.DONE)
    assert not services.note_progress("main@one", CommandProgress(id=command.pk, done=1, total=1))
    assert state_of(command) == "unknown"


def test_a_collector_without_a_lease_claims_nothing(user: User) -> None:
    """Its successor has recovered already, so nobody would end what it claims now."""
    command = a_command(user)
    Lease.objects.update(holder="main@two")
    assert services.claim_commands("main@one", 10) == []
    assert state_of(command) == "requested"


def test_what_is_executed_is_not_recovered(user: User) -> None:
    executed, lost = sent(user), claimed(user)
    assert services.recover_commands("main", {executed.pk}) == 1
    assert [state_of(each) for each in (executed, lost)] == ["sent", "failed"]


@pytest.mark.parametrize("state", [CommandState.REQUESTED, CommandState.WAITING, CommandState.APPROVED])
def test_a_command_that_was_not_claimed_by_its_deadline_has_expired(user: User, state: CommandState) -> None:
    command = a_command(user, state=state.value, deadline=timezone.now())
    assert services.claim_commands("main@one", 10) == []
    assert state_of(command) == "expired"


def test_a_write_that_waits_for_approval_is_not_claimed(user: User) -> None:
    waiting, approved = (a_command(user, state=state) for state in ("waiting", "approved"))
    assert [each.id for each in services.claim_commands("main@one", 10)] == [approved.pk]
    assert Command.objects.compare_and_swap(waiting, CommandState.REJECTED, finished_at=timezone.now())
    assert services.claim_commands("main@one", 10) == []


def test_arguments_that_cannot_be_used_are_refused(user: User) -> None:
    command = a_command(user, CommandKind.TEST, arguments={"unit_id": "seven"})
    assert services.claim_commands("main@one", 10) == []
    assert state_of(command) == "refused"
    assert audited(command) == [("test.finish", "refused")]


# -- withdrawing


def subject_of(user: User) -> Subject:
    return subject_of_user(user, address="", has_second_factor=True)


@pytest.mark.parametrize("state", ["requested", "waiting", "approved"])
def test_a_command_that_was_not_claimed_is_withdrawn_at_once(user: User, state: str) -> None:
    command = services.withdraw_command(command=a_command(user, state=state), subject=subject_of(user))
    assert (command.state, command.reason) == ("withdrawn", "withdrawn by anna")


def test_a_claimed_write_is_withdrawn_before_it_is_sent(user: User) -> None:
    command = services.withdraw_command(command=claimed(user), subject=subject_of(user))
    assert command.state == "claimed"
    assert services.withdrawn_commands("main@one") == [command.pk]
    assert not services.record_sent("main@one", command.pk)
    assert finish(command, CommandState.FAILED)
    assert state_of(command) == "withdrawn"


@pytest.mark.parametrize("case", ["sent", "ended"])
def test_what_was_sent_or_has_ended_is_not_withdrawn(user: User, case: str) -> None:
    command = sent(user)
    if case == "ended":
        finish(command, CommandState.DONE)
    with pytest.raises(Conflict) as refusal:
        services.withdraw_command(command=command, subject=subject_of(user))
    assert refusal.value.code == case
    assert state_of(command) == ("sent" if case == "sent" else "done")


# -- compare-and-swap and what the database holds


def test_the_second_of_two_who_change_a_command_changes_nothing(user: User) -> None:
    command = a_command(user)
    stale = Command.objects.get(pk=command.pk)
    assert Command.objects.compare_and_swap(command, CommandState.WITHDRAWN, finished_at=timezone.now())
    assert not Command.objects.compare_and_swap(
        stale, CommandState.CLAIMED, claimed_by="main@one", claimed_at=timezone.now()
    )
    assert state_of(command) == "withdrawn"


def test_a_change_outside_the_table_is_an_error_of_the_program(user: User) -> None:
    command = a_command(user)
    with pytest.raises(InvalidTransition):
        Command.objects.compare_and_swap(command, CommandState.DONE, finished_at=timezone.now())
    assert state_of(command) == "requested"


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (CommandKind.TEST, {"state": "sent", "sent_at": True, "claimed_at": True, "claimed_by": "main@one"}),
        (CommandKind.TEST, {"state": "unknown", "finished_at": True}),
        (CommandKind.TEST, {"state": "waiting"}),
        (CommandKind.WRITE, {"state": "sent", "claimed_at": True, "claimed_by": "main@one"}),
        (CommandKind.WRITE, {"state": "sent", "sent_at": True}),
        (CommandKind.WRITE, {"state": "done", "finished_at": True}),
        (CommandKind.WRITE, {"state": "unknown", "finished_at": True}),
        (
            CommandKind.WRITE,
            {"state": "sent", "sent_at": True, "claimed_at": True, "claimed_by": "o", "finished_at": True},
        ),
        (CommandKind.WRITE, {"state": "cancelled", "finished_at": True}),
        (CommandKind.WRITE, {"state": "claimed"}),
    ],
)
def test_the_database_refuses_a_life_outside_the_table(user: User, kind: CommandKind, fields: dict[str, Any]) -> None:
    command = a_command(user, kind)
    fields = {name: timezone.now() if value is True else value for name, value in fields.items()}
    with pytest.raises(IntegrityError), transaction.atomic():
        Command.objects.filter(pk=command.pk).update(**fields)


# -- the door for writes is closed; what is visible


def test_the_service_requests_no_write(user: User) -> None:
    device = a_device()
    request = services.CommandRequest(kind=CommandKind.WRITE, target=device)
    with pytest.raises(Conflict) as refusal:
        services.request_commands(requests=[request], subject=subject_of(user))
    assert refusal.value.code == "no-writes"
    assert not Command.objects.exists()


def test_a_subject_sees_its_own_commands_and_those_it_may_configure() -> None:
    mine, theirs = a_group("mine"), a_group("theirs")
    anna = a_user("anna", Action.VIEW)
    bert = a_user("bert", Action.VIEW, Action.CONFIGURE, group=mine)
    everywhere = a_user("chief", Action.VIEW, Action.CONFIGURE)
    nobody = a_user("dora")
    rows = {
        (user.username, group.name): a_command(user, CommandKind.TEST, group=group)
        for user in (anna, everywhere)
        for group in (mine, theirs)
    }

    def seen(user: User) -> set[tuple[str, str]]:
        visible = Command.objects.visible_to(subject_of(user))
        return {key for key, row in rows.items() if visible.filter(pk=row.pk).exists()}

    assert seen(anna) == {("anna", "mine"), ("anna", "theirs")}
    assert seen(bert) == {("anna", "mine"), ("chief", "mine")}
    assert seen(everywhere) == set(rows)
    assert seen(nobody) == set()


def test_a_test_is_claimed_as_its_struct(user: User) -> None:
    command = a_command(user, CommandKind.TEST, arguments={"unit_id": 3})
    (test,) = services.claim_commands("main@one", 10)
    assert isinstance(test, TestConnection)
    assert (test.id, test.unit_id) == (command.pk, 3)
