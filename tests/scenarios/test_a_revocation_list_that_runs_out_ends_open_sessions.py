"""A revocation list that runs out refuses new clients at once, and ends open sessions after a grace; an alarm says so."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

import pki
from scenarios.plant import Plant, adu, open_device, open_plant, read_holding, until, words
from sealbus.records import Alarm, AlarmState, EntitlementLost, HandshakeFailed

if TYPE_CHECKING:
    from pathlib import Path

READ, ANSWER = adu(1, read_holding(7, 1)), adu(1, words(7))
ROOT, OTHER_ROOT = pki.make_root(), pki.make_root("Other root")
LIFE = timedelta(seconds=4)
ALARM = "revocation list of CN=Test root"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ca.crl").write_bytes(pki.make_crl(ROOT).public_bytes(Encoding.PEM))
    (tmp_path / "other.crl").write_bytes(pki.make_crl(OTHER_ROOT).public_bytes(Encoding.PEM))
    pki.save_trust(tmp_path / "other.crt", OTHER_ROOT)
    return tmp_path


def identity(grace_s: float) -> str:
    return f'crl = ["ca.crl", "other.crl"]\ncrl_grace = {grace_s}'


async def run_out(plant: Plant) -> None:
    """Install a newer list that is in force for a few seconds, and wait until it has run out."""
    end = (datetime.now(UTC) + LIFE).replace(microsecond=0)
    short = pki.make_crl(ROOT, last_update=pki.YESTERDAY, next_update=end)
    plant.change("ca.crl", short.public_bytes(Encoding.PEM))
    await until(lambda: ALARM in plant.process.events.alarms)
    assert datetime.now(UTC) > end


async def test_open_sessions_go_on_within_the_grace_and_new_ones_are_refused(folder: Path) -> None:
    async with open_plant(folder, root=ROOT, identity=identity(3600)) as plant:
        inside = await plant.connect()
        await run_out(plant)
        (raised,) = [each for each in plant.records(Alarm) if each.name == ALARM]
        assert "ran out on" in raised.text
        assert "new connections of its peers are refused; open ones end 3600 s after" in raised.text
        assert await inside.request(READ) == ANSWER
        assert await plant.attempt(*plant.issue(role="Viewer")) == b""
        assert plant.records(HandshakeFailed)[-1].reason == "the revocation list is out of date"
        assert plant.records(EntitlementLost) == []
        plant.change("ca.crl", pki.make_crl(ROOT, last_update=pki.NOW).public_bytes(Encoding.PEM))
        await until(lambda: plant.process.events.alarms == {})
        assert [each.state for each in plant.records(Alarm) if each.name == ALARM][-1] is AlarmState.CLEARED
        assert await inside.request(READ) == ANSWER
        assert await plant.attempt(*plant.issue(role="Viewer")) == adu(1, words(0))


async def test_open_sessions_end_after_the_grace_and_those_of_another_authority_stay(folder: Path) -> None:
    async with open_plant(folder, root=ROOT, identity=identity(0.5)) as plant:
        both = pki.save_trust(folder / "both.crt", ROOT, OTHER_ROOT).read_bytes()
        plant.change("ca.crt", both)
        await until(lambda: plant.process.events.counters.reloads == 1)
        theirs, ours = await plant.connect(name="theirs"), await plant.connect(issuer=OTHER_ROOT, name="ours")
        assert [await theirs.request(READ), await ours.request(READ)] == [ANSWER, ANSWER]
        await run_out(plant)
        assert await theirs.closed() == b""
        (ended,) = plant.records(EntitlementLost)
        assert (ended.subject, ended.reason) == ("CN=theirs", "the revocation list of CN=Test root is out of date")
        assert await ours.request(READ) == ANSWER


async def test_a_device_below_a_list_that_ran_out_gets_no_requests_after_the_grace(folder: Path) -> None:
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(*pki.make_leaf(ROOT, hosts=["127.0.0.1"]).save(folder, "device"))
    async with open_device(tls=served) as device:
        url = f'url = "mbaps://127.0.0.1:{device.port}"'
        async with open_plant(folder, root=OTHER_ROOT, identity=identity(0.5), device=url) as plant:
            both = pki.save_trust(folder / "both.crt", ROOT, OTHER_ROOT).read_bytes()
            plant.change("ca.crt", both)
            await until(lambda: plant.process.events.counters.reloads == 1)
            wire = await plant.connect()
            assert await wire.request(READ) == ANSWER
            await run_out(plant)
            await until(lambda: not device.live)
            before = len(device.requests)
            assert await wire.request(READ) == adu(1, b"\x83\x0a")
            assert len(device.requests) == before
