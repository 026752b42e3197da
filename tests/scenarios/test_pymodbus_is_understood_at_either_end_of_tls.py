"""pymodbus and Sealbus work together over TLS, with either of them as the client.

A pymodbus client at the gateway has the rights of the role in its certificate and no others. Sealbus as the client of
a pymodbus server reads its values, and sends no request to a server that it does not trust.
"""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING, Any

import pytest
from pymodbus.client import AsyncModbusTlsClient
from pymodbus.pdu.mei_message import ReadDeviceInformationResponse
from pymodbus.server import ModbusTcpServer, ModbusTlsServer

import pki
import sealbus
from scenarios.plant import POLICY, Plant, open_plant
from scenarios.pymodbus_peers import IDENTITY, pymodbus_device, pymodbus_identity, serving
from sealbus.errors import DeviceException, Unreachable
from sealbus.records import Connected, Denied, WriteOutcome, WriteRequested
from sealbus.security import Identity

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

IDENTIFIES = """
[[role.allow]]
units = "1-10"
functions = ["read-device-identification"]
"""


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    """A plant whose device is a pymodbus server."""
    server = ModbusTcpServer([pymodbus_device()], identity=pymodbus_identity(), address=("127.0.0.1", 0))
    async with serving(server) as port:
        device = f'url = "tcp://127.0.0.1:{port}"'
        async with open_plant(tmp_path, policy=POLICY + IDENTIFIES, device=device) as plant:
            yield plant


@contextlib.asynccontextmanager
async def pymodbus_client(plant: Plant, role: str, **limits: Any) -> AsyncIterator[AsyncModbusTlsClient]:
    context = plant.client_context(*plant.issue(role=role), **limits)
    client = AsyncModbusTlsClient("127.0.0.1", port=plant.port, sslctx=context, retries=0, timeout=3)
    assert await client.connect()
    try:
        yield client
    finally:
        client.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_pymodbus_client_reads_and_writes_as_its_role_allows(plant: Plant, version: ssl.TLSVersion) -> None:
    async with pymodbus_client(plant, "Operator", maximum_version=version) as client:
        assert (await client.write_coils(0, [True, False, True])).isError() is False
        assert (await client.write_coil(3, True)).isError() is False
        assert (await client.read_coils(0, count=5)).bits[:5] == [True, False, True, True, False]
        assert (await client.read_discrete_inputs(0, count=7)).bits[:7] == [
            True,
            False,
            False,
            True,
            False,
            False,
            True,
        ]
        assert (await client.write_register(100, 1000)).registers == [1000]
        assert (await client.write_registers(101, [1, 2, 3])).count == 3
        assert (await client.mask_write_register(address=203, and_mask=0xF2, or_mask=0x25)).isError() is False
        assert (await client.read_holding_registers(99, count=6)).registers == [0, 1000, 1, 2, 3, 0]
        assert (await client.read_input_registers(97, count=3)).registers == [1097, 1098, 1099]
        written = await client.readwrite_registers(read_address=203, read_count=3, write_address=204, values=[8, 9])
        assert written.registers[0] == 0x25 & ~0xF2
        assert (await client.read_holding_registers(203, count=3)).registers == [0x05, 8, 9]
        identification = await client.read_device_information()
        assert isinstance(identification, ReadDeviceInformationResponse)
        assert identification.information == IDENTITY
    (connected,) = plant.records(Connected)
    assert (connected.role, connected.tls_version) == ("Operator", version.name.replace("_", "."))
    writes = plant.records(WriteRequested)
    assert [write.function for write in writes] == [15, 5, 6, 16, 22, 23]
    assert [outcome.outcome.value for outcome in plant.records(WriteOutcome)] == ["done"] * 6


async def test_a_pymodbus_client_is_denied_other_requests(plant: Plant) -> None:
    async with pymodbus_client(plant, "Operator") as operator, pymodbus_client(plant, "Viewer") as viewer:
        assert (await operator.write_register(100, 5)).isError() is False
        for refused in (
            await viewer.write_register(100, 6),
            await viewer.write_registers(100, [6]),
            await viewer.write_coil(0, True),
            await viewer.mask_write_register(address=100, and_mask=0, or_mask=6),
            await viewer.readwrite_registers(read_address=0, read_count=1, write_address=100, values=[6]),
            await viewer.read_coils(0, count=1),
            await viewer.read_device_information(),
            await operator.write_register(100, 1001),
            await operator.write_registers(109, [1, 1]),
            await operator.read_holding_registers(0, count=1, device_id=11),
        ):
            assert (refused.isError(), refused.exception_code) == (True, 1)
        assert (await viewer.read_holding_registers(100, count=1)).registers == [5]
    denied = [(each.role, each.function) for each in plant.records(Denied)]
    assert denied == [("Viewer", code) for code in (6, 16, 5, 22, 23, 1, 43)] + [
        ("Operator", code) for code in (6, 16, 3)
    ]


async def test_a_device_exception_reaches_a_pymodbus_client_unchanged(plant: Plant) -> None:
    async with pymodbus_client(plant, "Operator") as client:
        refused = await client.read_holding_registers(499, count=2)
        assert (refused.isError(), refused.exception_code) == (True, 2)


async def test_a_pymodbus_client_without_a_certificate_is_refused(plant: Plant) -> None:
    client = AsyncModbusTlsClient(
        "127.0.0.1",
        port=plant.port,
        sslctx=plant.client_context(None, None, maximum_version=ssl.TLSVersion.TLSv1_2),
        retries=0,
        timeout=1,
        reconnect_delay=0,
    )
    assert not await client.connect()
    client.close()
    assert plant.records(Connected) == []


# -- Sealbus as the client


@contextlib.asynccontextmanager
async def pymodbus_tls_server(folder: Path, *, issuer: pki.Credential, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """A pymodbus server with mutual TLS. `issuer` signs its certificate; it trusts the authority in ca.crt."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(folder / "ca.crt"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(*pki.make_leaf(issuer, hosts=[host]).save(folder, "server"))
    place = ("127.0.0.1", 0)
    server = ModbusTlsServer([pymodbus_device()], identity=pymodbus_identity(), address=place, sslctx=context)
    async with serving(server) as port:
        yield port


@pytest.fixture
def root(tmp_path: Path) -> pki.Credential:
    root = pki.make_root()
    pki.save_trust(tmp_path / "ca.crt", root)
    return root


@pytest.fixture
def identity(tmp_path: Path, root: pki.Credential) -> Identity:
    return Identity.load(*pki.make_leaf(root, role="Operator").save(tmp_path, "operator"))


async def test_sealbus_reads_and_writes_a_pymodbus_server(
    tmp_path: Path, root: pki.Credential, identity: Identity
) -> None:
    async with pymodbus_tls_server(tmp_path, issuer=root) as port:
        url = f"mbaps://127.0.0.1:{port}"
        async with sealbus.connect(url, identity=identity, trust=tmp_path / "ca.crt") as modbus:
            await modbus.write_coils(0, [True, False, True])
            await modbus.write_coil(3, True)
            assert await modbus.read_coils(0, 5) == [True, False, True, True, False]
            assert await modbus.read_discrete_inputs(0, 7) == [True, False, False, True, False, False, True]
            await modbus.write_register(100, 65535)
            await modbus.write_registers(101, [1, 2, 3])
            assert await modbus.read_holding_registers(99, 6) == [0, 65535, 1, 2, 3, 0]
            assert await modbus.read_input_registers(97, 3) == [1097, 1098, 1099]
            await modbus.mask_write_register(102, 0xF2, 0x25)
            assert await modbus.read_write_registers((102, 1), (104, [8])) == [7]
            assert (await modbus.read_device_identification()).objects == IDENTITY
            await modbus.write("holding:200", -1.5, type="float32", order="CDAB")
            assert await modbus.read_holding_registers(200, 2) == [0x0000, 0xBFC0]
            assert await modbus.read("holding:200", type="float32", order="CDAB") == -1.5
            with pytest.raises(DeviceException) as refused:
                await modbus.read_holding_registers(499, 2)
            assert refused.value.exception_code == 2
            assert await modbus.read_holding_registers(100, 1) == [65535]


@pytest.mark.parametrize("mistake", ["foreign authority", "other name"])
async def test_sealbus_sends_no_request_to_an_untrusted_pymodbus_server(
    tmp_path: Path, root: pki.Credential, identity: Identity, mistake: str
) -> None:
    issuer = pki.make_root("Another root") if mistake == "foreign authority" else root
    host = "plant.example" if mistake == "other name" else "127.0.0.1"
    async with pymodbus_tls_server(tmp_path, issuer=issuer, host=host) as port:
        modbus = sealbus.connect(f"mbaps://127.0.0.1:{port}", identity=identity, trust=tmp_path / "ca.crt")
        with pytest.raises(Unreachable, match="TLS failed"):
            await modbus.write_register(100, 1)
        await modbus.close()
        named = sealbus.connect(
            f"mbaps://127.0.0.1:{port}?name=plant.example", identity=identity, trust=tmp_path / "ca.crt"
        )
        if mistake == "other name":
            await named.write_register(100, 1)
        else:
            with pytest.raises(Unreachable, match="TLS failed"):
                await named.write_register(100, 1)
        await named.close()
