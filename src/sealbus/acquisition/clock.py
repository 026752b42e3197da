"""The time of samples: UTC in microseconds, which does not run backwards when the wall clock is corrected.

The wall clock may be set back by a user, or by a time server after a bad start. Samples would then be older than those
before them. So after a step back of up to an hour this clock continues at half speed from where it was, until the wall
clock has caught up: the order of samples holds, and times are wrong by the rest of the step and never by more.

A larger step means that the time before was wrong, not the time now. Keeping it would make every sample wrong for days, so
the step is followed at once; samples after it are older than those of the wrong time. `set_back` counts such steps, and each
is logged. A step forward is always followed at once.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from sealbus.samples import MAX_AHEAD_US, US_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SLEWED_US", "SampleClock"]

_log = logging.getLogger("sealbus.acquisition")
SLEWED_US: Final = MAX_AHEAD_US
"""The largest step back that is made up slowly."""


def _wall_us() -> int:
    return time.time_ns() // 1000


class SampleClock:
    """Read once for each answer. Tests pass their own clocks."""

    __slots__ = ("_last_monotonic", "_last_us", "_monotonic", "_wall", "set_back")

    def __init__(
        self, wall_us: Callable[[], int] = _wall_us, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall = wall_us
        self._monotonic = monotonic_s
        self._last_us = wall_us()
        self._last_monotonic = monotonic_s()
        self.set_back = 0
        """How often the wall clock was set back by more than an hour."""

    def now_us(self) -> int:
        """Microseconds since 1970. Strictly increasing, except at the steps that `set_back` counts."""
        wall, monotonic = self._wall(), self._monotonic()
        last = self._last_us
        if wall <= last:
            if last - wall > SLEWED_US:
                self.set_back += 1
                _log.warning("the clock was set back by %.0f s; samples from now on come before earlier ones",
                             (last - wall) / US_PER_S)  # fmt: skip
            else:
                wall = last + max(1, int((monotonic - self._last_monotonic) * US_PER_S / 2))
        self._last_us, self._last_monotonic = wall, monotonic
        return wall

    @property
    def ahead_us(self) -> int:
        """How far this clock is ahead of the wall clock after a step back."""
        return max(0, self._last_us - self._wall())
