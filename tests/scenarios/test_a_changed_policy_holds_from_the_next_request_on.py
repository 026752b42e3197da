"""A changed policy applies from the next request on, to every connection, and closes none."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from scenarios.plant import POLICY, Plant, adu, exception, read_holding, until, words, write_register
from sealbus.records import Alarm, AlarmState, Denied, Disconnected, Reloaded, ReloadFailed

if TYPE_CHECKING:
    from collections.abc import Callable

READ, ANSWER = adu(1, read_holding(7, 1)), adu(1, words(7))
WRITE = adu(2, write_register(100, 7))
DENIED = adu(2, exception(6, 1))

WITHOUT_WRITES = POLICY[: POLICY.index('[[role.allow]]\nunits = "1-10"\nwrite')]
FOR_VIEWERS = POLICY.replace('read = ["holding:0-999"]', 'read = ["holding:0-999"]\nwrite = ["holding:100"]')
VIEWERS_ONLY = POLICY[: POLICY.index('[[role]]\nname = "Operator"')]


async def test_removed_and_added_rights_apply_on_the_same_connection(plant: Plant) -> None:
    operator, viewer = await plant.connect(role="Operator"), await plant.connect(role="Viewer")
    assert [await operator.request(WRITE), await viewer.request(WRITE)] == [WRITE, DENIED]
    plant.change("policy.toml", WITHOUT_WRITES)
    await until(lambda: len(plant.records(Reloaded)) == 1)
    assert [await operator.request(READ), await operator.request(WRITE)] == [ANSWER, DENIED]
    plant.change("policy.toml", FOR_VIEWERS)
    await until(lambda: len(plant.records(Reloaded)) == 2)
    assert [await operator.request(WRITE), await viewer.request(WRITE)] == [WRITE, WRITE]
    assert plant.records(Disconnected) == []
    assert [each.function for each in plant.records(Denied)] == [6, 6]


async def test_a_removed_role_keeps_its_connection_and_loses_every_right(plant: Plant) -> None:
    operator, viewer = await plant.connect(role="Operator"), await plant.connect(role="Viewer")
    assert (
        await operator.request(READ) == ANSWER
    )  # the session caches the decision on a read; the new policy must clear it
    plant.change("policy.toml", VIEWERS_ONLY)
    await until(lambda: bool(plant.records(Reloaded)))
    assert [await operator.request(READ), await operator.request(WRITE)] == [adu(1, exception(3, 1)), DENIED]
    assert await viewer.request(READ) == ANSWER
    assert 'role "Operator" is not in' in plant.records(Denied)[0].reason
    plant.change("policy.toml", POLICY)
    await until(lambda: len(plant.records(Reloaded)) == 2)
    assert await operator.request(WRITE) == WRITE
    assert plant.records(Disconnected) == []


async def test_an_empty_policy_denies_everything(plant: Plant) -> None:
    operator = await plant.connect(role="Operator")
    assert await operator.request(READ) == ANSWER
    plant.change("policy.toml", "")
    await until(lambda: bool(plant.records(Reloaded)))
    assert [await operator.request(READ), await operator.request(WRITE)] == [adu(1, exception(3, 1)), DENIED]


def break_the_text(plant: Plant) -> None:
    plant.change("policy.toml", POLICY + "\n[[role]\n")


def break_a_key(plant: Plant) -> None:
    plant.change("policy.toml", POLICY.replace("max = 1000", "maximum = 1000"))


def delete(plant: Plant) -> None:
    (plant.folder / "policy.toml").unlink()


def fill_with_noise(plant: Plant) -> None:
    plant.change("policy.toml", b"\xff\xfe\0\x16")


BREAKS = [break_the_text, break_a_key, delete, fill_with_noise]


@pytest.mark.parametrize("break_it", BREAKS)
@pytest.mark.parametrize("fixed", [POLICY, WITHOUT_WRITES], ids=["restored", "fixed"])
async def test_a_policy_broken_by_an_edit_leaves_the_last_good_one_in_force(
    plant: Plant, break_it: Callable[[Plant], None], fixed: str
) -> None:
    operator = await plant.connect(role="Operator")
    assert await operator.request(READ) == ANSWER
    break_it(plant)
    await until(lambda: bool(plant.records(ReloadFailed)))
    assert [await operator.request(READ), await operator.request(WRITE)] == [ANSWER, WRITE]
    newcomer = await plant.connect(role="Viewer")
    assert [await newcomer.request(READ), await newcomer.request(WRITE)] == [ANSWER, DENIED]
    (failed,) = plant.records(ReloadFailed)
    assert failed.file == str(plant.folder / "policy.toml")
    (raised,) = plant.records(Alarm)
    assert (raised.state, raised.text) == (AlarmState.RAISED, failed.problem)
    plant.change("policy.toml", fixed)
    await until(lambda: len(plant.records(Alarm)) == 2)
    assert [each.state for each in plant.records(Alarm)] == [AlarmState.RAISED, AlarmState.CLEARED]
    assert plant.process.events.alarms == {}
    assert await operator.request(WRITE) == (WRITE if fixed == POLICY else DENIED)
    assert plant.records(Disconnected) == []


async def test_the_rights_that_a_changed_policy_adds_are_on_record(plant: Plant) -> None:
    plant.change("policy.toml", WITHOUT_WRITES)
    await until(lambda: len(plant.records(Reloaded)) == 1)
    plant.change("policy.toml", FOR_VIEWERS)
    await until(lambda: len(plant.records(Reloaded)) == 2)
    smaller, larger = plant.records(Reloaded)
    assert smaller.grown == ()
    assert 'role "Viewer" may write holding:100 on unit 1-10' in larger.grown
    (file,) = larger.files
    assert file.fingerprint == hashlib.sha256(FOR_VIEWERS.encode()).hexdigest()


async def test_a_part_of_a_policy_with_a_checksum_is_refused(plant: Plant) -> None:
    viewer = await plant.connect(role="Viewer")
    seal = f"# sha256: {hashlib.sha256(FOR_VIEWERS.encode()).hexdigest()}\n"
    plant.change("policy.toml", seal + FOR_VIEWERS[:-1])
    await until(lambda: bool(plant.records(ReloadFailed)))
    assert "checksum" in plant.records(ReloadFailed)[0].problem
    assert await viewer.request(WRITE) == DENIED
    plant.change("policy.toml", seal + FOR_VIEWERS)
    await until(lambda: bool(plant.records(Reloaded)))
    assert await viewer.request(WRITE) == WRITE
