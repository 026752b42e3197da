"""Each request is decided alone and whole, however requests are joined or cut into records, segments and bytes."""

from __future__ import annotations

import pytest

from scenarios.plant import Plant, adu, exception, read_holding, words, write_register
from sealbus.records import Denied


async def test_a_role_that_may_only_read_cannot_append_a_write_to_its_read(plant: Plant) -> None:
    viewer = await plant.connect(role="Viewer")
    await viewer.send(adu(1, read_holding(0, 2)) + adu(2, write_register(100, 7)))
    answers = sorted(await viewer.receive(2))
    assert answers == [adu(1, words(0, 1)), adu(2, exception(6, 1))]
    assert plant.device.writes == []
    (denied,) = plant.records(Denied)
    assert (denied.role, denied.function, denied.unit, denied.address, denied.rule) == ("Viewer", 6, 1, 100, None)


async def test_both_requests_of_a_role_that_may_write_are_executed(plant: Plant) -> None:
    operator = await plant.connect(role="Operator")
    await operator.send(adu(1, read_holding(0, 2)) + adu(2, write_register(100, 7)))
    assert sorted(await operator.receive(2)) == [adu(1, words(0, 1)), adu(2, write_register(100, 7))]
    assert [write[7:] for write in plant.device.writes] == [write_register(100, 7)]


@pytest.mark.parametrize("cut", range(1, 12))
async def test_a_request_cut_anywhere_is_answered_as_if_it_were_whole(plant: Plant, cut: int) -> None:
    viewer = await plant.connect(role="Viewer")
    request = adu(9, read_holding(4, 1))
    await viewer.send(request[:cut])
    await viewer.send(request[cut:] + adu(10, read_holding(5, 1))[:cut])
    assert await viewer.receive() == [adu(9, words(4))]
    await viewer.send(adu(10, read_holding(5, 1))[cut:])
    assert await viewer.receive() == [adu(10, words(5))]


async def test_a_write_sent_byte_by_byte_is_denied_like_a_whole_one(plant: Plant) -> None:
    viewer = await plant.connect(role="Viewer")
    for byte in adu(3, write_register(100, 1)):
        await viewer.send(bytes((byte,)))
    assert await viewer.receive() == [adu(3, exception(6, 1))]
    assert plant.device.requests == []
