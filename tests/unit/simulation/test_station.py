"""The physics of the pumping station: plausible, bounded and reproducible."""

from __future__ import annotations

from itertools import pairwise

import pytest

from sealbus.simulation import PumpingStation

_HOUR_S = 3600.0


def _state(station: PumpingStation) -> tuple[float, ...]:
    first, second = station.drives
    return (station.measured_level_m, station.outflow_m3h, station.energy_wh, first.speed, second.motor_c)


def test_the_same_seed_gives_the_same_plant_however_the_time_is_divided() -> None:
    whole, cut = PumpingStation(seed=7), PumpingStation(seed=7)
    whole.advance(120.0)
    for _ in range(960):
        cut.advance(0.125)
    assert _state(whole) == _state(cut)


def test_another_seed_gives_another_plant() -> None:
    one, other = PumpingStation(seed=1), PumpingStation(seed=2)
    one.advance(60.0)
    other.advance(60.0)
    assert one.level_m != other.level_m


def test_water_is_conserved() -> None:
    station = PumpingStation()
    volume_m3, pumped_m3, arrived_m3 = station.volume_m3, station.pumped_m3, 0.0
    for _ in range(4 * 1800):
        before_m3h = station.outflow_m3h
        station.advance(0.25)
        arrived_m3 += station.inflow_m3h * 0.25 / 3600
        assert before_m3h >= 0
    assert station.volume_m3 == pytest.approx(volume_m3 + arrived_m3 - (station.pumped_m3 - pumped_m3), abs=1e-6)


def test_automatic_operation_keeps_the_level_and_alternates_the_pumps() -> None:
    station = PumpingStation(day_s=13 * _HOUR_S)
    starts = [drive.starts for drive in station.drives]
    levels = []
    for _ in range(5 * 60):
        station.advance(60.0)
        levels.append(station.level_m)
    assert 1.1 < min(levels) < 1.4
    assert 2.3 < max(levels) < 3.3
    made = [drive.starts - before for drive, before in zip(station.drives, starts, strict=True)]
    assert all(3 <= count <= 12 for count in made)
    assert abs(made[0] - made[1]) <= 1
    assert not station.switches.high_high
    assert not station.switches.low_low


def test_nothing_jumps_when_a_pump_starts_and_stops() -> None:
    station = PumpingStation()
    station.set_automatic(is_on=False)
    seen = []
    for is_on in (False, True, False):
        station.command(0, is_on=is_on)
        for _ in range(4 * 40):
            station.advance(0.25)
            drive = station.drives[0]
            seen.append((drive.speed, drive.current_a / 28, station.pressure_bar / 10, station.outflow_m3h / 180))
    assert min(speed for speed, *_ in seen) == 0.0
    assert max(speed for speed, *_ in seen) == 0.8
    assert max(abs(now - then) for one, next_ in pairwise(seen) for then, now in zip(one, next_, strict=True)) < 0.09


def test_a_pump_at_80_percent_operates_where_its_curve_meets_the_main() -> None:
    station = PumpingStation()
    station.advance(30.0)
    drive = station.drives[0]
    assert drive.speed == 0.8
    assert station.outflow_m3h == pytest.approx(116, abs=2)
    assert station.pressure_bar == pytest.approx(1.68, abs=0.02)
    assert drive.current_a == pytest.approx(16.2, abs=0.3)
    assert drive.rpm == 1184.0


def test_a_pump_that_is_too_slow_lifts_no_water_and_still_draws_current() -> None:
    station = PumpingStation()
    station.settings.speed_percent = [50.0, 50.0]
    station.advance(60.0)
    assert station.drives[0].is_running
    assert station.outflow_m3h == pytest.approx(0.0, abs=0.01)
    assert station.drives[0].current_a > 5


def test_the_second_pump_starts_when_one_is_not_enough() -> None:
    station = PumpingStation(day_s=10 * _HOUR_S)
    station.level_m = 3.1
    station.advance(20.0)
    assert [drive.is_running for drive in station.drives] == [True, True]
    assert station.outflow_m3h > 150


def test_a_tripped_pump_coasts_and_the_other_replaces_it_until_a_reset() -> None:
    station = PumpingStation()
    station.trip(0)
    station.advance(20.0)
    assert [drive.is_running for drive in station.drives] == [False, True]
    station.reset_faults()
    station.advance(20.0)
    assert [drive.is_running for drive in station.drives] == [True, False]


def test_low_low_level_stops_a_pump_in_manual_operation() -> None:
    station = PumpingStation()
    station.set_automatic(is_on=False)
    station.settings.inlet_percent = station.inlet.position_percent = 0.0
    station.level_m = 0.55
    station.advance(60.0)
    assert station.switches.low_low
    assert not station.drives[0].is_running
    assert station.is_commanded(0)
    assert 0.35 < station.level_m < 0.5


def test_manual_operation_continues_with_the_running_pumps() -> None:
    station = PumpingStation()
    station.advance(1.0)
    station.command(0, is_on=False)
    assert station.is_commanded(0)
    station.set_automatic(is_on=False)
    assert station.settings.run == [True, False]
    station.command(0, is_on=False)
    station.advance(20.0)
    assert not station.drives[0].is_running


def test_an_alarm_does_not_chatter_at_its_level() -> None:
    station = PumpingStation()
    switches = station.switches
    states = []
    for level_m in (3.49, 3.50, 3.45, 3.41, 3.39, 3.45):
        switches.update(level_m)
        states.append(switches.high)
    assert states == [False, True, True, True, False, False]


def test_a_full_tank_spills_the_inflow() -> None:
    station = PumpingStation()
    station.set_automatic(is_on=False)
    station.command(0, is_on=False)
    station.level_m = 4.95
    station.advance(120.0)
    assert station.level_m == 5.0
    assert station.spilled_m3 > 0.5
    assert station.switches.high_high


def test_the_inlet_valve_takes_a_minute_and_throttles_the_inflow() -> None:
    station = PumpingStation()
    station.settings.inlet_percent = 10.0
    seen = []
    for _ in range(2):
        station.advance(30.0)
        seen.append((station.inlet.is_moving, station.inlet.position_percent))
    assert seen == [(True, pytest.approx(50.0)), (False, 10.0)]
    assert station.inflow_m3h == 40.0


def test_a_motor_that_is_too_hot_trips() -> None:
    station = PumpingStation()
    station.drives[0].motor_c = 131.0
    station.advance(0.25)
    assert station.drives[0].fault == 1
