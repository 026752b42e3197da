"""A renewed certificate is used for new connections at once, a broken one is not used, and open connections stay."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

import pki
from scenarios.plant import Plant, RawClient, adu, open_plant, read_holding, until, words
from sealbus.records import Alarm, AlarmState, Disconnected, EntitlementLost, Reloaded, ReloadFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

READ, ANSWER = adu(1, read_holding(7, 1)), adu(1, words(7))


def shown_to(wire: RawClient) -> str:
    """The fingerprint of the server certificate that this client received."""
    der = wire.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return hashlib.sha256(der).hexdigest()


def fingerprint(credential: pki.Credential) -> str:
    return hashlib.sha256(credential.der).hexdigest()


def renewed(plant: Plant) -> pki.Credential:
    return pki.make_leaf(plant.root, "renewed", hosts=["127.0.0.1"])


async def test_new_connections_get_the_new_certificate_and_open_ones_stay(plant: Plant) -> None:
    before = await plant.connect(role="Viewer")
    old = shown_to(before)
    new = renewed(plant)
    certificate, key = new.save(plant.folder, "renewed")
    plant.change("gateway.key", key.read_bytes())  # two files cannot change in one step: for a moment they do not match
    plant.change("gateway.crt", certificate.read_bytes())
    await until(lambda: bool(plant.records(Reloaded)))
    after = await plant.connect(role="Viewer")
    assert shown_to(after) == fingerprint(new) != old
    assert [await before.request(READ), await after.request(READ)] == [ANSWER, ANSWER]
    assert (plant.records(Disconnected), plant.process.events.alarms) == ([], {})


def cut_short(plant: Plant) -> None:
    plant.change("gateway.crt", (plant.folder / "gateway.crt").read_bytes()[:300])


def of_another_key(plant: Plant) -> None:
    plant.change("gateway.crt", renewed(plant).pem)


def expired(plant: Plant) -> None:
    credential = pki.make_leaf(plant.root, hosts=["127.0.0.1"], not_after=pki.YESTERDAY)
    certificate, key = credential.save(plant.folder, "expired")
    plant.change("gateway.key", key.read_bytes())
    plant.change("gateway.crt", certificate.read_bytes())


def for_clients_only(plant: Plant) -> None:
    credential = pki.make_leaf(plant.root, hosts=["127.0.0.1"], usages=[pki.CLIENT])
    certificate, key = credential.save(plant.folder, "for-clients")
    plant.change("gateway.key", key.read_bytes())
    plant.change("gateway.crt", certificate.read_bytes())


def no_key(plant: Plant) -> None:
    (plant.folder / "gateway.key").unlink()


def put_back(plant: Plant, certificate: bytes, key: bytes) -> None:
    plant.change("gateway.crt", certificate)
    plant.change("gateway.key", key)


@pytest.mark.parametrize("break_it", [cut_short, of_another_key, expired, for_clients_only, no_key])
async def test_an_unusable_certificate_leaves_the_old_one_in_force(
    plant: Plant, break_it: Callable[[Plant], None]
) -> None:
    good = [(plant.folder / name).read_bytes() for name in ("gateway.crt", "gateway.key")]
    before = await plant.connect(role="Viewer")
    break_it(plant)
    await until(lambda: bool(plant.records(ReloadFailed)))
    after = await plant.connect(role="Viewer")
    assert shown_to(after) == shown_to(before)
    assert [await before.request(READ), await after.request(READ)] == [ANSWER, ANSWER]
    assert plant.records(Alarm)[-1].state is AlarmState.RAISED
    put_back(plant, *good)
    await until(lambda: plant.process.events.alarms == {})
    assert plant.records(Alarm)[-1].state is AlarmState.CLEARED
    assert plant.records(Disconnected) == []


async def test_a_broken_certificate_does_not_delay_a_revocation(tmp_path: Path) -> None:
    root = pki.make_root()
    (tmp_path / "ca.crl").write_bytes(pki.make_crl(root).public_bytes(Encoding.PEM))
    async with open_plant(tmp_path, root=root, identity='crl = ["ca.crl"]') as plant:
        lost = pki.make_leaf(root, "lost", role="Operator")
        theirs = await plant.connect_with(*lost.save(tmp_path, "lost"))
        other = await plant.connect(role="Viewer")
        assert [await theirs.request(READ), await other.request(READ)] == [ANSWER, ANSWER]
        cut_short(plant)
        await until(lambda: bool(plant.records(ReloadFailed)))
        plant.change("ca.crl", pki.make_crl(root, [lost]).public_bytes(Encoding.PEM))
        assert await theirs.closed() == b""
        assert [each.subject for each in plant.records(EntitlementLost)] == ["CN=lost"]
        assert await plant.attempt(*lost.save(tmp_path, "lost")) == b""
        assert await other.request(READ) == ANSWER
        assert shown_to(await plant.connect(role="Viewer")) == shown_to(other)
