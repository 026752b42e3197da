"""A client that does not read its answers is paused and then disconnected; other clients do not wait for it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import pytest

from scenarios.plant import PATIENCE_S, Plant, adu, open_plant, read_holding, until, words
from sealbus.policy import parse_policy
from sealbus.protocol import Table
from sealbus.records import Disconnected
from sealbus.server import Device, ServiceLimits, SessionLimits, serve

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator
    from pathlib import Path

STALLED_S = 3.0  # the state before the end must be seen, on a machine that gives this process no time for a second too
READ, ANSWER = adu(1, read_holding(7, 1)), adu(1, words(7))
MAX = adu(2, read_holding(0, 125))


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    async with open_plant(tmp_path, limits=f"stalled = {STALLED_S}") as plant:
        yield plant


def never_reading(port: int, context: ssl.SSLContext | None) -> socket.socket:
    """A connection with a small receive window, from which nothing will be read."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(PATIENCE_S)
    sock.connect(("127.0.0.1", port))
    return context.wrap_socket(sock, server_hostname="127.0.0.1") if context else sock


def send_until_blocked(sock: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        while True:
            sock.sendall(data)


async def test_it_is_paused_then_disconnected_and_others_are_served_meanwhile(plant: Plant) -> None:
    context = plant.client_context(*plant.issue(role="Viewer"))
    sock = await asyncio.to_thread(never_reading, plant.port, context)
    other = await plant.connect(role="Operator")
    sending = asyncio.ensure_future(asyncio.to_thread(send_until_blocked, sock, MAX * 100))
    (service,) = plant.process.gateway.services.values()
    await until(lambda: any(session._stalled_since is not None for session in service.sessions))
    forwarded = len(plant.device.requests)
    while not plant.records(Disconnected):
        assert await other.request(READ) == ANSWER
        await asyncio.sleep(0.02)
    await sending
    sock.close()
    (ended,) = plant.records(Disconnected)
    assert ended.reason == "it does not read its answers"
    others = sum(request[7:] == read_holding(7, 1) for request in plant.device.requests)
    assert (
        len(plant.device.requests) - others <= forwarded + 16
    )  # after the pause only requests already under way were executed
    assert await other.request(READ) == ANSWER


async def test_a_client_that_reads_late_but_in_time_gets_every_answer(plant: Plant) -> None:
    context = plant.client_context(*plant.issue(role="Viewer"))
    sock = await asyncio.to_thread(never_reading, plant.port, context)
    await asyncio.to_thread(sock.sendall, MAX * 16)
    await until(lambda: len(plant.device.requests) == 16)

    def read_all() -> bytes:
        received = b""
        while len(received) < 16 * 259:
            received += sock.recv(200)
        return received

    assert await asyncio.to_thread(read_all) == adu(2, words(*range(125))) * 16
    sock.close()
    assert plant.records(Disconnected) == []


EVERYBODY_READS = '[[role]]\nname = ""\n[[role.allow]]\nunits = "0-255"\nread = ["holding"]\n'


async def test_on_a_plain_listener_it_is_disconnected_too() -> None:
    device = Device({Table.HOLDING: list(range(200))})
    limits = ServiceLimits(session=SessionLimits(stalled_s=STALLED_S), sweep_s=0.1)
    policy = parse_policy(EVERYBODY_READS, file="policy.toml")
    async with serve("tcp://127.0.0.1:0", device, policy=policy, limits=limits) as server:
        sock = await asyncio.to_thread(never_reading, server.port, None)
        sending = asyncio.ensure_future(asyncio.to_thread(send_until_blocked, sock, MAX * 20))
        sessions = server._service.sessions
        await until(lambda: len(sessions) == 1)
        await until(lambda: len(sessions) == 0)
        await sending
        sock.close()
