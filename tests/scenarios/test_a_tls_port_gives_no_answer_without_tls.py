"""Plain Modbus, HTTP, old TLS or noise on the mbaps port gets no answer and one line in the record."""

from __future__ import annotations

import asyncio

import pytest

from scenarios.plant import Plant, RawClient, adu, read_holding, until, words, write_register
from sealbus.policy import unsafe_allow_everything
from sealbus.protocol import Table
from sealbus.records import Connected, HandshakeFailed
from sealbus.server import Device, serve

READ, ANSWER = adu(1, read_holding(7, 1)), adu(1, words(7))
TLS_ALERT = 0x15

NOT_TLS = {
    "plain Modbus": (adu(1, write_register(100, 7)) * 3, "plain bytes arrived where TLS was expected"),
    "HTTP": (b"GET / HTTP/1.1\r\nHost: plant\r\n\r\n", "plain HTTP arrived where TLS was expected"),
    "an HTTP proxy request": (
        b"CONNECT plant:802 HTTP/1.1\r\n\r\n",
        "an HTTP proxy request arrived where TLS was expected",
    ),
    "SSH": (b"SSH-2.0-OpenSSH_9.2\r\n", "plain bytes arrived where TLS was expected"),
    "zeros": (bytes(4096), ""),
    "a record of another version": (b"\x16\x09\x01\x00\x05hello", "plain bytes arrived where TLS was expected"),
    "a handshake of noise": (b"\x16\x03\x01\x00\x20" + bytes(range(32)), ""),
    "SSL 2": (b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80" + bytes(40), ""),
    "an alert": (b"\x15\x03\x01\x00\x02\x02\x28", ""),
    "application data": (b"\x17\x03\x03\x00\x0c" + adu(1, read_holding(7, 1)), ""),
}


async def plain(port: int) -> RawClient:
    return RawClient(*await asyncio.open_connection("127.0.0.1", port))


@pytest.mark.parametrize("kind", NOT_TLS)
async def test_the_connection_is_closed_without_an_answer_and_recorded(plant: Plant, kind: str) -> None:
    noise, reason = NOT_TLS[kind]
    honest = await plant.connect(role="Viewer")
    stranger = await plain(plant.port)
    stranger.writer.write(noise)
    received = await stranger.closed()
    assert received == b"" or received[0] == TLS_ALERT
    await until(lambda: bool(plant.records(HandshakeFailed)))
    (failed,) = plant.records(HandshakeFailed)
    assert reason in failed.reason
    assert failed.reason.isprintable()
    assert len(plant.records(Connected)) == 1
    assert plant.device.requests == []
    assert await honest.request(READ) == ANSWER
    await stranger.close()


async def test_tls_on_a_plain_port_is_no_modbus() -> None:
    device = Device({Table.HOLDING: list(range(100))})
    async with serve("tcp://127.0.0.1:0", device, policy=unsafe_allow_everything()) as server:
        stranger, honest = await plain(server.port), await plain(server.port)
        stranger.writer.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(508))
        assert await stranger.closed() == b""
        assert await honest.request(READ) == ANSWER
        await stranger.close()
        await honest.close()
