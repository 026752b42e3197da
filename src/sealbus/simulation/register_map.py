"""The three devices of the pumping station with all their addresses: the single source for the code and for the
document.

Unit 1 is the PLC: scaled integers and bits. Unit 2 is the drive controller: two equal blocks of registers, twenty
apart, with 32-bit counters. Unit 3 is the meter: floats with the low word first (CDAB).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sealbus.protocol import Table, ValueType, WordOrder
from sealbus.simulation.points import Point, Reading, Writing
from sealbus.simulation.station import PumpingStation

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealbus.simulation.drives import Drive

__all__ = ["DEFAULT_PORT", "PUMPING_STATION", "DeviceMap"]

DEFAULT_PORT = 5020
"""The default port of the first device; the others follow."""

_DRIVE_BLOCK = 20


@dataclass(frozen=True, slots=True)
class DeviceMap:
    """One device: its unit id, name, description and points."""

    unit_id: int
    name: str
    text: str
    points: tuple[Point, ...]


_input = partial(Point, Table.INPUT)
_setting = partial(Point, Table.HOLDING)
_metered = partial(Point, Table.INPUT, type=ValueType.FLOAT32, order=WordOrder.CDAB)
_bit = partial(Point, Table.DISCRETE, type=ValueType.BIT)
_tenth_percent = partial(Point, Table.INPUT, unit="%", factor=0.1)
_level_setting = partial(Point, Table.HOLDING, unit="m", factor=0.001)


def _coil(address: int, text: str, read: Reading, apply: Callable[[PumpingStation, float], None]) -> Point:
    return Point(Table.COILS, address, text, read, ValueType.BIT, writing=Writing(0, 1, apply))


def _set(name: str) -> Callable[[PumpingStation, float], None]:
    """Sets the setting of this name."""
    return lambda station, value: setattr(station.settings, name, value)


def _alarm_word(station: PumpingStation) -> float:
    return sum(int(bool(point.read(station))) << place for place, point in enumerate(_ALARMS))


_ALARMS = (
    _bit(0, "alarm: level high-high", lambda s: s.switches.high_high),
    _bit(1, "alarm: level high", lambda s: s.switches.high),
    _bit(2, "alarm: level low", lambda s: s.switches.low),
    _bit(3, "alarm: level low-low, pumps stopped", lambda s: s.switches.low_low),
    _bit(4, "alarm: pump 1 tripped", lambda s: s.drives[0].fault),
    _bit(5, "alarm: pump 2 tripped", lambda s: s.drives[1].fault),
)


def _pump_coils(pump: int) -> tuple[Point, ...]:
    number = pump + 1
    return (
        _coil(
            pump,
            f"pump {number}: run (manual operation only)",
            lambda s: s.is_commanded(pump),
            lambda s, on: s.command(pump, is_on=bool(on)),
        ),
        _coil(
            pump + 4,
            f"pump {number}: trip (for practice)",
            lambda s: s.drives[pump].fault,
            lambda s, on: s.trip(pump) if on else None,
        ),
    )


def _pump_speed_setting(pump: int) -> Point:
    def apply(station: PumpingStation, percent: float) -> None:
        station.settings.speed_percent[pump] = percent

    return _setting(
        100 + pump,
        f"pump {pump + 1}: speed setpoint",
        lambda s: s.settings.speed_percent[pump],
        unit="%",
        factor=0.1,
        writing=Writing(0, 100, apply),
    )


_PLC = (
    *_pump_coils(0),
    *_pump_coils(1),
    _coil(2, "automatic: the level controls the pumps", lambda s: s.settings.automatic, PumpingStation.set_automatic),
    _coil(3, "reset tripped pumps", lambda s: False, lambda s, on: s.reset_faults() if on else None),
    *_ALARMS,
    _bit(6, "pump 1 is running", lambda s: s.drives[0].is_running),
    _bit(7, "pump 2 is running", lambda s: s.drives[1].is_running),
    _bit(8, "inlet valve is moving", lambda s: s.inlet.is_moving),
    _input(0, "tank level", lambda s: s.measured_level_m, unit="m", factor=0.001),
    _input(1, "water in the tank", lambda s: s.volume_m3, unit="m³", factor=0.1),
    _input(2, "inflow", lambda s: s.inflow_m3h, unit="m³/h", factor=0.1),
    _tenth_percent(3, "inlet valve: position", lambda s: s.inlet.position_percent),
    _tenth_percent(4, "pump 1: speed", lambda s: s.drives[0].speed * 100),
    _tenth_percent(5, "pump 2: speed", lambda s: s.drives[1].speed * 100),
    _input(6, "alarms: bits 0 to 5 are discrete 0 to 5", _alarm_word),
    _input(7, "seconds since the start, modulo 65536", lambda s: int(s.running_s) % 65536, unit="s"),
    _pump_speed_setting(0),
    _pump_speed_setting(1),
    _setting(
        102,
        "inlet valve: position setpoint (60 s from end to end)",
        lambda s: s.settings.inlet_percent,
        unit="%",
        factor=0.1,
        writing=Writing(0, 100, _set("inlet_percent")),
    ),
    _level_setting(
        110,
        "level at which a pump starts",
        lambda s: s.settings.start_m,
        writing=Writing(1.5, 2.8, _set("start_m")),
    ),
    _level_setting(
        111,
        "level at which the pumps stop",
        lambda s: s.settings.stop_m,
        writing=Writing(0.8, 1.4, _set("stop_m")),
    ),
    _level_setting(
        112,
        "level at which the second pump starts",
        lambda s: s.settings.assist_m,
        writing=Writing(2.9, 4.0, _set("assist_m")),
    ),
)


def _drive_points(pump: int) -> tuple[Point, ...]:
    base = pump * _DRIVE_BLOCK
    name = f"drive {pump + 1}:"
    signed, wide = ValueType.INT16, ValueType.UINT32

    def drive(station: PumpingStation) -> Drive:
        return station.drives[pump]

    def apply_ramp(station: PumpingStation, seconds: float) -> None:
        drive(station).ramp_s = seconds

    return (
        _input(base, f"{name} ready, commanded, running, tripped as bits 0 to 3", lambda s: _status(drive(s))),
        _input(base + 1, f"{name} speed", lambda s: drive(s).rpm, unit="rpm"),
        _input(base + 2, f"{name} output frequency", lambda s: drive(s).frequency_hz, unit="Hz", factor=0.01),
        _input(base + 3, f"{name} motor current", lambda s: drive(s).current_a, unit="A", factor=0.1),
        _input(base + 4, f"{name} torque", lambda s: drive(s).torque * 100, signed, unit="%", factor=0.1),
        _input(base + 5, f"{name} power", lambda s: drive(s).power_kw, unit="kW", factor=0.01),
        _input(base + 6, f"{name} motor temperature", lambda s: drive(s).motor_c, signed, unit="°C", factor=0.1),
        _input(base + 7, f"{name} heat sink temperature", lambda s: drive(s).sink_c, signed, unit="°C", factor=0.1),
        _input(base + 8, f"{name} run hours", lambda s: drive(s).run_hours, wide, unit="h", factor=0.1),
        _input(base + 10, f"{name} starts", lambda s: drive(s).starts, wide),
        _input(base + 12, f"{name} fault: 0 none, 1 motor too hot, 2 external trip", lambda s: drive(s).fault),
        _setting(
            base,
            f"{name} ramp, from standstill to full speed",
            lambda s: drive(s).ramp_s,
            unit="s",
            factor=0.1,
            writing=Writing(5, 60, apply_ramp),
        ),
    )


def _status(drive: Drive) -> int:
    flags = (not drive.fault, drive.is_commanded, drive.is_running, drive.fault)
    return sum(int(bool(flag)) << place for place, flag in enumerate(flags))


_METER = (
    _metered(0, "tank level", lambda s: s.measured_level_m, unit="m"),
    _metered(2, "flow in the rising main", lambda s: s.measured_flow_m3h, unit="m³/h"),
    _metered(4, "pressure at the foot of the rising main", lambda s: s.pressure_bar, unit="bar"),
    _metered(6, "air temperature in the pump house", lambda s: s.ambient_c, unit="°C"),
    _metered(8, "power of the station", lambda s: s.power_kw, unit="kW"),
    _metered(10, "water pumped", lambda s: s.pumped_m3, unit="m³"),
    _metered(12, "water pumped, exactly", lambda s: s.pumped_m3 * 1000, unit="l", type=ValueType.UINT64),
    _metered(16, "energy used", lambda s: s.energy_wh, unit="Wh", type=ValueType.UINT64),
    _metered(20, "water spilled by the overflow", lambda s: s.spilled_m3, unit="m³"),
)

PUMPING_STATION = (
    DeviceMap(1, "PLC", "It controls the pumps by the level and has the alarms: bits and scaled integers.", _PLC),
    DeviceMap(
        2,
        "drives",
        "The frequency converters of both pumps: two equal blocks, twenty registers apart.",
        (*_drive_points(0), *_drive_points(1)),
    ),
    DeviceMap(3, "meter", "Level, flow, pressure and energy: floats and counters with the low word first.", _METER),
)
