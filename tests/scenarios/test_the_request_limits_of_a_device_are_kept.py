"""A device never gets more connections or concurrent requests than configured, nor requests before a gap has passed.

The gaps are after the last answer and after connecting. The length of a gap is tested in tests/unit/client with a
fake clock. Here the gap is so long that the next request must stay unsent while many other requests are answered.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from scenarios.plant import (
    Plant,
    RawClient,
    adu,
    exception,
    open_device,
    open_plant,
    read_holding,
    until,
    words,
    write_register,
)

if TYPE_CHECKING:
    from pathlib import Path

LONG_S = 60.0


class Watched:
    """Counts the requests of a device, its most unanswered requests at once, and its connections."""

    def __init__(self, plant: Plant, *, takes_s: float = 0.0) -> None:
        self._device = plant.device
        self._device.answer = self._answer
        self._takes_s = takes_s
        self.arrivals = self.answers = 0
        self.most_at_once = self.most_connections = 0

    async def _answer(self, request: bytes) -> bytes:
        self.arrivals += 1
        self.most_at_once = max(self.most_at_once, self.arrivals - self.answers)
        self.most_connections = max(self.most_connections, len(self._device.live))
        await asyncio.sleep(self._takes_s)
        self.answers += 1
        return self._device.normal_answer(request)


async def flood(plant: Plant, *, clients: int, each: int) -> None:
    """All clients read registers at once; every answer is checked."""

    async def client(number: int) -> None:
        wire = await plant.connect()
        addresses = range(number * each, (number + 1) * each)
        await wire.send(b"".join(adu(address, read_holding(address, 1)) for address in addresses))
        assert sorted(await wire.receive(each)) == [adu(address, words(address)) for address in addresses]

    await asyncio.gather(*(client(number) for number in range(clients)))


class Pipelined:
    """A device that holds its requests and answers them on demand, in any order."""

    def __init__(self, plant: Plant) -> None:
        self._device = plant.device
        self._device.answer = self._keep
        self.held: list[bytes] = []

    def _keep(self, request: bytes) -> None:
        self.held.append(request)

    def answer(self, *places: int) -> None:
        """Answer these of the held requests, in this order."""
        (writer,) = self._device.live
        for place in places:
            writer.write(self._device.normal_answer(self.held[place]))


async def test_one_in_flight_means_that_there_are_never_two_on_the_wire(tmp_path: Path) -> None:
    async with open_plant(tmp_path) as plant:
        watched = Watched(plant, takes_s=0.003)
        await flood(plant, clients=4, each=8)
        assert (watched.arrivals, watched.most_at_once) == (32, 1)
        assert plant.device.connections == 1


async def test_four_in_flight_are_sent_together_and_a_fifth_waits(tmp_path: Path) -> None:
    async with open_plant(tmp_path, device="in_flight = 4") as plant:
        device = Pipelined(plant)
        clients = [await plant.connect() for _ in range(6)]
        for number, client in enumerate(clients):
            await client.send(adu(7, read_holding(number, 1)))
        (channel,) = plant.process.gateway.channels.values()
        await until(lambda: len(device.held) == 4 and channel.waiting == 2)
        device.answer(2)
        await until(lambda: len(device.held) == 5)
        assert channel.waiting == 1
        device.answer(4, 0, 3, 1)
        await until(lambda: len(device.held) == 6)
        device.answer(5)
        answers = [await client.receive() for client in clients]
        assert answers == [[adu(7, words(number))] for number in range(6)]


@pytest.mark.parametrize("order", [(3, 2, 1, 0), (1, 3, 0, 2), (2, 0, 3, 1)])
async def test_answers_in_any_order_go_to_their_clients(tmp_path: Path, order: tuple[int, ...]) -> None:
    async with open_plant(tmp_path, device="in_flight = 4") as plant:
        device = Pipelined(plant)
        first, second = await plant.connect(), await plant.connect()
        await first.send(adu(1, read_holding(10, 1)) + adu(2, read_holding(20, 1)))
        await second.send(adu(1, read_holding(30, 1)) + adu(2, read_holding(40, 1)))
        await until(lambda: len(device.held) == 4)
        assert len({request[:2] for request in device.held}) == 4, "each request has its own transaction id"
        device.answer(*order)
        assert sorted(await first.receive(2)) == [adu(1, words(10)), adu(2, words(20))]
        assert sorted(await second.receive(2)) == [adu(1, words(30)), adu(2, words(40))]


async def test_the_same_transaction_id_twice_from_one_client_is_answered_twice(tmp_path: Path) -> None:
    async with open_plant(tmp_path, device="in_flight = 4") as plant:
        device = Pipelined(plant)
        client = await plant.connect()
        await client.send(adu(5, read_holding(10, 1)) + adu(5, read_holding(20, 1)))
        await until(lambda: len(device.held) == 2)
        device.answer(1, 0)
        assert await client.receive(2) == [adu(5, words(20)), adu(5, words(10))]


async def test_two_connections_are_used_and_never_a_third(tmp_path: Path) -> None:
    async with open_plant(tmp_path, device="connections = 2") as plant:
        watched = Watched(plant, takes_s=0.003)
        await flood(plant, clients=5, each=6)
        assert (plant.device.connections, watched.most_connections) == (2, 2)
        assert watched.arrivals == 30


async def test_many_requests_at_once_open_one_connection(tmp_path: Path) -> None:
    async with open_plant(tmp_path, device="in_flight = 16") as plant:
        Watched(plant)
        await flood(plant, clients=8, each=2)
        assert plant.device.connections == 1


async def exchange_without_the_device(plant: Plant) -> None:
    """Round trips to the gateway that reach no device; fewer than the denials allowed in a second."""
    viewer = await plant.connect(role="Viewer")
    for number in range(20):
        assert await viewer.request(adu(number, write_register(0, 1))) == adu(number, exception(6, 1))
        await asyncio.sleep(0)


@pytest.mark.parametrize("in_flight", [1, 4])
async def test_requests_go_on_after_each_gap(tmp_path: Path, in_flight: int) -> None:
    async with open_plant(tmp_path, device=f"gap = 0.02\nin_flight = {in_flight}\ndeadline = 20.0") as plant:
        watched = Watched(plant)
        await flood(plant, clients=2, each=4)
        assert watched.arrivals == 8


async def test_the_gap_lies_between_an_answer_and_the_next_request(tmp_path: Path) -> None:
    async with open_plant(tmp_path, device=f"gap = {LONG_S}\ntimeout = {LONG_S}") as plant:
        client = await plant.connect()
        assert await client.request(adu(1, read_holding(10, 1))) == adu(1, words(10))
        await client.send(adu(2, read_holding(20, 1)))
        await exchange_without_the_device(plant)
        assert len(plant.device.requests) == 1


async def test_with_several_in_flight_the_gap_lies_between_requests(tmp_path: Path) -> None:
    async with open_plant(tmp_path, device=f"gap = {LONG_S}\nin_flight = 4\ntimeout = {LONG_S}") as plant:
        device = Pipelined(plant)
        client = await plant.connect()
        await client.send(adu(1, read_holding(10, 1)) + adu(2, read_holding(20, 1)))
        await until(lambda: len(device.held) == 1)
        await exchange_without_the_device(plant)
        assert len(device.held) == 1


async def test_no_request_is_sent_before_the_connect_delay_is_over(tmp_path: Path) -> None:
    async with open_plant(tmp_path, device=f"connect_delay = {LONG_S}\ntimeout = {LONG_S}") as plant:
        client = await plant.connect()
        await client.send(adu(1, read_holding(10, 1)))
        await until(lambda: plant.device.connections == 1)
        await exchange_without_the_device(plant)
        assert plant.device.requests == []


async def test_after_the_connect_delay_requests_are_sent_each_time_it_connects(tmp_path: Path) -> None:
    async with open_plant(tmp_path, device="connect_delay = 0.05") as plant:
        client = await plant.connect()
        (channel,) = plant.process.gateway.channels.values()
        for turn in range(2):
            assert await client.request(adu(turn, read_holding(10, 1))) == adu(turn, words(10))
            plant.device.drop()
            await until(lambda: not channel.open_lines)
        assert plant.device.connections == 2


async def test_two_listeners_that_name_one_device_share_its_one_connection(tmp_path: Path) -> None:
    async with open_device() as device:
        device_table = f'units = "1-10"\nurl = "tcp://127.0.0.1:{device.port}"'
        second = (
            f'[[listener]]\nurl = "tcp://127.0.0.1:0"\nunsafe_no_policy = true\n[[listener.device]]\n{device_table}'
        )
        async with open_plant(tmp_path, device=f"{device_table}\n{second}") as plant:
            sealed = await plant.connect()
            _, plain_service = plant.process.gateway.services.values()
            plain = RawClient(*await asyncio.open_connection("127.0.0.1", plain_service.port))
            plant.wires.append(plain)
            await sealed.send(adu(1, read_holding(10, 1)))
            await plain.send(adu(1, read_holding(20, 1)))
            assert await sealed.receive() == [adu(1, words(10))]
            assert await plain.receive() == [adu(1, words(20))]
            assert device.connections == 1


async def test_each_of_many_clients_gets_its_own_answers(tmp_path: Path) -> None:
    async with open_plant(tmp_path, device="in_flight = 8\nconnections = 2") as plant:
        await flood(plant, clients=10, each=16)
        counted = Counter(request[8:10] for request in plant.device.requests)
        assert set(counted.values()) == {1}
        assert len(counted) == 160
