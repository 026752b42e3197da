"""The search for what makes a block fail finds it, in few requests, for any device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealbus.acquisition.block_search import BlockSearch, Lessons
from sealbus.acquisition.reasons import Miss
from sealbus.plant import DeviceLimits, LearnedSplits, PlannedBlock, plan_blocks
from sealbus.samples import Reason
from unit.acquisition.plans import tag

if TYPE_CHECKING:
    from sealbus.plant import Tag

REFUSAL = Miss(Reason.NO_SUCH_PLACE, is_refusal=True, may_be_of_a_part=True)
SILENCE = Miss(Reason.TIMEOUT, may_be_of_a_part=True, is_slow=True)


@dataclass
class Device:
    holes: frozenset[int] = frozenset()
    limit: int = 125
    miss: Miss = SILENCE
    requests: int = 0

    def answers(self, block: PlannedBlock) -> bool:
        self.requests += 1
        place = block.place
        return place.count <= self.limit and not self.holes & set(range(place.address, place.last + 1))


def search_in(block: PlannedBlock, device: Device, number: int = 0) -> Lessons:
    search = BlockSearch(block, device.miss, number)
    while not search.is_done:
        ask = search.next()
        if device.answers(ask.planned):
            search.answered(ask)
        else:
            search.missed(ask, device.miss)
    return search.lessons()


def read(tags: list[Tag], device: Device) -> tuple[set[int], list[str]]:
    """What can be read after some rounds, by the ids of the tags, and the requests for it."""
    splits, wanted = LearnedSplits(), tags
    for number in range(40):
        blocks = plan_blocks(wanted, DeviceLimits(), splits)
        failed = next((block for block in blocks if block.is_divisible and not device.answers(block)), None)
        if failed is None:
            break
        lessons = search_in(failed, device, number)
        gone = {each for part in lessons.refused for each in part.tags}
        wanted = [each for each in wanted if each not in gone]
        refused = (*splits.refused, *(part.place for part in lessons.refused))
        splits = LearnedSplits(refused, splits.barriers | {barrier for barrier, _ in lessons.barriers})
    good = [block for block in plan_blocks(wanted, DeviceLimits(), splits) if device.answers(block)]
    return {each.plan.id for block in good for each in block.tags}, [str(block.place) for block in good]


@pytest.mark.parametrize("miss", [REFUSAL, SILENCE])
def test_a_hole_in_a_hundred_costs_two_requests_a_halving(miss: Miss) -> None:
    device = Device(frozenset({70}), miss=miss)
    (block,) = plan_blocks([tag(f"holding:{address}") for address in range(100)], DeviceLimits())
    lessons = search_in(block, device)
    assert [str(part.place) for part in lessons.refused] == ["holding:70"]
    assert lessons.barriers == ()
    assert device.requests <= 21


def test_a_unit_that_answers_nothing_costs_two_requests_and_teaches_nothing() -> None:
    device = Device(limit=0)
    (block,) = plan_blocks([tag(f"holding:{address}") for address in range(100)], DeviceLimits())
    assert search_in(block, device) == Lessons()
    assert device.requests == 2


def test_the_second_search_asks_other_parts() -> None:
    (block,) = plan_blocks([tag(f"holding:{address}") for address in range(100)], DeviceLimits())
    asked = {BlockSearch(block, SILENCE, number).next().planned.place for number in range(10)}
    assert len(asked) == 10


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 150), st.sampled_from(["", "", "uint32", "uint64"])), min_size=1, max_size=60),
    st.frozensets(st.integers(0, 150), max_size=6),
    st.integers(4, 125),
)
def test_after_refusals_exactly_the_tags_are_read_that_can_be(
    chosen: list[tuple[int, str]], holes: frozenset[int], limit: int
) -> None:
    tags = [tag(f"holding:{address}", kind, id=number) for number, (address, kind) in enumerate(chosen)]
    found, _ = read(tags, Device(holes, limit, REFUSAL))
    assert found == {each.plan.id for each in tags if not holes & set(range(each.place.address, each.place.last + 1))}


@settings(max_examples=80, deadline=None)
@given(st.frozensets(st.integers(0, 124), max_size=2), st.integers(8, 125))
def test_after_silence_all_but_the_silent_places_and_their_neighbours_are_read(
    holes: frozenset[int], limit: int
) -> None:
    tags = [tag(f"holding:{address}") for address in range(125)]
    found, requests = read(tags, Device(holes, limit))
    missing = set(range(125)) - holes - found
    assert all(any(abs(address - hole) <= 4 for hole in holes) for address in missing), (
        "where both parts that were asked first were holes"
    )
    assert len(requests) <= 2 * -(-125 // (limit // 2 + 1)) + 2 * len(holes) + 2
