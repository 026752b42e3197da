"""A client that repeats a request which the device ignores is held back, and the other clients of the unit are not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from scenarios.plant import Plant, RawClient, adu, exception, open_plant, read_holding, words

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

POLICY = """
[[role]]
name = "Operator"
[[role.allow]]
units = "1-10"
read = ["holding"]
functions = ["read-device-identification"]
"""
IDENTIFY = b"\x2b\x0e\x01\x00"
IGNORED = read_holding(900, 10)


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    """Its device ignores function 43 and registers from 500 on."""
    async with open_plant(tmp_path, policy=POLICY, device="timeout = 0.2\ndeadline = 10.0") as plant:

        def answer(request: bytes) -> bytes | None:
            is_ignored = request[7] != 3 or int.from_bytes(request[8:10], "big") >= 500
            return None if is_ignored else plant.device.normal_answer(request)

        plant.device.answer = answer
        yield plant


async def loop(client: RawClient, pdu: bytes) -> None:
    while True:
        answer = await client.request(adu(1, pdu))
        assert answer == adu(1, exception(pdu[0], 0x0B))
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("ignored", [IDENTIFY, IGNORED])
async def test_a_reader_is_answered_beside_a_client_that_loops_what_is_ignored(plant: Plant, ignored: bytes) -> None:
    looping, reader = await plant.connect(), await plant.connect()
    task = asyncio.create_task(loop(looping, ignored))
    sent = 0
    for number in range(200):
        assert await reader.request(adu(number, read_holding(number, 2))) == adu(number, words(number, number + 1))
        sent = sum(request[7:] == ignored for request in plant.device.requests)
        assert not task.done(), task
    task.cancel()
    assert 3 <= sent <= 8, "three, and then probes after 1, 2, 4 ... seconds"


async def test_a_reader_that_comes_when_the_unit_has_answered_nobody_is_let_through(plant: Plant) -> None:
    looping = await plant.connect()
    for number in range(5):
        assert await looping.request(adu(number, IGNORED)) == adu(number, exception(3, 0x0B))
    (channel,) = plant.process.gateway.channels.values()
    assert channel.silent_units == [1]
    reader = await plant.connect()
    await reader.send(b"".join(adu(number, read_holding(number, 1)) for number in range(5)))
    assert await reader.receive(5) == [adu(number, words(number)) for number in range(5)]
    assert channel.silent_units == []


async def test_the_other_requests_of_the_same_client_are_answered(plant: Plant) -> None:
    client = await plant.connect()
    for _ in range(3):
        assert await client.request(adu(1, IGNORED)) == adu(1, exception(3, 0x0B))
        assert await client.request(adu(2, read_holding(0, 1))) == adu(2, words(0))
    seen = len(plant.device.requests)
    assert await client.request(adu(1, IGNORED)) == adu(1, exception(3, 0x0B))
    assert await client.request(adu(2, read_holding(0, 1))) == adu(2, words(0))
    assert [request[8:10] for request in plant.device.requests[seen:]] == [b"\0\0"]
