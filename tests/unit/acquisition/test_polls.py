"""Rounds: what is read when, in which order, and that no block is read twice at a time."""

from __future__ import annotations

import asyncio

import pytest

from sealbus.client import Failure
from sealbus.samples import Quality, Reason
from unit.acquisition.polling import FakeContext


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


async def test_a_thousand_blocks_that_fail_immediately_do_not_overflow_the_stack() -> None:
    context = FakeContext()
    context.device.failure = Failure.UNREACHABLE
    poll = context.poll([20 * number for number in range(3000)])
    await asyncio.sleep(1.5)
    assert len(context.requests()) >= 3000
    assert set(context.bad().values()) == {Reason.UNREACHABLE}
    poll.stop()


@pytest.mark.parametrize("failure", [Failure.NOT_SENT_IN_TIME, Failure.BUSY, Failure.UNIT_SILENT])
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


async def test_blocks_that_were_not_answered_the_last_time_are_read_last() -> None:
    context = FakeContext()
    context.device.holes, context.device.refusal = {0, 100}, Failure.WRONG_ANSWER
    poll = context.poll([0, 100, 200, 300])
    await asyncio.sleep(1.1)
    assert context.requests() == [(0, 1), (100, 1), (200, 1), (300, 1)]
    await asyncio.sleep(1)
    assert context.requests() == [(200, 1), (300, 1), (0, 1), (100, 1)]
    context.device.holes = {0}
    await asyncio.sleep(2)
    assert context.requests()[4:] == [(100, 1), (200, 1), (300, 1), (0, 1)]
    poll.stop()


async def test_a_block_that_was_answered_is_asked_while_the_unit_is_suspected_until_three_of_them_have_failed() -> None:
    context = FakeContext()
    poll = context.poll([0, 100, 200, 300, 400])
    await asyncio.sleep(1.1)
    context.device.suspects[1] = object()
    await asyncio.sleep(1)
    assert context.device.anyway == [False] * 5 + [True] * 5
    context.device.failure = Failure.NO_ANSWER
    await asyncio.sleep(1)
    assert context.device.anyway[10:] == [True] * 3 + [False] * 2
    poll.stop()
