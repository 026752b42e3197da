"""At a limit, for one identity or for all, the new connection is refused and open ones stay."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from scenarios.plant import Plant, adu, open_plant, read_holding, until, words
from sealbus.records import Connected, Disconnected, RefusedConnection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

READ, ANSWER = adu(1, read_holding(7, 1)), adu(1, words(7))
FIRST = adu(1, words(0))  # the answer that `attempt` returns


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    async with open_plant(tmp_path, limits="connections_per_identity = 3\nconnections = 6") as plant:
        yield plant


async def test_the_limit_of_one_identity_does_not_affect_others(plant: Plant) -> None:
    greedy, modest = plant.issue(role="Viewer", name="greedy"), plant.issue(role="Viewer", name="modest")
    inside = [await plant.connect_with(*greedy) for _ in range(3)]
    for wire in inside:
        assert await wire.request(READ) == ANSWER
    for _ in range(5):
        assert await plant.attempt(*greedy) == b""
    assert [await wire.request(READ) for wire in inside] == [ANSWER] * 3
    assert await plant.attempt(*modest) == FIRST
    refused = plant.records(RefusedConnection)
    assert [each.reason for each in refused] == ["CN=greedy has 3 connections already"] * 5
    assert (len(plant.records(Connected)), plant.records(Disconnected)) == (4, [])


async def test_a_closed_connection_frees_its_place(plant: Plant) -> None:
    greedy = plant.issue(role="Viewer", name="greedy")
    inside = [await plant.connect_with(*greedy) for _ in range(3)]
    for wire in inside:
        await wire.request(READ)
    for number in range(6):
        await inside.pop(0).close()
        await until(lambda: len(plant.records(Disconnected)) == number + 1)  # noqa: B023
        inside.append(await plant.connect_with(*greedy))
        assert await inside[-1].request(READ) == ANSWER
        assert await plant.attempt(*greedy) == b""


async def test_at_the_total_limit_every_new_connection_is_refused(plant: Plant) -> None:
    inside = [await plant.connect(role="Viewer") for _ in range(6)]
    for wire in inside:
        assert await wire.request(READ) == ANSWER
    for _ in range(5):
        assert await plant.attempt(*plant.issue(role="Operator")) == b""
    assert [await wire.request(READ) for wire in inside] == [ANSWER] * 6
    assert plant.records(Disconnected) == []
    assert [each.reason for each in plant.records(RefusedConnection)] == ["there are already 6 connections"] * 5
    await inside.pop().close()
    await until(lambda: len(plant.records(Disconnected)) == 1)
    assert await plant.attempt(*plant.issue(role="Operator")) == FIRST


async def test_many_connections_at_once_do_not_exceed_the_limits(plant: Plant) -> None:
    greedy = plant.issue(role="Viewer", name="greedy")
    answers = await asyncio.gather(*(plant.attempt(*greedy) for _ in range(12)))
    assert sorted(answers) == [b""] * 9 + [FIRST] * 3
    others = [plant.issue(role="Viewer") for _ in range(12)]
    answers = await asyncio.gather(*(plant.attempt(*each) for each in others))
    assert sorted(answers) == [b""] * 9 + [FIRST] * 3
    (service,) = plant.process.gateway.services.values()
    assert len(service.sessions) == 6
