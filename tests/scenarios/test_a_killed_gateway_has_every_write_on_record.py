"""kill -9 at any moment: every write that the device received is recorded, and the next start reports unknown outcomes.

A loss of power is not tested: the operating system still writes the data of a killed process.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import ssl
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from scenarios.gateway_program import open_gateway_program
from scenarios.plant import adu, until, write_register
from scenarios.programs import run_sealbus
from sealbus.records import Outcome, Recovered, Started, Stopped, WriteOutcome, WriteRequested, verify

if TYPE_CHECKING:
    from pathlib import Path

    from scenarios.gateway_program import GatewayProgram
    from scenarios.plant import RawClient


async def write_for_ever(client: RawClient, first: int) -> None:
    """Write distinct values, eight at a time, until the connection is closed."""
    value = first
    with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
        while True:
            await client.send(b"".join(adu(number, write_register(200, value + number)) for number in range(8)))
            await client.receive(8)
            value += 8


async def kill_while_writing(gateway: GatewayProgram, writes: int) -> None:
    clients = [await gateway.connect() for _ in range(2)]
    writers = [asyncio.create_task(write_for_ever(client, 20_000 * n)) for n, client in enumerate(clients)]
    await until(lambda: len(gateway.device.writes) >= writes)
    gateway.program.process.send_signal(signal.SIGKILL)
    assert await gateway.wait_for_exit() == -signal.SIGKILL
    await until(lambda: not gateway.device.live)  # the device has read all bytes sent to it
    await asyncio.gather(*writers)


@pytest.mark.parametrize("writes", [1, 40, 300])
async def test_every_write_that_the_device_received_is_recorded_once(tmp_path: Path, writes: int) -> None:
    async with open_gateway_program(tmp_path) as gateway:
        await kill_while_writing(gateway, writes)
        verification = verify(tmp_path / "records")
        assert not verification.breaks
        seen = [int.from_bytes(write[10:12], "big") for write in gateway.device.writes]
        recorded = [each.values[0] for each in gateway.records(WriteRequested)]
        assert len(set(seen)) == len(seen), "no write was sent twice"
        assert set(seen) <= set(recorded)
        assert gateway.records(Stopped) == []

        again = gateway.programs.start("again", *gateway.program.process.args)  # type: ignore[misc]
        await asyncio.to_thread(again.wait_for, "listening on")
        requested = {each.sequence for each in gateway.stored if isinstance(each.record, WriteRequested)}
        ends = Counter(each.request for each in gateway.records(WriteOutcome))
        assert ends == dict.fromkeys(requested, 1), "each write has one outcome"
        unknown = [each for each in gateway.records(WriteOutcome) if each.outcome is Outcome.UNKNOWN]
        assert {each.why for each in unknown} <= {"the gateway ended before the outcome was recorded"}
        assert len(gateway.records(Recovered)) == 1
        assert await asyncio.to_thread(again.stop) == 0
        assert len(gateway.device.writes) == len(seen), "no write was sent again"
        done = run_sealbus("audit", "verify", tmp_path / "records")
        assert (done.status, done.stderr) == (0, "")


async def test_after_repeated_kills_the_record_is_complete(tmp_path: Path) -> None:
    async with open_gateway_program(tmp_path) as gateway:
        command = gateway.program.process.args
        for _ in range(3):
            before = len(gateway.device.writes)
            await kill_while_writing(gateway, before + 30)
            gateway.program = gateway.programs.start("again", *command)  # type: ignore[misc]
            listening = await asyncio.to_thread(gateway.program.wait_for, r"listening on mbaps://127.0.0.1:(\d+)")
            gateway.port = int(listening[1])
        assert len(gateway.records(Recovered)) == 3
        assert len(gateway.records(Started)) == 4
        recorded = Counter(each.values[0] for each in gateway.records(WriteRequested))
        seen = Counter(int.from_bytes(write[10:12], "big") for write in gateway.device.writes)
        assert not seen - recorded
        assert not verify(tmp_path / "records").breaks
