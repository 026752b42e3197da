"""The life of a write through both sides: the engine of the collector, a device on loopback, and the database."""

from __future__ import annotations

import asyncio
import datetime
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from django.utils import timezone

from scenarios.plant import until
from scenarios.writing import open_writing
from sealbus.plant import WriteTag
from sealbus.web.access.actions import Action
from sealbus.web.coordination import leases
from sealbus.web.devices import services
from sealbus.web.devices.models import Command
from web.people import a_user
from web.plant_rows import a_device

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

pytestmark = pytest.mark.django_db

_Got = TypeVar("_Got")


class Site:
    """The database, in the thread of the test, whose transaction no other thread sees; the engine runs in another."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()

    async def do(self, work: Callable[..., _Got], *args: Any) -> _Got:
        """For the engine: one piece of work on the database."""
        done: Future[_Got] = Future()
        self._jobs.put((done, lambda: work(*args)))
        return await asyncio.wrap_future(done)

    async def record_sent(self, command_id: int) -> bool:
        return await self.do(services.record_sent, "main@one", command_id)

    def run(self, scenario: Awaitable[None]) -> None:
        """Run it to its end, and work on the database for it."""

        async def run() -> None:
            try:
                await scenario
            finally:
                self._jobs.put(None)

        with ThreadPoolExecutor(1) as pool:
            ended = pool.submit(lambda: asyncio.run(run()))
            while (job := self._jobs.get()) is not None:
                done, work = job
                if done.set_running_or_notify_cancel():
                    try:
                        done.set_result(work())
                    except Exception as error:  # noqa: BLE001 - it belongs to the engine
                        done.set_exception(error)
            ended.result()


@pytest.fixture
def site() -> Site:
    return Site()


def a_claimed_write() -> WriteTag:
    """A write as a later version stores it, claimed by the collector `one`; for the connection 1 of the engine."""
    user, device = a_user("anna", Action.VIEW, Action.WRITE), a_device(unit_id=1)
    assert device.connection is not None
    leases.acquire_or_renew("collector/main", "main@one")
    now = timezone.now()
    Command.objects.create(
        kind="write", group=device.group, connection=device.connection, device=device,
        arguments={"tag": {"id": 1, "place": "holding:5"}, "value": 42}, actor_kind="user", actor_id=user.pk,
        actor_name="anna", requested_at=now, deadline=now + datetime.timedelta(seconds=30),
    )  # fmt: skip
    (command,) = services.claim_commands("main@one", 1)
    assert isinstance(command, WriteTag)
    return WriteTag(id=command.id, connection=1, unit_id=1, tag=command.tag, value=command.value)


def state_of(command: WriteTag) -> str:
    return Command.objects.get(pk=command.id).state


def test_a_write_is_sent_in_the_database_before_it_is_at_the_device(site: Site, tmp_path: Path) -> None:
    command = a_claimed_write()
    states: list[str] = []

    async def scenario() -> None:
        async with open_writing(tmp_path, on_sending=site.record_sent) as (collector, device, _):

            async def answer(request: bytes) -> bytes:
                states.append(await site.do(state_of, command))
                return device.normal_answer(request)

            device.answer = answer
            result = await collector.execute(command)
            assert await site.do(services.finish_command, "main@one", result)

    site.run(scenario())
    assert states == ["sent"]
    assert state_of(command) == "done"


def test_a_write_that_was_withdrawn_after_it_was_claimed_is_not_sent(site: Site, tmp_path: Path) -> None:
    command = a_claimed_write()
    Command.objects.update(withdraw_requested_at=timezone.now())

    async def scenario() -> None:
        async with open_writing(tmp_path, on_sending=site.record_sent) as (collector, device, _):
            result = await collector.execute(command)
            await site.do(services.finish_command, "main@one", result)
            assert device.writes == []

    site.run(scenario())
    assert state_of(command) == "withdrawn"


@pytest.mark.parametrize("was_sent", [True, False])
def test_a_collector_that_dies_leaves_the_truth(site: Site, tmp_path: Path, was_sent: bool) -> None:
    command = a_claimed_write()

    async def on_sending(command_id: int) -> bool:
        if not was_sent:
            await asyncio.Event().wait()
        return await site.record_sent(command_id)

    async def scenario() -> None:
        async with open_writing(tmp_path, on_sending=on_sending) as (collector, device, _):
            device.answer = lambda request: None
            collector.collector.submit(command)
            if was_sent:
                await until(lambda: bool(device.writes))
            # it dies here: no result is ever stored; the next one begins
            assert await site.do(services.recover_commands, "main") == 1

    site.run(scenario())
    assert state_of(command) == ("unknown" if was_sent else "failed")
