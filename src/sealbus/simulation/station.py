"""The pumping station: water flows in through a valve, two pumps lift it into a rising main, a PLC controls the level.

`advance(seconds)` is the only clock, and all noise comes from one seed, so the same calls give the same plant, however
the time is divided. Nothing jumps: speeds ramp, the water in the main has inertia, the valve takes time to move.

Low-low level stops both pumps, in manual operation too, because a pump must not run dry. The tank has an overflow;
spilled water is lost.
"""

from __future__ import annotations

from math import cos, exp, pi
from random import Random

from sealbus.simulation.controls import LevelSwitches, MotorValve, PumpSequence, Settings
from sealbus.simulation.drives import Drive, DriveFault
from sealbus.simulation.hydraulics import BAR_PER_M, operating_point
from sealbus.simulation.inflow import DAY_S, Inflow

__all__ = ["PumpingStation"]

_TANK_AREA_M2 = 8.0
_TANK_HEIGHT_M = 5.0

_OUTLET_ABOVE_FLOOR_M = 13.0
_INLET_CAPACITY_M3H = 400.0
_STEP_S = 0.25
_COLUMN_LAG_S = 2.0
_CABINET_KW = 0.35
_LEVEL_NOISE_M = 0.001
_FLOW_NOISE = 0.002


class PumpingStation:
    """The state of the plant. Devices show its attributes; clients set its `settings`."""

    def __init__(self, *, seed: int = 1, day_s: float = 8 * 3600.0) -> None:
        """`day_s` is the time of day at the start, in seconds since midnight."""
        self._random = Random(seed)  # noqa: S311 - noise, no secret
        self._start_s = day_s
        self._steps = 0
        self._pending_s = 0.0
        self.settings = Settings()
        self.switches = LevelSwitches()
        self.inlet = MotorValve(100.0)
        self.inflow = Inflow(self._random, day_s)
        self.drives = (
            Drive(ambient_c=self.ambient_c, speed=0.8, hours=4211.3, starts=9127),
            Drive(ambient_c=self.ambient_c, hours=4187.6, starts=9119),
        )
        self._sequence = PumpSequence(running=1)
        self.level_m = 2.1
        self.inflow_m3h = self.inflow.flow_m3h
        self.outflow_m3h = 0.0
        self.spilled_m3 = 0.0
        self.pumped_m3 = 184_302.0
        self.energy_wh = 21_480_500.0
        self.head_m = 0.0
        self._start_in_steady_state()
        self._measure()

    @property
    def running_s(self) -> float:
        """The simulated time since the start."""
        return self._steps * _STEP_S

    @property
    def day_s(self) -> float:
        """The time of day in the plant, in seconds since midnight."""
        return (self._start_s + self.running_s) % DAY_S

    @property
    def ambient_c(self) -> float:
        """The air temperature in the pump house: lowest at five in the morning."""
        return 17.0 - 4.0 * cos(2 * pi * (self.day_s / 3600 - 5) / 24)

    @property
    def volume_m3(self) -> float:
        """The water in the tank."""
        return self.level_m * _TANK_AREA_M2

    @property
    def power_kw(self) -> float:
        """The power of the station from the mains."""
        return _CABINET_KW + sum(drive.power_kw for drive in self.drives)

    @property
    def pressure_bar(self) -> float:
        """Gauge pressure at the foot of the rising main."""
        return (self.head_m + self.level_m) * BAR_PER_M

    def is_commanded(self, pump: int) -> bool:
        """Whether this pump, 0 or 1, is commanded to run, manually or by the level."""
        return self.drives[pump].is_commanded if self.settings.automatic else self.settings.run[pump]

    def command(self, pump: int, *, is_on: bool) -> None:
        """Start or stop a pump manually. Ignored in automatic operation."""
        if not self.settings.automatic:
            self.settings.run[pump] = is_on

    def set_automatic(self, is_on: float) -> None:
        """Control the pumps by the level, or manually. Manual operation starts with the pumps that are running."""
        if not is_on:
            self.settings.run = [self.is_commanded(pump) for pump in range(len(self.drives))]
        self.settings.automatic = bool(is_on)

    def trip(self, pump: int) -> None:
        """Trip a pump, like its emergency stop."""
        self.drives[pump].trip(DriveFault.EXTERNAL_TRIP)

    def reset_faults(self) -> None:
        """Reset both drives."""
        for drive in self.drives:
            drive.reset()

    def advance(self, seconds: float) -> None:
        """Advance the simulation. Steps are a quarter of a second; the rest is kept for the next call."""
        self._pending_s += seconds
        while self._pending_s >= _STEP_S:
            self._pending_s -= _STEP_S
            self._step()

    def _step(self) -> None:
        self._steps += 1
        self.inlet.step(_STEP_S, self.settings.inlet_percent)
        self.inflow.step(_STEP_S, self.day_s)
        self.inflow_m3h = min(self.inflow.flow_m3h, _INLET_CAPACITY_M3H * self.inlet.position_percent / 100)
        self.switches.update(self.level_m)
        self._pump()
        self._fill(self.inflow_m3h - self.outflow_m3h)
        self.pumped_m3 += self.outflow_m3h * _STEP_S / 3600
        self.energy_wh += self.power_kw * 1000 * _STEP_S / 3600
        self._measure()

    def _pump(self) -> None:
        ready = [drive.fault is DriveFault.NONE for drive in self.drives]
        by_level = self._sequence.pumps(self.level_m, self.settings, ready)
        wanted = by_level if self.settings.automatic else self.settings.run
        point = operating_point([drive.speed for drive in self.drives], _OUTLET_ABOVE_FLOOR_M - self.level_m)
        for drive, is_wanted, percent, flow_m3h in zip(
            self.drives, wanted, self.settings.speed_percent, point.flows_m3h, strict=True
        ):
            target = percent / 100 if is_wanted and not self.switches.low_low else 0.0
            drive.step(_STEP_S, target=target, flow_m3h=flow_m3h, ambient_c=self.ambient_c)
        kept = exp(-_STEP_S / _COLUMN_LAG_S)
        self.outflow_m3h = sum(point.flows_m3h) + (self.outflow_m3h - sum(point.flows_m3h)) * kept
        self.head_m = point.head_m + (self.head_m - point.head_m) * kept

    def _fill(self, net_m3h: float) -> None:
        level_m = self.level_m + net_m3h * _STEP_S / 3600 / _TANK_AREA_M2
        self.level_m = min(max(level_m, 0.0), _TANK_HEIGHT_M)
        self.spilled_m3 += max(level_m - _TANK_HEIGHT_M, 0.0) * _TANK_AREA_M2

    def _start_in_steady_state(self) -> None:
        """Begin with the running pump at its operating point."""
        point = operating_point([drive.speed for drive in self.drives], _OUTLET_ABOVE_FLOOR_M - self.level_m)
        self.outflow_m3h = sum(point.flows_m3h)
        self.head_m = point.head_m

    def _measure(self) -> None:
        """The readings of the transmitters: true values with a little noise."""
        self.measured_level_m = max(self.level_m + self._random.gauss(0, _LEVEL_NOISE_M), 0.0)
        self.measured_flow_m3h = self.outflow_m3h * (1 + self._random.gauss(0, _FLOW_NOISE))
