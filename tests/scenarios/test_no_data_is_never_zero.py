"""A tag of a failed device has no value and a reason. It is never 0, and its last value is never reported as good."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scenarios.collecting import connection, neighbours, open_collector
from scenarios.plant import ScriptedDevice, exception, open_device, until
from sealbus.plant import CalculatedPlan, TagPlan
from sealbus.samples import Quality, Reason

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def refuse(code: int) -> Callable[[ScriptedDevice], None]:
    def begin(device: ScriptedDevice) -> None:
        device.answer = lambda request: request[:4] + b"\0\3" + request[6:7] + exception(3, code)

    return begin


def stop_answering(device: ScriptedDevice) -> None:
    device.answer = lambda request: None


def answer_wrongly(device: ScriptedDevice) -> None:
    """Three bytes: wrong for any number of registers, also for the single one that a divided block asks for."""
    device.answer = lambda request: request[:4] + b"\0\x06" + request[6:7] + b"\3\3\0\0\0"


@pytest.mark.parametrize(
    ("misdeed", "reason"),
    [
        (stop_answering, Reason.TIMEOUT),
        (answer_wrongly, Reason.WRONG_ANSWER),
        (refuse(4), Reason.DEVICE_EXCEPTION),
        (refuse(10), Reason.UNREACHABLE),
        (refuse(11), Reason.TIMEOUT),
    ],
)
async def test_the_tags_of_a_failed_device_have_no_value(
    tmp_path: Path, misdeed: Callable[[ScriptedDevice], None], reason: Reason
) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        url = f"tcp://127.0.0.1:{device.port}"
        twice = CalculatedPlan(id=9, expression="a * 0 + b", inputs={"a": 1005, "b": 1006})
        site.apply(connection(1, url, *neighbours(3, first=5), timeout_s=0.2), calculated=[twice])
        await site.wait_for_good(9, 6)
        misdeed(device)
        await site.wait_for_bad(1005, reason)
        assert (await site.wait_for_bad(9, Reason.NOT_COMPUTABLE)).value is None
        device.answer = device.normal_answer
        await site.wait_for_good(1005, 5)
        await site.wait_for_good(9, 6)
        assert all(sample.value is None for sample in site.samples if sample.quality is Quality.BAD)
        assert {sample.value for sample in site.samples_of(1005)} == {5, None}
        assert site.stored == site.samples


async def test_a_stopped_device_is_unreachable_until_it_is_back(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        port = device.port
        site.apply(connection(1, f"tcp://127.0.0.1:{port}", *neighbours(1, first=5)))
        await site.wait_for_good(1005, 5)
        await device.stop()
        await site.wait_for_bad(1005, Reason.UNREACHABLE)
        state = site.collector.state().connections[0]
        assert (state.status, bool(state.why)) == ("down", True)
        await device.start(port)
        await site.wait_for_good(1005, 5)
        assert site.collector.state().connections[0].status == "up"


async def test_registers_that_hold_no_value_are_no_value(tmp_path: Path) -> None:
    tags = (
        TagPlan(id=1, place="holding:0", type="int16", sunspec=True, interval_s=0.1),
        TagPlan(id=2, place="holding:1", type="float32", interval_s=0.1),
        TagPlan(id=3, place="holding:3", type="bcd16", interval_s=0.1),
        TagPlan(id=4, place="holding:4", low=0.0, high=3.0, interval_s=0.1),
    )
    async with open_device() as device, open_collector(tmp_path) as site:
        device.registers.update({0: 0x8000, 1: 0x7FC0, 2: 0, 3: 0x000A})
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", *tags))
        assert (await site.wait_for_bad(1, Reason.NOT_AVAILABLE)).value is None
        assert (await site.wait_for_bad(2, Reason.NOT_DECODABLE)).value is None
        assert (await site.wait_for_bad(3, Reason.NOT_DECODABLE)).value is None
        uncertain = await site.wait_for(4, lambda sample: sample.quality is Quality.UNCERTAIN)
        assert (uncertain.value, uncertain.reason) == (4, Reason.OUT_OF_RANGE)


async def test_a_tag_that_is_no_longer_read_does_not_stay_good(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        url = f"tcp://127.0.0.1:{device.port}"
        kept, *_ = neighbours(1)
        off = TagPlan(id=2, place="holding:2", interval_s=0.1)
        site.apply(connection(1, url, kept, off))
        await site.wait_for_good(2)
        site.apply(connection(1, url, kept, TagPlan(id=2, place="holding:2", interval_s=0.1, enabled=False)))
        await site.wait_for_bad(2, Reason.NOT_COLLECTED)
        site.apply(connection(1, url, kept, off))
        await site.wait_for_good(2)
        site.apply(connection(1, url, kept, TagPlan(id=2, place="nowhere:2", interval_s=0.1)))
        await site.wait_for_bad(2, Reason.NOT_COLLECTED)
        assert [problem.id for problem in site.collector.state().problems] == [2]
        site.apply()
        await site.wait_for_bad(1000, Reason.NOT_COLLECTED)
        await until(lambda: not device.live)
