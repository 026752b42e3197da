"""Each answer reaches the client that sent the request, under its transaction id, whatever ids other clients use."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from scenarios.plant import Plant, RawClient, adu, open_plant, read_holding, until, words

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

CLIENTS = 20
AT_ONCE = 16


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    """A device that answers up to 16 requests in random order. Register n holds n."""
    dice = random.Random(11)
    async with open_plant(tmp_path, device="in_flight = 16\ntimeout = 5.0\ndeadline = 30.0") as plant:
        held: list[bytes] = []

        def answer(request: bytes) -> list[bytes]:
            held.append(plant.device.normal_answer(request))
            if dice.random() < 0.7 and len(held) < AT_ONCE:
                return []
            dice.shuffle(held)
            answers, held[:] = held[:], []
            return [b"".join(answers)] if dice.random() < 0.5 else answers

        async def release_answers() -> None:
            while True:
                await asyncio.sleep(0.01)
                if held and plant.device.live:
                    answers, held[:] = held[:], []
                    next(iter(plant.device.live)).write(b"".join(answers))

        plant.device.answer = answer
        releasing = asyncio.ensure_future(release_answers())
        yield plant
        releasing.cancel()


async def poll(wire: RawClient, client: int, ids: list[int]) -> None:
    """Read registers that no other client reads, under these ids, many at once. Each answer must match its request."""
    dice = random.Random(client)
    for start in range(0, len(ids), AT_ONCE):
        requested = {number: client * 50 + dice.randrange(50) for number in ids[start : start + AT_ONCE]}
        await wire.send(b"".join(adu(number, read_holding(place, 1)) for number, place in requested.items()))
        answers = await wire.receive(len(requested))
        assert sorted(answers) == sorted(adu(number, words(place)) for number, place in requested.items())


async def test_twenty_clients_with_the_same_transaction_ids_get_their_own_answers(plant: Plant) -> None:
    wires = [await plant.connect(role="Viewer") for _ in range(CLIENTS)]
    ids = list(range(160))
    await asyncio.gather(*(poll(wire, client, ids) for client, wire in enumerate(wires)))
    assert len(plant.device.requests) == CLIENTS * len(ids)


async def test_ids_wrap_around_on_both_sides(plant: Plant) -> None:
    wires = [await plant.connect(role="Viewer") for _ in range(4)]
    (channel,) = plant.process.gateway.channels.values()
    await poll(wires[0], 0, [0])
    line = channel._lines[0]
    line._transaction_id = 0xFFF0  # type: ignore[attr-defined]  # 65,520 requests later
    ids = [*range(0xFFE0, 0x10000), *range(0x40)]
    await asyncio.gather(*(poll(wire, client, ids) for client, wire in enumerate(wires)))
    southbound = [int.from_bytes(request[:2], "big") for request in plant.device.requests]
    assert {0xFFFF, 0, 1} <= set(southbound)


async def test_an_id_reused_while_pending_gets_both_answers_and_no_others(plant: Plant) -> None:
    first, second = await plant.connect(role="Viewer"), await plant.connect(role="Viewer")
    for _ in range(20):
        await first.send(b"".join(adu(5, read_holding(place, 1)) for place in range(8)))
        await second.send(b"".join(adu(5, read_holding(place, 1)) for place in range(500, 508)))
        assert sorted(await first.receive(8)) == sorted(adu(5, words(place)) for place in range(8))
        assert sorted(await second.receive(8)) == sorted(adu(5, words(place)) for place in range(500, 508))


async def test_the_answer_for_a_closed_connection_is_dropped(plant: Plant) -> None:
    hold = asyncio.Event()

    async def answer(request: bytes) -> bytes:
        await hold.wait()
        return plant.device.normal_answer(request)

    plant.device.answer = answer
    gone, stays = await plant.connect(role="Viewer"), await plant.connect(role="Viewer")
    await gone.send(adu(1, read_holding(100, 1)))
    await until(lambda: len(plant.device.requests) == 1)
    gone.writer.transport.abort()
    await stays.send(adu(1, read_holding(200, 1)))
    back = await plant.connect(role="Viewer")
    await back.send(adu(1, read_holding(300, 1)))
    hold.set()
    assert await stays.receive() == [adu(1, words(200))]
    assert await back.receive() == [adu(1, words(300))]
