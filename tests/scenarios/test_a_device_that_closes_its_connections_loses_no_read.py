"""Devices close connections after each answer, or when idle. That is no outage, costs no read, and repeats no write."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

import sealbus
from scenarios.collecting import connection, neighbours, open_collector
from scenarios.plant import ScriptedDevice, until
from sealbus.errors import Unreachable
from sealbus.plant import ConnectionStatus
from sealbus.samples import Quality

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

AT_ONCE_S, SOON_S, LATER_S, IDLE_S = 0.0, 0.002, 0.2, 0.3


class ClosingDevice(ScriptedDevice):
    """Answers, and closes the connection `close_after_s` after an answer, unless another request has come by then."""

    def __init__(self, close_after_s: float) -> None:
        super().__init__()
        self.close_after_s = close_after_s
        self.deaf_after = 0
        """From this request of a connection on it is lost: the connection is closed without an answer. 0: never."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        answered = 0
        with contextlib.suppress(asyncio.IncompleteReadError, OSError, TimeoutError):
            while True:
                async with asyncio.timeout(self.close_after_s if answered else None):
                    head = await reader.readexactly(6)
                request = head + await reader.readexactly(int.from_bytes(head[4:6]))
                self.requests.append(request)
                if self.deaf_after and answered + 1 >= self.deaf_after:
                    break
                writer.write(
                    request[:4] + (len(pdu := self.normal_answer(request)[7:]) + 1).to_bytes(2) + request[6:7] + pdu
                )
                answered += 1
        writer.close()


@contextlib.asynccontextmanager
async def closing(close_after_s: float) -> AsyncIterator[ClosingDevice]:
    device = ClosingDevice(close_after_s)
    await device.start()
    try:
        yield device
    finally:
        await device.stop()


@pytest.mark.parametrize("close_after_s", [AT_ONCE_S, SOON_S, LATER_S])
@pytest.mark.parametrize("in_flight", [1, 4])
async def test_every_read_is_answered(close_after_s: float, in_flight: int) -> None:
    rules = sealbus.ChannelRules(timeout_s=20.0, in_flight=in_flight)
    async with (
        closing(close_after_s) as device,
        sealbus.connect(f"tcp://127.0.0.1:{device.port}", rules=rules) as modbus,
    ):
        reads = [modbus.read_holding_registers(10 * number, 2) for number in range(6)]
        assert await asyncio.gather(*reads) == [[10 * number, 10 * number + 1] for number in range(6)]
        for number in range(3):
            assert await modbus.read_holding_registers(number, 1) == [number]


async def test_writes_between_reads_are_sent_once_and_none_is_lost_once_the_habit_is_known() -> None:
    rules = sealbus.ChannelRules(timeout_s=20.0)
    async with closing(AT_ONCE_S) as device, sealbus.connect(f"tcp://127.0.0.1:{device.port}", rules=rules) as modbus:
        await asyncio.gather(*(modbus.read_holding_registers(number, 1) for number in range(3)))
        calls = [modbus.write_register(100 + number, number) for number in range(5)]
        await asyncio.gather(*calls)
        assert [device.registers[100 + number] for number in range(5)] == list(range(5))
        assert len(device.writes) == 5


async def test_a_write_that_the_device_received_and_did_not_answer_is_unknown_and_not_repeated() -> None:
    rules = sealbus.ChannelRules(timeout_s=20.0)
    async with closing(20.0) as device, sealbus.connect(f"tcp://127.0.0.1:{device.port}", rules=rules) as modbus:
        await modbus.read_holding_registers(0, 1)
        device.deaf_after = 2
        with pytest.raises(Unreachable) as raised:
            await modbus.write_register(100, 7)
        assert raised.value.outcome_unknown
        device.deaf_after = 0
        await modbus.read_holding_registers(0, 1)
        assert len(device.writes) == 1


async def test_without_await_a_read_is_asked_again_and_a_write_is_not() -> None:
    async with closing(20.0) as device:
        device.deaf_after = 2

        def use() -> list[int]:
            with sealbus.sync.connect(f"tcp://127.0.0.1:{device.port}", timeout=20.0) as modbus:
                modbus.read_holding_registers(0, 1)
                read = modbus.read_holding_registers(5, 1)
                with pytest.raises(Unreachable) as raised:
                    modbus.write_register(100, 7)
                assert raised.value.outcome_unknown
                return read

        assert await asyncio.to_thread(use) == [5]
        assert len(device.writes) == 1


@pytest.mark.parametrize("close_after_s", [AT_ONCE_S, SOON_S, IDLE_S])
async def test_a_collector_reports_no_outage_and_no_bad_value(tmp_path: Path, close_after_s: float) -> None:
    async with closing(close_after_s) as device, open_collector(tmp_path) as site:
        tags = [*neighbours(1), *neighbours(1, first=200), *neighbours(1, first=400)]
        interval_s = 3 * close_after_s if close_after_s == IDLE_S else 0.1
        tags = [type(tag)(id=tag.id, place=tag.place, interval_s=interval_s) for tag in tags]
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", *tags, timeout_s=20.0))
        await site.wait_for_good(1400, 400)
        (first,) = site.collector.state().connections
        await until(lambda: device.connections >= 6)
        (last,) = site.collector.state().connections
        assert (last.status, last.since_us) == (ConnectionStatus.UP, first.since_us)
        assert all(sample.quality is Quality.GOOD for sample in site.samples)
