"""A request that could not be sent in time is never sent: neither when the device answers again, nor after its client
left.

    client    gateway                 device
      |--read--->|--read------------->| stalls
      |--write-->| (waits)            |
      |<---0B----| its deadline       |
      |          |<------------read---| answers again
      |          | ... no write ...   |
"""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest

from scenarios.gateway_program import open_gateway_program
from scenarios.plant import PATIENCE_S, Plant, adu, exception, open_plant, read_holding, until, words, write_register
from sealbus.records import Outcome, WriteOutcome, WriteRequested

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class Stall:
    """A device that holds every answer until `end`."""

    def __init__(self, plant: Plant) -> None:
        self._device = plant.device
        self._over = asyncio.Event()
        self._device.answer = self._answer

    def end(self) -> None:
        self._over.set()
        self._device.answer = self._device.normal_answer

    async def _answer(self, request: bytes) -> bytes:
        await self._over.wait()
        return self._device.normal_answer(request)


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    async with open_plant(tmp_path, device="timeout = 1.0\ndeadline = 1.1") as plant:
        yield plant


async def test_a_write_whose_deadline_passed_in_the_queue_is_answered_and_never_sent(plant: Plant) -> None:
    reader, operator = await plant.connect(), await plant.connect()
    stall = Stall(plant)
    await reader.send(adu(1, read_holding(10, 1)))
    await until(lambda: len(plant.device.requests) == 1)
    assert await operator.request(adu(2, write_register(100, 7))) == adu(2, exception(6, 0x0B))
    stall.end()
    assert await reader.receive() == [adu(1, words(10))]
    assert await operator.request(adu(3, write_register(101, 8))) == adu(3, write_register(101, 8))
    assert [each[7:] for each in plant.device.writes] == [write_register(101, 8)]
    not_sent, done = plant.records(WriteOutcome)
    assert (not_sent.outcome, not_sent.why) == (Outcome.NOT_SENT, "its time ran out before it could be sent")
    assert done.outcome is Outcome.DONE


async def test_the_queued_write_of_a_disconnected_client_is_never_sent(plant: Plant) -> None:
    reader, operator = await plant.connect(), await plant.connect()
    stall = Stall(plant)
    await reader.send(adu(1, read_holding(10, 1)))
    await until(lambda: len(plant.device.requests) == 1)
    await operator.send(adu(2, write_register(100, 7)))
    (channel,) = plant.process.gateway.channels.values()
    await until(lambda: channel.waiting == 1)
    operator.writer.transport.abort()
    await until(lambda: channel.waiting == 0)
    stall.end()
    assert await reader.receive() == [adu(1, words(10))]
    assert await reader.request(adu(3, read_holding(100, 1))) == adu(3, words(100))
    assert plant.device.writes == []
    (outcome,) = plant.records(WriteOutcome)
    assert (outcome.outcome, outcome.why) == (Outcome.NOT_SENT, "the client has disconnected")


async def test_a_write_for_an_unreachable_device_is_not_sent_when_it_is_reachable_again(plant: Plant) -> None:
    operator = await plant.connect()
    port = plant.device.port
    await plant.device.stop()
    assert await operator.request(adu(1, write_register(100, 7))) == adu(1, exception(6, 0x0A))
    await plant.device.start(port)
    async with asyncio.timeout(PATIENCE_S):
        while await operator.request(adu(2, read_holding(100, 1))) != adu(2, words(100)):
            await asyncio.sleep(0.02)
    assert plant.device.writes == []
    (outcome,) = plant.records(WriteOutcome)
    assert outcome.outcome is Outcome.NOT_SENT


async def test_writes_that_wait_when_the_gateway_stops_are_never_sent(plant: Plant) -> None:
    reader, operator = await plant.connect(), await plant.connect()
    stall = Stall(plant)
    await reader.send(adu(1, read_holding(10, 1)))
    await until(lambda: len(plant.device.requests) == 1)
    await operator.send(adu(2, write_register(100, 7)))
    (channel,) = plant.process.gateway.channels.values()
    await until(lambda: channel.waiting == 1)
    await plant.process.gateway.stop(drain_s=0.0)
    stall.end()
    assert plant.device.writes == []
    (outcome,) = plant.records(WriteOutcome)
    assert outcome.outcome is Outcome.NOT_SENT


async def test_a_gateway_that_was_suspended_sends_no_late_request(tmp_path: Path) -> None:
    async with open_gateway_program(tmp_path, device="timeout = 1.0\ndeadline = 1.4") as gateway:
        reader, operator = await gateway.connect(), await gateway.connect()
        over = asyncio.Event()

        async def stall(request: bytes) -> bytes:
            await over.wait()
            return gateway.device.normal_answer(request)

        gateway.device.answer = stall
        await reader.send(adu(1, read_holding(10, 1)))
        await until(lambda: len(gateway.device.requests) == 1)
        await operator.send(adu(2, write_register(100, 7)))
        await until(lambda: bool(gateway.records(WriteRequested)))
        gateway.program.process.send_signal(signal.SIGSTOP)
        over.set()
        await asyncio.sleep(0.6)
        gateway.program.process.send_signal(signal.SIGCONT)
        assert await operator.receive() == [adu(2, exception(6, 0x0B))]
        gateway.device.answer = gateway.device.normal_answer
        assert await operator.request(adu(3, read_holding(100, 1))) == adu(3, words(100))
        assert gateway.device.writes == []
        (outcome,) = gateway.records(WriteOutcome)
        assert outcome.outcome is Outcome.NOT_SENT
