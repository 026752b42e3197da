"""A pump motor on a frequency converter: it ramps, draws current, warms up, counts hours, and trips.

The load on the shaft is proportional to the cube of the speed and depends on the flow, plus friction. Torque is power
divided by speed. The current has a magnetising and a load component. Temperatures follow the square of the current with
a lag of minutes. After a trip the motor coasts, and stays stopped until a reset.
"""

from __future__ import annotations

from enum import IntEnum
from math import exp, sqrt

from sealbus.simulation.hydraulics import RATED_FLOW_M3H

__all__ = ["Drive", "DriveFault"]

_RATED_POWER_KW = 15.0
_RATED_CURRENT_A = 28.0
_RATED_RPM = 1480.0
_RATED_HZ = 50.0

_PUMP_POWER_KW = 13.0  # at full speed and rated flow
_FRICTION_KW = 0.4
_CLOSED_SHARE = 0.45  # of the power, at zero flow
_LOSS_SHARE = 0.08  # losses of motor and converter
_MAGNETISING_SHARE = 0.3
_COAST_S = 4.0
_STANDSTILL_BELOW = 0.005
_MOTOR_RISE_K, _MOTOR_LAG_S = 62.0, 900.0
_SINK_RISE_K, _SINK_LAG_S = 34.0, 240.0
_MOTOR_LIMIT_C = 130.0  # insulation class B


class DriveFault(IntEnum):
    """Why a drive tripped, as in its fault register."""

    NONE = 0
    MOTOR_TOO_HOT = 1
    EXTERNAL_TRIP = 2


class Drive:
    """One drive. Speed and torque are fractions of the rated values; `ramp_s` is the time from standstill to full
    speed.
    """

    def __init__(self, *, ambient_c: float, speed: float = 0.0, hours: float = 0.0, starts: int = 0) -> None:
        self.ramp_s = 12.0
        self.fault = DriveFault.NONE
        self.is_commanded = speed > 0
        self.speed = speed
        self.shaft_kw = 0.0
        self.run_hours = hours
        self.starts = starts
        self.motor_c = self.sink_c = ambient_c
        if speed > 0:
            self.motor_c += _MOTOR_RISE_K * 0.5
            self.sink_c += _SINK_RISE_K * 0.5

    @property
    def is_running(self) -> bool:
        """Whether the shaft turns."""
        return self.speed > _STANDSTILL_BELOW

    @property
    def torque(self) -> float:
        """Torque as a fraction of the rated torque."""
        return self.shaft_kw / (self.speed * _RATED_POWER_KW) if self.is_running else 0.0

    @property
    def current_a(self) -> float:
        magnetising = _MAGNETISING_SHARE * min(self.speed / 0.1, 1.0)
        return _RATED_CURRENT_A * sqrt(magnetising**2 + (0.95 * self.torque) ** 2)

    @property
    def power_kw(self) -> float:
        """Power from the mains."""
        return self.shaft_kw * (1 + _LOSS_SHARE)

    @property
    def rpm(self) -> float:
        return self.speed * _RATED_RPM

    @property
    def frequency_hz(self) -> float:
        """Output frequency of the converter."""
        return self.speed * _RATED_HZ

    def trip(self, fault: DriveFault) -> None:
        """Stop, and stay stopped until `reset`. The first fault is kept."""
        if self.fault is DriveFault.NONE:
            self.fault = fault

    def reset(self) -> None:
        self.fault = DriveFault.NONE

    def step(self, dt_s: float, *, target: float, flow_m3h: float, ambient_c: float) -> None:
        """Advance by `dt_s` seconds towards the relative speed `target`, while the pump delivers `flow_m3h`."""
        if self.motor_c > _MOTOR_LIMIT_C:
            self.trip(DriveFault.MOTOR_TOO_HOT)
        if self.fault is not DriveFault.NONE:
            target = 0.0
        if target > 0 and not self.is_commanded:
            self.starts += 1
        self.is_commanded = target > 0
        change = dt_s / (self.ramp_s if self.fault is DriveFault.NONE else _COAST_S)
        self.speed += min(max(target - self.speed, -change), change)
        self._load(flow_m3h)
        if self.is_running:
            self.run_hours += dt_s / 3600
        share = self.current_a / _RATED_CURRENT_A
        self.motor_c = _approach(self.motor_c, ambient_c + _MOTOR_RISE_K * share * share, dt_s / _MOTOR_LAG_S)
        self.sink_c = _approach(self.sink_c, ambient_c + _SINK_RISE_K * share, dt_s / _SINK_LAG_S)

    def _load(self, flow_m3h: float) -> None:
        if not self.is_running:
            self.shaft_kw = 0.0
            return
        opened = min(flow_m3h / (RATED_FLOW_M3H * self.speed), 1.2)
        pump_kw = _PUMP_POWER_KW * self.speed**3 * (_CLOSED_SHARE + (1 - _CLOSED_SHARE) * opened)
        self.shaft_kw = pump_kw + _FRICTION_KW * self.speed


def _approach(value: float, target: float, lags: float) -> float:
    """A first-order lag after `lags` time constants."""
    return target + (value - target) * exp(-lags)
