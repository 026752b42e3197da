"""Denials are recorded one by one, and so at a bounded rate: whoever causes them waits, and nobody else does."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

from scenarios.plant import Plant, adu, exception, read_holding, words, write_register
from sealbus.records import Denied, Disconnected

if TYPE_CHECKING:
    from scenarios.plant import Wire

READ, ANSWER = adu(1, read_holding(7, 1)), adu(1, words(7))
PER_SECOND = 50
FLOOD = 120


def flood() -> bytes:
    return b"".join(adu(number, write_register(100, number)) for number in range(FLOOD))


async def ask_all_the_time(wire: Wire, seconds: float) -> float:
    """The longest that an answer took."""
    loop = asyncio.get_running_loop()
    worst, end = 0.0, loop.time() + seconds
    while (began := loop.time()) < end:
        assert await wire.ask(READ) == ANSWER
        worst = max(worst, loop.time() - began)
        await asyncio.sleep(0.005)
    return worst


async def test_each_is_answered_and_recorded_but_only_so_many_a_second(plant: Plant) -> None:
    loop = asyncio.get_running_loop()
    viewer, other = await plant.connect(role="Viewer"), await plant.connect(role="Operator")
    began = loop.time()
    await viewer.send(flood())
    watching = asyncio.ensure_future(ask_all_the_time(other, 2.0))
    answers = await viewer.receive(FLOOD)
    assert loop.time() - began > (FLOOD // PER_SECOND - 1) * 1.0
    assert answers == [adu(number, exception(6, 1)) for number in range(FLOOD)]
    assert await watching < 0.5
    times = [datetime.fromisoformat(each.time) for each in plant.stored if isinstance(each.record, Denied)]
    assert len(times) == FLOOD
    for first, later in zip(times, times[PER_SECOND:], strict=False):
        assert (later - first).total_seconds() > 0.5
    assert plant.device.writes == []
    assert await viewer.ask(READ) == ANSWER  # its rights are what they were
    assert plant.records(Disconnected) == []


async def test_the_denied_of_one_connection_do_not_hold_up_another_of_the_same_client(plant: Plant) -> None:
    identity = plant.issue(role="Viewer")
    flooding, working = await plant.connect_with(*identity), await plant.connect_with(*identity)
    await flooding.send(flood())
    await flooding.receive(PER_SECOND)
    assert await working.ask(READ, within_s=0.5) == ANSWER
