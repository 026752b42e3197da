"""Revocation, removal of the authority or expiry of a certificate ends its connections, and no others."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

import pki
from scenarios.blocking_client import dial_blocking
from scenarios.plant import Plant, RawClient, adu, open_plant, read_holding, until, words, write_register
from sealbus.gateway import GatewayPace
from sealbus.records import Disconnected, EntitlementLost, HandshakeFailed, Outcome, Reloaded, WriteOutcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

READ, ANSWER = adu(1, read_holding(7, 1)), adu(1, words(7))


def test_files_and_certificates_are_checked_often_enough() -> None:
    """The promised second. The tests below use a shorter interval and prove that one check is enough."""
    assert GatewayPace().watch_s <= 0.5
    assert GatewayPace().sweep_s <= 1.0


def list_of(root: pki.Credential, *revoked: pki.Credential) -> bytes:
    return pki.make_crl(root, revoked).public_bytes(Encoding.PEM)


async def connect(plant: Plant, credential: pki.Credential, name: str) -> RawClient:
    return await plant.connect_with(*credential.save(plant.folder, name))


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    root = pki.make_root()
    (tmp_path / "ca.crl").write_bytes(list_of(root))
    device = "timeout = 3.0\ndeadline = 20.0"
    async with open_plant(tmp_path, root=root, identity='crl = ["ca.crl"]', device=device) as plant:
        yield plant


async def test_a_revoked_client_is_disconnected_and_another_stays(plant: Plant) -> None:
    lost, kept = (pki.make_leaf(plant.root, name, role="Operator") for name in ("lost", "kept"))
    theirs, another = await connect(plant, lost, "lost"), await connect(plant, lost, "lost")
    other = await connect(plant, kept, "kept")
    for wire in (theirs, another, other):
        assert await wire.request(READ) == ANSWER
    plant.change("ca.crl", list_of(plant.root, lost))
    for wire in (theirs, another):
        assert await wire.closed() == b""
    assert await other.request(READ) == ANSWER
    ended = plant.records(EntitlementLost)
    assert [(each.subject, each.reason) for each in ended] == [
        ("CN=lost", "the certificate of CN=lost was revoked"),
        ("CN=lost", "the certificate of CN=lost was revoked"),
    ]
    assert await plant.attempt(*lost.save(plant.folder, "lost")) == b""
    assert plant.records(HandshakeFailed)[-1].reason == "its certificate was revoked"
    assert await plant.attempt(*kept.save(plant.folder, "kept")) == adu(1, words(0))


async def test_clients_of_a_removed_authority_are_disconnected_and_those_of_another_stay(tmp_path: Path) -> None:
    async with open_plant(tmp_path) as plant:
        second = pki.make_root("Second root")
        plant.change("ca.crt", pki.save_trust(tmp_path / "both", plant.root, second).read_bytes())
        await until(lambda: bool(plant.records(Reloaded)))
        theirs = await plant.connect(role="Operator", issuer=second, name="theirs")
        ours = await plant.connect(role="Operator")
        assert [await theirs.request(READ), await ours.request(READ)] == [ANSWER, ANSWER]
        plant.change("ca.crt", pki.save_trust(tmp_path / "one", plant.root).read_bytes())
        assert await theirs.closed() == b""
        assert await ours.request(READ) == ANSWER
        (ended,) = plant.records(EntitlementLost)
        assert (ended.subject, ended.reason) == ("CN=theirs", "the root of its chain is not trusted")
        assert await plant.attempt(*plant.issue(role="Operator", issuer=second)) == b""
        assert "unknown" in plant.records(HandshakeFailed)[-1].reason


async def test_a_session_stays_while_one_of_two_chains_to_its_certificate_is_trusted(tmp_path: Path) -> None:
    async with open_plant(tmp_path) as plant:
        second, key = pki.make_root("Second root"), pki.make_key()
        one, other = (pki.make_root("Between", issuer=root, key=key) for root in (plant.root, second))
        leaf = pki.make_leaf(one, "station 7", role="Operator")
        by_the_other = pki.Credential((leaf.certificate, *other.chain), leaf.key)
        plant.change("ca.crt", pki.save_trust(tmp_path / "both", plant.root, second).read_bytes())
        await until(lambda: bool(plant.records(Reloaded)))
        lost, kept = await connect(plant, by_the_other, "other"), await connect(plant, leaf, "one")
        assert [await lost.request(READ), await kept.request(READ)] == [ANSWER, ANSWER]
        plant.change("ca.crt", pki.save_trust(tmp_path / "one", plant.root).read_bytes())
        assert await lost.closed() == b""
        assert await kept.request(READ) == ANSWER


async def test_queued_requests_of_a_revoked_client_are_not_sent(plant: Plant) -> None:
    lost = pki.make_leaf(plant.root, "lost", role="Operator")
    hold = asyncio.Event()

    async def answer(request: bytes) -> bytes:
        await hold.wait()
        return plant.device.normal_answer(request)

    plant.device.answer = answer
    wire = await connect(plant, lost, "lost")
    await wire.send(b"".join(adu(number, write_register(100, number)) for number in range(6)))
    await until(lambda: len(plant.device.requests) == 1)
    plant.change("ca.crl", list_of(plant.root, lost))
    await until(lambda: bool(plant.records(EntitlementLost)))
    hold.set()
    await until(lambda: len(plant.records(WriteOutcome)) == 6)
    assert [write[7:] for write in plant.device.writes] == [write_register(100, 0)]
    outcomes = [each.outcome for each in plant.records(WriteOutcome)]
    assert sorted(outcomes) == sorted([Outcome.DONE, *[Outcome.NOT_SENT] * 5])


async def test_a_revoked_client_that_ignores_close_notify_gets_no_request_executed(plant: Plant) -> None:
    lost = pki.make_leaf(plant.root, "lost", role="Operator")
    context = plant.client_context(*lost.save(plant.folder, "lost"))
    stubborn = await asyncio.to_thread(dial_blocking, plant.port, context)
    try:
        await asyncio.to_thread(stubborn.sendall, READ)
        assert await asyncio.to_thread(stubborn.recv, 260) == ANSWER
        plant.change("ca.crl", list_of(plant.root, lost))
        await until(lambda: bool(plant.records(EntitlementLost)))
        with contextlib.suppress(ConnectionError):  # it may be disconnected by then
            await asyncio.to_thread(stubborn.sendall, adu(2, write_register(100, 1)))
        await until(lambda: bool(plant.records(Disconnected)))
    finally:
        stubborn.close()
    assert plant.device.writes == []
    assert len(plant.records(EntitlementLost)) == 1


async def test_a_certificate_that_expires_ends_its_session(plant: Plant) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=3)).replace(microsecond=0)
    brief = pki.make_leaf(plant.root, "brief", role="Operator", not_after=soon)
    wire, other = await connect(plant, brief, "brief"), await plant.connect(role="Operator")
    assert await wire.request(READ) == ANSWER
    assert await wire.closed() == b""
    assert datetime.now(UTC) >= brief.certificate.not_valid_after_utc
    (ended,) = plant.records(EntitlementLost)
    assert (ended.subject, ended.reason) == ("CN=brief", "its certificate has expired")
    assert await other.request(READ) == ANSWER
