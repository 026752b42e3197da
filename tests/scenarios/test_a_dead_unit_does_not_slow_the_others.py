"""Many units share one connection to a device. A dead unit costs a few time-outs and then no time.

In these tests unit 2 is dead and unit 1 answers.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from scenarios.plant import (
    PATIENCE_S,
    Plant,
    RawClient,
    adu,
    exception,
    open_plant,
    read_holding,
    until,
    words,
    write_register,
)
from sealbus.records import Outcome, WriteOutcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TIMEOUT_S = 0.2
SILENT = exception(3, 0x0B)


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    async with open_plant(tmp_path, device=f"timeout = {TIMEOUT_S}\ndeadline = 5.0") as plant:
        kill(plant, 2)
        yield plant


def kill(plant: Plant, *units: int) -> None:
    plant.device.answer = lambda request: None if request[6] in units else plant.device.normal_answer(request)


async def trip(client: RawClient) -> None:
    """Send three requests to unit 2 that get no answer, so that its breaker opens."""
    for transaction_id in range(3):
        request = adu(transaction_id, read_holding(1, 1), unit=2)
        assert await client.request(request) == adu(transaction_id, SILENT, unit=2)


async def test_after_a_few_time_outs_requests_to_a_dead_unit_fail_at_once(plant: Plant) -> None:
    client = await plant.connect()
    await trip(client)
    seen = len(plant.device.requests)
    for transaction_id in range(5):
        request = adu(transaction_id, read_holding(1, 1), unit=2)
        assert await client.request(request) == adu(transaction_id, SILENT, unit=2)
    assert len(plant.device.requests) == seen
    (channel,) = plant.process.gateway.channels.values()
    assert channel.silent_units == [2]


async def test_other_units_answer_while_a_dead_one_is_held_back(plant: Plant) -> None:
    client, other = await plant.connect(), await plant.connect()
    await trip(client)
    seen = len(plant.device.requests)
    for transaction_id in range(5):  # few enough to end within the first wait of the breaker on any machine
        request = adu(transaction_id, read_holding(transaction_id, 1))
        await client.send(adu(transaction_id, read_holding(1, 1), unit=2))
        assert await other.request(request) == adu(transaction_id, words(transaction_id))
    assert [request[6] for request in plant.device.requests[seen:]] == [1] * 5, "no request was sent to the dead unit"


async def test_a_dead_unit_does_not_make_its_connection_unreachable(plant: Plant) -> None:
    client = await plant.connect()
    await trip(client)
    assert await client.request(adu(1, read_holding(10, 1))) == adu(1, words(10))


async def test_waiting_requests_fail_when_their_unit_is_found_dead(plant: Plant) -> None:
    client, other = await plant.connect(), await plant.connect()
    await client.send(b"".join(adu(number, read_holding(1, 1), unit=2) for number in range(10)))
    await until(lambda: len(plant.device.requests) == 1)
    await other.send(b"".join(adu(number, read_holding(number, 1)) for number in range(10)))
    assert await client.receive(10) == [adu(number, SILENT, unit=2) for number in range(10)]
    assert await other.receive(10) == [adu(number, words(number)) for number in range(10)]
    assert [request[6] for request in plant.device.requests].count(2) == 3


async def test_a_write_to_a_dead_unit_is_recorded_as_not_sent(plant: Plant) -> None:
    client = await plant.connect()
    await trip(client)
    assert await client.request(adu(4, write_register(100, 7), unit=2)) == adu(4, exception(6, 0x0B), unit=2)
    assert plant.device.writes == []
    (outcome,) = plant.records(WriteOutcome)
    assert (outcome.outcome, outcome.why) == (
        Outcome.NOT_SENT,
        "requests like this one have not been answered for a while",
    )


async def test_a_unit_that_answers_again_is_found(plant: Plant) -> None:
    client = await plant.connect()
    await trip(client)
    kill(plant)
    async with asyncio.timeout(PATIENCE_S):
        while await client.request(adu(5, read_holding(1, 1), unit=2)) != adu(5, words(1), unit=2):
            await asyncio.sleep(0.02)
    (channel,) = plant.process.gateway.channels.values()
    assert channel.silent_units == []


async def test_requests_that_time_out_together_count_as_one_attempt(tmp_path: Path) -> None:
    async with open_plant(tmp_path, device=f"timeout = {TIMEOUT_S}\nin_flight = 16") as plant:
        kill(plant, 2)
        client = await plant.connect()
        await client.send(b"".join(adu(number, read_holding(1, 1), unit=2) for number in range(16)))
        assert len(await client.receive(16)) == 16
        kill(plant)
        async with asyncio.timeout(PATIENCE_S):  # one first wait, not the longest one
            while await client.request(adu(5, read_holding(1, 1), unit=2)) != adu(5, words(1), unit=2):
                await asyncio.sleep(0.02)
