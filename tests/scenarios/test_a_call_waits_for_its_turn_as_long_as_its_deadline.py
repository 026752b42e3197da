"""A call waits for its turn until its deadline, however many wait before it; if it fails, the error says why."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

import sealbus
from scenarios.plant import PATIENCE_S, ScriptedDevice, open_device, until
from sealbus import ChannelRules, LocalError, ResponseTimeout
from sealbus.client import connection as connection_module

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sealbus.protocol import WireRequest

MORE_THAN_A_GATEWAY_QUEUES = ChannelRules().queue * 3


@pytest.fixture
async def device() -> AsyncIterator[ScriptedDevice]:
    async with open_device() as device:
        yield device


async def test_many_calls_at_once_are_all_answered(device: ScriptedDevice) -> None:
    rules = ChannelRules(connect_timeout_s=60.0, timeout_s=20.0)
    async with sealbus.connect(f"tcp://127.0.0.1:{device.port}", rules=rules) as modbus:
        calls = [modbus.read_holding_registers(address, 1) for address in range(MORE_THAN_A_GATEWAY_QUEUES)]
        assert await asyncio.gather(*calls) == [[address] for address in range(MORE_THAN_A_GATEWAY_QUEUES)]


async def test_more_calls_than_may_wait_are_an_error_of_the_caller_and_no_time_out(
    device: ScriptedDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "_MAX_WAITING", 2)
    device.answer = lambda request: None
    rules = ChannelRules(queue=1, timeout_s=30.0)
    async with sealbus.connect(f"tcp://127.0.0.1:{device.port}", rules=rules) as modbus:
        calls = [asyncio.create_task(modbus.read_holding_registers(address, 1)) for address in range(4)]
        await until(lambda: sum(call.done() for call in calls) == 1)
        with pytest.raises(LocalError, match="too many requests are waiting for the device: await some calls"):
            await next(call for call in calls if call.done())
    await asyncio.gather(*calls, return_exceptions=True)


class HeldExchanger:
    """In place of a socket: each exchange waits until the test lets it go."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.waited_s: list[float] = []

    def open(self) -> None: ...
    def close(self) -> None: ...

    def exchange(self, request: WireRequest, waited_s: float) -> bytes:
        self.waited_s.append(waited_s)
        assert self.may_end.wait(PATIENCE_S)
        return bytes((0, 0, 0, 5, 1, 3, 2, 0, 7))


def held(timeout_s: float) -> tuple[sealbus.sync.Connection, HeldExchanger]:
    rules = ChannelRules(timeout_s=timeout_s, connect_timeout_s=timeout_s)
    modbus = sealbus.sync.connect("tcp://127.0.0.1:1", rules=rules)
    modbus._exchanger = exchanger = HeldExchanger()
    return modbus, exchanger


async def test_a_thread_waits_for_the_calls_of_others_no_longer_than_its_deadline() -> None:
    modbus, exchanger = held(timeout_s=0.05)
    first = asyncio.create_task(asyncio.to_thread(modbus.read_holding_registers, 10, 1))
    await until(lambda: len(exchanger.waited_s) == 1)
    with pytest.raises(ResponseTimeout, match="its time ran out before it could be sent") as late:
        await asyncio.to_thread(modbus.write_register, 20, 1)
    assert not late.value.outcome_unknown
    assert late.value.request == sealbus.FailedRequest("tcp://127.0.0.1:1", 1, 6, 20)
    exchanger.may_end.set()
    assert await first == [7]
    assert len(exchanger.waited_s) == 1
    assert await asyncio.to_thread(modbus.read_holding_registers, 10, 1) == [7], "the turn was given back"
