"""The inflow from the town: two peaks a day, in the morning and in the evening, with noise that varies over minutes.

The noise is an Ornstein-Uhlenbeck process with a correlation time of about `_MEMORY_S`, so the flow drifts and never
jumps.
"""

from __future__ import annotations

from math import cos, exp, pi, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

__all__ = ["DAY_S", "Inflow", "daily_inflow_m3h"]

DAY_S = 86_400.0

_MEAN_M3H = 85.0
_MORNING_PEAK_H = 8.5
_NOISE_M3H = 6.0
_MEMORY_S = 240.0


def daily_inflow_m3h(day_s: float) -> float:
    """The flow at this time of the day (seconds since midnight), without noise."""
    hours = day_s / 3600 - _MORNING_PEAK_H
    return _MEAN_M3H * (1 + 0.30 * cos(2 * pi * (hours - 2) / 24) + 0.22 * cos(4 * pi * hours / 24))


class Inflow:
    """The flow at the inlet valve, in m3/h."""

    def __init__(self, noise: Random, day_s: float) -> None:
        self._random = noise
        self._noise_m3h = 0.0
        self.flow_m3h = daily_inflow_m3h(day_s)

    def step(self, dt_s: float, day_s: float) -> None:
        """Advance by `dt_s` seconds."""
        kept = exp(-dt_s / _MEMORY_S)
        self._noise_m3h = self._noise_m3h * kept + _NOISE_M3H * sqrt(1 - kept * kept) * self._random.gauss(0, 1)
        self.flow_m3h = max(daily_inflow_m3h(day_s) + self._noise_m3h, 0.0)
