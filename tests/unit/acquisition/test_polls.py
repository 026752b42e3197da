"""Rounds: what is asked when, what a refusal teaches, and that nothing is asked twice at a time."""

from __future__ import annotations

import asyncio
import itertools
import struct
from typing import TYPE_CHECKING, cast

import pytest

from sealbus.acquisition import SampleClock
from sealbus.acquisition.planner import DeviceLimits
from sealbus.acquisition.polls import Poll, PolledTag, PolledUnit
from sealbus.acquisition.tag_states import TagState
from sealbus.client import Failure
from sealbus.plant import TagPlan, build_conversion, compile_tag
from sealbus.samples import Quality, Reason, Sample

if TYPE_CHECKING:
    from sealbus.client import Channel, Transaction


class Device:
    """Takes the place of a channel: register n holds n, those of `holes` are refused, `mute` answers nothing."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []
        self.waiting: list[Transaction] = []
        self.holes: set[int] = set()
        self.code = 2
        self.mute = False
        self.failure: Failure | None = None

    def submit(self, transaction: Transaction) -> None:
        address, count = struct.unpack(">HH", transaction.request.tail[2:])
        self.asked.append((address, count))
        if self.failure is not None:
            transaction.fail(self.failure)
        elif self.mute:
            self.waiting.append(transaction)
        else:
            asyncio.get_running_loop().call_soon(self.answer, transaction)

    def answer(self, transaction: Transaction) -> None:
        address, count = struct.unpack(">HH", transaction.request.tail[2:])
        if self.holes & set(range(address, address + count)):
            transaction.finish(bytes((0, 0, 0, 3, 1, 0x83, self.code)))
        else:
            words = struct.pack(f">{count}H", *range(address, address + count))
            transaction.finish(bytes((0, 0, 0, 3 + 2 * count, 1, 3, 2 * count)) + words)


class Desk:
    """The collector, as far as a poll knows it."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.clock = SampleClock()
        self.samples: list[Sample] = []
        self.device = Device()
        self.lags: list[float] = []

    def told(self) -> list[Sample]:
        return self.samples

    def lagged(self, seconds: float) -> None:
        self.lags.append(seconds)

    def poll(self, addresses: list[int], interval_s: float = 1.0, *, window: int = 1, gap: int = 8) -> Poll:
        unit = PolledUnit(1, 1, DeviceLimits(gap_registers=gap), cast("Channel", self.device), window)
        members = []
        for address in addresses:
            plan = TagPlan(id=address, place=f"holding:{address}", interval_s=interval_s)
            tag = compile_tag(plan)
            members.append(PolledTag(tag, TagState(plan, build_conversion(tag))))
        poll = Poll(unit, members, interval_s, self)
        poll.start()
        return poll

    def asked(self) -> list[tuple[int, int]]:
        asked, self.device.asked = self.device.asked, []
        return asked

    def bad(self) -> dict[int, Reason]:
        return {sample.tag_id: sample.reason for sample in self.samples if sample.quality is Quality.BAD}

    def good(self) -> set[int]:
        return {sample.tag_id for sample in self.samples if sample.quality is Quality.GOOD}


async def test_each_round_asks_each_block_once() -> None:
    desk = Desk()
    poll = desk.poll([0, 1, 200])
    await asyncio.sleep(3.5)
    rounds = desk.asked()
    assert len(rounds) in (6, 8)
    assert rounds[:2] == [(0, 2), (200, 1)]
    assert [(sample.tag_id, sample.value) for sample in desk.samples] == [(0, 0), (1, 1), (200, 200)]
    assert (poll.counters.overruns, poll.counters.failures) == (0, 0)
    poll.stop()


async def test_no_more_is_under_way_than_the_window_allows() -> None:
    desk = Desk()
    desk.device.mute = True
    poll = desk.poll([0, 100, 200, 300], window=2)
    await asyncio.sleep(1.1)
    assert desk.asked() == [(0, 1), (100, 1)]
    desk.device.answer(desk.device.waiting.pop())
    assert desk.asked() == [(200, 1)]
    poll.stop()


async def test_a_round_that_is_not_over_makes_the_next_ones_overruns_and_never_a_second_one() -> None:
    desk = Desk()
    desk.device.mute = True
    poll = desk.poll([0])
    await asyncio.sleep(5.5)
    assert desk.asked() == [(0, 1)]
    assert poll.counters.overruns in (4, 5)
    desk.device.mute = False
    desk.device.answer(desk.device.waiting.pop())
    overruns = poll.counters.overruns
    await asyncio.sleep(2)
    assert desk.asked() == [(0, 1)] * 2
    assert poll.counters.overruns == overruns
    poll.stop()


async def test_a_block_with_a_hole_is_split_down_to_the_guilty_tag_and_put_together_around_it() -> None:
    desk = Desk()
    desk.device.holes = {11}
    poll = desk.poll(list(range(30)))
    await asyncio.sleep(1.5)
    first = desk.asked()
    assert first[0] == (0, 30)
    assert (11, 1) in first
    assert len(first) <= 12
    assert desk.bad() == {11: Reason.NO_SUCH_PLACE}
    assert desk.good() == set(range(30)) - {11}
    await asyncio.sleep(1)
    assert desk.asked() == [(0, 11), (12, 18)]
    assert [tag.plan.id for tag in poll.refused] == [11]
    assert len(desk.samples) == 30, "nothing is told again for having been put together anew"
    poll.stop()


async def test_a_hole_between_tags_costs_no_tag_its_value() -> None:
    desk = Desk()
    desk.device.holes = {5}
    poll = desk.poll([3, 4, 6, 7])
    await asyncio.sleep(1.5)
    assert desk.bad() == {}
    assert desk.good() == {3, 4, 6, 7}
    desk.asked()
    await asyncio.sleep(1)
    assert desk.asked() == [(3, 2), (6, 2)]
    poll.stop()


async def test_what_was_learnt_is_tried_anew_later_and_less_and_less_often() -> None:
    desk = Desk()
    desk.device.holes = {1}
    poll = desk.poll([0, 1, 2], 10.0)
    merged: list[float] = []
    for _ in range(60):
        await asyncio.sleep(10)
        if (0, 3) in desk.asked():
            merged.append(asyncio.get_running_loop().time())
    gaps = [later - earlier for earlier, later in itertools.pairwise(merged)]
    assert gaps[0] < 80
    assert gaps[1] > gaps[0]
    desk.device.holes = set()
    await asyncio.sleep(600)
    assert desk.good() == {0, 1, 2}
    desk.asked()
    await asyncio.sleep(10)
    assert desk.asked() == [(0, 3)]
    poll.stop()


@pytest.mark.parametrize(("code", "reason"), [(1, Reason.NOT_ALLOWED), (3, Reason.DEVICE_EXCEPTION)])
async def test_a_refusal_by_a_gateway_or_for_length_is_split_alike(code: int, reason: Reason) -> None:
    desk = Desk()
    desk.device.holes, desk.device.code = {1}, code
    poll = desk.poll([0, 1, 2])
    await asyncio.sleep(1.5)
    assert desk.bad() == {1: reason}
    assert desk.good() == {0, 2}
    poll.stop()


async def test_any_other_exception_is_one_of_the_whole_block_and_is_asked_again_as_it_is() -> None:
    desk = Desk()
    desk.device.holes, desk.device.code = {1}, 4
    poll = desk.poll([0, 1, 2])
    await asyncio.sleep(1.5)
    assert desk.bad() == dict.fromkeys((0, 1, 2), Reason.DEVICE_EXCEPTION)
    desk.device.holes = set()
    desk.asked()
    await asyncio.sleep(1)
    assert desk.asked() == [(0, 3)]
    assert desk.good() == {0, 1, 2}
    poll.stop()


async def test_a_thousand_blocks_that_fail_at_once_do_not_pile_up_on_the_stack() -> None:
    desk = Desk()
    desk.device.failure = Failure.UNREACHABLE
    poll = desk.poll([20 * number for number in range(3000)])
    await asyncio.sleep(1.5)
    assert len(desk.asked()) >= 3000
    assert set(desk.bad().values()) == {Reason.UNREACHABLE}
    poll.stop()


@pytest.mark.parametrize("failure", [Failure.NOT_SENT_IN_TIME, Failure.BUSY])
async def test_a_request_that_was_never_sent_says_nothing_and_after_a_while_the_tag_is_stale(failure: Failure) -> None:
    desk = Desk()
    poll = desk.poll([0])
    await asyncio.sleep(1.5)
    read_us = desk.samples[0].time_us
    desk.device.failure = failure
    for _ in range(10):
        await asyncio.sleep(1)
        poll.sweep(asyncio.get_running_loop().time())
    assert [sample.quality for sample in desk.samples] == [Quality.GOOD, Quality.STALE]
    assert desk.samples[1].value == 0
    assert desk.samples[1].time_us > read_us
    desk.device.failure = None
    await asyncio.sleep(1)
    assert desk.samples[-1].quality is Quality.GOOD
    poll.stop()


async def test_what_comes_after_the_stop_is_nobodys() -> None:
    desk = Desk()
    desk.device.mute = True
    poll = desk.poll([0])
    await asyncio.sleep(1.1)
    poll.stop()
    desk.device.answer(desk.device.waiting.pop())
    await asyncio.sleep(5)
    assert desk.samples == []
    assert desk.asked() == [(0, 1)]


async def test_a_refused_tag_is_said_again_in_its_time_though_it_is_not_asked() -> None:
    desk = Desk()
    desk.device.holes = {0}
    poll = desk.poll([0])
    await asyncio.sleep(1.5)
    desk.samples.clear()
    for point in poll.members:
        point.point.repeat_at = 0.0
    poll.sweep(asyncio.get_running_loop().time())
    assert desk.bad() == {0: Reason.NO_SUCH_PLACE}
    assert desk.samples[0].value is None
    poll.stop()
