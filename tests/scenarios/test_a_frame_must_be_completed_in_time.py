"""An incomplete frame waits for its rest until a deadline, and its bytes are never joined to another frame."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from scenarios.plant import Plant, adu, open_plant, read_holding, until, words, write_registers
from sealbus.records import Disconnected

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

FRAME_S = 0.4
READ, ANSWER = adu(1, read_holding(7, 1)), adu(1, words(7))
WRITE = adu(2, write_registers(200, *range(40)))


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    async with open_plant(tmp_path, limits=f"frame = {FRAME_S}") as plant:
        yield plant


async def test_bytes_do_not_extend_the_deadline_of_a_frame(plant: Plant) -> None:
    slow, quick = await plant.connect(role="Operator"), await plant.connect(role="Operator")
    sent = 0
    closed = asyncio.ensure_future(slow.closed())
    for byte in WRITE:
        slow.writer.write(bytes((byte,)))
        assert await quick.request(READ) == ANSWER  # whole frames have no common deadline
        done, _ = await asyncio.wait([closed], timeout=0.05)
        if done:
            break
        sent += 1
    assert await closed == b""
    assert sent < len(WRITE), "the connection ended while bytes still arrived"
    await until(lambda: bool(plant.records(Disconnected)))
    (ended,) = plant.records(Disconnected)
    assert ended.reason == "a frame was begun and not ended"
    assert plant.device.writes == []
    assert await quick.request(READ) == ANSWER


@pytest.mark.parametrize("cut", [1, 5, 6, 7, 8, 50, len(WRITE) - 1])
async def test_half_a_frame_is_not_joined_to_bytes_of_another_connection(plant: Plant, cut: int) -> None:
    identity = plant.issue(role="Operator")
    first, second = await plant.connect_with(*identity), await plant.connect_with(*identity)
    await first.send(WRITE[:cut])
    assert await second.request(READ) == ANSWER
    await second.send(WRITE[cut:] + READ)
    await asyncio.wait([asyncio.ensure_future(second.closed())], timeout=0.05)
    assert plant.device.writes == []


@pytest.mark.parametrize("cut", [3, 9, len(WRITE) - 1])
async def test_half_a_frame_of_a_closed_connection_is_dropped(plant: Plant, cut: int) -> None:
    identity = plant.issue(role="Operator")
    gone = await plant.connect_with(*identity)
    await gone.send(WRITE[:cut])
    gone.writer.transport.abort()  # no close_notify: as if the cable had been cut within the frame
    await until(lambda: bool(plant.records(Disconnected)))
    back = await plant.connect_with(*identity)
    assert await back.request(READ) == ANSWER
    assert [request[7:] for request in plant.device.requests] == [read_holding(7, 1)]


async def test_the_deadline_of_a_frame_does_not_run_while_reading_is_paused(plant: Plant) -> None:
    viewer = await plant.connect(role="Viewer")
    denied = adu(3, write_registers(200, 1))
    await viewer.send(denied * 50 + READ[:5])  # fifty denials: reading pauses for a second, longer than FRAME_S
    await viewer.receive(50)
    await viewer.send(READ[5:])
    assert await viewer.receive() == [ANSWER]
    assert plant.records(Disconnected) == []
