"""sd_notify(3): ready when it listens, reloading and ready again, watchdog messages at the requested rate, and stopping."""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import TYPE_CHECKING

import pytest

from scenarios.gateway_program import GatewayProgram, open_gateway_program
from scenarios.plant import PATIENCE_S, POLICY, adu, exception, read_holding, words
from sealbus.records import Reloaded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


class Systemd:
    """The datagram socket of a service manager."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.settimeout(PATIENCE_S)

    async def receive(self, wanted: str) -> str:
        """Wait for a message with this beginning and skip others: watchdog messages come at any time, and the check of the
        files may find the change after the signal and reload once more."""
        while True:
            text = (await asyncio.to_thread(self._socket.recv, 4096)).decode()
            if text.startswith(wanted):
                return text

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemd]:
    manager = Systemd(str(tmp_path / "notify") if request.param == "path" else f"@{tmp_path}/notify")
    yield manager
    manager.close()


@pytest.fixture
async def gateway(tmp_path: Path, systemd: Systemd) -> AsyncIterator[GatewayProgram]:
    environment = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "200000"}
    async with open_gateway_program(tmp_path, environment=environment) as gateway:
        yield gateway


async def test_all_states_of_a_service_are_reported(gateway: GatewayProgram, systemd: Systemd) -> None:
    await systemd.receive("READY=1")
    client = await gateway.connect(role="Viewer")
    assert await client.request(adu(1, read_holding(10, 1))) == adu(1, words(10))

    fresh = gateway.folder / "policy.toml.new"
    fresh.write_text(POLICY.replace("holding:0-999", "holding:500-999"))
    fresh.replace(gateway.folder / "policy.toml")  # in one step: half of a file would be one more policy
    gateway.program.process.send_signal(signal.SIGHUP)
    reloading = await systemd.receive("RELOADING=1\n")
    assert reloading.partition("\n")[2].startswith("MONOTONIC_USEC=")
    await systemd.receive("READY=1")
    assert await client.request(adu(2, read_holding(10, 1))) == adu(2, exception(3, 1))
    assert len(gateway.records(Reloaded)) == 1

    await systemd.receive("WATCHDOG=1")
    await systemd.receive("WATCHDOG=1")
    gateway.program.process.send_signal(signal.SIGTERM)
    await systemd.receive("STOPPING=1")
    assert await gateway.wait_for_exit() == 0


async def test_a_missing_socket_of_systemd_is_no_error(tmp_path: Path) -> None:
    environment = {"NOTIFY_SOCKET": str(tmp_path / "nobody"), "WATCHDOG_USEC": "soon"}
    async with open_gateway_program(tmp_path, environment=environment) as gateway:
        client = await gateway.connect()
        assert await client.request(adu(1, read_holding(10, 1))) == adu(1, words(10))
        gateway.program.process.send_signal(signal.SIGTERM)
        assert await gateway.wait_for_exit() == 0
