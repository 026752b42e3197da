"""Centrifugal pumps on a common rising main: the head and the flows at which they operate.

A pump at relative speed n lifts `shutoff n^2 - k Q^2` metres (the affinity laws); the main needs `static + m Q^2`,
where Q is the flow of all pumps together. Check valves prevent backflow through a slow pump. The head at which both are
equal is found by bisection, because with rising head the flow of the pumps falls and that of the main rises.

Metres of water, cubic metres per hour, relative speed 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BAR_PER_M", "RATED_FLOW_M3H", "OperatingPoint", "operating_point"]

BAR_PER_M = 0.0980665
RATED_FLOW_M3H = 180.0

_SHUTOFF_HEAD_M = 30.0
_PUMP_LOSS = 10.0 / RATED_FLOW_M3H**2
_MAIN_LOSS = 10.0 / RATED_FLOW_M3H**2
_BISECTIONS = 24  # a millionth of a metre


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The head above the water level of the tank, in metres, and the flow of each pump, in m3/h."""

    head_m: float
    flows_m3h: tuple[float, ...]


def operating_point(speeds: Sequence[float], static_head_m: float) -> OperatingPoint:
    """Where these pumps operate when the main has a static head of `static_head_m`. Stopped pumps hold that head."""
    low = static_head_m
    high = max(static_head_m, *(_SHUTOFF_HEAD_M * speed * speed for speed in speeds))
    if high == low:
        return OperatingPoint(low, tuple(0.0 for _ in speeds))
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if sum(_flows(speeds, middle)) > sqrt((middle - static_head_m) / _MAIN_LOSS):
            low = middle
        else:
            high = middle
    return OperatingPoint(high, _flows(speeds, high))


def _flows(speeds: Sequence[float], head_m: float) -> tuple[float, ...]:
    return tuple(sqrt(max(_SHUTOFF_HEAD_M * speed * speed - head_m, 0.0) / _PUMP_LOSS) for speed in speeds)
