"""Commands are claimed after recovery, and each has its one result in the store, however long the store is away."""

from __future__ import annotations

import asyncio

import pytest

from sealbus.collector.commands import CommandIntake, CommandReports, OpenCommands
from sealbus.errors import SealbusError
from sealbus.plant import Command, CommandProgress, CommandResult, CommandState, TestConnection
from unit.collector.fake_site import FakeStore, store_thread

RETRY_S = 0.5


class Engine:
    def __init__(self) -> None:
        self.submitted: list[int] = []
        self.withdrawn: list[int] = []

    def submit(self, command: Command) -> None:
        self.submitted.append(command.id)

    def withdraw(self, command_id: int) -> None:
        self.withdrawn.append(command_id)


def intake(store: FakeStore, engine: Engine, open_commands: OpenCommands | None = None) -> CommandIntake:
    known = open_commands or OpenCommands()
    return CommandIntake(store, store_thread(), engine, collector_id="main", holder="main@here", open_commands=known)


def result(command_id: int) -> CommandResult:
    return CommandResult(id=command_id, state=CommandState.DONE)


async def test_more_commands_than_one_claim_takes_all_reach_the_engine() -> None:
    store, engine = FakeStore(), Engine()
    store.waiting = [TestConnection(id=number, connection=1) for number in range(40)]
    store.withdrawn = [7]
    assert await intake(store, engine).take()
    assert engine.submitted == list(range(40))
    assert engine.withdrawn == [7]


async def test_nothing_is_claimed_before_the_claims_of_an_earlier_process_are_ended() -> None:
    store, engine = FakeStore(), Engine()
    store.waiting = [TestConnection(id=1, connection=1)]
    commands = intake(store, engine)
    store.is_away = True
    assert not await commands.take()
    assert store.calls == ["recover main"]
    store.is_away = False
    assert await commands.take()
    assert await commands.take()
    assert store.calls == ["recover main"] * 2 + ["withdrawn", "claim"] * 2


async def test_what_a_failed_claim_may_have_claimed_is_ended_and_what_is_executed_is_not() -> None:
    store, engine = FakeStore(), Engine()
    open_commands = OpenCommands()
    commands = intake(store, engine, open_commands)
    reports = CommandReports(store, store_thread(), "main@here", open_commands)
    store.waiting = [TestConnection(id=number, connection=1) for number in (1, 2, 3)]
    assert await commands.take()
    reports.add(result(1))
    assert await reports.store_results()
    reports.add(result(2))  # the store does not have it yet
    store.is_losing_claims = True
    assert not await commands.take()
    store.is_losing_claims = False
    assert await commands.take()
    assert store.recovered == [set(), {2, 3}]


async def test_results_wait_while_the_database_is_down_and_none_is_lost() -> None:
    store = FakeStore()
    reports = CommandReports(store, store_thread(), "main@here", OpenCommands())
    running = asyncio.create_task(reports.run(RETRY_S))
    store.is_away = True
    reports.add(CommandProgress(id=1, done=1, total=2))
    for number in range(5):
        reports.add(result(number))
    await asyncio.sleep(100)
    assert store.results == []
    store.is_away = False
    await asyncio.sleep(1)
    assert [each.id for each in store.results] == list(range(5))
    assert store.progress == [], "the progress of a command that has ended is of no use"
    running.cancel()


async def test_a_write_is_recorded_as_sent_or_not_sent_at_all() -> None:
    store = FakeStore()
    reports = CommandReports(store, store_thread(), "main@here", OpenCommands())
    assert await reports.record_sent(1)
    store.withdrawn = [2]
    assert not await reports.record_sent(2)
    store.is_away = True
    with pytest.raises(SealbusError, match="away"):
        await reports.record_sent(3)


async def test_only_the_newest_progress_is_stored() -> None:
    store = FakeStore()
    reports = CommandReports(store, store_thread(), "main@here", OpenCommands())
    for done in (1, 2, 3):
        reports.add(CommandProgress(id=1, done=done, total=3))
    running = asyncio.create_task(reports.run(RETRY_S))
    await asyncio.sleep(1)
    assert [each.done for each in store.progress] == [3]
    running.cancel()


async def test_a_result_that_can_never_be_stored_delays_no_other() -> None:
    store = FakeStore()
    store.unstorable = {1}
    reports = CommandReports(store, store_thread(), "main@here", OpenCommands())
    for number in range(3):
        reports.add(result(number))
    assert await reports.store_results()
    assert [each.id for each in store.results] == [0, 2]
