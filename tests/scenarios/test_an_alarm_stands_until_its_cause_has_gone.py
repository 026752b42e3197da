"""An alarm is raised once, stays raised while its cause exists, and clears itself: in record, log and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import pki
from scenarios.plant import POLICY, Plant, adu, exception, open_plant, read_holding, until, words
from sealbus.records import Alarm, AlarmState, ReloadFailed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

RAISED_AND_CLEARED = [AlarmState.RAISED, AlarmState.CLEARED]


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    async with open_plant(tmp_path) as plant:
        yield plant


def states_of(plant: Plant, part: str) -> list[AlarmState]:
    """The recorded states of the alarm whose name contains `part`."""
    return [each.state for each in plant.records(Alarm) if part in each.name]


@pytest.mark.parametrize("name", ["policy.toml", "ca.crt", "gateway.crt", "gateway.key"])
async def test_the_alarm_of_a_broken_file_ends_when_the_file_is_restored(plant: Plant, name: str) -> None:
    alarms = plant.process.events.alarms
    good = (plant.folder / name).read_bytes()
    plant.change(name, "broken")
    await until(lambda: len(alarms) == 1)
    plant.change(name, good)
    await until(lambda: not alarms)
    assert states_of(plant, "reload of") == RAISED_AND_CLEARED
    assert len(plant.records(ReloadFailed)) == 1


async def test_the_alarm_of_a_broken_file_ends_when_the_file_is_fixed(plant: Plant) -> None:
    alarms = plant.process.events.alarms
    plant.change("policy.toml", "[[role]")
    await until(lambda: len(alarms) == 1)
    plant.change("policy.toml", POLICY + "\n# mended\n")
    await until(lambda: not alarms)
    assert states_of(plant, "policy.toml") == RAISED_AND_CLEARED


async def test_a_file_that_is_broken_in_several_ways_in_turn_is_one_alarm(plant: Plant) -> None:
    for times, broken in enumerate(("[[role]", "role = 5", "[[rule]]"), start=1):
        plant.change("policy.toml", broken)
        await until(lambda times=times: len(plant.records(ReloadFailed)) == times)  # type: ignore[misc]
    assert states_of(plant, "policy.toml") == [AlarmState.RAISED]
    assert len(plant.process.events.alarms) == 1


@pytest.mark.parametrize(
    "monster",
    [
        "x = " + "[" * 20_000,
        ".".join("a" * 2_000) + " = 1",
        "x = " + "9" * 6_000,
        "\0",
        '"\\ud800" = 1',
        "[[role]]\n" * 500,
    ],
    ids=["brackets", "dots", "digits", "NUL", "surrogate", "roles without a name"],
)
async def test_the_next_change_of_a_broken_file_is_noticed(plant: Plant, monster: str) -> None:
    viewer = await plant.connect(role="Viewer")
    plant.change("policy.toml", monster)
    await until(lambda: bool(plant.records(ReloadFailed)))
    assert await viewer.request(adu(1, read_holding(10, 1))) == adu(1, words(10)), "the last good policy is in force"
    plant.change("policy.toml", POLICY.replace('"holding:0-999"', '"holding:500-999"'))
    await until(lambda: not plant.process.events.alarms)
    assert await viewer.request(adu(2, read_holding(10, 1))) == adu(2, exception(3, 1))


@pytest.mark.parametrize("successor", ["gateway", "another name"])
async def test_an_expiring_certificate_is_an_alarm_until_it_is_renewed(tmp_path: Path, successor: str) -> None:
    root = pki.make_root()
    pki.make_leaf(root, "gateway", hosts=["127.0.0.1"], not_after=pki.TOMORROW).save(tmp_path, "old")
    pki.make_leaf(root, successor, hosts=["127.0.0.1"]).save(tmp_path, "new")
    (tmp_path / "own.crt").write_bytes((tmp_path / "old.crt").read_bytes())
    (tmp_path / "own.key").write_bytes((tmp_path / "old.key").read_bytes())
    (tmp_path / "own.key").chmod(0o600)
    own = 'certificate = "own.crt"\nkey = "own.key"'
    async with open_plant(tmp_path, root=root, identity=own) as plant:
        assert states_of(plant, "own.crt") == [AlarmState.RAISED]
        plant.change("own.key", (tmp_path / "new.key").read_bytes())
        plant.change("own.crt", (tmp_path / "new.crt").read_bytes())
        await until(lambda: not plant.process.events.alarms)
        assert states_of(plant, "own.crt") == RAISED_AND_CLEARED


async def test_an_old_root_beside_its_successor_of_the_same_name_is_an_alarm(tmp_path: Path) -> None:
    old, new = pki.make_root(not_after=pki.TOMORROW), pki.make_root()
    async with open_plant(tmp_path, root=new) as plant:
        pki.save_trust(tmp_path / "both.crt", old, new)
        plant.change("ca.crt", (tmp_path / "both.crt").read_bytes())
        await until(lambda: bool(states_of(plant, "trust anchor")))
        plant.process.gateway.check_expiry()
        assert states_of(plant, "trust anchor") == [AlarmState.RAISED]
        pki.save_trust(tmp_path / "new.crt", new)
        plant.change("ca.crt", (tmp_path / "new.crt").read_bytes())
        await until(lambda: not plant.process.events.alarms)
        assert states_of(plant, "trust anchor") == RAISED_AND_CLEARED
