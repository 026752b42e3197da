"""What is reported of a tag and what is not, and that no data is never zero."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from sealbus.acquisition.clock import SLEWED_US
from sealbus.acquisition.tag_states import HeldBack, LastRead, TagState, unread
from sealbus.plant import CalculatedPlan, TagPlan, build_conversion, compile_tag
from sealbus.samples import Quality, Reason, Sample

T = 1_700_000_000_000_000


class Tag:
    """A tag state, and what is reported of it."""

    def __init__(self, state: TagState) -> None:
        self.state = state

    def take(self, raw: Any, time_us: int, now: float) -> Sample | None:
        return reported(self.state.take(raw, time_us, now))

    def fail(self, reason: Reason, time_us: int, now: float) -> Sample | None:
        return reported(self.state.fail(reason, time_us, now))

    def grow_stale(self, read_us: int, now: float) -> Sample | None:
        self.state.attach(LastRead(now, read_us))
        return reported(self.state.grow_stale(now))


def reported(change: Sample | None) -> Sample | None:
    return None if isinstance(change, HeldBack) else change


def tag(**options: Any) -> Tag:
    plan = TagPlan(id=7, place="holding:0", **options)
    return Tag(TagState(plan, build_conversion(compile_tag(plan))))


def test_the_first_value_is_reported_and_later_only_changes() -> None:
    one = tag()
    assert one.take(5, T, 0.0) == Sample(7, T, 5)
    assert one.take(5, T + 1, 1.0) is None
    assert one.take(6, T + 2, 2.0) == Sample(7, T + 2, 6)


def test_the_dead_band_is_measured_from_the_last_reported_value() -> None:
    one = tag(dead_band=2.0)
    assert [one.take(raw, T + raw, 0.0) is not None for raw in (10, 11, 12, 13, 14, 15, 13)] == [
        True, False, False, True, False, False, False
    ]  # fmt: skip
    assert one.state.value == 13


def test_an_unchanged_value_is_reported_again_after_the_longest_interval() -> None:
    one = tag(max_interval_s=100.0)
    one.take(5, T, 0.0)
    samples = [now for now in range(1, 301) if one.take(5, T + now, float(now))]
    assert len(samples) in (3, 4)
    assert samples[0] <= 100
    assert [later - earlier for earlier, later in itertools.pairwise(samples)] == [100] * (len(samples) - 1)


def test_a_change_inside_the_dead_band_is_a_change_and_is_not_reported() -> None:
    one = tag(dead_band=2.0)
    one.take(10, T, 0.0)
    assert one.state.take(11, T + 1, 0.0) == HeldBack(7, T + 1, 11)
    assert one.state.take(11, T + 2, 0.0) is None
    assert one.state.current() == Sample(7, T + 2, 11)


def test_numbers_too_far_apart_to_subtract_are_outside_every_dead_band() -> None:
    one = tag(dead_band=2.0)
    one.take(10, T, 0.0)
    assert reported(one.state.set_value(10**400, T + 1, 0.0)) == Sample(7, T + 1, 10**400)
    assert reported(one.state.set_value(0.5, T + 2, 0.0)) == Sample(7, T + 2, 0.5)


def test_a_failure_is_reported_once_without_a_value_and_again_after_the_longest_interval() -> None:
    one = tag(max_interval_s=100.0)
    one.take(5, T, 0.0)
    assert one.fail(Reason.TIMEOUT, T + 1, 1.0) == Sample(7, T + 1, None, Quality.BAD, Reason.TIMEOUT)
    assert one.fail(Reason.TIMEOUT, T + 2, 2.0) is None
    assert one.fail(Reason.UNREACHABLE, T + 3, 3.0) == Sample(7, T + 3, None, Quality.BAD, Reason.UNREACHABLE)
    assert one.fail(Reason.UNREACHABLE, T + 4, 103.0) is not None
    assert one.state.current() == Sample(7, T + 4, None, Quality.BAD, Reason.UNREACHABLE)
    assert one.take(5, T + 5, 104.0) == Sample(7, T + 5, 5)


def test_a_value_outside_its_range_is_uncertain_and_still_a_value() -> None:
    one = tag(low=0.0, high=10.0)
    assert one.take(10, T, 0.0) == Sample(7, T, 10)
    assert one.take(11, T + 1, 0.0) == Sample(7, T + 1, 11, Quality.UNCERTAIN, Reason.OUT_OF_RANGE)
    assert one.take(10, T + 2, 0.0) == Sample(7, T + 2, 10)


def test_a_stale_tag_repeats_its_last_value_at_the_time_it_was_read() -> None:
    one = tag()
    one.take(5, T, 0.0)
    assert one.grow_stale(T + 500, 10.0) == Sample(7, T + 500, 5, Quality.STALE, Reason.NOT_REFRESHED)
    assert one.grow_stale(T + 500, 11.0) is None
    assert one.take(5, T + 900, 12.0) == Sample(7, T + 900, 5)


def test_a_tag_that_was_never_read_becomes_stale_without_a_value_and_a_bad_tag_stays_bad() -> None:
    one = tag()
    assert one.grow_stale(T, 10.0) == Sample(7, T, None, Quality.STALE, Reason.NOT_REFRESHED)
    one.fail(Reason.TIMEOUT, T + 1, 11.0)
    assert one.grow_stale(T + 1, 12.0) is None


@pytest.mark.parametrize("back", [0, 1, 5_000_000, SLEWED_US - 2])
def test_times_of_one_tag_strictly_increase(back: int) -> None:
    one = tag()
    one.take(5, T, 0.0)
    samples = one.take(6, T - back, 0.0)
    assert samples is not None
    assert samples.time_us == T + 1


def test_after_a_large_error_of_the_clock_the_correct_time_is_reported() -> None:
    one = tag()
    one.take(5, T, 0.0)
    assert one.take(6, T - SLEWED_US - 1, 0.0) == Sample(7, T - SLEWED_US - 1, 6)


def test_one_and_true_are_the_same_number_and_a_text_is_compared_as_one() -> None:
    plan = TagPlan(id=1, place="holding:0", type="string", length=2)
    text = Tag(TagState(plan, build_conversion(compile_tag(plan))))
    assert text.take(b"ab\0\0", T, 0.0) is not None
    assert text.take(b"ab\0\1", T + 1, 0.0) is None
    assert text.take(b"ac\0\0", T + 2, 0.0) == Sample(1, T + 2, "ac")


def test_a_changed_plan_keeps_the_state_so_order_and_dead_band_go_on() -> None:
    before = tag(dead_band=5.0)
    before.take(10, T, 0.0)
    plan = TagPlan(id=7, place="holding:0", dead_band=1.0)
    after = Tag(TagState(plan, build_conversion(compile_tag(plan)), before=before.state))
    assert after.state.current() == Sample(7, T, 10)
    samples = after.take(10, T, 0.0)
    assert samples == Sample(7, T + 1, 10), "reported once under its new plan, after what was reported before"
    assert after.take(10, T + 2, 0.0) is None


def test_a_text_is_neither_above_nor_below_a_limit() -> None:
    one = TagState(CalculatedPlan(id=7, expression='"on"', inputs={}, low=0.0, high=1.0), unread)
    assert one.set_value("on", T, 0.0) == Sample(7, T, "on")


def test_an_unexpected_error_makes_this_tag_bad_and_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    def broken(raw: object) -> int:
        raise RuntimeError("no such thing")

    one = Tag(TagState(TagPlan(id=7, place="holding:0"), broken))
    assert one.take(1, T, 0.0) == Sample(7, T, None, Quality.BAD, Reason.NOT_DECODABLE)
    assert one.take(2, T + 1, 0.0) is None
    assert "RuntimeError: no such thing" in one.state.bug
    assert len(caplog.records) == 1
