"""Rounds: what is read when, what is learnt from a refusal, and that no block is read twice at a time."""

from __future__ import annotations

import asyncio
import itertools
import struct
from typing import TYPE_CHECKING, cast

import pytest

from sealbus.acquisition import SampleClock
from sealbus.acquisition.planner import DeviceLimits
from sealbus.acquisition.polls import Poll, PolledTag, PolledUnit
from sealbus.acquisition.tag_states import HeldBack, TagState
from sealbus.client import Failure
from sealbus.plant import TagPlan, build_conversion, compile_tag
from sealbus.samples import Quality, Reason, Sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealbus.client import Channel, Transaction


class Device:
    """Takes the place of a channel: register n holds n, those of `holes` are refused, `mute` answers nothing."""

    def __init__(self) -> None:
        self.requests: list[tuple[int, int]] = []
        self.waiting: list[Transaction] = []
        self.holes: set[int] = set()
        self.code = 2
        self.mute = False
        self.failure: Failure | None = None

    def submit(self, transaction: Transaction) -> None:
        address, count = struct.unpack(">HH", transaction.request.unit_and_pdu[2:])
        self.requests.append((address, count))
        if self.failure is not None:
            transaction.fail(self.failure)
        elif self.mute:
            self.waiting.append(transaction)
        else:
            asyncio.get_running_loop().call_soon(self.answer, transaction)

    def answer(self, transaction: Transaction) -> None:
        address, count = struct.unpack(">HH", transaction.request.unit_and_pdu[2:])
        if self.holes & set(range(address, address + count)):
            transaction.finish(bytes((0, 0, 0, 3, 1, 0x83, self.code)))
        else:
            words = struct.pack(f">{count}H", *range(address, address + count))
            transaction.finish(bytes((0, 0, 0, 3 + 2 * count, 1, 3, 2 * count)) + words)


class FakeContext:
    """The engine, as far as a poll needs it, and one device."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.clock = SampleClock()
        self.changes: list[Sample] = []
        self.device = Device()
        self.lags: list[float] = []

    def add_changes(self, changes: Sequence[Sample]) -> None:
        self.changes += changes

    @property
    def samples(self) -> list[Sample]:
        return [change for change in self.changes if not isinstance(change, HeldBack)]

    def record_lag(self, seconds: float) -> None:
        self.lags.append(seconds)

    def poll(self, addresses: list[int], interval_s: float = 1.0, *, max_outstanding: int = 1, gap: int = 8) -> Poll:
        unit = PolledUnit(1, 1, DeviceLimits(gap_registers=gap), cast("Channel", self.device), max_outstanding)
        polled_tags = []
        for address in addresses:
            plan = TagPlan(id=address, place=f"holding:{address}", interval_s=interval_s)
            tag = compile_tag(plan)
            polled_tags.append(PolledTag(tag, TagState(plan, build_conversion(tag))))
        poll = Poll(unit, polled_tags, interval_s, self)
        poll.start()
        return poll

    def requests(self) -> list[tuple[int, int]]:
        requests, self.device.requests = self.device.requests, []
        return requests

    def bad(self) -> dict[int, Reason]:
        return {sample.tag_id: sample.reason for sample in self.samples if sample.quality is Quality.BAD}

    def good(self) -> set[int]:
        return {sample.tag_id for sample in self.samples if sample.quality is Quality.GOOD}


async def test_each_round_reads_each_block_once() -> None:
    context = FakeContext()
    poll = context.poll([0, 1, 200])
    await asyncio.sleep(3.5)
    rounds = context.requests()
    assert len(rounds) in (6, 8)
    assert rounds[:2] == [(0, 2), (200, 1)]
    assert [(sample.tag_id, sample.value) for sample in context.samples] == [(0, 0), (1, 1), (200, 200)]
    assert (poll.counters.overruns, poll.counters.failures) == (0, 0)
    poll.stop()


async def test_no_more_requests_are_under_way_than_the_window_allows() -> None:
    context = FakeContext()
    context.device.mute = True
    poll = context.poll([0, 100, 200, 300], max_outstanding=2)
    await asyncio.sleep(1.1)
    assert context.requests() == [(0, 1), (100, 1)]
    context.device.answer(context.device.waiting.pop())
    assert context.requests() == [(200, 1)]
    poll.stop()


async def test_rounds_that_are_due_during_a_round_are_counted_as_overruns_and_not_begun() -> None:
    context = FakeContext()
    context.device.mute = True
    poll = context.poll([0])
    await asyncio.sleep(5.5)
    assert context.requests() == [(0, 1)]
    assert poll.counters.overruns in (4, 5)
    context.device.mute = False
    context.device.answer(context.device.waiting.pop())
    overruns = poll.counters.overruns
    await asyncio.sleep(2)
    assert context.requests() == [(0, 1)] * 2
    assert poll.counters.overruns == overruns
    poll.stop()


async def test_a_refused_block_is_split_down_to_the_refused_tag_and_merged_around_it() -> None:
    context = FakeContext()
    context.device.holes = {11}
    poll = context.poll(list(range(30)))
    await asyncio.sleep(1.5)
    first = context.requests()
    assert first[0] == (0, 30)
    assert (11, 1) in first
    assert len(first) <= 12
    assert context.bad() == {11: Reason.NO_SUCH_PLACE}
    assert context.good() == set(range(30)) - {11}
    await asyncio.sleep(1)
    assert context.requests() == [(0, 11), (12, 18)]
    assert [tag.plan.id for tag in poll.refused] == [11]
    assert len(context.samples) == 30, "nothing is reported again because it was merged again"
    poll.stop()


async def test_a_refused_place_between_tags_does_not_affect_the_tags() -> None:
    context = FakeContext()
    context.device.holes = {5}
    poll = context.poll([3, 4, 6, 7])
    await asyncio.sleep(1.5)
    assert context.bad() == {}
    assert context.good() == {3, 4, 6, 7}
    context.requests()
    await asyncio.sleep(1)
    assert context.requests() == [(3, 2), (6, 2)]
    poll.stop()


async def test_learned_splits_are_retried_at_growing_intervals() -> None:
    context = FakeContext()
    context.device.holes = {1}
    poll = context.poll([0, 1, 2], 10.0)
    merged: list[float] = []
    for _ in range(60):
        await asyncio.sleep(10)
        if (0, 3) in context.requests():
            merged.append(asyncio.get_running_loop().time())
    gaps = [later - earlier for earlier, later in itertools.pairwise(merged)]
    assert gaps[0] < 80
    assert gaps[1] > gaps[0]
    context.device.holes = set()
    await asyncio.sleep(600)
    assert context.good() == {0, 1, 2}
    context.requests()
    await asyncio.sleep(10)
    assert context.requests() == [(0, 3)]
    poll.stop()


@pytest.mark.parametrize(("code", "reason"), [(1, Reason.NOT_ALLOWED), (3, Reason.DEVICE_EXCEPTION)])
async def test_a_block_refused_by_a_gateway_or_for_its_length_is_split_in_the_same_way(
    code: int, reason: Reason
) -> None:
    context = FakeContext()
    context.device.holes, context.device.code = {1}, code
    poll = context.poll([0, 1, 2])
    await asyncio.sleep(1.5)
    assert context.bad() == {1: reason}
    assert context.good() == {0, 2}
    poll.stop()


async def test_any_other_exception_concerns_the_whole_block_which_is_read_again_unchanged() -> None:
    context = FakeContext()
    context.device.holes, context.device.code = {1}, 4
    poll = context.poll([0, 1, 2])
    await asyncio.sleep(1.5)
    assert context.bad() == dict.fromkeys((0, 1, 2), Reason.DEVICE_EXCEPTION)
    context.device.holes = set()
    context.requests()
    await asyncio.sleep(1)
    assert context.requests() == [(0, 3)]
    assert context.good() == {0, 1, 2}
    poll.stop()


async def test_a_thousand_blocks_that_fail_immediately_do_not_overflow_the_stack() -> None:
    context = FakeContext()
    context.device.failure = Failure.UNREACHABLE
    poll = context.poll([20 * number for number in range(3000)])
    await asyncio.sleep(1.5)
    assert len(context.requests()) >= 3000
    assert set(context.bad().values()) == {Reason.UNREACHABLE}
    poll.stop()


@pytest.mark.parametrize("failure", [Failure.NOT_SENT_IN_TIME, Failure.BUSY])
async def test_a_request_that_was_never_sent_changes_no_tag_until_the_tag_is_stale(failure: Failure) -> None:
    context = FakeContext()
    poll = context.poll([0])
    await asyncio.sleep(1.5)
    read_us = context.samples[0].time_us
    context.device.failure = failure
    for _ in range(10):
        await asyncio.sleep(1)
        context.add_changes(poll.sweep(asyncio.get_running_loop().time()))
    assert [sample.quality for sample in context.samples] == [Quality.GOOD, Quality.STALE]
    assert context.samples[1].value == 0
    assert context.samples[1].time_us > read_us
    context.device.failure = None
    await asyncio.sleep(1)
    assert context.samples[-1].quality is Quality.GOOD
    poll.stop()


async def test_an_answer_after_the_stop_is_ignored() -> None:
    context = FakeContext()
    context.device.mute = True
    poll = context.poll([0])
    await asyncio.sleep(1.1)
    poll.stop()
    context.device.answer(context.device.waiting.pop())
    await asyncio.sleep(5)
    assert context.samples == []
    assert context.requests() == [(0, 1)]


async def test_a_refused_tag_is_reported_again_after_the_longest_interval_without_being_read() -> None:
    context = FakeContext()
    context.device.holes = {0}
    poll = context.poll([0])
    await asyncio.sleep(1.5)
    context.changes.clear()
    (polled_tag,) = poll.polled_tags
    context.add_changes(poll.sweep(asyncio.get_running_loop().time()))
    assert context.changes == []
    context.add_changes(poll.sweep(polled_tag.state.repeat_at))
    assert context.bad() == {0: Reason.NO_SUCH_PLACE}
    assert context.samples[0].value is None
    poll.stop()
