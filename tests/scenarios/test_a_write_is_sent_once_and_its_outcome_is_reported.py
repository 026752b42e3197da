"""A write is sent once. The client and the record receive exactly what is known of its outcome.

Reads are not repeated either, once one of their bytes was sent.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from scenarios.plant import (
    Plant,
    adu,
    exception,
    open_plant,
    read_holding,
    until,
    words,
    write_register,
    write_registers,
)
from sealbus.records import Outcome, WriteOutcome, WriteRequested

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

WRITES = {
    "write single coil": b"\x05\x00\x07\xff\x00",
    "write single register": write_register(200, 7),
    "write multiple coils": b"\x0f\x00\x07\x00\x02\x01\x03",
    "write multiple registers": write_registers(200, 7, 8),
    "mask write register": b"\x16\x00\xc8\xff\x00\x00\x0f",
    "read and write registers": b"\x17\x00\x00\x00\x01\x00\xc8\x00\x01\x02\x00\x07",
}


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    async with open_plant(tmp_path, device="timeout = 0.3") as plant:
        yield plant


def outcomes(plant: Plant) -> list[WriteOutcome]:
    """The recorded outcomes. Each belongs to a write that was recorded before."""
    requested = [each.sequence for each in plant.stored if isinstance(each.record, WriteRequested)]
    found: list[WriteOutcome] = plant.records(WriteOutcome)
    assert [each.request for each in found] == requested
    return found


@pytest.mark.parametrize("write", WRITES)
async def test_a_write_that_is_executed_and_not_answered_is_sent_once_and_unknown(plant: Plant, write: str) -> None:
    operator = await plant.connect()
    assert await operator.request(adu(1, read_holding(10, 1))) == adu(1, words(10))

    def execute_without_answer(request: bytes) -> None:
        plant.device.normal_answer(request)

    plant.device.answer = execute_without_answer
    pdu = WRITES[write]
    assert await operator.request(adu(2, pdu)) == adu(2, exception(pdu[0], 0x0B))
    plant.device.answer = plant.device.normal_answer
    assert await operator.request(adu(3, read_holding(10, 1))) == adu(3, words(10))
    assert [each[7:] for each in plant.device.writes] == [pdu]
    (outcome,) = outcomes(plant)
    assert outcome.outcome is Outcome.UNKNOWN
    assert outcome.why == "the device did not answer in time"


@pytest.mark.parametrize("write", WRITES)
async def test_a_write_under_way_when_the_connection_is_lost_is_sent_once_and_unknown(plant: Plant, write: str) -> None:
    operator = await plant.connect()
    assert await operator.request(adu(1, read_holding(10, 1))) == adu(1, words(10))

    def die(request: bytes) -> None:
        plant.device.drop()

    plant.device.answer = die
    pdu = WRITES[write]
    assert await operator.request(adu(2, pdu)) == adu(2, exception(pdu[0], 0x0B))
    plant.device.answer = plant.device.normal_answer
    assert await operator.request(adu(3, read_holding(10, 1))) == adu(3, words(10))
    assert [each[7:] for each in plant.device.writes] == [pdu]
    (outcome,) = outcomes(plant)
    assert outcome.outcome is Outcome.UNKNOWN
    assert (outcome.why or "").startswith("the connection to the device was lost: closed by the device")


async def test_a_read_under_way_when_the_connection_is_lost_is_repeated_once(plant: Plant) -> None:
    operator = await plant.connect()
    assert await operator.request(adu(1, read_holding(10, 1))) == adu(1, words(10))

    def die(request: bytes) -> None:
        plant.device.drop()

    plant.device.answer = die
    assert await operator.request(adu(2, read_holding(20, 1))) == adu(2, exception(3, 0x0B))
    plant.device.answer = plant.device.normal_answer
    assert await operator.request(adu(3, read_holding(30, 1))) == adu(3, words(30))
    assert [each[8:10] for each in plant.device.requests] == [b"\0\x0a", b"\0\x14", b"\0\x14", b"\0\x1e"]


ECHOES = {
    "another value": (write_register(200, 7), write_register(200, 8)),
    "another address": (write_register(200, 7), write_register(201, 7)),
    "another count": (write_registers(200, 7, 8), b"\x10\x00\xc8\x00\x01"),
    "another address of many": (write_registers(200, 7, 8), b"\x10\x00\xc9\x00\x02"),
    "another coil": (b"\x05\x00\x07\xff\x00", b"\x05\x00\x08\xff\x00"),
    "a coil that is off": (b"\x05\x00\x07\xff\x00", b"\x05\x00\x07\x00\x00"),
    "another mask": (b"\x16\x00\xc8\xff\x00\x00\x0f", b"\x16\x00\xc8\xff\x00\x00\x0e"),
    "a short echo": (write_register(200, 7), write_register(200, 7)[:-1]),
    "a long echo": (write_register(200, 7), write_register(200, 7) + b"\0"),
}


@pytest.mark.parametrize("echo", ECHOES)
async def test_an_echo_that_differs_is_no_success_and_is_recorded_as_a_mismatch(plant: Plant, echo: str) -> None:
    pdu, answer = ECHOES[echo]
    operator = await plant.connect()
    plant.device.answer = lambda request: adu(int.from_bytes(request[:2], "big"), answer)
    assert await operator.request(adu(2, pdu)) == adu(2, exception(pdu[0], 0x0B))
    plant.device.answer = plant.device.normal_answer
    assert await operator.request(adu(3, pdu)) != adu(3, exception(pdu[0], 0x0B))
    assert [each[7:] for each in plant.device.writes] == [pdu, pdu]
    assert outcomes(plant)[0].outcome is Outcome.MISMATCH


async def test_a_write_that_the_device_refuses_is_recorded_as_refused(plant: Plant) -> None:
    operator = await plant.connect()
    plant.device.answer = lambda request: adu(int.from_bytes(request[:2], "big"), exception(6, 4))
    assert await operator.request(adu(2, write_register(200, 7))) == adu(2, exception(6, 4))
    (outcome,) = outcomes(plant)
    assert (outcome.outcome, outcome.exception_code) == (Outcome.EXCEPTION, 4)


async def test_the_outcome_of_a_write_is_recorded_after_its_client_has_left(plant: Plant) -> None:
    operator = await plant.connect()
    may_answer = asyncio.Event()

    async def hesitate(request: bytes) -> bytes:
        await may_answer.wait()
        return plant.device.normal_answer(request)

    plant.device.answer = hesitate
    await operator.send(adu(1, write_register(200, 7)))
    await until(lambda: len(plant.device.writes) == 1)
    operator.writer.transport.abort()
    (service,) = plant.process.gateway.services.values()
    await until(lambda: not service.sessions)
    may_answer.set()
    await until(lambda: bool(plant.records(WriteOutcome)))
    assert [each.outcome for each in outcomes(plant)] == [Outcome.DONE]
    other = await plant.connect()
    assert await other.request(adu(2, read_holding(200, 1))) == adu(2, words(7))
