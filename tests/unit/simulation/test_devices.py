"""The three devices of the plant: bytes of requests in, bytes of answers out."""

from __future__ import annotations

import struct

import pytest

from sealbus.errors import DeviceException
from sealbus.protocol import Table, encode_answer, parse_request
from sealbus.server import Device
from sealbus.simulation import PUMPING_STATION, Point, PointDevice, PumpingStation

_PLC, _DRIVES, _METER = PUMPING_STATION


async def _ask(station: PumpingStation, points: tuple[Point, ...], pdu: str) -> bytes:
    device = PointDevice(station, points)
    request = parse_request(bytes.fromhex(pdu))
    return encode_answer(request, Device(read=device.read, write=device.write).carry_out(1, request))


async def _refusal(station: PumpingStation, points: tuple[Point, ...], pdu: str) -> int:
    with pytest.raises(DeviceException) as caught:
        await _ask(station, points, pdu)
    return caught.value.exception_code


@pytest.fixture
def station() -> PumpingStation:
    station = PumpingStation(seed=3)
    station.advance(10.0)
    return station


async def test_the_level_of_the_meter_is_a_float_with_the_low_word_first(station: PumpingStation) -> None:
    answer = await _ask(station, _METER.points, "0400000002")
    assert answer[:2] == b"\x04\x04"
    level = struct.unpack(">f", answer[4:6] + answer[2:4])[0]
    assert level == pytest.approx(station.measured_level_m)
    assert 2.0 < level < 2.2


async def test_the_plc_has_the_same_level_in_millimetres(station: PumpingStation) -> None:
    answer = await _ask(station, _PLC.points, "0400000001")
    assert struct.unpack(">BBH", answer) == (4, 2, round(station.measured_level_m * 1000))


async def test_energy_is_64_bits_with_the_low_word_first(station: PumpingStation) -> None:
    answer = await _ask(station, _METER.points, "0400100004")
    words = struct.unpack(">4H", answer[2:])
    assert sum(word << 16 * place for place, word in enumerate(words)) == round(station.energy_wh)


async def test_a_part_of_a_wide_value_can_be_read(station: PumpingStation) -> None:
    whole = await _ask(station, _DRIVES.points, "0400080002")
    low = await _ask(station, _DRIVES.points, "0400090001")
    assert low[2:] == whole[4:]
    assert struct.unpack(">I", whole[2:]) == (42113,)


async def test_a_written_speed_setpoint_is_applied_and_the_pump_ramps_to_it(station: PumpingStation) -> None:
    assert await _ask(station, _PLC.points, "0600640 2ee".replace(" ", "")) == bytes.fromhex("06006402ee")
    assert await _ask(station, _PLC.points, "0300640001") == bytes.fromhex("030202ee")
    station.advance(10.0)
    assert await _ask(station, _PLC.points, "0400040001") == bytes.fromhex("040202ee")


async def test_a_value_out_of_the_limits_is_exception_03_and_changes_nothing(station: PumpingStation) -> None:
    assert await _refusal(station, _PLC.points, "06006403e9") == 3
    assert await _refusal(station, _PLC.points, "10006400020402ee03e9") == 3
    assert station.settings.speed_percent == [80.0, 80.0]


@pytest.mark.parametrize(("address", "low", "high"), [(100, 0, 1000), (110, 1500, 2800), (112, 2900, 4000)])
async def test_both_ends_of_the_limits_can_be_written(
    station: PumpingStation, address: int, low: int, high: int
) -> None:
    for value in (low, high):
        await _ask(station, _PLC.points, struct.pack(">BHH", 6, address, value).hex())
        answer = await _ask(station, _PLC.points, struct.pack(">BHH", 3, address, 1).hex())
        assert answer == struct.pack(">BBH", 3, 2, value)
    assert await _refusal(station, _PLC.points, struct.pack(">BHH", 6, address, high + 1).hex()) == 3


async def test_an_address_without_a_point_is_exception_02(station: PumpingStation) -> None:
    assert await _refusal(station, _PLC.points, "0400000009") == 2
    assert await _refusal(station, _PLC.points, "0600670000") == 2
    assert await _refusal(station, _METER.points, "0400160001") == 2


async def test_a_table_that_a_device_lacks_is_exception_01(station: PumpingStation) -> None:
    assert await _refusal(station, _METER.points, "0300000001") == 1
    assert await _refusal(station, _METER.points, "0100000001") == 1


async def test_alarms_are_equal_as_bits_and_as_a_word(station: PumpingStation) -> None:
    assert await _ask(station, _PLC.points, "0200000009") == bytes.fromhex("0202 40 00".replace(" ", ""))
    await _ask(station, _PLC.points, "050005ff00")
    station.level_m = 4.5
    station.advance(0.25)
    answer = await _ask(station, _PLC.points, "0200000006")
    assert answer == bytes.fromhex("020123")
    assert await _ask(station, _PLC.points, "0400060001") == bytes.fromhex("04020023")


async def test_coils_control_the_pumps_manually_and_reset_them(station: PumpingStation) -> None:
    assert await _ask(station, _PLC.points, "0100000006") == bytes.fromhex("010105")
    await _ask(station, _PLC.points, "0500020000")
    await _ask(station, _PLC.points, "0f0000000201 02".replace(" ", ""))
    station.advance(20.0)
    assert await _ask(station, _PLC.points, "0200060002") == bytes.fromhex("020102")
    await _ask(station, _PLC.points, "050005ff00")
    assert await _ask(station, _PLC.points, "0100000006") == bytes.fromhex("010122")
    await _ask(station, _PLC.points, "050003ff00")
    assert await _ask(station, _PLC.points, "0100000006") == bytes.fromhex("010102")


async def test_every_address_of_every_device_can_be_read_after_a_hard_day(station: PumpingStation) -> None:
    station.set_automatic(is_on=False)
    station.settings.run = [True, True]
    station.settings.speed_percent = [100.0, 100.0]
    station.advance(3600.0)
    for device in PUMPING_STATION:
        for point in device.points:
            words = PointDevice(station, device.points).read(point.table, point.address, point.registers, 1)
            assert len(words) == point.registers


def test_no_two_points_share_an_address_and_only_single_words_are_written() -> None:
    for device in PUMPING_STATION:
        places = [(point.table, point.address + offset) for point in device.points for offset in range(point.registers)]
        assert len(places) == len(set(places))
        written = [point for point in device.points if point.writing is not None]
        assert all(point.registers == 1 for point in written)
        assert {point.table for point in written} <= {Table.COILS, Table.HOLDING}
