"""The wall clock is set forward and back during collection: polls go on, and samples stay in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scenarios.collecting import connection, neighbours, open_collector
from scenarios.plant import open_device, until
from sealbus.acquisition import SampleClock
from sealbus.samples import US_PER_S

if TYPE_CHECKING:
    from pathlib import Path

T = 1_700_000_000 * US_PER_S
DAY = 86400


class ManualClock:
    """A wall clock that changes only when the test sets it."""

    def __init__(self) -> None:
        self.us = T

    def __call__(self) -> int:
        self.us += 1
        return self.us


@pytest.mark.parametrize("step_s", [400 * DAY, 30, -30, -1800, -3599])
async def test_samples_of_a_tag_stay_in_order(tmp_path: Path, step_s: int) -> None:
    clock = ManualClock()
    async with open_device() as device, open_collector(tmp_path, clock=SampleClock(clock)) as site:
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", *neighbours(1)))
        await site.wait_for_good(1000, 0)
        clock.us += step_s * US_PER_S
        for value in range(1, 4):
            device.registers[0] = value
            await site.wait_for_good(1000, value)
        times = [sample.time_us for sample in site.samples_of(1000)]
        assert times == sorted(set(times))
        assert len(times) == 4
        state = site.collector.state()
        assert state.clock_set_back == 0
        assert state.clock_ahead_s == pytest.approx(max(0, -step_s), abs=5)
        assert state.connections[0].polls[0].overruns < 100, "polls timed by the wall clock would make hundreds"


async def test_a_clock_that_was_a_year_ahead_is_corrected_and_that_is_reported(tmp_path: Path) -> None:
    clock = ManualClock()
    clock.us += 365 * DAY * US_PER_S
    async with open_device() as device, open_collector(tmp_path, clock=SampleClock(clock)) as site:
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", *neighbours(1)))
        await site.wait_for_good(1000, 0)
        clock.us = T
        device.registers[0] = 1
        sample = await site.wait_for_good(1000, 1)
        assert T < sample.time_us < T + US_PER_S
        await until(lambda: site.collector.state().clock_set_back == 1)
