"""Many clients, one device: each has its turn, the queue has a bound, and what is over it is told so at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from scenarios.plant import Plant, Wire, adu, exception, open_plant, read_holding, until, words, write_register
from sealbus.records import Outcome, WriteOutcome

if TYPE_CHECKING:
    from pathlib import Path

BUSY = exception(3, 6)


class SlowDevice:
    """Answers one request each time the test says so."""

    def __init__(self, plant: Plant) -> None:
        self.device = plant.device
        self._may_answer = asyncio.Semaphore(0)
        self.device.answer = self._answer

    def let(self, count: int) -> None:
        for _ in range(count):
            self._may_answer.release()

    async def _answer(self, request: bytes) -> bytes:
        await self._may_answer.acquire()
        return self.device.honest(request)

    @property
    def asked(self) -> list[int]:
        """The registers asked for, in the order in which the requests came."""
        return [int.from_bytes(request[8:10], "big") for request in self.device.requests]


async def open_line(client: Wire, device: SlowDevice) -> None:
    """One request and its answer: from here on there is a connection to the device, and it is free."""
    device.let(1)
    assert await client.ask(adu(900, read_holding(900, 1))) == adu(900, words(900))


async def test_one_who_floods_does_not_push_in_before_one_who_asks_once(tmp_path: Path) -> None:
    async with open_plant(tmp_path, device="timeout = 5.0") as plant:
        device = SlowDevice(plant)
        flooder, modest = await plant.connect(), await plant.connect()
        (channel,) = plant.process.gateway.channels.values()
        await flooder.send(b"".join(adu(number, read_holding(number, 1)) for number in range(10)))
        await until(lambda: channel.waiting == 9)
        await modest.send(adu(1, read_holding(500, 1)))
        await until(lambda: channel.waiting == 10)
        device.let(3)
        assert await modest.receive() == [adu(1, words(500))]
        assert device.asked[:3] == [0, 1, 500], "one on the wire, one whose turn it was, then the other client"
        device.let(20)
        assert await flooder.receive(10) == [adu(number, words(number)) for number in range(10)]


async def test_turns_go_round_among_all_who_wait(tmp_path: Path) -> None:
    async with open_plant(tmp_path, device="timeout = 5.0") as plant:
        device = SlowDevice(plant)
        (channel,) = plant.process.gateway.channels.values()
        clients = [await plant.connect() for _ in range(3)]
        await clients[0].send(adu(0, read_holding(999, 1)))
        await until(lambda: len(device.asked) == 1)
        for number, client in enumerate(clients):
            await client.send(b"".join(adu(turn, read_holding(100 * number + turn, 1)) for turn in range(3)))
            await until(lambda number=number: channel.waiting == 3 * (number + 1))  # type: ignore[misc]
        device.let(10)
        await clients[0].receive(4)
        for client in clients[1:]:
            await client.receive(3)
        assert device.asked == [999, 0, 100, 200, 1, 101, 201, 2, 102, 202]


async def test_what_does_not_fit_into_the_queue_is_busy_at_once_and_the_rest_is_served(tmp_path: Path) -> None:
    async with open_plant(tmp_path, device="timeout = 5.0\nqueue = 4") as plant:
        device = SlowDevice(plant)
        client = await plant.connect()
        await open_line(client, device)
        await client.send(b"".join(adu(number, read_holding(number, 1)) for number in range(8)))
        assert await client.receive(3) == [adu(number, BUSY) for number in (5, 6, 7)]
        device.let(5)
        assert await client.receive(5) == [adu(number, words(number)) for number in range(5)]


async def test_a_write_that_does_not_fit_into_the_queue_is_not_sent_and_recorded_so(tmp_path: Path) -> None:
    async with open_plant(tmp_path, device="timeout = 5.0\nqueue = 1") as plant:
        device = SlowDevice(plant)
        client = await plant.connect()
        await open_line(client, device)
        await client.send(adu(1, read_holding(1, 1)) + adu(2, read_holding(2, 1)) + adu(3, write_register(100, 7)))
        assert await client.receive() == [adu(3, exception(6, 6))]
        device.let(2)
        assert await client.receive(2) == [adu(1, words(1)), adu(2, words(2))]
        assert plant.device.writes == []
        (outcome,) = plant.records(WriteOutcome)
        assert outcome.outcome is Outcome.NOT_SENT


async def test_more_requests_of_one_client_than_it_may_have_under_way_are_busy(tmp_path: Path) -> None:
    async with open_plant(tmp_path, device="timeout = 5.0", limits="in_flight = 3") as plant:
        device = SlowDevice(plant)
        client = await plant.connect()
        await client.send(b"".join(adu(number, read_holding(number, 1)) for number in range(5)))
        assert await client.receive(2) == [adu(3, BUSY), adu(4, BUSY)]
        device.let(3)
        assert await client.receive(3) == [adu(number, words(number)) for number in range(3)]
        device.let(3)
        await client.send(b"".join(adu(number, read_holding(number, 1)) for number in range(3)))
        assert await client.receive(3) == [adu(number, words(number)) for number in range(3)], "all places are free"


async def test_requests_that_end_in_any_way_give_their_place_back(tmp_path: Path) -> None:
    lines = "timeout = 0.05\nqueue = 2"
    async with open_plant(tmp_path, device=lines, limits="in_flight = 4") as plant:
        client = await plant.connect()
        answers: dict[str, object] = {
            "silence": lambda request: None,
            "a wrong answer": lambda request: adu(int.from_bytes(request[:2], "big"), words(1, 2)),
            "a lost connection": lambda request: plant.device.drop(),
            "an exception": lambda request: adu(int.from_bytes(request[:2], "big"), exception(3, 2)),
        }
        for answer in [*answers.values(), plant.device.honest]:
            plant.device.answer = answer  # type: ignore[assignment]
            await client.send(b"".join(adu(number, read_holding(number, 1)) for number in range(6)))
            assert len(await client.receive(6)) == 6
        (session,) = next(iter(plant.process.gateway.services.values())).sessions
        assert session.in_flight == 0
