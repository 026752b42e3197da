"""A thousand silent or slow connections are bounded and closed, and honest clients are not affected."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import TYPE_CHECKING

import pytest

from scenarios.plant import PATIENCE_S, Plant, RawClient, adu, open_plant, read_holding, until, words, write_register
from sealbus.records import Disconnected, HandshakeFailed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from sealbus.transport import Listener

HANDSHAKE_S = 2.0
READ, ANSWER = adu(1, read_holding(7, 1)), adu(1, words(7))
WRITE = adu(2, write_register(100, 7))
ELSEWHERE = "127.0.0.2"


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    async with open_plant(tmp_path, limits=f"handshake = {HANDSHAKE_S}") as plant:
        yield plant


def listener_of(plant: Plant) -> Listener:
    (service,) = plant.process.gateway.services.values()
    assert service._listener is not None
    return service._listener


@contextlib.contextmanager
def open_silent_connections(port: int, count: int, *, source: str) -> Iterator[list[socket.socket]]:
    """Open connections from one address that never send a byte."""
    socks = []
    try:
        for _ in range(count):
            sock = socket.socket()
            socks.append(sock)
            sock.bind((source, 0))
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                sock.connect(("127.0.0.1", port))
        yield socks
    finally:
        for sock in socks:
            sock.close()


@pytest.mark.parametrize("source", [ELSEWHERE, "127.0.0.1"], ids=["from another address", "from the same address"])
async def test_an_operator_works_and_another_connects_beside_a_thousand_silent_connections(
    plant: Plant, source: str
) -> None:
    operator = await plant.connect(role="Operator")
    assert await operator.request(READ) == ANSWER
    with open_silent_connections(plant.port, 1000, source=source) as socks:
        assert await operator.request(WRITE) == WRITE
        newcomer = await plant.connect(role="Viewer")
        assert await newcomer.request(READ) == ANSWER
        await until(lambda: len(plant.records(HandshakeFailed)) == 1000)
        assert listener_of(plant).pending == 0
        loop = asyncio.get_running_loop()
        for sock in socks:
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.wait_for(loop.sock_recv(sock, 1), PATIENCE_S) == b""
        assert [await operator.request(READ), await newcomer.request(READ)] == [ANSWER, ANSWER]
    reasons = {each.reason for each in plant.records(HandshakeFailed)}
    assert reasons == {
        "dropped for a newer connection: too many are in their handshake",
        f"it was not finished within {HANDSHAKE_S:g} s",
    }
    assert plant.records(Disconnected) == []


@pytest.fixture
async def longer_deadline(tmp_path: Path) -> AsyncIterator[Plant]:
    """A plant with a longer handshake deadline, which does not end honest handshakes on a busy machine."""
    async with open_plant(tmp_path, limits="handshake = 30.0") as plant:
        yield plant


async def test_honest_clients_connect_while_silent_ones_keep_connecting(longer_deadline: Plant) -> None:
    plant = longer_deadline
    operator = await plant.connect(role="Operator")
    flooding = True

    async def flood() -> int:
        count = 0
        while flooding:
            with open_silent_connections(plant.port, 30, source=ELSEWHERE):
                count += 30
                await asyncio.sleep(0.01)
        return count

    coming = asyncio.ensure_future(flood())
    for _ in range(10):
        assert await operator.request(WRITE) == WRITE
        honest = await plant.connect(role="Viewer")
        assert await honest.request(READ) == ANSWER
    flooding = False
    assert await coming >= 60
    assert plant.records(Disconnected) == []


async def test_descriptors_and_places_of_silent_connections_are_freed(plant: Plant) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with open_silent_connections(plant.port, 300, source=ELSEWHERE):
            await until(lambda: listener_of(plant).pending > 0)
        await until(lambda: listener_of(plant).pending == 0)
    await until(lambda: len(os.listdir("/proc/self/fd")) <= before)


HELLO_AND_MORE = b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03" + bytes(range(190))


@pytest.mark.parametrize(
    "beginning",
    [
        pytest.param(HELLO_AND_MORE, id="a hello byte by byte"),
        pytest.param(b"\x16\x03\x01\x40\x00\x01\x00\xff\xff" + bytes(180), id="a huge hello byte by byte"),
    ],
)
async def test_bytes_do_not_extend_the_deadline_of_a_handshake(plant: Plant, beginning: bytes) -> None:
    slow = RawClient(*await asyncio.open_connection("127.0.0.1", plant.port))
    sent = 0
    closed = asyncio.ensure_future(slow.closed())
    for byte in beginning:
        slow.writer.write(bytes((byte,)))
        done, _ = await asyncio.wait([closed], timeout=0.02)
        if done:
            break
        sent += 1
    assert await closed == b""
    assert sent < len(beginning), "its deadline passed while bytes still arrived"
    (failed,) = plant.records(HandshakeFailed)
    assert failed.reason == f"it was not finished within {HANDSHAKE_S:g} s"
    assert await (await plant.connect(role="Viewer")).request(READ) == ANSWER
    await slow.close()
