"""The process as a whole, on a real bus and a real history: what it needs to begin, and in which order it stops."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sealbus.bus import decode_collector_state, decode_samples, open_bus
from sealbus.collector import CollectorSettings, CollectorTiming, run_collector
from sealbus.errors import ConfigError
from sealbus.plant import CommandState, ConnectionPlan, DevicePlan, Plan, SiteVersions, TagPlan, TestConnection
from unit.bus.engines import ask
from unit.collector.fake_site import FakeStore

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

FAST = CollectorTiming(
    versions_s=0.01, lease_retry_s=0.01, lease_renew_s=0.01, results_retry_s=0.01, records_s=0.01, audit_s=0.01
)
PATIENCE_S = 20.0


def settings(home: Path, bus: str = "local:") -> CollectorSettings:
    return CollectorSettings(
        home=home,
        history=f"sqlite:///{home}/history.sqlite3",
        time_zone="UTC",
        bus=bus,
        bus_folder=home / "bus",
        bus_key=bytes(32),
        timing=FAST,
    )


class Process:
    def __init__(self, home: Path, store: FakeStore | None = None, bus: str = "local:") -> None:
        self.store = store or FakeStore()
        self.stopped = asyncio.Event()
        self.lines: list[str] = []
        self.task = asyncio.create_task(
            run_collector(self.store, settings(home, bus), stopped=self.stopped, report=self.lines.append)
        )

    async def until(self, call: str, times: int = 1) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while self.store.calls.count(call) < times:
                await asyncio.sleep(0.005)


async def test_it_stops_in_order_and_releases_its_lease_last(tmp_path: Path) -> None:
    process = Process(tmp_path)
    await process.until("claim")
    await process.until("audit")
    process.store.waiting = [TestConnection(id=5, connection=ConnectionPlan(id=1, url="tcp://127.0.0.1:1"))]
    process.store.numbers = SiteVersions(plan=1, commands=1)
    await process.until("finish")
    process.stopped.set()
    await process.task
    calls = process.store.calls
    assert process.lines == ["listening on local:"]
    assert calls[-2:] == ["hints off", "release"]
    assert calls.index("hold") < calls.index("hints on") < calls.index("recover main") < calls.index("claim")
    assert [each.id for each in process.store.results] == [5]
    assert process.store.leases == {}


async def test_a_command_that_is_running_at_the_stop_has_its_result_in_the_store(tmp_path: Path) -> None:
    async def be_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(be_silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    process = Process(tmp_path)
    process.store.plans = Plan(
        version=1,
        networks=("127.0.0.1 *",),
        connections=(ConnectionPlan(id=1, url=f"tcp://127.0.0.1:{port}", timeout_s=60.0),),
    )
    process.store.numbers = SiteVersions(plan=1, commands=0)
    process.store.waiting = [TestConnection(id=9, connection=1, within_s=60.0)]
    await process.until("progress")
    process.stopped.set()
    await process.task
    (result,) = process.store.results
    assert (result.id, result.state) == (9, CommandState.FAILED)
    assert process.store.calls.index("finish") < process.store.calls.index("hints off")
    server.close()


async def test_a_process_that_loses_its_lease_stops_polling_and_waits_for_it(tmp_path: Path) -> None:
    process = Process(tmp_path)
    await process.until("claim")
    mine = process.store.leases["collector/main"]
    process.store.leases["collector/main"] = "main@other"
    await process.until("hints off")
    async with asyncio.timeout(PATIENCE_S):
        while len(process.lines) < 2:
            await asyncio.sleep(0.005)
    assert process.store.leases == {"collector/main": "main@other"}, "it releases no lease of another"
    assert process.lines[1] == "waiting until this is the collector of the site: main@other holds the lease"
    process.store.leases["collector/main"] = mine
    await process.until("hints on", 2)
    process.stopped.set()
    await process.task


async def test_samples_that_cannot_be_spooled_are_a_problem_in_the_state(tmp_path: Path) -> None:
    process = Process(tmp_path)
    await process.until("hints on")
    (tmp_path / "spool" / "lock").unlink()
    (tmp_path / "spool").rmdir()  # as if the disk refused: no file can be made there
    tag = TagPlan(id=1, place="holding:0", interval_s=0.1)
    device = DevicePlan(id=1, unit_id=1, tags=(tag,))
    process.store.plans = Plan(
        version=1, connections=(ConnectionPlan(id=1, url="tcp://192.0.2.1:502", devices=(device,)),)
    )
    process.store.numbers = SiteVersions(plan=1, commands=0)
    async with open_bus("local:", folder=tmp_path / "bus", key=bytes(32)) as bus, asyncio.timeout(PATIENCE_S):
        while not (history := decode_collector_state(await ask(bus, "state/main", b"")).history).problem:
            await asyncio.sleep(0.01)
    assert history.problem.startswith("samples cannot be spooled: No such file or directory; ")
    process.stopped.set()
    await process.task


async def test_keepalives_are_on_the_bus_while_it_runs(tmp_path: Path) -> None:
    process = Process(tmp_path)
    await process.until("hints on")
    async with (
        open_bus("local:", folder=tmp_path / "bus", key=bytes(32)) as bus,
        bus.subscribe("live/main", depth=10) as messages,
    ):
        async with asyncio.timeout(PATIENCE_S):
            message = await anext(aiter(messages))
        assert decode_samples(message.payload) == []
    process.stopped.set()
    await process.task


class FailingStore(FakeStore):
    def forwarding(self) -> Coroutine[None, None, None]:
        async def broken() -> None:
            raise RuntimeError("no such thing")

        return broken()


async def test_a_task_that_fails_ends_the_process_with_its_error(tmp_path: Path) -> None:
    process = Process(tmp_path, FailingStore())
    with pytest.raises(RuntimeError, match="no such thing"):
        await process.task
    assert process.store.calls[-2:] == ["hints off", "release"]


async def test_a_bus_that_cannot_be_opened_ends_the_process_and_leaves_no_lease(tmp_path: Path) -> None:
    process = Process(tmp_path, bus="redis://redis.example")
    with pytest.raises(ConfigError, match="unencrypted"):
        await process.task
    assert process.store.leases == {}


async def test_the_line_of_the_start_has_no_password(tmp_path: Path) -> None:
    process = Process(tmp_path, bus="redis://sealbus:secret@127.0.0.1:1/0")
    await process.until("claim")
    process.stopped.set()
    await process.task
    assert process.lines == ["listening on redis://127.0.0.1:1/0"]
    assert "secret" not in repr(settings(tmp_path, "redis://sealbus:secret@127.0.0.1:1/0"))
