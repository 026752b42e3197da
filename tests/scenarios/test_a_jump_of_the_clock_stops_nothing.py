"""The wall clock is set back or ahead by a year: deadlines are not affected, and certificates follow the new time.

The gateway runs with a wall clock whose offset is read from a file.
"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scenarios.gateway_program import GatewayProgram, open_gateway_program
from scenarios.plant import adu, exception, read_holding, until, words, write_register
from scenarios.programs import run
from sealbus.records import Alarm, Disconnected, EntitlementLost, WriteRequested, verify

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

pytestmark = pytest.mark.needs("gcc")

YEAR_S = 365 * 24 * 3600
TIMEOUT_S = 0.4


def preloaded(folder: Path) -> Path:
    library = folder / "wall_clock.so"
    source = Path(__file__).parent / "foreign" / "wall_clock.c"
    built = run("gcc", "-std=gnu11", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", source, "-o", library)
    assert built.status == 0, built.output
    return library


def open_with_its_own_clock(folder: Path, *, timeout_s: float) -> AbstractAsyncContextManager[GatewayProgram]:
    set_clock(folder, 0)
    environment = {"LD_PRELOAD": str(preloaded(folder)), "WALL_CLOCK_OFF_BY": str(folder / "off by")}
    return open_gateway_program(folder, environment=environment, device=f"timeout = {timeout_s}")


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[GatewayProgram]:
    async with open_with_its_own_clock(tmp_path, timeout_s=TIMEOUT_S) as gateway:
        yield gateway


def set_clock(folder: Path, seconds: int) -> None:
    fresh = folder / "off by.new"
    fresh.write_text(f"{seconds}\n")
    fresh.replace(folder / "off by")


@pytest.mark.parametrize("seconds", [-YEAR_S, -3600])
async def test_a_clock_that_is_set_back_makes_no_time_out_longer(gateway: GatewayProgram, seconds: int) -> None:
    client = await gateway.connect()
    assert await client.request(adu(1, read_holding(10, 1))) == adu(1, words(10))
    gateway.device.answer = lambda request: None
    await client.send(adu(2, read_holding(20, 1)))
    await until(lambda: len(gateway.device.requests) == 2)
    set_clock(gateway.folder, seconds)
    assert await client.receive() == [adu(2, exception(3, 0x0B))]
    gateway.device.answer = gateway.device.normal_answer
    assert await client.request(adu(3, write_register(100, 7))) == adu(3, write_register(100, 7))
    assert gateway.records(Alarm) == []
    found = verify(gateway.folder / "records")
    assert not found.breaks
    assert found.clock_set_back == 1
    assert len(gateway.records(WriteRequested)) == 1


async def test_a_clock_that_is_set_ahead_makes_no_time_out_shorter(tmp_path: Path) -> None:
    async with open_with_its_own_clock(tmp_path, timeout_s=60.0) as gateway:
        client, other = await gateway.connect(), await gateway.connect()
        may_answer = asyncio.Event()

        async def hesitate(request: bytes) -> bytes:
            await may_answer.wait()
            return gateway.device.normal_answer(request)

        gateway.device.answer = hesitate
        await client.send(adu(1, read_holding(10, 1)))
        await until(lambda: len(gateway.device.requests) == 1)
        set_clock(gateway.folder, 3600)
        for number in range(10):  # the gateway continues with the new time
            assert await other.request(adu(number, write_register(9999, 1))) == adu(number, exception(6, 1))
        may_answer.set()
        assert await client.receive() == [adu(1, words(10))]
        assert gateway.records(Alarm) == []
        assert verify(gateway.folder / "records").clock_set_back == 0


async def test_a_session_ends_when_the_clock_passes_the_end_of_its_certificate(gateway: GatewayProgram) -> None:
    client = await gateway.connect()
    assert await client.request(adu(1, read_holding(10, 1))) == adu(1, words(10))
    set_clock(gateway.folder, 2 * YEAR_S)
    assert await client.closed() == b""
    (ended,) = gateway.records(EntitlementLost)
    assert "expired" in ended.reason
    with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
        newcomer = await gateway.connect()
        await newcomer.request(adu(2, read_holding(10, 1)))
    set_clock(gateway.folder, 0)
    again = await gateway.connect()
    assert await again.request(adu(3, read_holding(10, 1))) == adu(3, words(10))
    assert [each.duration_s < YEAR_S for each in gateway.records(Disconnected)] == [True]
