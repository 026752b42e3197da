"""Two switches each add one suite, for peers of MODBUS/TCP Security v21 and for R-67, and change nothing else.

Without its switch a suite is not offered, and one switch does not add the other suite. A client with a better suite
gets the better one. Weak certificates and old versions stay refused, although the second switch lowers OpenSSL's own
level.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

import pki
from scenarios.openssl_client import SClientResult, s_client
from scenarios.plant import Plant, adu, open_plant, read_holding, words
from sealbus.records import Connected, Started

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.needs("openssl")

READ = adu(0x5EA1, read_holding(7, 1))
ANSWER = adu(0x5EA1, words(7))

CBC, NULL = "AES128-SHA256", "NULL-SHA256"
SWITCH_OF = {CBC: "unsafe_v21_cbc", NULL: "unsafe_null_encryption"}
GOOD = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
ALL_OTHERS = (
    "!AES128-SHA256:!NULL-SHA256:!ECDHE-ECDSA-AES128-GCM-SHA256:!ECDHE-RSA-AES128-GCM-SHA256:"
    "!ECDHE-ECDSA-CHACHA20-POLY1305:!ECDHE-RSA-CHACHA20-POLY1305:!ECDHE-ECDSA-AES256-GCM-SHA384:"
    "!ECDHE-RSA-AES256-GCM-SHA384:!ECDHE-ECDSA-AES128-CCM8:ALL:COMPLEMENTOFALL"
)


@contextlib.asynccontextmanager
async def open_with(folder: Path, *switches: str) -> AsyncIterator[Plant]:
    """A plant with both kinds of certificate and these switches enabled."""
    root = pki.make_root()
    pki.make_leaf(root, hosts=["127.0.0.1"], key=pki.rsa_key()).save(folder, "rsa")
    lines = ['certificate = ["gateway.crt", "rsa.crt"]', 'key = ["gateway.key", "rsa.key"]']
    lines += [f"{switch} = true" for switch in switches]
    async with open_plant(folder, identity="\n".join(lines), root=root) as plant:
        yield plant


async def request_register(
    plant: Plant, ciphers: str, *options: str, identity: tuple[Path, Path] | None = None
) -> SClientResult:
    own = identity or plant.issue(role="Viewer")
    words = ("-tls1_2", "-cipher", f"{ciphers}:@SECLEVEL=0", *options)
    return await s_client(plant, *words, identity=own, requests=[READ])


@pytest.mark.parametrize(("suite", "other"), [(CBC, NULL), (NULL, CBC)])
async def test_a_switch_adds_its_own_suite_and_not_the_other(tmp_path: Path, suite: str, other: str) -> None:
    async with open_with(tmp_path, SWITCH_OF[suite]) as plant:
        result = await request_register(plant, suite)
        assert (result.cipher, result.answers) == (suite, [ANSWER])
        assert [each.cipher for each in plant.records(Connected)] == [suite]
        (started,) = plant.records(Started)
        assert started.unsafe == (SWITCH_OF[suite],)
        assert (
            (await request_register(plant, other)).answers,
            (await request_register(plant, ALL_OTHERS)).answers,
        ) == ([], [])


async def test_without_switches_neither_suite_is_offered(tmp_path: Path) -> None:
    async with open_with(tmp_path) as plant:
        assert ((await request_register(plant, CBC)).answers, (await request_register(plant, NULL)).answers) == ([], [])
        (started,) = plant.records(Started)
        assert started.unsafe == ()


async def test_the_suite_without_encryption_is_the_last_that_is_chosen(tmp_path: Path) -> None:
    async with open_with(tmp_path, *SWITCH_OF.values()) as plant:
        assert (await request_register(plant, f"{NULL}:{CBC}:{GOOD}")).cipher == "ECDHE-ECDSA-AES128-GCM-SHA256"
        assert (await request_register(plant, f"{NULL}:{CBC}")).cipher == CBC
        assert (await request_register(plant, NULL)).cipher == NULL


@pytest.mark.parametrize("switch", SWITCH_OF.values())
async def test_all_other_checks_stay_as_strict_as_before(tmp_path: Path, switch: str) -> None:
    async with open_with(tmp_path, switch) as plant:
        small_key = plant.issue(role="Viewer", key=pki.rsa_key(1024))
        old_signature = pki.weakly_signed(plant.folder, plant.root).save(plant.folder, "old")
        assert (await request_register(plant, GOOD, identity=small_key)).answers == []
        assert (await request_register(plant, GOOD, identity=old_signature)).answers == []
        assert (await s_client(plant, "-tls1_2", "-cipher", f"{GOOD}:@SECLEVEL=0", requests=[READ])).answers == []
        for version in ("-tls1", "-tls1_1"):
            result = await s_client(plant, version, "-cipher", "ALL:@SECLEVEL=0", identity=plant.issue(role="Viewer"))
            assert result.alert == 70
        assert plant.device.requests == []
        assert (await request_register(plant, GOOD)).answers == [ANSWER]
        assert (await s_client(plant, "-tls1_3", identity=plant.issue(role="Viewer"), requests=[READ])).answers == [
            ANSWER
        ]
