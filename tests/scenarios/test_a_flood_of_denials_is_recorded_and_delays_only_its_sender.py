"""Denials are recorded one by one, hence at a bounded rate: the client that causes them waits, other clients do not."""

from __future__ import annotations

from scenarios.plant import Plant, adu, exception, read_holding, words, write_register
from sealbus.records import Denied, Disconnected

READ, ANSWER = adu(1, read_holding(7, 1)), adu(1, words(7))
PER_SECOND = 50
FLOOD = 120


def flood() -> bytes:
    return b"".join(adu(number, write_register(100, number)) for number in range(FLOOD))


async def test_each_denial_is_answered_and_recorded_at_a_bounded_rate(plant: Plant) -> None:
    viewer, other = await plant.connect(role="Viewer"), await plant.connect(role="Operator")
    await viewer.send(flood())
    answers = await viewer.receive(PER_SECOND)
    for _ in range(3):
        assert await other.request(READ) == ANSWER
    assert len(plant.records(Denied)) == PER_SECOND  # the others wait for the next second
    answers += await viewer.receive(FLOOD - PER_SECOND)
    assert answers == [adu(number, exception(6, 1)) for number in range(FLOOD)]
    assert len(plant.records(Denied)) == FLOOD
    assert plant.device.writes == []
    assert await viewer.request(READ) == ANSWER  # its rights are unchanged
    assert plant.records(Disconnected) == []


async def test_denials_of_one_connection_do_not_delay_another_of_the_same_client(plant: Plant) -> None:
    identity = plant.issue(role="Viewer")
    flooding, working = await plant.connect_with(*identity), await plant.connect_with(*identity)
    await flooding.send(flood())
    await flooding.receive(PER_SECOND)
    assert await working.request(READ) == ANSWER
    assert len(plant.records(Denied)) == PER_SECOND  # the flood still waits
