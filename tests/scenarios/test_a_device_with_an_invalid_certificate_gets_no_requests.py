"""A device must prove its identity, and its connection ends as soon as its certificate is no longer valid.

The gateway makes the same checks on devices as on clients.
"""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pki
from scenarios.plant import (
    PATIENCE_S,
    Plant,
    adu,
    exception,
    open_device,
    open_plant,
    read_holding,
    until,
    words,
    write_register,
)

if TYPE_CHECKING:
    from pathlib import Path

AWAY = exception(3, 0x0A)


def server_context(folder: Path, credential: pki.Credential, name: str = "device") -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(folder / "ca.crt"))
    context.load_cert_chain(*credential.save(folder, name))
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def unreachable_because(plant: Plant, reason: str) -> None:
    """Wait until the alarm of the device contains this text."""
    await until(lambda: any(reason in text for text in plant.process.events.alarms.values()))


async def test_a_device_whose_certificate_expires_gets_no_more_requests(tmp_path: Path) -> None:
    root = pki.make_root()
    pki.save_trust(tmp_path / "ca.crt", root)
    soon = datetime.now(UTC) + timedelta(seconds=3)
    tls = server_context(tmp_path, pki.make_leaf(root, hosts=["127.0.0.1"], not_after=soon))
    async with (
        open_device(tls=tls) as device,
        open_plant(tmp_path, root=root, device=f'url = "mbaps://127.0.0.1:{device.port}"') as plant,
    ):
        client = await plant.connect()
        assert await client.request(adu(1, read_holding(10, 1))) == adu(1, words(10))
        await until(lambda: not device.live)
        assert await client.request(adu(2, read_holding(10, 1))) == adu(2, AWAY)
        await unreachable_because(plant, "expired")


async def test_a_revoked_device_gets_no_more_requests_and_its_successor_does(tmp_path: Path) -> None:
    root = pki.make_root()
    pki.save_trust(tmp_path / "ca.crt", root)
    stolen, successor = (pki.make_leaf(root, hosts=["127.0.0.1"]) for _ in range(2))
    pki.save_crl(tmp_path / "list.crl", pki.make_crl(root))
    tls = server_context(tmp_path, stolen)
    async with (
        open_device(tls=tls) as device,
        open_plant(
            tmp_path,
            root=root,
            identity='crl = ["list0.crl"]',
            device=f'url = "mbaps://127.0.0.1:{device.port}"',
        ) as plant,
    ):
        client = await plant.connect()
        assert await client.request(adu(1, read_holding(10, 1))) == adu(1, words(10))
        (renewed,) = pki.save_crl(tmp_path / "renewed.crl", pki.make_crl(root, [stolen]))
        plant.change("list0.crl", renewed.read_bytes())
        await until(lambda: not device.live)
        assert await client.request(adu(2, write_register(100, 1))) == adu(2, exception(6, 0x0A))
        assert device.writes == []
        tls.load_cert_chain(*successor.save(tmp_path, "successor"))
        async with asyncio.timeout(PATIENCE_S):
            while await client.request(adu(3, read_holding(10, 1))) != adu(3, words(10)):
                await asyncio.sleep(0.02)


async def test_a_device_of_an_unknown_authority_receives_nothing(tmp_path: Path) -> None:
    root = pki.make_root()
    pki.save_trust(tmp_path / "ca.crt", root)
    tls = server_context(tmp_path, pki.make_leaf(pki.make_root("Another root"), hosts=["127.0.0.1"]))
    async with (
        open_device(tls=tls) as stranger,
        open_plant(tmp_path, root=root, device=f'url = "mbaps://127.0.0.1:{stranger.port}"') as plant,
    ):
        client = await plant.connect()
        assert await client.request(adu(1, write_register(100, 1))) == adu(1, exception(6, 0x0A))
        assert stranger.requests == []


async def test_a_device_with_the_certificate_of_another_receives_nothing(tmp_path: Path) -> None:
    root = pki.make_root()
    pki.save_trust(tmp_path / "ca.crt", root)
    tls = server_context(tmp_path, pki.make_leaf(root, hosts=["pump-2.example"]))
    async with (
        open_device(tls=tls) as impostor,
        open_plant(tmp_path, root=root, device=f'url = "mbaps://127.0.0.1:{impostor.port}"') as plant,
    ):
        client = await plant.connect()
        assert await client.request(adu(1, write_register(100, 1))) == adu(1, exception(6, 0x0A))
        assert impostor.requests == []
