"""A real session between Sealbus's client and its gateway, recorded on the wire and decoded by Wireshark.

With the keys of the session it contains unchanged MBAP ADUs in TLS (R-05); without them it shows no Modbus. The
handshake shows other requirements for a client: R-08, R-46, R-59 to R-64.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

import sealbus
from scenarios.capture import TO_CLIENT, TO_SERVER, Packet, Segments, dissect, recording_proxy
from sealbus.errors import DeviceException
from sealbus.security import Identity

if TYPE_CHECKING:
    from pathlib import Path

    from scenarios.plant import Plant

pytestmark = pytest.mark.needs("tshark")

MBAPS = 802
CLIENT_HELLO, CERTIFICATE, CERTIFICATE_REQUEST = "1", "11", "13"
AES_128_GCM_SUITES = {"0xc02b", "0xc02f"}  # TLS_ECDHE_ECDSA_ and TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
P_256, UNCOMPRESSED_POINTS, NO_COMPRESSION = "0x0017", "0", "0"
SUPPORTED_GROUPS, POINT_FORMATS, RENEGOTIATION_INDICATION = "10", "11", "65281"
RENEGOTIATION_SUITE = "0x00ff"  # replaces the extension in a first ClientHello (RFC 5746, 3.3)

MODBUS_FIELDS = (
    *("mbtcp.trans_id", "mbtcp.prot_id", "mbtcp.len", "mbtcp.unit_id", "modbus.func_code", "modbus.exception_code"),
    *("modbus.reference_num", "modbus.word_cnt", "modbus.regnum16", "modbus.regval_uint16", "modbus.data"),
)


@dataclass
class RecordedSession:
    """The recorded segments, and the file with the keys of the session."""

    folder: Path
    segments: Segments
    keys: Path

    def modbus(self, *, with_keys: bool) -> list[Packet]:
        options = ("-o", f"tls.keylog_file:{self.keys}") if with_keys else ()
        return dissect(self.folder, self.segments, port=MBAPS, fields=MODBUS_FIELDS, only="mbtcp", options=options)

    def handshake(self, *fields: str, message: str) -> Packet:
        names = [f"tls.handshake.{name}" for name in fields]
        only = f"tls.handshake.type == {message}"
        (packet,) = dissect(self.folder, self.segments, port=MBAPS, fields=names, only=only)
        return {name.removeprefix("tls.handshake."): values for name, values in packet.items()}


async def record_session(plant: Plant, folder: Path, version: ssl.TLSVersion) -> RecordedSession:
    """Record one session: an operator reads, writes and receives a denial."""
    service = next(iter(plant.process.gateway.services.values()))
    assert service.security is not None
    service.security.context.maximum_version = version
    service.security.context.keylog_filename = str(folder / "keys")
    identity = Identity.load(*plant.issue(role="Operator"))
    async with recording_proxy(plant.port) as (port, segments):
        url = f"mbaps://127.0.0.1:{port}"
        async with sealbus.connect(url, identity=identity, trust=plant.folder / "ca.crt") as modbus:
            assert await modbus.read_holding_registers(7, 3, unit=2) == [7, 8, 9]
            await modbus.write_register(100, 1000, unit=2)
            with pytest.raises(DeviceException):
                await modbus.write_registers(100, [1001], unit=2)
    return RecordedSession(folder, segments, folder / "keys")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_with_the_keys_wireshark_finds_unchanged_modbus_frames(
    plant: Plant, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    session = await record_session(plant, tmp_path, version)
    packets = await asyncio.to_thread(session.modbus, with_keys=True)
    assert [_without(packet, "mbtcp.prot_id", "mbtcp.unit_id") for packet in packets] == [
        _fields("trans_id=1 len=6 func_code=3 reference_num=7 word_cnt=3"),
        _fields("trans_id=1 len=9 func_code=3 regnum16=7,8,9 regval_uint16=7,8,9"),
        _fields("trans_id=2 len=6 func_code=6 reference_num=100 data=03e8"),
        _fields("trans_id=2 len=6 func_code=6 reference_num=100 data=03e8"),
        _fields("trans_id=3 len=9 func_code=16 reference_num=100 word_cnt=1 regnum16=100 regval_uint16=1001"),
        _fields("trans_id=3 len=3 func_code=16 exception_code=1"),
    ]
    assert {(packet["mbtcp.prot_id"][0], packet["mbtcp.unit_id"][0]) for packet in packets} == {("0", "2")}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_without_the_keys_wireshark_finds_no_modbus(
    plant: Plant, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    session = await record_session(plant, tmp_path, version)
    assert await asyncio.to_thread(session.modbus, with_keys=False) == []
    for direction in (TO_SERVER, TO_CLIENT):
        wire = b"".join(data for towards, data in session.segments if towards is direction)
        for plain in (b"\x02\x03\x00\x07\x00\x03", b"\x02\x06\x00\x64\x03\xe8", b"\x02\x90\x01"):
            assert plain not in wire


async def test_our_client_offers_the_required_extensions(plant: Plant, tmp_path: Path) -> None:
    session = await record_session(plant, tmp_path, ssl.TLSVersion.TLSv1_3)
    hello = await asyncio.to_thread(
        session.handshake,
        *("ciphersuite", "comp_method", "extension.type", "extensions_supported_group", "extensions_ec_point_format"),
        "extensions.supported_version",
        message=CLIENT_HELLO,
    )
    assert set(hello["ciphersuite"]) >= AES_128_GCM_SUITES
    assert hello["comp_method"] == [NO_COMPRESSION]
    assert P_256 in hello["extensions_supported_group"]
    assert UNCOMPRESSED_POINTS in hello["extensions_ec_point_format"]
    assert {SUPPORTED_GROUPS, POINT_FORMATS} <= set(hello["extension.type"])
    assert RENEGOTIATION_INDICATION in hello["extension.type"] or RENEGOTIATION_SUITE in hello["ciphersuite"]
    assert set(hello["extensions.supported_version"]) == {"0x0304", "0x0303"}


async def test_both_sides_send_their_chain_up_to_the_root(plant: Plant, tmp_path: Path) -> None:
    session = await record_session(plant, tmp_path, ssl.TLSVersion.TLSv1_2)
    root = plant.root.der.hex()
    for direction in (TO_SERVER, TO_CLIENT):
        port = "tcp.dstport" if direction else "tcp.srcport"
        (packet,) = await asyncio.to_thread(
            dissect,
            tmp_path,
            session.segments,
            port=MBAPS,
            fields=["tls.handshake.certificate", "tls.handshake.type"],
            only=f"tls.handshake.type == {CERTIFICATE} && {port} == {MBAPS}",
        )
        chain = packet["tls.handshake.certificate"]
        assert (len(chain), chain[-1]) == (2, root)
        assert (CERTIFICATE_REQUEST in packet["tls.handshake.type"]) is (direction is TO_CLIENT)


def _fields(text: str) -> Packet:
    names = {name: name for name in MODBUS_FIELDS} | {name.partition(".")[2]: name for name in MODBUS_FIELDS}
    return {names[name]: values.split(",") for name, _, values in (part.partition("=") for part in text.split())}


def _without(packet: Packet, *names: str) -> Packet:
    return {name: values for name, values in packet.items() if name not in names}
