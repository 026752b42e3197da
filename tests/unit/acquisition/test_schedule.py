"""Due times: no drift, none twice, and not all at once."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealbus.acquisition.schedule import PollPhase


def test_the_nth_due_time_is_start_plus_n_intervals_however_late_it_is_noticed() -> None:
    phase = PollPhase(0.1, 3, 1000.0)
    start = phase.due
    for _ in range(100_000):
        assert phase.advance(phase.due + 0.03) == 0
    assert phase.due == pytest.approx(start + 100_000 * 0.1, abs=1e-6)


@pytest.mark.parametrize("early_s", [0.0, 1e-9, 0.0009])
def test_a_timer_that_fires_slightly_early_fires_once_and_misses_nothing(early_s: float) -> None:
    phase = PollPhase(1.0, 1, 0.0)
    start = phase.due
    for number in range(1, 10):
        assert phase.advance(phase.due - early_s) == 0
        assert phase.due == start + number


def test_missed_due_times_are_counted_and_skipped() -> None:
    phase = PollPhase(1.0, 1, 0.0)
    start = phase.due
    assert phase.advance(start + 4.5) == 4
    assert phase.due == start + 5.0


@given(st.floats(0.05, 1e5), st.integers(0, 10**9), st.floats(0, 1e8), st.lists(st.floats(0, 1e4), max_size=30))
def test_the_next_due_time_is_always_in_the_future(
    interval_s: float, number: int, now: float, lates: list[float]
) -> None:
    phase = PollPhase(interval_s, number, now)
    assert now <= phase.due <= now + min(interval_s, 1.0) + 1e-6
    for late in lates:
        before = phase.due
        missed = phase.advance(before + late)
        assert missed >= 0
        assert before + late < phase.due <= before + late + interval_s * 1.001 + 1e-6


def test_two_hundred_devices_are_spread_over_the_second() -> None:
    dues = sorted(PollPhase(1.0, number, 0.0).due for number in range(1, 201))
    gaps = [later - earlier for earlier, later in itertools.pairwise(dues)]
    assert max(gaps) < 0.01
    assert min(gaps) > 0.002


def test_the_phase_of_a_device_does_not_depend_on_when_it_is_added() -> None:
    assert PollPhase(1.0, 17, 5.25).due % 1.0 == pytest.approx(PollPhase(1.0, 17, 1234.9).due % 1.0)


def test_the_first_poll_of_a_slow_tag_is_within_a_second() -> None:
    assert PollPhase(3600.0, 17, 10.0).due <= 11.0
