"""A clock that is set back does not make samples older than those before them."""

from __future__ import annotations

import logging

import pytest

from sealbus.acquisition import SampleClock
from sealbus.samples import US_PER_S

T = 1_700_000_000 * US_PER_S


class MovedClocks:
    """Both clocks, to be moved by hand."""

    def __init__(self) -> None:
        self.wall = T
        self.monotonic = 50.0
        self.clock = SampleClock(lambda: self.wall, lambda: self.monotonic)

    def after(self, seconds: float, *, step: float = 0.0) -> int:
        self.monotonic += seconds
        self.wall += int((seconds + step) * US_PER_S)
        return self.clock.now_us()


def test_the_time_is_that_of_the_wall_clock_while_it_goes_forward() -> None:
    hands = MovedClocks()
    assert [hands.after(1) - T, hands.after(1) - T] == [1_000_000, 2_000_000]
    assert hands.after(1, step=86400 * 400) == T + 3_000_000 + 86400 * 400 * US_PER_S


def test_no_two_times_are_equal() -> None:
    hands = MovedClocks()
    assert [hands.after(0) - T for _ in range(3)] == [1, 2, 3]


def test_a_step_back_is_compensated_at_half_speed_and_the_order_is_kept() -> None:
    hands = MovedClocks()
    readings = [hands.after(10)]
    readings += [hands.after(1, step=-60), *(hands.after(1) for _ in range(150))]
    assert readings == sorted(set(readings))
    assert readings[1] - readings[0] == 500_000
    assert readings[-1] == hands.wall, "after twice the step it is right again"
    assert (hands.clock.set_back, hands.clock.ahead_us) == (0, 0)


def test_the_lead_over_the_wall_clock_is_known_during_compensation() -> None:
    hands = MovedClocks()
    hands.after(10)
    hands.after(1, step=-60)
    assert hands.clock.ahead_us == pytest.approx(59.5 * US_PER_S)


def test_a_large_step_back_is_followed_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    hands = MovedClocks()
    hands.after(10)
    with caplog.at_level(logging.WARNING):
        assert hands.after(1, step=-86400 * 365) == hands.wall
    assert hands.clock.set_back == 1
    assert "set back" in caplog.text
    assert hands.after(1) == hands.wall
