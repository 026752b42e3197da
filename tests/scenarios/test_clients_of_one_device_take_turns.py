"""Clients of one device take turns. The queue is bounded, and a request beyond the bound is busy at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from scenarios.plant import Plant, RawClient, adu, exception, open_plant, read_holding, until, words, write_register
from sealbus.records import Outcome, WriteOutcome

if TYPE_CHECKING:
    from pathlib import Path

BUSY = exception(3, 6)


class SlowDevice:
    """A device that answers requests only on demand."""

    def __init__(self, plant: Plant) -> None:
        self.device = plant.device
        self._may_answer = asyncio.Semaphore(0)
        self.device.answer = self._answer

    def answer_next(self, count: int) -> None:
        for _ in range(count):
            self._may_answer.release()

    async def _answer(self, request: bytes) -> bytes:
        await self._may_answer.acquire()
        return self.device.normal_answer(request)

    @property
    def addresses(self) -> list[int]:
        """The addresses of the received requests, in their order."""
        return [int.from_bytes(request[8:10], "big") for request in self.device.requests]


async def open_line(client: RawClient, device: SlowDevice) -> None:
    """Send one request and get its answer, so that a connection to the device is open and idle."""
    device.answer_next(1)
    assert await client.request(adu(900, read_holding(900, 1))) == adu(900, words(900))


async def test_a_flood_does_not_go_ahead_of_a_single_request(tmp_path: Path) -> None:
    async with open_plant(tmp_path, device="timeout = 5.0") as plant:
        device = SlowDevice(plant)
        flooder, modest = await plant.connect(), await plant.connect()
        (channel,) = plant.process.gateway.channels.values()
        await flooder.send(b"".join(adu(number, read_holding(number, 1)) for number in range(10)))
        await until(lambda: channel.waiting == 9)
        await modest.send(adu(1, read_holding(500, 1)))
        await until(lambda: channel.waiting == 10)
        device.answer_next(3)
        assert await modest.receive() == [adu(1, words(500))]
        assert device.addresses[:3] == [0, 1, 500], "one on the wire, one whose turn it was, then the other client"
        device.answer_next(20)
        assert await flooder.receive(10) == [adu(number, words(number)) for number in range(10)]


async def test_turns_go_round_among_all_waiting_clients(tmp_path: Path) -> None:
    async with open_plant(tmp_path, device="timeout = 5.0") as plant:
        device = SlowDevice(plant)
        (channel,) = plant.process.gateway.channels.values()
        clients = [await plant.connect() for _ in range(3)]
        await clients[0].send(adu(0, read_holding(999, 1)))
        await until(lambda: len(device.addresses) == 1)
        for number, client in enumerate(clients):
            await client.send(b"".join(adu(turn, read_holding(100 * number + turn, 1)) for turn in range(3)))
            await until(lambda number=number: channel.waiting == 3 * (number + 1))  # type: ignore[misc]
        device.answer_next(10)
        await clients[0].receive(4)
        for client in clients[1:]:
            await client.receive(3)
        assert device.addresses == [999, 0, 100, 200, 1, 101, 201, 2, 102, 202]


async def test_requests_beyond_the_queue_are_busy_at_once_and_the_others_are_served(tmp_path: Path) -> None:
    async with open_plant(tmp_path, device="timeout = 5.0\nqueue = 4") as plant:
        device = SlowDevice(plant)
        client = await plant.connect()
        await open_line(client, device)
        await client.send(b"".join(adu(number, read_holding(number, 1)) for number in range(8)))
        assert await client.receive(3) == [adu(number, BUSY) for number in (5, 6, 7)]
        device.answer_next(5)
        assert await client.receive(5) == [adu(number, words(number)) for number in range(5)]


async def test_a_write_beyond_the_queue_is_recorded_as_not_sent(tmp_path: Path) -> None:
    async with open_plant(tmp_path, device="timeout = 5.0\nqueue = 1") as plant:
        device = SlowDevice(plant)
        client = await plant.connect()
        await open_line(client, device)
        await client.send(adu(1, read_holding(1, 1)) + adu(2, read_holding(2, 1)) + adu(3, write_register(100, 7)))
        assert await client.receive() == [adu(3, exception(6, 6))]
        device.answer_next(2)
        assert await client.receive(2) == [adu(1, words(1)), adu(2, words(2))]
        assert plant.device.writes == []
        (outcome,) = plant.records(WriteOutcome)
        assert outcome.outcome is Outcome.NOT_SENT


async def test_requests_beyond_the_limit_of_one_client_are_busy(tmp_path: Path) -> None:
    async with open_plant(tmp_path, device="timeout = 5.0", limits="in_flight = 3") as plant:
        device = SlowDevice(plant)
        client = await plant.connect()
        await client.send(b"".join(adu(number, read_holding(number, 1)) for number in range(5)))
        assert await client.receive(2) == [adu(3, BUSY), adu(4, BUSY)]
        device.answer_next(3)
        assert await client.receive(3) == [adu(number, words(number)) for number in range(3)]
        device.answer_next(3)
        await client.send(b"".join(adu(number, read_holding(number, 1)) for number in range(3)))
        assert await client.receive(3) == [adu(number, words(number)) for number in range(3)], "all slots are free"


async def test_every_end_of_a_request_frees_its_slot(tmp_path: Path) -> None:
    lines = "timeout = 0.05\nqueue = 2"
    async with open_plant(tmp_path, device=lines, limits="in_flight = 4") as plant:
        client = await plant.connect()
        answers: dict[str, object] = {
            "silence": lambda request: None,
            "a wrong answer": lambda request: adu(int.from_bytes(request[:2], "big"), words(1, 2)),
            "a lost connection": lambda request: plant.device.drop(),
            "an exception": lambda request: adu(int.from_bytes(request[:2], "big"), exception(3, 2)),
        }
        for answer in [*answers.values(), plant.device.normal_answer]:
            plant.device.answer = answer  # type: ignore[assignment]
            await client.send(b"".join(adu(number, read_holding(number, 1)) for number in range(6)))
            assert len(await client.receive(6)) == 6
        (session,) = next(iter(plant.process.gateway.services.values())).sessions
        assert session.in_flight == 0
