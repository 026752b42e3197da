"""The stages of a sample: gathered, calculated, thinned by the dead band, handed to both sinks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sealbus.acquisition.pipeline import SamplePipeline
from sealbus.acquisition.tag_states import HeldBack, TagState
from sealbus.plant import TagPlan, build_conversion, compile_tag
from sealbus.samples import Sample

if TYPE_CHECKING:
    from collections.abc import Sequence

T = 1_700_000_000_000_000


def tag_state(number: int, *, dead_band: float = 0.0) -> TagState:
    plan = TagPlan(id=number, place="holding:0", dead_band=dead_band)
    return TagState(plan, build_conversion(compile_tag(plan)))


def change(state: TagState, raw: int, time_us: int = T) -> Sample:
    made = state.take(raw, time_us, 0.0)
    assert made is not None
    return made


class Sinks:
    """Two sinks, and a calculated tag 9 that follows from every change."""

    def __init__(self) -> None:
        self.stored: list[list[Sample]] = []
        self.published: list[list[Sample]] = []
        self.seen: list[list[Sample]] = []
        self.calculated = tag_state(9)
        self.breaks: set[str] = set()
        self.pipeline = SamplePipeline(
            asyncio.get_running_loop(), store=self, publish=self.publish, calculate=self.calculate
        )

    def put(self, samples: Sequence[Sample]) -> None:
        self._break("put")
        self.stored.append(list(samples))

    def publish(self, samples: Sequence[Sample]) -> None:
        self._break("publish")
        self.published.append(list(samples))

    def calculate(self, changes: Sequence[Sample]) -> list[Sample]:
        self._break("calculate")
        self.seen.append(list(changes))
        return [change(self.calculated, len(self.seen))] if changes else []

    def _break(self, what: str) -> None:
        if what in self.breaks:
            raise RuntimeError("no such thing")


async def test_a_batch_goes_to_both_sinks_a_tenth_of_a_second_after_its_first_change() -> None:
    sinks, one, two = Sinks(), tag_state(1), tag_state(2)
    sinks.pipeline.add([change(one, 5)])
    await asyncio.sleep(0.09)
    sinks.pipeline.add([change(two, 6)])
    assert sinks.published == []
    await asyncio.sleep(0.02)
    assert sinks.published == sinks.stored == [[Sample(1, T, 5), Sample(2, T, 6), Sample(9, T, 1)]]
    assert (sinks.pipeline.samples, sinks.pipeline.losses) == (3, 0)


async def test_calculated_tags_see_the_changes_that_the_dead_band_holds_back() -> None:
    sinks, one = Sinks(), tag_state(1, dead_band=10.0)
    sinks.pipeline.add([change(one, 100)])
    sinks.pipeline.flush()
    sinks.pipeline.add([change(one, 105, T + 1)])
    sinks.pipeline.flush()
    assert sinks.seen == [[Sample(1, T, 100)], [HeldBack(1, T + 1, 105)]]
    assert sinks.stored[1] == [Sample(9, T + 1, 2)]


async def test_two_changes_of_a_tag_in_one_batch_are_both_reported_in_their_order() -> None:
    sinks, one = Sinks(), tag_state(1)
    sinks.pipeline.add([change(one, 1), change(one, 2), change(one, 1)])
    sinks.pipeline.flush()
    assert sinks.stored[0][:3] == [Sample(1, T, 1), Sample(1, T + 1, 2), Sample(1, T + 2, 1)]


async def test_no_change_makes_no_batch() -> None:
    sinks = Sinks()
    sinks.pipeline.add([])
    await asyncio.sleep(1)
    assert sinks.seen == sinks.stored == sinks.published == []


async def test_a_failed_calculation_does_not_stop_read_values() -> None:
    sinks = Sinks()
    sinks.breaks = {"calculate"}
    sinks.pipeline.add([change(tag_state(1), 5)])
    sinks.pipeline.flush()
    assert sinks.published == sinks.stored == [[Sample(1, T, 5)]]


async def test_a_failed_sink_is_counted_and_the_other_gets_the_batch() -> None:
    sinks = Sinks()
    sinks.breaks = {"publish"}
    sinks.pipeline.add([change(tag_state(1), 5)])
    sinks.pipeline.flush()
    assert sinks.stored == [[Sample(1, T, 5), Sample(9, T, 1)]]
    assert sinks.pipeline.losses == 2
