"""A client that sends ten thousand requests at once waits for its own; other clients are served as usual."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from scenarios.plant import (
    PATIENCE_S,
    Plant,
    ScriptedDevice,
    adu,
    exception,
    open_plant,
    read_holding,
    until,
    words,
    write_register,
)

if TYPE_CHECKING:
    from pathlib import Path

    from sealbus.server import Session

FLOOD = 10_000


def sessions_of(plant: Plant) -> set[Session]:
    (service,) = plant.process.gateway.services.values()
    return service.sessions


class BusyDevice:
    """A device that answers in a later turn of the loop, and counts the requests that it holds at once."""

    def __init__(self, device: ScriptedDevice) -> None:
        self.most_at_once = 0
        self._device = device
        self._answered = 0
        device.answer = self._answer

    async def _answer(self, request: bytes) -> bytes:
        self.most_at_once = max(self.most_at_once, len(self._device.requests) - self._answered)
        await asyncio.sleep(0.001)
        self._answered += 1
        return self._device.normal_answer(request)


async def test_ten_thousand_pipelined_requests_are_answered_in_order_or_refused_as_busy(plant: Plant) -> None:
    device = BusyDevice(plant.device)
    flooder = await plant.connect(role="Viewer")
    await flooder.send(b"".join(adu(number, read_holding(number % 1000, 1)) for number in range(FLOOD)))
    answers = await flooder.receive(FLOOD)
    assert sorted(int.from_bytes(answer[:2], "big") for answer in answers) == list(range(FLOOD))
    served = [answer for answer in answers if answer[7] == 3]
    assert [int.from_bytes(answer[:2], "big") for answer in served] == sorted(
        int.from_bytes(answer[:2], "big") for answer in served
    )
    for answer in answers:
        number = int.from_bytes(answer[:2], "big")
        assert answer in (adu(number, words(number % 1000)), adu(number, exception(3, 6)))
    assert len(served) == len(plant.device.requests) >= 16
    assert plant.device.connections == 1
    assert device.most_at_once == 1  # in_flight of the device


async def test_sixteen_requests_of_a_session_may_be_under_way_and_the_next_is_busy(plant: Plant) -> None:
    hold = asyncio.Event()

    async def answer(request: bytes) -> bytes:
        await hold.wait()
        return plant.device.normal_answer(request)

    plant.device.answer = answer
    eager, other = await plant.connect(role="Viewer"), await plant.connect(role="Viewer")
    await eager.send(b"".join(adu(number, read_holding(number, 1)) for number in range(20)))
    assert await eager.receive(4) == [adu(number, exception(3, 6)) for number in range(16, 20)]
    await other.send(adu(1, read_holding(500, 1)))
    hold.set()
    assert await other.receive() == [adu(1, words(500))]
    assert await eager.receive(16) == [adu(number, words(number)) for number in range(16)]
    assert await eager.request(adu(20, read_holding(20, 1))) == adu(20, words(20))


async def test_another_client_is_served_in_its_turn_during_a_flood(plant: Plant) -> None:
    BusyDevice(plant.device)
    flooder, other = await plant.connect(role="Viewer"), await plant.connect(role="Operator")
    await flooder.send(b"".join(adu(number, read_holding(number % 1000, 1)) for number in range(FLOOD)))
    await until(lambda: len(plant.device.requests) > 0)
    for number in range(10):
        before = len(plant.device.requests)
        assert await other.request(adu(number, write_register(100, number))) == adu(number, write_register(100, number))
        assert (
            len(plant.device.requests) - before <= 4
        )  # one on the wire, one in the turn of the flood, its own, the next


@pytest.mark.parametrize(
    ("kind", "pdu", "at_least"),
    [("answered", read_holding(0, 1), FLOOD), ("malformed", b"\x03", FLOOD), ("denied", b"\x06\0\0\0\0", 50)],
)
async def test_a_flood_does_not_block_the_event_loop(plant: Plant, kind: str, pdu: bytes, at_least: int) -> None:
    flooder = await plant.connect(role="Viewer")
    await flooder.request(adu(0, read_holding(0, 1)))
    (session,) = sessions_of(plant)
    flooder.writer.write(b"".join(adu(number, pdu) for number in range(FLOOD)))
    reading = asyncio.ensure_future(flooder.receive(FLOOD))
    most, before = 0, session.requests
    async with asyncio.timeout(PATIENCE_S):
        while session.requests <= at_least:
            await asyncio.sleep(0)  # one turn of the loop, in which other clients are served
            most, before = max(most, session.requests - before), session.requests
    reading.cancel()
    assert most <= 64, f"{most} requests to be {kind} were decided in one turn of the loop"


async def test_twenty_connections_of_one_identity_share_one_turn(plant: Plant) -> None:
    async def answer(request: bytes) -> bytes:
        await asyncio.sleep(0.05)  # as long as a serial line takes
        return plant.device.normal_answer(request)

    plant.device.answer = answer
    greedy = plant.issue(role="Viewer", name="greedy")
    for _ in range(20):
        wire = await plant.connect_with(*greedy)
        await wire.send(b"".join(adu(number, read_holding(0, 1)) for number in range(16)))
    operator = await plant.connect(role="Operator")
    await until(lambda: len(plant.device.requests) > 0)
    for number in range(5):
        before = len(plant.device.requests)
        request = adu(number, write_register(100, number))
        assert await operator.request(request) == request
        assert len(plant.device.requests) - before <= 3


async def test_one_identity_cannot_fill_the_queue_of_a_device(tmp_path: Path) -> None:
    async with open_plant(tmp_path, device="queue = 64\ntimeout = 3.0\ndeadline = 20.0") as plant:
        hold = asyncio.Event()

        async def answer(request: bytes) -> bytes:
            await hold.wait()
            return plant.device.normal_answer(request)

        plant.device.answer = answer
        greedy = plant.issue(role="Viewer", name="greedy")
        for _ in range(6):
            wire = await plant.connect_with(*greedy)
            await wire.send(b"".join(adu(number, read_holding(0, 1)) for number in range(16)))
        (channel,) = plant.process.gateway.channels.values()
        await until(lambda: channel.waiting == 64)
        operator = await plant.connect(role="Operator")
        await operator.send(adu(1, write_register(100, 7)))
        await until(lambda: any(session.in_flight == 1 for session in sessions_of(plant)))
        hold.set()
        assert await operator.receive() == [adu(1, write_register(100, 7))]
        assert len(plant.device.requests) < 20  # its turn came before that of the sixteen of each other connection
