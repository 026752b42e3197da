"""A unit that does not answer delays the other units of its line once, and not with each poll."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenarios.collecting import connection, open_collector
from scenarios.plant import ScriptedDevice, open_device, until
from scenarios.serial_line import RtuDevice, RtuRequest
from sealbus.plant import DevicePlan, TagPlan
from sealbus.samples import Quality, Reason

if TYPE_CHECKING:
    from pathlib import Path

UNITS = (1, 2, 3, 4)
DEAD = 3


def devices(interval_s: float = 0.1) -> tuple[DevicePlan, ...]:
    return tuple(
        DevicePlan(id=unit, unit_id=unit, tags=(TagPlan(id=unit, place=f"holding:{unit}", interval_s=interval_s),))
        for unit in UNITS
    )


def silent_at(device: ScriptedDevice, unit: int) -> None:
    device.answer = lambda request: None if request[6] == unit else device.normal_answer(request)


async def test_other_units_are_polled_in_time_beside_a_dead_one(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        silent_at(device, DEAD)
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", devices=devices(), timeout_s=0.5))
        await site.wait_for_bad(DEAD, Reason.TIMEOUT)
        await until(lambda: bool(site.collector.state().connections[0].silent_units))  # three time-outs
        device.requests.clear()
        await until(lambda: sum(request[6] == 1 for request in device.requests) >= 20, within_s=20)
        counts = [sum(request[6] == unit for request in device.requests) for unit in UNITS]
        assert min(counts[unit - 1] for unit in UNITS if unit != DEAD) >= 17
        assert counts[DEAD - 1] <= 5, "the retries are after 1, 2, 4 and 8 s, however long twenty rounds take"
        assert all(site.samples_of(unit)[-1].quality is Quality.GOOD for unit in UNITS if unit != DEAD)


async def test_a_dead_connection_slows_no_other(tmp_path: Path) -> None:
    async with open_device() as dead, open_device() as device, open_collector(tmp_path) as site:
        dead.answer = lambda request: None
        tags = (TagPlan(id=7, place="holding:7", interval_s=0.1), TagPlan(id=8, place="holding:8", interval_s=0.1))
        site.apply(
            connection(1, f"tcp://127.0.0.1:{dead.port}", tags[0], timeout_s=60.0),
            connection(2, f"tcp://127.0.0.1:{device.port}", tags[1]),
        )
        await site.wait_for_good(8)
        await until(lambda: len(device.requests) >= 15, within_s=20)
        assert len(dead.requests) == 1, "its connection attempt has not ended"


async def test_units_of_a_serial_line_take_turns_around_a_dead_one(tmp_path: Path) -> None:
    async with RtuDevice() as line, open_collector(tmp_path) as site:

        def answer(request: RtuRequest) -> bytes | None:
            return None if request.unit == DEAD else line.normal_answer(request)

        line.answer = answer
        site.apply(connection(1, line.url, devices=devices(), timeout_s=0.3), networks=["/dev/pts/*"])
        for unit in UNITS:
            if unit != DEAD:
                await site.wait_for_good(unit)
        await site.wait_for_bad(DEAD, Reason.TIMEOUT)
