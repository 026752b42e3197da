"""A command is sent as soon as the requests under way have been answered, however many polls wait."""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING

import pytest

from scenarios.collecting import connection, open_collector
from scenarios.plant import ScriptedDevice, open_device, until
from scenarios.serial_line import RtuDevice
from sealbus.plant import CommandState, DevicePlan, ReadNow, TagPlan, TestConnection

if TYPE_CHECKING:
    from pathlib import Path

ANSWER_S = 0.05
ASKED_FOR = TagPlan(id=1, place="holding:999")


def busy(units: int, blocks: int) -> tuple[DevicePlan, ...]:
    """Units with so many requests that the line is never idle and each round takes seconds."""
    return tuple(
        DevicePlan(
            id=unit,
            unit_id=unit,
            tags=tuple(
                TagPlan(id=100 * unit + block, place=f"holding:{20 * block}", interval_s=0.1) for block in range(blocks)
            ),
        )
        for unit in range(1, units + 1)
    )


def slow(device: ScriptedDevice) -> None:
    async def answer(request: bytes) -> bytes:
        await asyncio.sleep(ANSWER_S)
        return device.normal_answer(request)

    device.answer = answer


async def test_a_read_is_sent_within_one_request_time(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        slow(device)
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", devices=busy(5, 20)))
        await until(lambda: len(device.requests) > 5)
        waits = []
        for number in range(10):
            await until(lambda: site.collector.state().connections[0].waiting >= 4)
            known = len(device.requests)
            site.collector.submit(ReadNow(id=number, connection=1, unit_id=1, tags=(ASKED_FOR,)))
            await until(lambda known=known: any(it[7:] == _READ for it in device.requests[known:]))  # type: ignore[misc]
            place = next(at for at, it in enumerate(device.requests[known:]) if it[7:] == _READ)
            waits.append(place)
            await until(lambda number=number: bool(site.results(number)))  # type: ignore[misc]
        assert max(waits) <= 1, "only the requests under way went first"


_READ = struct.pack(">BHH", 3, 999, 1)


async def test_the_same_holds_on_a_serial_line(tmp_path: Path) -> None:
    async with RtuDevice() as line, open_collector(tmp_path) as site:
        line.delay_s = ANSWER_S
        site.apply(connection(1, line.url, devices=busy(5, 20)), networks=["/dev/pts/*"])
        await until(lambda: len(line.requests) > 5)
        known = len(line.requests)
        result = await site.execute(ReadNow(id=1, connection=1, unit_id=2, tags=(ASKED_FOR,)))
        place = next(at for at, it in enumerate(line.requests[known:]) if it.pdu == _READ)
        assert place <= 1
        assert result.state is CommandState.DONE
        assert line.overlaps == 0


async def test_polls_go_on_beside_a_stream_of_commands(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", devices=busy(1, 3)))
        await until(lambda: len(device.requests) > 3)
        rounds = site.collector.state().connections[0].polls[0].rounds
        for number in range(50):
            await site.execute(TestConnection(id=number, connection=1))
        await until(lambda: site.collector.state().connections[0].polls[0].rounds > rounds + 2)


@pytest.mark.parametrize("within_s", [0.0, -1.0, 1e9])
async def test_a_command_without_a_possible_deadline_is_refused(tmp_path: Path, within_s: float) -> None:
    async with open_collector(tmp_path) as site:
        result = await site.execute(TestConnection(id=1, connection=1, within_s=within_s))
        assert result.state is CommandState.REFUSED


async def test_a_command_that_takes_too_long_expires(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        device.answer = lambda request: None
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", timeout_s=5.0, devices=()))
        result = await site.execute(ReadNow(id=1, connection=1, unit_id=1, tags=(ASKED_FOR,), within_s=0.3))
        assert (result.state, result.reason) == (CommandState.EXPIRED, "not done within 0.3 s")
        assert site.collector.state().commands_under_way == 0
