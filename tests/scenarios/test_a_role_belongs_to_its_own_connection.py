"""Each request is decided by the role of its own connection, whatever other connections exist or existed."""

from __future__ import annotations

import random

import pytest

import pki
from scenarios.plant import Plant, RawClient, adu, exception, read_holding, words, write_register

READ, ANSWER = adu(1, read_holding(7, 1)), adu(1, words(7))
WRITE = adu(2, write_register(100, 7))
NOT_READ, NOT_WRITTEN = adu(1, exception(3, 1)), adu(2, exception(6, 1))

EXPECTED: dict[str | None, tuple[bytes, bytes]] = {
    "Operator": (ANSWER, WRITE),
    "Viewer": (ANSWER, NOT_WRITTEN),
    "Nobody": (NOT_READ, NOT_WRITTEN),
    None: (NOT_READ, NOT_WRITTEN),
}


async def check_rights(wire: RawClient, role: str | None) -> None:
    assert (await wire.request(READ), await wire.request(WRITE)) == EXPECTED[role]


@pytest.mark.parametrize("seed", range(4))
async def test_interleaved_sessions_of_all_roles_keep_their_own_rights(plant: Plant, seed: int) -> None:
    dice = random.Random(seed)
    wires: list[tuple[str | None, RawClient]] = []
    for _ in range(60):
        if len(wires) < 4 or dice.random() < 0.3:
            role = dice.choice(list(EXPECTED))
            wires.append((role, await plant.connect(role=role)))
        elif dice.random() < 0.2:
            _, gone = wires.pop(dice.randrange(len(wires)))
            await gone.close()
        role, wire = dice.choice(wires)
        await check_rights(wire, role)


async def test_one_key_and_one_name_in_two_certificates_do_not_share_their_roles(plant: Plant) -> None:
    key = pki.make_key()
    first = {role: plant.issue(role=role, name="station 7", key=key) for role in ("Viewer", "Operator", None)}
    wires = {role: await plant.connect_with(*files) for role, files in first.items()}
    for _ in range(3):
        for role, wire in wires.items():
            await check_rights(wire, role)


@pytest.mark.parametrize(
    ("role", "oid"),
    [(None, pki.ROLE_OID), ("Operator", "1.3.6.1.4.1.50316.802.2")],
    ids=["no role", "a role in another extension"],
)
async def test_a_name_that_reads_like_a_role_gives_no_right(plant: Plant, role: str | None, oid: str) -> None:
    hosts = ["Operator", "127.0.0.1"]
    wire = await plant.connect_with(*plant.issue(role=role, role_oid=oid, name="Operator", hosts=hosts))
    await check_rights(wire, None)
    assert plant.device.requests == []
    await check_rights(await plant.connect_with(*plant.issue(role="Operator", name="nobody")), "Operator")


async def test_requests_waiting_for_one_device_are_each_decided_by_their_own_role(plant: Plant) -> None:
    operator, viewer = await plant.connect(role="Operator"), await plant.connect(role="Viewer")
    for wire in (operator, viewer, operator, viewer):
        wire.writer.write(READ + WRITE)
    assert sorted(await operator.receive(4)) == sorted([ANSWER, WRITE] * 2)
    assert sorted(await viewer.receive(4)) == sorted([ANSWER, NOT_WRITTEN] * 2)
    assert len(plant.device.writes) == 2
