"""A record that TLS cannot accept ends its connection with a fatal alert (R-33).

RFC 5246, 7.2.2, and RFC 8446, 6.2: the end that finds the error sends the alert. This holds for TLS 1.2 and 1.3, for a
gateway and a server of the library, and for an end that dialled, with and without an event loop. What a broken record
carries is never executed, and other connections are not affected.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

import pki
import sealbus
from raw_tls import BROKEN_RECORDS, RawTls, alert_of
from scenarios.plant import Plant, adu, read_holding, until, words, write_register
from sealbus.records import Disconnected
from sealbus.security import Identity

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

READ, ANSWER = adu(1, read_holding(7, 1)), adu(1, words(7))
WRITE = adu(2, write_register(100, 7))
REASONS = {
    "a record was changed or damaged on the way",
    "a record of an unknown type arrived",
    "a record is longer than TLS allows",
}

kinds = pytest.mark.parametrize("kind", BROKEN_RECORDS)
versions = pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])


def at_most(version: str, context: ssl.SSLContext) -> ssl.SSLContext:
    context.maximum_version = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}[version]
    return context


@dataclass(frozen=True)
class Ends:
    """Certificates for a server on 127.0.0.1 and for a client, of one authority."""

    trust: Path
    server: tuple[Path, Path]
    client: tuple[Path, Path]


@pytest.fixture
def ends(tmp_path: Path) -> Ends:
    root = pki.make_root()
    return Ends(
        trust=pki.save_trust(tmp_path / "ca.crt", root),
        server=pki.make_leaf(root, hosts=["127.0.0.1"]).save(tmp_path, "server"),
        client=pki.make_leaf(root, role="Operator").save(tmp_path, "client"),
    )


@kinds
@versions
async def test_a_gateway_sends_the_alert_and_records_the_reason(plant: Plant, kind: str, version: str) -> None:
    neighbour = await plant.connect(role="Viewer")
    peer = await RawTls.connect(plant.port, at_most(version, plant.client_context(*plant.issue(role="Operator"))))
    await peer.send(peer.seal(READ))
    assert await peer.receive() == ANSWER
    await peer.send(peer.broken(kind, WRITE))
    assert await peer.last_words() == alert_of(kind, version)
    await until(lambda: len(plant.records(Disconnected)) == 1)
    (ended,) = plant.records(Disconnected)
    assert ended.reason in REASONS
    assert plant.device.writes == []
    assert await neighbour.request(READ) == ANSWER


@kinds
@versions
async def test_a_server_of_the_library_sends_the_alert(ends: Ends, kind: str, version: str) -> None:
    context = ssl.create_default_context(cafile=str(ends.trust))
    context.load_cert_chain(*ends.client)
    device, identity = sealbus.Device({"holding": {7: 7}}), Identity.load(*ends.server)
    async with sealbus.serve(
        "mbaps://127.0.0.1:0", device, unsafe_no_policy=True, identity=identity, trust=ends.trust
    ) as server:
        peer = await RawTls.connect(server.port, at_most(version, context))
        await peer.send(peer.seal(READ))
        assert await peer.receive() == ANSWER
        await peer.send(peer.broken(kind, READ))
        assert await peer.last_words() == alert_of(kind, version)


@contextlib.asynccontextmanager
async def breaking_device(ends: Ends, kind: str, version: str) -> AsyncIterator[tuple[int, list[str]]]:
    """A device that answers each request with a broken record. Its port, and how each connection was ended."""
    ended: list[str] = []
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(ends.trust))
    context.load_cert_chain(*ends.server)
    context.verify_mode = ssl.CERT_REQUIRED

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = await RawTls.accept(reader, writer, at_most(version, context))
        request = await peer.receive()
        await peer.send(peer.broken(kind, request[:2] + ANSWER[2:]))
        ended.append(await peer.last_words())

    async with await asyncio.start_server(answer, "127.0.0.1") as server:
        yield server.sockets[0].getsockname()[1], ended


@kinds
@versions
async def test_a_client_sends_the_alert_to_its_device(ends: Ends, kind: str, version: str) -> None:
    async with (
        breaking_device(ends, kind, version) as (port, ended),
        sealbus.connect(
            f"mbaps://127.0.0.1:{port}", identity=Identity.load(*ends.client), trust=ends.trust, timeout=30.0
        ) as modbus,
    ):
        with pytest.raises(sealbus.SealbusError, match="record"):
            await modbus.read_holding_registers(7, 1)
        await until(lambda: bool(ended))
        assert ended == [alert_of(kind, version)]


@kinds
@versions
async def test_a_client_without_an_event_loop_sends_the_alert_too(ends: Ends, kind: str, version: str) -> None:
    def read(port: int) -> None:
        with sealbus.sync.connect(
            f"mbaps://127.0.0.1:{port}", identity=Identity.load(*ends.client), trust=ends.trust, timeout=30.0
        ) as modbus:
            modbus.read_holding_registers(7, 1)

    async with breaking_device(ends, kind, version) as (port, ended):
        with pytest.raises(sealbus.SealbusError, match="record"):
            await asyncio.to_thread(read, port)
        await until(lambda: bool(ended))
        assert ended == [alert_of(kind, version)]
