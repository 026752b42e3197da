"""One place that is not answered costs its own tags and no others, whatever the device does instead of answering."""

from __future__ import annotations

import asyncio
import itertools
import random

import pytest

from sealbus.client import Failure
from sealbus.plant import TagPlan
from sealbus.samples import Quality, Reason
from unit.acquisition.polling import FakeContext

REFUSALS: list[tuple[int | Failure, Reason]] = [
    (1, Reason.NOT_ALLOWED),
    (2, Reason.NO_SUCH_PLACE),
    (3, Reason.DEVICE_EXCEPTION),
]
OTHERS: list[tuple[int | Failure, Reason]] = [
    (4, Reason.DEVICE_EXCEPTION),
    (5, Reason.DEVICE_EXCEPTION),
    (6, Reason.DEVICE_EXCEPTION),
    (10, Reason.UNREACHABLE),
    (11, Reason.TIMEOUT),
    (0x60, Reason.DEVICE_EXCEPTION),
    (Failure.NO_ANSWER, Reason.TIMEOUT),
    (Failure.WRONG_ANSWER, Reason.WRONG_ANSWER),
]


@pytest.mark.parametrize(("refusal", "reason"), [*REFUSALS, *OTHERS])
async def test_a_failed_block_is_split_down_to_the_tag_that_fails_and_merged_around_it(
    refusal: int | Failure, reason: Reason
) -> None:
    context = FakeContext()
    context.device.holes, context.device.refusal = {11}, refusal
    poll = context.poll(range(30))
    first = await context.rounds(16)
    assert first[0] == (0, 30)
    assert (11, 1) in first
    assert context.bad() == {11: reason}
    assert context.good() == set(range(30)) - {11}
    assert await context.rounds(3) == [(0, 11), (12, 18)] * 3
    assert [tag.plan.id for tag in poll.refused] == [11]
    assert len(context.samples) == 30, "nothing is reported again because it was merged again"
    poll.stop()


@pytest.mark.parametrize(("refusal", "reason"), [*REFUSALS, *OTHERS])
async def test_a_place_between_tags_that_fails_does_not_affect_the_tags(refusal: int | Failure, reason: Reason) -> None:
    context = FakeContext()
    context.device.holes, context.device.refusal = {3}, refusal
    poll = context.poll([0, 1, 2, 4, 5, 6])
    await context.rounds(5)
    assert context.bad() == {}
    assert context.good() == {0, 1, 2, 4, 5, 6}
    assert await context.rounds(1) == [(0, 3), (4, 3)]
    poll.stop()


@pytest.mark.parametrize(("refusal", "reason"), [REFUSALS[2], *OTHERS])
async def test_a_device_that_answers_short_requests_only_is_read_with_short_requests(
    refusal: int | Failure, reason: Reason
) -> None:
    context = FakeContext()
    context.device.limit, context.device.refusal = 16, refusal
    poll = context.poll(range(125))
    await context.rounds(30)
    assert context.good() == set(range(125))
    assert context.bad() == {}
    blocks = await context.rounds(1)
    assert len(blocks) == 8
    assert max(count for _, count in blocks) == 16
    await context.rounds(3600)
    assert all(sample.quality is Quality.GOOD for sample in context.samples), "trying longer ones again harms none"
    poll.stop()


async def test_a_block_that_was_answered_before_is_searched_when_it_fails_a_second_time() -> None:
    context = FakeContext()
    context.device.refusal = Failure.NO_ANSWER
    poll = context.poll(range(30))
    await context.rounds(2)
    context.device.holes = {7}
    assert await context.rounds(1) == [(0, 30)]
    context.device.holes = set()
    assert set(await context.rounds(3)) == {(0, 30)}, "one lost answer splits nothing"
    context.device.holes = {7}
    await context.rounds(20)
    assert set(await context.rounds(2)) == {(0, 7), (8, 22)}
    poll.stop()


async def test_a_lost_connection_counts_only_when_it_happens_again() -> None:
    context = FakeContext()
    context.device.holes, context.device.refusal = {7}, Failure.CONNECTION_LOST
    poll = context.poll(range(30))
    assert await context.rounds(1) == [(0, 30)]
    await context.rounds(2)
    assert context.good() == set(range(30)) - {7}
    assert await context.rounds(1) == [(0, 7), (8, 22)]
    poll.stop()


@pytest.mark.parametrize("refusal", [4, 6, 10, 11, Failure.NO_ANSWER, Failure.WRONG_ANSWER])
async def test_nothing_is_learnt_from_a_unit_that_answers_nothing(refusal: int | Failure) -> None:
    context = FakeContext()
    context.device.limit, context.device.refusal = 0, refusal
    poll = context.poll([*range(30), *range(100, 130)])
    requests = await context.rounds(50)
    assert set(context.bad()) == {*range(30), *range(100, 130)}
    short = [request for request in requests if request[1] == 1]
    assert len(short) == 4, "two parts of each block, once"
    context.device.limit = 125
    context.changes.clear()
    assert set(await context.rounds(3)) == {(0, 30), (100, 30)}
    assert context.good() == {*range(30), *range(100, 130)}
    assert poll.refused == []
    poll.stop()


async def test_a_device_that_stays_unreachable_ends_a_search_without_a_lesson() -> None:
    context = FakeContext()
    context.device.holes, context.device.refusal = {11}, Failure.NO_ANSWER
    poll = context.poll(range(30))
    while len(context.device.requests) < 3:
        await asyncio.sleep(0.01)
    context.device.failure = Failure.UNREACHABLE
    await context.rounds(4)
    assert context.bad() == dict.fromkeys(range(30), Reason.UNREACHABLE)
    context.device.failure, context.device.holes = None, set()
    assert set(await context.rounds(2)) == {(0, 30)}
    poll.stop()


async def test_a_search_goes_on_when_the_device_was_unreachable_for_a_moment() -> None:
    context = FakeContext()
    context.device.holes, context.device.refusal = {11}, Failure.NO_ANSWER
    poll = context.poll(range(30))
    while len(context.device.requests) < 3:
        await asyncio.sleep(0.01)
    context.device.failure = Failure.UNREACHABLE
    await context.rounds(2)
    context.device.failure = None
    await context.rounds(16)
    assert context.good() == set(range(30)) - {11}
    assert await context.rounds(1) == [(0, 11), (12, 18)]
    poll.stop()


@pytest.mark.parametrize("failure", [Failure.BUSY, Failure.NOT_SENT_IN_TIME, Failure.UNIT_SILENT])
async def test_a_search_goes_on_when_its_request_was_not_sent(failure: Failure) -> None:
    context = FakeContext()
    context.device.holes, context.device.refusal = {11}, Failure.NO_ANSWER
    poll = context.poll(range(30))
    while len(context.device.requests) < 3:
        await asyncio.sleep(0.01)
    context.device.failure = failure
    assert len(await context.rounds(5)) <= 6
    context.device.failure = None
    await context.rounds(16)
    assert context.bad() == {11: Reason.TIMEOUT}
    assert context.good() == set(range(30)) - {11}
    poll.stop()


async def test_a_search_costs_a_round_no_more_than_a_few_time_outs() -> None:
    context = FakeContext()
    context.device.limit, context.device.refusal = 2, Failure.NO_ANSWER
    poll = context.poll([*range(125), 1000], 10.0)
    read: list[float] = []
    for _ in range(100):
        await asyncio.sleep(10)
        if (1000, 1) in context.requests():
            read.append(asyncio.get_running_loop().time())
    assert max(later - earlier for earlier, later in itertools.pairwise(read)) <= 11
    assert context.good() == {*range(125), 1000}
    poll.stop()


@pytest.mark.parametrize("refusal", [2, 4, Failure.NO_ANSWER])
async def test_what_was_learnt_is_tried_again_at_growing_intervals_without_harm(refusal: int | Failure) -> None:
    context = FakeContext()
    context.device.holes, context.device.refusal = {1}, refusal
    poll = context.poll([0, 1, 2], 10.0)
    tried: list[float] = []
    for _ in range(60):
        await asyncio.sleep(10)
        if (1, 1) in context.requests():
            tried.append(asyncio.get_running_loop().time())
    gaps = [later - earlier for earlier, later in itertools.pairwise(tried)]
    assert gaps[0] < 80
    assert gaps[1] > gaps[0]
    assert [sample.tag_id for sample in context.samples if sample.quality is not Quality.GOOD] == [1]
    context.device.holes = set()
    await asyncio.sleep(600)
    assert context.good() == {0, 1, 2}
    context.requests()
    await asyncio.sleep(10)
    assert context.requests() == [(0, 3)]
    poll.stop()


async def test_a_limit_that_was_lifted_is_found_out() -> None:
    context = FakeContext()
    context.device.limit, context.device.refusal = 16, Failure.NO_ANSWER
    poll = context.poll(range(60))
    await context.rounds(20)
    assert len(await context.rounds(1)) == 4
    context.device.limit = 125
    await context.rounds(130)
    assert await context.rounds(1) == [(0, 60)]
    assert all(sample.quality is Quality.GOOD for sample in context.samples)
    poll.stop()


@pytest.mark.parametrize("refusal", [2, 4, Failure.NO_ANSWER])
async def test_tags_of_one_register_stay_together(refusal: int | Failure) -> None:
    context = FakeContext()
    context.device.holes, context.device.refusal = {1}, refusal
    plans = [
        TagPlan(id=100 * register + bit, place=f"holding:{register}", bit=bit)
        for register in (0, 1, 2)
        for bit in range(16)
    ]
    poll = context.poll_plans(plans)
    first = await context.rounds(8)
    assert len(first) <= 26
    assert len(await context.rounds(1)) == 2
    assert context.good() == {plan.id for plan in plans if plan.place != "holding:1"}
    assert {tag.place.address for tag in poll.refused} == {1}
    poll.stop()


async def test_thousands_of_tags_on_three_registers_never_need_more_than_three_requests() -> None:
    context = FakeContext()
    context.device.limit, context.device.refusal = 1, 3
    plans = [TagPlan(id=number, place=f"holding:{number % 3}") for number in range(5000)]
    poll = context.poll_plans(plans)
    assert len(await context.rounds(2)) <= 12
    assert await context.rounds(1) == [(0, 1), (1, 1), (2, 1)]
    assert context.good() == set(range(5000))
    poll.stop()


async def test_a_short_value_and_a_long_one_at_the_same_address_are_told_apart() -> None:
    context = FakeContext()
    context.device.holes = {1}
    poll = context.poll_plans([TagPlan(id=1, place="holding:0"), TagPlan(id=2, place="holding:0", type="uint32")])
    await context.rounds(3)
    assert (context.good(), context.bad()) == ({1}, {2: Reason.NO_SUCH_PLACE})
    assert await context.rounds(1) == [(0, 1)]
    poll.stop()


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_a_device_does_for_a_day_it_is_read_with_the_fewest_requests_after_its_repair(seed: int) -> None:
    chance = random.Random(seed)
    context = FakeContext()
    kinds = ("uint16", "uint16", "uint32", "float64")
    plans = [
        TagPlan(id=number, place=f"holding:{chance.randrange(300)}", type=chance.choice(kinds)) for number in range(120)
    ]
    poll = context.poll_plans(plans, 5.0, max_outstanding=chance.choice((1, 1, 4)))
    fewest = [(block.planned.place.address, block.planned.place.count) for block in poll.blocks]
    device = context.device
    for _ in range(40):
        device.holes = set(chance.sample(range(300), chance.choice((0, 1, 5, 60))))
        device.limit = chance.choice((0, 4, 16, 125, 125))
        device.refusal = chance.choice([refusal for refusal, _ in (*REFUSALS, *OTHERS)] + [Failure.CONNECTION_LOST])
        device.failure = chance.choice((None, None, None, Failure.UNREACHABLE, Failure.UNIT_SILENT, Failure.BUSY))
        await asyncio.sleep(chance.choice((1, 20, 300, 4000)))
        context.add_changes(poll.sweep(asyncio.get_running_loop().time()))
    device.holes, device.limit, device.failure = set(), 125, None
    await asyncio.sleep(8000)
    assert sorted(await context.rounds(5)) == sorted(fewest)
    last = {sample.tag_id: sample.quality for sample in context.samples}
    assert last == dict.fromkeys(range(120), Quality.GOOD)
    assert poll.refused == []
    poll.stop()
