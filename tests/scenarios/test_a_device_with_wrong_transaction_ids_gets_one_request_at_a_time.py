"""Some devices answer with transaction id 0, or swap its bytes. The operator may allow that, and no other check changes.

With one request under way, the answer can belong only to that one; unit, function and length are still checked. After
a time-out this is no longer certain, so the connection is closed before the next request.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from scenarios.plant import Plant, adu, exception, open_plant, read_holding, words
from sealbus import ChannelRules, ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LENIENT = "lenient_transaction_id = true\ntimeout = 0.3"


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    async with open_plant(tmp_path, device=LENIENT) as plant:
        plant.device.answer = lambda request: without_id(plant, request)
        yield plant


def without_id(plant: Plant, request: bytes) -> bytes:
    return b"\0\0" + plant.device.normal_answer(request)[2:]


async def test_answers_with_id_0_reach_the_right_one_of_many_clients(plant: Plant) -> None:
    async def client(number: int) -> None:
        wire = await plant.connect()
        for address in range(number * 10, number * 10 + 10):
            assert await wire.request(adu(address, read_holding(address, 1))) == adu(address, words(address))

    await asyncio.gather(*(client(number) for number in range(4)))


async def test_without_the_quirk_an_answer_with_id_0_is_dropped(tmp_path: Path) -> None:
    async with open_plant(tmp_path, device="timeout = 0.3") as plant:
        plant.device.answer = lambda request: without_id(plant, request)
        client = await plant.connect()
        assert await client.request(adu(1, read_holding(10, 1))) == adu(1, exception(3, 0x0B))


@pytest.mark.parametrize(
    "wrong",
    [adu(0, words(666), unit=2), adu(0, words(1, 2)), adu(0, b"\x04\x02\x00\x01"), adu(0, exception(4, 2))],
    ids=["unit", "length", "function", "exception of another function"],
)
async def test_everything_but_the_id_is_checked(plant: Plant, wrong: bytes) -> None:
    client = await plant.connect()
    plant.device.answer = lambda request: wrong
    assert await client.request(adu(1, read_holding(10, 1))) == adu(1, exception(3, 0x0B))
    plant.device.answer = lambda request: without_id(plant, request)
    assert await client.request(adu(2, read_holding(20, 1))) == adu(2, words(20))


async def test_after_a_time_out_the_connection_is_replaced_so_that_a_late_answer_is_lost(plant: Plant) -> None:
    client = await plant.connect()
    late = asyncio.Event()

    async def hesitate(request: bytes) -> bytes:
        await late.wait()
        return without_id(plant, request)

    plant.device.answer = hesitate
    assert await client.request(adu(1, read_holding(10, 1))) == adu(1, exception(3, 0x0B))
    plant.device.answer = lambda request: without_id(plant, request)
    await client.send(adu(2, read_holding(20, 1)))
    late.set()
    assert await client.receive() == [adu(2, words(20))]
    assert await client.request(adu(3, read_holding(30, 1))) == adu(3, words(30))
    assert plant.device.connections == 2


async def test_a_second_answer_is_dropped(plant: Plant) -> None:
    client = await plant.connect()
    plant.device.answer = lambda request: without_id(plant, request) * 2
    for address in (10, 20, 30):
        assert await client.request(adu(1, read_holding(address, 1))) == adu(1, words(address))


async def test_the_answer_of_another_unit_reaches_the_client_as_that_of_the_unit_it_asked(tmp_path: Path) -> None:
    for setting, expected in (("lenient_unit_id = true", words(10)), ("", exception(3, 0x0B))):
        async with open_plant(tmp_path, device=setting) as plant:
            normal = plant.device.normal_answer
            plant.device.answer = lambda request, normal=normal: normal(request)[:6] + b"\0" + normal(request)[7:]  # type: ignore[misc]
            client = await plant.connect()
            assert await client.request(adu(1, read_holding(10, 1))) == adu(1, expected)


async def test_it_is_refused_with_more_than_one_in_flight(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gateway\.toml:\d+: .*lenient_transaction_id.*in_flight = 1"):
        async with open_plant(tmp_path, device=f"{LENIENT}\nin_flight = 2"):
            pass
    with pytest.raises(ConfigError, match="in_flight = 1"):
        ChannelRules(in_flight=2, lenient_transaction_id=True)
