"""After SIGTERM no client is accepted, requests under way are answered, and the last record is written at the end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import ssl
from typing import TYPE_CHECKING

import pytest

from scenarios.gateway_program import GatewayProgram, open_gateway_program
from scenarios.plant import adu, read_holding, until, words, write_register
from sealbus.records import Disconnected, Outcome, Stopped, WriteOutcome, WriteRequested, verify

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[GatewayProgram]:
    async with open_gateway_program(tmp_path, device="timeout = 3.0") as gateway:
        yield gateway


def last_record_is_stopped(gateway: GatewayProgram, reason: str) -> None:
    last = gateway.stored[-1].record
    assert isinstance(last, Stopped)
    assert last.reason == reason
    assert not verify(gateway.folder / "records").breaks


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_request_under_way_is_answered_before_the_end(gateway: GatewayProgram, number: signal.Signals) -> None:
    client = await gateway.connect()
    may_answer = asyncio.Event()

    async def hesitate(request: bytes) -> bytes:
        await may_answer.wait()
        return gateway.device.normal_answer(request)

    gateway.device.answer = hesitate
    await client.send(adu(1, write_register(100, 7)))
    await until(lambda: len(gateway.device.writes) == 1)
    gateway.program.process.send_signal(number)
    await gateway.wait_until_refused()
    may_answer.set()
    assert await client.receive() == [adu(1, write_register(100, 7))]
    assert await client.closed() == b""
    assert await gateway.wait_for_exit() == 0
    assert [each.outcome for each in gateway.records(WriteOutcome)] == [Outcome.DONE]
    assert [each.reason for each in gateway.records(Disconnected)] == ["the service stopped"]
    last_record_is_stopped(gateway, number.name)


async def test_a_second_signal_does_not_wait(gateway: GatewayProgram) -> None:
    client = await gateway.connect()
    gateway.device.answer = lambda request: None
    await client.send(adu(1, read_holding(10, 1)))
    await until(lambda: len(gateway.device.requests) == 1)
    gateway.program.process.send_signal(signal.SIGTERM)
    await gateway.wait_until_refused()
    gateway.program.process.send_signal(signal.SIGTERM)
    assert await gateway.wait_for_exit() == 1  # 0 would mean an orderly end
    assert not gateway.records(Stopped)


async def test_a_client_that_keeps_sending_does_not_delay_the_shutdown(gateway: GatewayProgram) -> None:
    client = await gateway.connect()
    answered = 0

    async def request_for_ever() -> None:
        nonlocal answered
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while True:
                await client.send(b"".join(adu(number, write_register(100, number)) for number in range(8)))
                await asyncio.sleep(0)

    async def count() -> None:
        nonlocal answered
        with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            while True:
                await client.receive()
                answered += 1

    asking, counting = asyncio.create_task(request_for_ever()), asyncio.create_task(count())
    await until(lambda: answered > 20)
    gateway.program.process.send_signal(signal.SIGTERM)
    assert await gateway.wait_for_exit() == 0
    await counting
    asking.cancel()
    last_record_is_stopped(gateway, "SIGTERM")
    requested, outcomes = gateway.records(WriteRequested), gateway.records(WriteOutcome)
    assert len(outcomes) == len(requested)
    assert [each.outcome for each in outcomes].count(Outcome.DONE) <= len(gateway.device.writes)


async def test_the_end_of_a_client_without_close_notify_is_recorded_before_the_shutdown(
    gateway: GatewayProgram,
) -> None:
    context = ssl.create_default_context(cafile=str(gateway.folder / "ca.crt"))
    await gateway.connect()  # creates client-0
    context.load_cert_chain(gateway.folder / "client-0.crt", gateway.folder / "client-0.key")

    def connect() -> ssl.SSLSocket:
        return context.wrap_socket(socket.create_connection(("127.0.0.1", gateway.port)), server_hostname="127.0.0.1")

    unresponsive = await asyncio.to_thread(connect)
    gateway.program.process.send_signal(signal.SIGTERM)
    assert await gateway.wait_for_exit() == 0
    unresponsive.close()
    assert len(gateway.records(Disconnected)) == 2
    last_record_is_stopped(gateway, "SIGTERM")


async def test_a_restarted_gateway_continues_the_same_record(gateway: GatewayProgram) -> None:
    client = await gateway.connect()
    assert await client.request(adu(1, read_holding(10, 1))) == adu(1, words(10))
    gateway.program.process.send_signal(signal.SIGTERM)
    assert await gateway.wait_for_exit() == 0
    before = len(gateway.stored)
    again = gateway.programs.start("again", *gateway.program.process.args)  # type: ignore[misc]
    await asyncio.to_thread(again.wait_for, "listening on")
    assert await asyncio.to_thread(again.stop) == 0
    assert len(gateway.stored) == before + 2
    last_record_is_stopped(gateway, "SIGTERM")
