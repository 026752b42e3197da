"""Resumption skips the certificate message; revocation, trust, validity and policy are checked again as of now."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

import pki
from scenarios.blocking_client import request_once
from scenarios.plant import POLICY, Plant, adu, exception, open_plant, read_holding, until, words, write_register
from sealbus.records import Connected, Denied, RefusedConnection, Reloaded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

READ, ANSWER = adu(1, read_holding(7, 1)), adu(1, words(7))
WRITE = adu(2, write_register(100, 7))


def list_of(root: pki.Credential, *revoked: pki.Credential) -> bytes:
    return pki.make_crl(root, revoked).public_bytes(Encoding.PEM)


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def version(request: pytest.FixtureRequest) -> ssl.TLSVersion:
    found: ssl.TLSVersion = request.param
    return found


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    root = pki.make_root()
    (tmp_path / "ca.crl").write_bytes(list_of(root))
    async with open_plant(tmp_path, root=root, identity='crl = ["ca.crl"]') as plant:
        yield plant


def context_of(plant: Plant, credential: pki.Credential, version: ssl.TLSVersion) -> ssl.SSLContext:
    return plant.client_context(*credential.save(plant.folder, "resuming"), maximum_version=version)


async def test_a_session_is_resumed_if_nothing_has_changed(plant: Plant, version: ssl.TLSVersion) -> None:
    context = context_of(plant, pki.make_leaf(plant.root, role="Operator"), version)
    first = await request_once(plant, context, READ)
    again = await request_once(plant, context, WRITE, resume=first.session)
    assert (first.resumed, first.answer, again.resumed, again.answer) == (False, ANSWER, True, WRITE)
    assert [(each.resumed, each.role) for each in plant.records(Connected)] == [(False, "Operator"), (True, "Operator")]


async def test_a_revoked_client_cannot_resume(plant: Plant, version: ssl.TLSVersion) -> None:
    lost, kept = pki.make_leaf(plant.root, role="Operator"), pki.make_leaf(plant.root, role="Operator")
    context = context_of(plant, lost, version)
    first = await request_once(plant, context, READ)
    plant.change("ca.crl", list_of(plant.root, lost))
    await until(lambda: bool(plant.records(Reloaded)))
    again = await request_once(plant, context, WRITE, resume=first.session)
    assert (first.answer, again.answer) == (ANSWER, b"")
    assert len(plant.records(Connected)) == 1
    assert plant.device.writes == []
    assert await plant.attempt(*kept.save(plant.folder, "kept")) == adu(1, words(0))


async def test_a_client_of_a_removed_authority_cannot_resume(tmp_path: Path, version: ssl.TLSVersion) -> None:
    async with open_plant(tmp_path) as plant:
        second = pki.make_root("Second root")
        plant.change("ca.crt", pki.save_trust(tmp_path / "both", plant.root, second).read_bytes())
        await until(lambda: len(plant.records(Reloaded)) == 1)
        context = context_of(plant, pki.make_leaf(second, role="Operator"), version)
        first = await request_once(plant, context, READ)
        plant.change("ca.crt", pki.save_trust(tmp_path / "one", plant.root).read_bytes())
        await until(lambda: len(plant.records(Reloaded)) == 2)
        again = await request_once(plant, context, WRITE, resume=first.session)
        assert (first.answer, again.answer, plant.device.writes) == (ANSWER, b"", [])


async def test_a_client_whose_certificate_has_expired_cannot_resume(plant: Plant) -> None:
    ends = (datetime.now(UTC) + timedelta(seconds=3)).replace(microsecond=0)
    context = context_of(plant, pki.make_leaf(plant.root, role="Operator", not_after=ends), ssl.TLSVersion.TLSv1_2)
    first = await request_once(plant, context, READ)
    await asyncio.sleep((ends - datetime.now(UTC)).total_seconds() + 0.01)
    again = await request_once(plant, context, WRITE, resume=first.session)
    assert (first.answer, again.resumed, again.answer) == (ANSWER, True, b"")
    assert "expired" in plant.records(RefusedConnection)[-1].reason
    assert plant.device.writes == []


async def test_a_resumed_session_has_the_current_policy(plant: Plant, version: ssl.TLSVersion) -> None:
    context = context_of(plant, pki.make_leaf(plant.root, role="Operator"), version)
    first = await request_once(plant, context, READ)
    plant.change("policy.toml", POLICY.replace('write = ["holding:100-109"]', 'write = ["holding:110-119"]'))
    await until(lambda: bool(plant.records(Reloaded)))
    again = await request_once(plant, context, WRITE, resume=first.session)
    allowed = await request_once(plant, context, adu(3, write_register(110, 7)), resume=again.session)
    assert (first.answer, again.resumed, again.answer) == (ANSWER, True, adu(2, exception(6, 1)))
    assert (allowed.resumed, allowed.answer) == (True, adu(3, write_register(110, 7)))
    assert [write[7:] for write in plant.device.writes] == [write_register(110, 7)]
    assert plant.records(Denied)[-1].role == "Operator"
