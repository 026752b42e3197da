"""Whoever asks and does not read the answers is no longer listened to, then cut off; nobody else waits for him."""

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

STALLED_S = 0.5
READ, ANSWER = adu(1, read_holding(7, 1)), adu(1, words(7))
LONGEST = adu(2, read_holding(0, 125))


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    async with open_plant(tmp_path, limits=f"stalled = {STALLED_S}") as plant:
        yield plant


def deaf(port: int, context: ssl.SSLContext | None) -> socket.socket:
    """A connection with a small receive window, from which nothing will be read."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(PATIENCE_S)
    sock.connect(("127.0.0.1", port))
    return context.wrap_socket(sock, server_hostname="127.0.0.1") if context else sock


def send_for_as_long_as_it_goes(sock: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        while True:
            sock.sendall(data)


async def test_it_is_paused_then_cut_off_and_the_others_are_served_all_the_time(plant: Plant) -> None:
    context = plant.client_context(*plant.issue(role="Viewer"))
    sock = await asyncio.to_thread(deaf, plant.port, context)
    other = await plant.connect(role="Operator")
    sending = asyncio.ensure_future(asyncio.to_thread(send_for_as_long_as_it_goes, sock, LONGEST * 100))
    (service,) = plant.process.gateway.services.values()
    await until(lambda: any(session._stalled_since is not None for session in service.sessions))
    asked = len(plant.device.requests)
    while not plant.records(Disconnected):
        assert await other.ask(READ) == ANSWER
        await asyncio.sleep(0.02)
    await sending
    sock.close()
    (ended,) = plant.records(Disconnected)
    assert ended.reason == "it does not read its answers"
    others = sum(request[7:] == read_holding(7, 1) for request in plant.device.requests)
    assert len(plant.device.requests) - others <= asked + 16  # once it was paused, only what was under way was done
    assert await other.ask(READ) == ANSWER


async def test_whoever_reads_late_but_in_time_gets_all_of_it(plant: Plant) -> None:
    context = plant.client_context(*plant.issue(role="Viewer"))
    sock = await asyncio.to_thread(deaf, plant.port, context)
    await asyncio.to_thread(sock.sendall, LONGEST * 16)
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


async def test_on_a_plain_listener_it_is_cut_off_too() -> None:
    device = Device({Table.HOLDING: list(range(200))})
    limits = ServiceLimits(session=SessionLimits(stalled_s=STALLED_S), sweep_s=0.1)
    policy = parse_policy(EVERYBODY_READS, file="policy.toml")
    async with serve("tcp://127.0.0.1:0", device, policy=policy, limits=limits) as server:
        sock = await asyncio.to_thread(deaf, server.port, None)
        sending = asyncio.ensure_future(asyncio.to_thread(send_for_as_long_as_it_goes, sock, LONGEST * 20))
        sessions = server._service.sessions
        await until(lambda: len(sessions) == 1)
        await until(lambda: len(sessions) == 0)
        await sending
        sock.close()
