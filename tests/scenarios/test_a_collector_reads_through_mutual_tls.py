"""Through a gateway and mutual TLS a collector reads only as far as its role allows, and follows a renewed certificate."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pki
from scenarios.collecting import connection, neighbours, open_collector, save_identity
from scenarios.plant import Plant, open_device, until
from sealbus.plant import TagPlan
from sealbus.records import Connected
from sealbus.samples import Reason

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


async def test_tags_that_the_role_may_read_are_good_and_others_are_not_allowed(plant: Plant, tmp_path: Path) -> None:
    beyond = TagPlan(id=5, place="holding:1003", interval_s=0.1)  # the policy lets a Viewer read up to 999
    async with open_collector(tmp_path) as site:
        save_identity(site.identities / "viewer", plant.root, trusts=plant.root)
        site.apply(connection(1, plant.url, *neighbours(5, first=995), beyond, identity="viewer"))
        assert (await site.wait_for_bad(5, Reason.NOT_ALLOWED)).value is None
        for address in range(995, 1000):
            await site.wait_for_good(1000 + address, address)
        state = site.collector.state().connections[0]
        assert (state.status, state.certificate_not_after_us is not None) == ("up", True)


async def test_a_new_certificate_is_used_without_a_restart_and_without_a_bad_sample(
    plant: Plant, tmp_path: Path
) -> None:
    async def slow(request: bytes) -> bytes:
        await asyncio.sleep(0.2)
        return plant.device.normal_answer(request)

    plant.device.answer = slow  # so that a request is under way when the connection is replaced
    async with open_collector(tmp_path) as site:
        folder = site.identities / "viewer"
        save_identity(folder, plant.root, trusts=plant.root)
        site.apply(connection(1, plant.url, *neighbours(3), identity="viewer"))
        await site.wait_for_good(1000)
        connects = site.collector.state().connections[0].connects
        save_identity(folder, plant.root, role="Operator", trusts=plant.root)
        await until(lambda: site.collector.state().connections[0].connects > connects)
        await until(lambda: len(plant.records(Connected)) >= 2)
        assert [record.role for record in plant.records(Connected)][-1] == "Operator"
        plant.device.registers[0] = 42
        await site.wait_for_good(1000, 42)
        assert {sample.reason for sample in site.samples} == {Reason.NONE}


async def test_a_broken_file_is_reported_and_the_connection_stays_open(plant: Plant, tmp_path: Path) -> None:
    async with open_collector(tmp_path) as site:
        save_identity(site.identities / "viewer", plant.root, trusts=plant.root)
        site.apply(connection(1, plant.url, *neighbours(1), identity="viewer"))
        await site.wait_for_good(1000)
        (site.identities / "viewer" / "key.pem").write_text("half")
        await until(lambda: "key.pem" in site.collector.state().connections[0].identity_problem)
        state = site.collector.state().connections[0]
        assert (state.status, state.connects) == ("up", 1)


async def test_a_missing_identity_is_reported_and_works_as_soon_as_it_exists(plant: Plant, tmp_path: Path) -> None:
    async with open_collector(tmp_path) as site:
        site.apply(connection(1, plant.url, *neighbours(1), identity="viewer"))
        await site.wait_for_bad(1000, Reason.UNREACHABLE)
        assert "viewer" in site.collector.state().connections[0].why
        save_identity(site.identities / "viewer", plant.root, trusts=plant.root)
        await site.wait_for_good(1000)


async def test_a_server_whose_certificate_expires_gets_no_more_requests(tmp_path: Path) -> None:
    root = pki.make_root()
    soon = pki.make_leaf(root, hosts=["127.0.0.1"], not_after=datetime.now(UTC) + timedelta(seconds=5))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*soon.save(tmp_path, "server"))
    async with open_device(tls=context) as device, open_collector(tmp_path) as site:
        save_identity(site.identities / "viewer", root, trusts=root)
        site.apply(connection(1, f"mbaps://127.0.0.1:{device.port}", *neighbours(1), identity="viewer"))
        await site.wait_for_good(1000)
        await site.wait_for_bad(1000, Reason.UNREACHABLE)
        assert site.collector.state().connections[0].status == "down"
        await until(lambda: not device.live)


async def test_a_server_below_a_revocation_list_that_ran_out_gets_no_more_requests_after_the_grace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealbus.acquisition.polled_connection._LIST_GRACE", timedelta(seconds=1))
    root = pki.make_root()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pki.make_leaf(root, hosts=["127.0.0.1"]).save(tmp_path, "server"))
    async with open_device(tls=context) as device, open_collector(tmp_path) as site:
        save_identity(site.identities / "viewer", root, trusts=root)
        end = (datetime.now(UTC) + timedelta(seconds=5)).replace(microsecond=0)
        (list_file,) = pki.save_crl(tmp_path / "short.crl", pki.make_crl(root, next_update=end))
        list_file.rename(site.identities / "viewer" / "crl.pem")
        site.apply(connection(1, f"mbaps://127.0.0.1:{device.port}", *neighbours(1), identity="viewer"))
        await site.wait_for_good(1000)
        await site.wait_for_bad(1000, Reason.UNREACHABLE)
        assert datetime.now(UTC) > end + timedelta(seconds=1)
        await until(lambda: "revocation list" in site.collector.state().connections[0].why)
        await until(lambda: not device.live)
