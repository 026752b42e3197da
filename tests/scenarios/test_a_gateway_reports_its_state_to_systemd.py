"""sd_notify(3): ready when it listens, reloading and ready again, alive as often as it is asked to be, stopping."""

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

    async def hears(self, wanted: str) -> str:
        """Wait for a message that begins so. Others are passed over: it is alive meanwhile, and its watch on the files
        may see the change for which it was signalled, and reload once more."""
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


async def test_the_whole_life_of_a_service_is_told(gateway: GatewayProgram, systemd: Systemd) -> None:
    await systemd.hears("READY=1")
    client = await gateway.connect(role="Viewer")
    assert await client.ask(adu(1, read_holding(10, 1))) == adu(1, words(10))

    fresh = gateway.folder / "policy.toml.new"
    fresh.write_text(POLICY.replace("holding:0-999", "holding:500-999"))
    fresh.replace(gateway.folder / "policy.toml")  # at once: half a file would be one more policy
    gateway.program.process.send_signal(signal.SIGHUP)
    reloading = await systemd.hears("RELOADING=1\n")
    assert reloading.partition("\n")[2].startswith("MONOTONIC_USEC=")
    await systemd.hears("READY=1")
    assert await client.ask(adu(2, read_holding(10, 1))) == adu(2, exception(3, 1))
    assert len(gateway.records(Reloaded)) == 1

    await systemd.hears("WATCHDOG=1")
    await systemd.hears("WATCHDOG=1")
    gateway.program.process.send_signal(signal.SIGTERM)
    await systemd.hears("STOPPING=1")
    assert await gateway.ended() == 0


async def test_nobody_is_told_who_is_not_there(tmp_path: Path) -> None:
    environment = {"NOTIFY_SOCKET": str(tmp_path / "nobody"), "WATCHDOG_USEC": "soon"}
    async with open_gateway_program(tmp_path, environment=environment) as gateway:
        client = await gateway.connect()
        assert await client.ask(adu(1, read_holding(10, 1))) == adu(1, words(10))
        gateway.program.process.send_signal(signal.SIGTERM)
        assert await gateway.ended() == 0
