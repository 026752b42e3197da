"""A revoked client stays revoked when the list from before its revocation is put back, also across a restart."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

import pki
from scenarios.plant import PACE, adu, open_plant, read_holding, until, words
from scenarios.programs import run_sealbus
from sealbus.errors import ConfigError
from sealbus.gateway import GatewayProcess, load_gateway_file
from sealbus.records import Alarm, HandshakeFailed, ReloadFailed

if TYPE_CHECKING:
    from pathlib import Path

READ, ANSWER = adu(1, read_holding(7, 1)), adu(1, words(7))
ROOT = pki.make_root()
ISSUER = pki.make_root("Test issuer", issuer=ROOT)
LOST = pki.make_leaf(ROOT, "lost", role="Operator")
LOST_BELOW = pki.make_leaf(ISSUER, "lost below", role="Operator")


def numbered(number: int | None, *revoked: pki.Credential, hours: int = 0, issuer: pki.Credential = ROOT) -> bytes:
    made = pki.LONG_AGO + timedelta(hours=hours)
    return pki.make_crl(issuer, revoked, number=number, last_update=made).public_bytes(Encoding.PEM)


BEFORE, AFTER = numbered(1), numbered(2, LOST)


def start_again(folder: Path) -> GatewayProcess:
    """As after a restart: everything is read from the disk. Raises ConfigError if it refuses to start."""
    return GatewayProcess(load_gateway_file(folder / "gateway.toml"), pace=PACE)


@pytest.mark.parametrize(
    ("before", "after"),
    [(BEFORE, AFTER), (numbered(None), numbered(None, LOST, hours=1))],
    ids=["by number", "by time"],
)
async def test_putting_back_the_list_from_before_raises_an_alarm_and_the_revoked_client_stays_out(
    tmp_path: Path, before: bytes, after: bytes
) -> None:
    (tmp_path / "ca.crl").write_bytes(before)
    async with open_plant(tmp_path, root=ROOT, identity='crl = ["ca.crl"]') as plant:
        lost = LOST.save(tmp_path, "lost")
        wire = await plant.connect_with(*lost)
        assert await wire.request(READ) == ANSWER
        other = await plant.connect()
        plant.change("ca.crl", after)
        assert await wire.closed() == b""
        plant.change("ca.crl", before)
        await until(lambda: bool(plant.records(ReloadFailed)))
        alarm = plant.records(Alarm)[-1]
        assert alarm.name == "reload of trust"
        assert "the revocation list of CN=Test root is older than one used here before" in alarm.text
        assert await plant.attempt(*lost) == b""
        assert plant.records(HandshakeFailed)[-1].reason == "its certificate was revoked"
        assert await other.request(READ) == ANSWER
        plant.change("ca.crl", after)
        await until(lambda: plant.process.events.alarms == {})


async def test_a_restart_with_the_older_list_is_refused_and_one_with_the_newest_is_not(tmp_path: Path) -> None:
    (tmp_path / "ca.crl").write_bytes(AFTER)
    async with open_plant(tmp_path, root=ROOT, identity='crl = ["ca.crl"]'):
        pass
    (tmp_path / "ca.crl").write_bytes(BEFORE)
    with pytest.raises(ConfigError, match="it has the number 1, that one had 2") as caught:
        start_again(tmp_path)
    assert caught.value.file == str(tmp_path / "ca.crl")
    checked = run_sealbus("gateway", "--check", tmp_path / "gateway.toml")
    assert (checked.status, checked.stderr.count("\n")) == (2, 1)
    assert "is older than one used here before" in checked.stderr
    for newest in (AFTER, numbered(3, LOST, hours=1)):
        (tmp_path / "ca.crl").write_bytes(newest)
        process = start_again(tmp_path)
        await process.start()
        await process.stop("the test is over")


async def test_a_list_that_came_by_reload_is_remembered_across_a_restart(tmp_path: Path) -> None:
    (tmp_path / "ca.crl").write_bytes(BEFORE)
    async with open_plant(tmp_path, root=ROOT, identity='crl = ["ca.crl"]') as plant:
        wire = await plant.connect_with(*LOST.save(tmp_path, "lost"))
        assert await wire.request(READ) == ANSWER
        plant.change("ca.crl", AFTER)
        assert await wire.closed() == b""
    (tmp_path / "ca.crl").write_bytes(BEFORE)
    with pytest.raises(ConfigError, match="is older"):
        start_again(tmp_path)


async def test_the_list_of_an_intermediate_that_is_in_no_trust_file_is_remembered_too(tmp_path: Path) -> None:
    (tmp_path / "ca.crl").write_bytes(BEFORE)
    (tmp_path / "issuer.crl").write_bytes(numbered(1, issuer=ISSUER))
    async with open_plant(tmp_path, root=ROOT, identity='crl = ["ca.crl", "issuer.crl"]') as plant:
        lost = LOST_BELOW.save(tmp_path, "lost-below")
        wire = await plant.connect_with(*lost)
        assert await wire.request(READ) == ANSWER
        plant.change("issuer.crl", numbered(2, LOST_BELOW, issuer=ISSUER))
        assert await wire.closed() == b""
        assert await plant.attempt(*lost) == b""
        await until(lambda: b'"number": "2"' in (tmp_path / "records" / "revocation-lists.json").read_bytes())
    (tmp_path / "issuer.crl").write_bytes(numbered(1, issuer=ISSUER))
    with pytest.raises(ConfigError, match="CN=Test issuer is older"):
        start_again(tmp_path)


async def test_what_was_seen_is_kept_in_memory_while_it_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "ca.crl").write_bytes(BEFORE)
    async with open_plant(tmp_path, root=ROOT, identity='crl = ["ca.crl"]') as plant:
        (tmp_path / "records" / "revocation-lists.json").unlink()
        (tmp_path / "records" / "revocation-lists.json").mkdir()  # a name that no file can take
        wire = await plant.connect_with(*LOST.save(tmp_path, "lost"))
        assert await wire.request(READ) == ANSWER
        plant.change("ca.crl", AFTER)
        assert await wire.closed() == b""
        await until(lambda: "revocation lists seen" in plant.process.events.alarms)
        plant.change("ca.crl", BEFORE)
        await until(lambda: bool(plant.records(ReloadFailed)))
        (tmp_path / "records" / "revocation-lists.json").rmdir()
        await until(lambda: "revocation lists seen" not in plant.process.events.alarms)
    with pytest.raises(ConfigError, match="is older"):
        start_again(tmp_path)
