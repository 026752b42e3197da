"""Denials are recorded one by one, and so at a bounded rate: whoever causes them waits, and nobody else does."""

from __future__ import annotations

from scenarios.plant import Plant, adu, exception, read_holding, words, write_register
from sealbus.records import Denied, Disconnected

READ, ANSWER = adu(1, read_holding(7, 1)), adu(1, words(7))
PER_SECOND = 50
FLOOD = 120


def flood() -> bytes:
    return b"".join(adu(number, write_register(100, number)) for number in range(FLOOD))


async def test_each_is_answered_and_recorded_but_only_so_many_a_second(plant: Plant) -> None:
    viewer, other = await plant.connect(role="Viewer"), await plant.connect(role="Operator")
    await viewer.send(flood())
    answers = await viewer.receive(PER_SECOND)
    for _ in range(3):
        assert await other.ask(READ) == ANSWER
    assert len(plant.records(Denied)) == PER_SECOND  # the rest waits for the next second
    answers += await viewer.receive(FLOOD - PER_SECOND)
    assert answers == [adu(number, exception(6, 1)) for number in range(FLOOD)]
    assert len(plant.records(Denied)) == FLOOD
    assert plant.device.writes == []
    assert await viewer.ask(READ) == ANSWER  # its rights are what they were
    assert plant.records(Disconnected) == []


async def test_the_denied_of_one_connection_do_not_hold_up_another_of_the_same_client(plant: Plant) -> None:
    identity = plant.issue(role="Viewer")
    flooding, working = await plant.connect_with(*identity), await plant.connect_with(*identity)
    await flooding.send(flood())
    await flooding.receive(PER_SECOND)
    assert await working.ask(READ) == ANSWER
    assert len(plant.records(Denied)) == PER_SECOND  # the flood still waits
