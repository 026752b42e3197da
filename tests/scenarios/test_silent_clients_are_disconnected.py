"""A client without a first request, or idle longer than a configured limit, is disconnected and frees its place."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from scenarios.plant import PACE, adu, exception, open_plant, read_holding, until, words, write_register
from sealbus.records import Disconnected

if TYPE_CHECKING:
    from pathlib import Path

LIMIT_S = 0.3
READ, ANSWER = adu(1, read_holding(7, 1)), adu(1, words(7))


async def test_the_first_request_must_come_in_time(tmp_path: Path) -> None:
    async with open_plant(tmp_path, limits=f"first_request = {LIMIT_S}") as plant:
        silent, half, asks = [await plant.connect(role="Viewer") for _ in range(3)]
        denied = await plant.connect(role="Viewer")
        await half.send(READ[:7])
        assert await asks.request(READ) == ANSWER
        assert await denied.request(adu(1, write_register(0, 1))) == adu(1, exception(6, 1))
        assert await silent.closed() == b""
        assert await half.closed() == b""
        await until(lambda: len(plant.records(Disconnected)) == 2)
        assert {each.reason for each in plant.records(Disconnected)} == {"no request came"}
        assert await asks.request(READ) == ANSWER
        assert await denied.request(READ) == ANSWER


async def test_an_idle_limit_ends_idle_clients_and_not_waiting_ones(tmp_path: Path) -> None:
    device = "timeout = 5.0\ndeadline = 10.0"
    async with open_plant(tmp_path, limits=f"idle = {LIMIT_S}", device=device) as plant:
        hold = asyncio.Event()

        async def answer(request: bytes) -> bytes:
            if request[8:10] == b"\0\x63":
                await hold.wait()
            return plant.device.normal_answer(request)

        idle, busy = await plant.connect(role="Viewer"), await plant.connect(role="Viewer")
        waits = await plant.connect(role="Viewer")
        plant.device.answer = answer
        assert [await idle.request(READ), await busy.request(READ)] == [ANSWER, ANSWER]
        closed = asyncio.ensure_future(idle.closed())
        while not closed.done():
            assert await busy.request(READ) == ANSWER
            await asyncio.sleep(0.05)
        assert await closed == b""
        await until(lambda: len(plant.records(Disconnected)) >= 1)
        assert {each.reason for each in plant.records(Disconnected)} <= {"idle", "no request came"}
        await waits.send(adu(2, read_holding(99, 1)))
        await until(lambda: plant.device.requests[-1][8:10] == b"\0\x63")
        await asyncio.sleep(LIMIT_S + 3 * PACE.sweep_s)
        hold.set()
        assert await waits.receive() == [adu(2, words(99))]


async def test_without_an_idle_limit_a_client_may_be_silent_between_its_requests(tmp_path: Path) -> None:
    async with open_plant(tmp_path, limits="frame = 0.2\nstalled = 0.2\nfirst_request = 0.2") as plant:
        wire = await plant.connect(role="Viewer")
        for _ in range(2):
            assert await wire.request(READ) == ANSWER
            await asyncio.sleep(0.2 + 3 * PACE.sweep_s)
        assert plant.records(Disconnected) == []
