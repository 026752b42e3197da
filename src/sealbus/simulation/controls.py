"""The controls of the PLC: level switches with hysteresis, the pump sequence, a motor valve.

The sequence keeps the tank between two levels with one pump, and starts the second pump when one is not enough. The
pumps alternate as first pump, so that both wear equally; if one has tripped, the other replaces it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LevelSwitches", "MotorValve", "PumpSequence", "Settings"]

_HYSTERESIS_M = 0.10
_HIGH_HIGH_M, _HIGH_M, _LOW_M, _LOW_LOW_M = 4.2, 3.5, 0.9, 0.5
_STROKE_S = 60.0


class Settings:
    """What clients may set, in percent and metres. Pumps are numbered from 0."""

    def __init__(self) -> None:
        self.automatic = True
        self.run = [False, False]
        self.speed_percent = [80.0, 80.0]
        self.inlet_percent = 100.0
        self.start_m = 2.4
        self.stop_m = 1.2
        self.assist_m = 3.0


@dataclass(slots=True)
class LevelSwitches:
    """Four alarms of one level with hysteresis: an alarm is on at its level, and off again at a distance from it."""

    high_high: bool = False
    high: bool = False
    low: bool = False
    low_low: bool = False

    def update(self, level_m: float) -> None:
        self.high_high = level_m >= _HIGH_HIGH_M - _HYSTERESIS_M * self.high_high
        self.high = level_m >= _HIGH_M - _HYSTERESIS_M * self.high
        self.low = level_m <= _LOW_M + _HYSTERESIS_M * self.low
        self.low_low = level_m <= _LOW_LOW_M + _HYSTERESIS_M * self.low_low


class PumpSequence:
    """How many pumps the level requires, and which."""

    def __init__(self, *, running: int = 0) -> None:
        self._wanted = running
        self._first = 0

    def pumps(self, level_m: float, settings: Settings, is_ready: Sequence[bool]) -> tuple[bool, bool]:
        """Which of the two pumps are to run."""
        if level_m >= settings.assist_m:
            self._wanted = 2
        elif level_m >= settings.start_m:
            self._wanted = max(self._wanted, 1)
        elif level_m > settings.stop_m:
            self._wanted = min(self._wanted, 1)
        elif self._wanted:
            self._wanted = 0
            self._first = 1 - self._first
        order = [pump for pump in (self._first, 1 - self._first) if is_ready[pump]]
        chosen = order[: self._wanted]
        return 0 in chosen, 1 in chosen


class MotorValve:
    """A valve that takes a minute from end to end. Positions are percent open."""

    def __init__(self, position_percent: float) -> None:
        self.position_percent = position_percent
        self.is_moving = False

    def step(self, dt_s: float, target_percent: float) -> None:
        """Move for `dt_s` seconds towards `target_percent`."""
        way = 100.0 * dt_s / _STROKE_S
        self.is_moving = self.position_percent != target_percent
        self.position_percent += min(max(target_percent - self.position_percent, -way), way)
