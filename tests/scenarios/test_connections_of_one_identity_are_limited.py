"""Caps refuse the newcomer: one identity keeps to its own number, all together to theirs; nobody inside is pushed out."""

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
FIRST = adu(1, words(0))  # what `attempt` is answered


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    async with open_plant(tmp_path, limits="connections_per_identity = 3\nconnections = 6") as plant:
        yield plant


async def test_one_identity_has_its_share_and_others_have_theirs(plant: Plant) -> None:
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


async def test_a_place_that_is_given_back_can_be_taken_again(plant: Plant) -> None:
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


async def test_when_all_places_are_taken_the_newcomer_is_refused_whoever_it_is(plant: Plant) -> None:
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


async def test_a_crowd_that_comes_at_once_does_not_slip_past_the_caps(plant: Plant) -> None:
    greedy = plant.issue(role="Viewer", name="greedy")
    answers = await asyncio.gather(*(plant.attempt(*greedy) for _ in range(12)))
    assert sorted(answers) == [b""] * 9 + [FIRST] * 3
    others = [plant.issue(role="Viewer") for _ in range(12)]
    answers = await asyncio.gather(*(plant.attempt(*each) for each in others))
    assert sorted(answers) == [b""] * 9 + [FIRST] * 3
    (service,) = plant.process.gateway.services.values()
    assert len(service.sessions) == 6
