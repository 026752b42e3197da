"""Devices behind one gateway that speak RTU over TCP, or are reached through an SSH server or another gateway.

For the client all of them are MBAP over TLS with its own rights. A path that cannot be verified is not used. Serial
lines have their own file.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from typing import TYPE_CHECKING

import pytest
from pymodbus.framer import FramerType
from pymodbus.server import ModbusTcpServer

import pki
from scenarios.plant import (
    POLICY,
    Plant,
    ScriptedDevice,
    adu,
    exception,
    open_plant,
    read_holding,
    until,
    words,
    write_register,
    write_registers,
)
from scenarios.pymodbus_peers import pymodbus_device, serving
from scenarios.serial_line import checksum, rtu_frame
from sealbus.records import Alarm, Connected, Denied, WriteOutcome
from unit.transport.openssh import Bastion, running_bastion

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

NO_ANSWER, NO_PATH = 11, 10


# -- rtu+tcp


async def test_pymodbus_as_a_device_that_speaks_rtu_over_tcp(tmp_path: Path) -> None:
    server = ModbusTcpServer([pymodbus_device(3)], framer=FramerType.RTU, address=("127.0.0.1", 0))
    async with serving(server) as port, open_plant(tmp_path, device=f'url = "rtu+tcp://127.0.0.1:{port}"') as plant:
        operator = await plant.connect(role="Operator")
        for number, (request, answer) in enumerate(
            (
                (bytes((15, 0, 0, 0, 3, 1, 0b101)), bytes((15, 0, 0, 0, 3))),
                (bytes((1, 0, 0, 0, 5)), bytes((1, 1, 0b00101))),
                (bytes((2, 0, 0, 0, 4)), bytes((2, 1, 0b1001))),
                (struct.pack(">BHH", 4, 97, 3), struct.pack(">BBHHH", 4, 6, 1097, 1098, 1099)),
                (write_registers(200, 1, 2, 3), struct.pack(">BHH", 16, 200, 3)),
                (write_register(203, 65535), write_register(203, 65535)),
                (struct.pack(">BHHH", 22, 201, 0xF2, 0x25), struct.pack(">BHHH", 22, 201, 0xF2, 0x25)),
                (read_holding(200, 4), words(1, 7, 3, 65535)),
                (read_holding(499, 2), exception(3, 2)),
            )
        ):
            assert await operator.request(adu(number, request, unit=3)) == adu(number, answer, unit=3)
        assert await operator.request(adu(99, write_register(100, 1001), unit=3)) == adu(99, exception(6, 1), unit=3)


class Converter:
    """A serial converter on TCP with one slave: requests are framed by their checksum. It answers on demand."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.is_silent = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        held = b""
        while data := await reader.read(4096):
            held += data
            if len(held) > 3 and checksum(held[:-2]) == held[-2:]:
                request, held = held, b""
                self.requests.append(request)
                if not self.is_silent:
                    writer.write(self.answer(request))
        writer.close()

    def answer(self, request: bytes) -> bytes:
        """Holding register n holds n."""
        address, count = struct.unpack_from(">HH", request, 2)
        return rtu_frame(request[0], words(*range(address, address + count)))


@contextlib.asynccontextmanager
async def open_converter(folder: Path) -> AsyncIterator[tuple[Plant, Converter]]:
    converter = Converter()
    server = await asyncio.start_server(converter.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with open_plant(folder, device=f'url = "rtu+tcp://127.0.0.1:{port}"\ntimeout = 0.4') as plant:
        yield plant, converter
    server.close()
    await asyncio.sleep(0)


async def test_a_late_answer_over_rtu_and_tcp_is_not_taken_for_the_next_one(tmp_path: Path) -> None:
    async with open_converter(tmp_path) as (plant, converter):
        viewer = await plant.connect(role="Viewer")
        assert await viewer.request(adu(1, read_holding(3, 1))) == adu(1, words(3))
        converter.is_silent = True
        assert await viewer.request(adu(2, read_holding(4, 1))) == adu(2, exception(3, NO_ANSWER))
        converter.is_silent = False
        await viewer.send(adu(3, read_holding(5, 1)))
        converter.writers[0].write(converter.answer(converter.requests[1]))
        assert await viewer.receive() == [adu(3, words(5))]
        assert len(converter.writers) == 2, "the connection was reopened"


async def test_a_damaged_frame_over_rtu_and_tcp_costs_one_request(tmp_path: Path) -> None:
    async with open_converter(tmp_path) as (plant, converter):
        viewer = await plant.connect(role="Viewer")
        assert await viewer.request(adu(1, read_holding(3, 1))) == adu(1, words(3))
        converter.is_silent = True
        await viewer.send(adu(2, read_holding(4, 1)))
        await until(lambda: len(converter.requests) == 2)
        converter.writers[0].write(converter.answer(converter.requests[1])[:-1] + b"\0")
        assert await viewer.receive() == [adu(2, exception(3, NO_ANSWER))]
        converter.is_silent = False
        assert await viewer.request(adu(3, read_holding(5, 1))) == adu(3, words(5))


# -- ssh+tcp


@pytest.fixture(scope="module")
def bastion() -> Iterator[Bastion]:
    with running_bastion() as made:
        yield made


@contextlib.asynccontextmanager
async def behind_ssh(folder: Path, bastion: Bastion, **files: str) -> AsyncIterator[tuple[Plant, ScriptedDevice]]:
    """A plant whose device can be reached only through the SSH server."""
    device = ScriptedDevice()
    await device.start()
    try:
        url = bastion.url(f"127.0.0.1:{device.port}", **files)
        async with open_plant(folder, device=f'url = "{url}"') as plant:
            yield plant, device
    finally:
        await device.stop()


@pytest.mark.needs("sshd")
async def test_a_device_behind_an_ssh_server_is_read_and_written(tmp_path: Path, bastion: Bastion) -> None:
    async with behind_ssh(tmp_path, bastion) as (plant, device):
        operator = await plant.connect(role="Operator")
        assert await operator.request(adu(1, read_holding(7, 3))) == adu(1, words(7, 8, 9))
        assert await operator.request(adu(2, write_register(100, 1000))) == adu(2, write_register(100, 1000))
        assert await operator.request(adu(3, write_register(100, 1001))) == adu(3, exception(6, 1))
        assert [write[7:] for write in device.writes] == [write_register(100, 1000)]
        device.drop()
        answers = [await operator.request(adu(number, read_holding(7, 1))) for number in (4, 5)]
        assert answers[1] == adu(5, words(7)), "the tunnel is reopened"


@pytest.mark.needs("sshd")
@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"known_hosts": "changed_hosts"}, "it was changed, or the connection is intercepted"),
        ({"key": "strange_key"}, "accepts none of our keys"),
    ],
)
async def test_an_ssh_server_with_an_unknown_key_is_not_used(
    tmp_path: Path, bastion: Bastion, files: dict[str, str], reason: str
) -> None:
    async with behind_ssh(tmp_path, bastion, **files) as (plant, device):
        operator = await plant.connect(role="Operator")
        assert await operator.request(adu(1, write_register(100, 1))) == adu(1, exception(6, NO_PATH))
        assert device.connections == 0
        assert [outcome.outcome.value for outcome in plant.records(WriteOutcome)] == ["not_sent"]
        assert any(reason in alarm.text for alarm in plant.records(Alarm))


# -- mbaps, from gateway to gateway


@contextlib.asynccontextmanager
async def two_gateways(
    folder: Path, *, role: str | None = "Operator", inner_policy: str = POLICY, foreign: bool = False
) -> AsyncIterator[tuple[Plant, Plant]]:
    """An outer gateway whose device is an inner one. For the inner gateway the outer has a certificate with `role`."""
    root = pki.make_root()
    inner_folder, outer_folder = folder / "inner", folder / "outer"
    inner_folder.mkdir()
    outer_folder.mkdir()
    pki.make_leaf(root, "outer", role=role, hosts=["127.0.0.1"]).save(outer_folder, "outer")
    inner_root = pki.make_root("Another root") if foreign else root
    async with open_plant(inner_folder, policy=inner_policy, root=inner_root) as inner:
        identity = 'certificate = "outer.crt"\nkey = "outer.key"'
        device = f'url = "{inner.url}"\nin_flight = 16'
        async with open_plant(outer_folder, device=device, identity=identity, root=root) as outer:
            yield outer, inner


async def test_each_of_two_gateways_decides_by_the_certificate_of_its_own_client(tmp_path: Path) -> None:
    inner_policy = POLICY.replace("max = 1000", "max = 500")
    async with two_gateways(tmp_path, inner_policy=inner_policy) as (outer, inner):
        operator, viewer = await outer.connect(role="Operator"), await outer.connect(role="Viewer")
        assert await operator.request(adu(1, write_register(100, 500))) == adu(1, write_register(100, 500))
        assert await viewer.request(adu(2, write_register(100, 500))) == adu(2, exception(6, 1))
        assert await operator.request(adu(3, write_register(100, 501))) == adu(3, exception(6, 1))
        assert await operator.request(adu(4, write_register(100, 1001))) == adu(4, exception(6, 1))
        assert [write[7:] for write in inner.device.writes] == [write_register(100, 500)]
        assert [denied.subject for denied in outer.records(Denied)] == ["CN=peer", "CN=peer"]
        assert [denied.subject for denied in inner.records(Denied)] == ["CN=outer"]
        assert [outcome.outcome.value for outcome in outer.records(WriteOutcome)] == ["done", "exception"]


async def test_many_clients_share_the_connection_between_two_gateways(tmp_path: Path) -> None:
    async with two_gateways(tmp_path) as (outer, inner):

        async def poll(number: int) -> None:
            viewer = await outer.connect(role="Viewer")
            for transaction_id in range(7, 17):
                address = 100 * number + transaction_id
                assert await viewer.request(adu(transaction_id, read_holding(address, 2))) == adu(
                    transaction_id, words(address, address + 1)
                )

        await asyncio.gather(*map(poll, range(6)))
        assert len(inner.records(Connected)) == 1


async def test_exceptions_of_the_device_and_of_the_inner_gateway_reach_the_client(tmp_path: Path) -> None:
    async with two_gateways(tmp_path) as (outer, inner):
        viewer = await outer.connect(role="Viewer")
        inner.device.answer = lambda request: adu(int.from_bytes(request[:2], "big"), exception(3, 6))
        assert await viewer.request(adu(1, read_holding(7, 1))) == adu(1, exception(3, 6))
        await inner.device.stop()
        assert await viewer.request(adu(2, read_holding(7, 1))) in (
            adu(2, exception(3, NO_PATH)),
            adu(2, exception(3, NO_ANSWER)),
        )
        assert await viewer.request(adu(3, read_holding(7, 1))) == adu(3, exception(3, NO_PATH))


async def test_a_gateway_without_a_role_is_denied_by_another(tmp_path: Path) -> None:
    async with two_gateways(tmp_path, role=None) as (outer, inner):
        operator = await outer.connect(role="Operator")
        assert await operator.request(adu(1, read_holding(7, 1))) == adu(1, exception(3, 1))
        assert inner.device.requests == []


async def test_an_untrusted_gateway_gets_no_request(tmp_path: Path) -> None:
    async with two_gateways(tmp_path, foreign=True) as (outer, inner):
        operator = await outer.connect(role="Operator")
        assert await operator.request(adu(1, write_register(100, 1))) == adu(1, exception(6, NO_PATH))
        assert any("authority" in alarm.text for alarm in outer.records(Alarm))
        assert inner.device.requests == []
