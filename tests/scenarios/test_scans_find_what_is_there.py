"""Scans find the units, registers and SunSpec models of a device and report progress. A write command is refused."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest

from scenarios.collecting import connection, open_collector
from scenarios.plant import ScriptedDevice, exception, open_device, until
from sealbus.plant import (
    CommandProgress,
    CommandState,
    DevicePlan,
    DiscoverSunSpec,
    ReadNow,
    RegistersScanned,
    ScanRegisters,
    ScanUnits,
    Step,
    SunSpecFound,
    TagPlan,
    TestConnection,
    UnitsScanned,
    ValuesRead,
    WriteTag,
)
from sealbus.samples import Quality, Reason

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def only(device: ScriptedDevice, *places: range, units: tuple[int, ...] = (1,), silent: tuple[int, ...] = ()) -> None:
    """Restrict the device to these registers and units. Silent units do not answer."""
    there = {address for place in places for address in place}

    def answer(request: bytes) -> bytes | None:
        if request[6] in silent:
            return None
        address, count = struct.unpack_from(">HH", request, 8)
        refusal = None
        if request[6] not in units:
            refusal = 11
        elif not set(range(address, address + count)) <= there:
            refusal = 2
        if refusal is not None:
            return request[:4] + b"\0\3" + request[6:7] + exception(request[7], refusal)
        return device.normal_answer(request)

    device.answer = answer


async def test_answering_units_are_found_and_silent_ones_are_not(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        only(device, range(10), units=(1, 4), silent=(3,))
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", timeout_s=1.0, devices=()))
        result = await site.execute(ScanUnits(id=1, connection=1, first=1, last=6))
        assert isinstance(result.found, UnitsScanned)
        assert [unit.unit_id for unit in result.found.units] == [1, 4]
        assert (result.state, result.found.requests) == (CommandState.DONE, 6)
        progress = [each.done for each in site.reports if isinstance(each, CommandProgress)]
        assert progress == [1, 2, 3, 4, 5, 6]


async def test_a_withdrawn_scan_stops_and_reports_its_partial_result(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        only(device, range(10), units=(1,), silent=tuple(range(2, 248)))
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", timeout_s=5.0, devices=()))
        site.collector.submit(ScanUnits(id=1, connection=1))
        await until(lambda: any(isinstance(each, CommandProgress) for each in site.reports))
        site.collector.withdraw(1)
        site.collector.withdraw(77)  # a number without a command
        await until(lambda: bool(site.results(1)))
        (result,) = site.results(1)
        assert (result.state, result.reason) == (CommandState.WITHDRAWN, "withdrawn")
        assert isinstance(result.found, UnitsScanned)
        assert [unit.unit_id for unit in result.found.units] == [1]
        assert site.collector.state().commands_under_way == 0


async def test_a_range_is_reported_with_its_readable_and_missing_parts(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        only(device, range(100, 140), range(150, 160))
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", devices=()))
        result = await site.execute(ScanRegisters(id=1, connection=1, unit_id=1, place="holding:90-169"))
        assert isinstance(result.found, RegistersScanned)
        assert [(found.place, found.exception) for found in result.found.ranges] == [
            ("holding:90-99", 2),
            ("holding:100-139", None),
            ("holding:140-149", 2),
            ("holding:150-159", None),
            ("holding:160-169", 2),
        ]
        assert result.found.ranges[3].values == tuple(range(150, 160))
        assert result.state is CommandState.DONE


async def test_a_scan_ends_at_its_bounds_with_a_partial_result(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        only(device, range(5))
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", timeout_s=1.0, devices=()))
        scan = ScanRegisters(id=1, connection=1, unit_id=1, place="holding:0-2000", max_requests=30)
        result = await site.execute(scan)
        assert isinstance(result.found, RegistersScanned)
        assert (result.state, result.found.requests) == (CommandState.FAILED, 30)
        assert result.found.ranges[0].values
        device.answer = lambda request: None
        result = await site.execute(ScanRegisters(id=2, connection=1, unit_id=1, place="holding:0-2000"))
        assert (result.state, result.failed_at) == (CommandState.FAILED, Step.ANSWER)


def addresses_read(device: ScriptedDevice) -> set[int]:
    """All addresses in the read requests."""
    spans = (struct.unpack_from(">HH", request, 8) for request in device.requests)
    return {each for address, count in spans for each in range(address, address + count)}


def guarded(unit_id: int, *forbidden: str, number: int = 1, enabled: bool = True) -> DevicePlan:
    return DevicePlan(id=number, unit_id=unit_id, forbidden=forbidden, enabled=enabled)


async def test_a_scan_skips_places_that_any_device_of_the_unit_forbids_and_reports_them(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        devices = guarded(1, "holding:10-19", "coils:0-99"), guarded(1, "holding:40", number=2, enabled=False)
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", devices=devices))
        result = await site.execute(ScanRegisters(id=1, connection=1, unit_id=1, place="holding:0-49"))
        assert isinstance(result.found, RegistersScanned)
        assert [(found.place, len(found.values), "forbidden" in found.text) for found in result.found.ranges] == [
            ("holding:0-9", 10, False),
            ("holding:10-19", 0, True),
            ("holding:20-39", 20, False),
            ("holding:40", 0, True),
            ("holding:41-49", 9, False),
        ]
        assert addresses_read(device) == set(range(50)) - set(range(10, 20)) - {40}
        trial = connection(9, f"tcp://127.0.0.1:{device.port}", devices=(), timeout_s=0.7)
        result = await site.execute(ScanRegisters(id=2, connection=trial, unit_id=1, place="coils:0-9"))
        assert isinstance(result.found, RegistersScanned)
        assert (result.found.requests, result.found.ranges[0].place) == (0, "coils:0-9")


async def test_a_test_of_a_forbidden_place_is_refused_and_a_unit_with_one_is_skipped(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", devices=(guarded(2, "holding:0-9"),)))
        refused = await site.execute(TestConnection(id=1, connection=1, unit_id=2, place="holding:5"))
        assert (refused.state, "forbidden" in refused.reason) == (CommandState.REFUSED, True)
        assert device.requests == []
        allowed = await site.execute(TestConnection(id=2, connection=1, unit_id=2, place="holding:10"))
        assert allowed.state is CommandState.DONE
        result = await site.execute(ScanUnits(id=3, connection=1, first=1, last=3))
        assert isinstance(result.found, UnitsScanned)
        assert [unit.unit_id for unit in result.found.units] == [1, 3]
        assert "not read: 2" in result.reason


async def test_a_discovery_reads_nothing_that_is_forbidden(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        with_sunspec(device, 40000, (1, list(range(66))), (103, list(range(50))))
        url = f"tcp://127.0.0.1:{device.port}"
        site.apply(connection(1, url, devices=(guarded(1, "holding:50000-50001", "holding:40020-40029"),)))
        bases = (50000, 40000)
        result = await site.execute(DiscoverSunSpec(id=1, connection=1, bases=bases))
        assert isinstance(result.found, SunSpecFound)
        assert [(model.model_id, len(model.registers), model.complete) for model in result.found.models] == [
            (1, 16, False),
            (103, 50, True),
        ]
        assert not addresses_read(device) & {50000, 50001, *range(40020, 40030)}
        device.requests.clear()
        site.apply(connection(1, url, devices=(guarded(1, "holding:50000-50001", "holding:40070"),)))
        result = await site.execute(DiscoverSunSpec(id=2, connection=1, bases=bases))
        assert (result.state, result.failed_at, "forbidden" in result.reason) == (CommandState.FAILED, Step.RULES, True)
        assert not addresses_read(device) & {50000, 50001, 40070}


def with_sunspec(device: ScriptedDevice, base: int, *models: tuple[int, list[int]]) -> range:
    at = base
    for word in (0x5375, 0x6E53):
        device.registers[at] = word
        at += 1
    for model_id, body in (*models, (0xFFFF, [])):
        for word in (model_id, len(body), *body):
            device.registers[at] = word
            at += 1
    return range(base, at)


async def test_the_models_of_a_sunspec_device_are_found_with_their_registers(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        common, inverter = list(range(66)), list(range(1000, 1150))
        there = with_sunspec(device, 50000, (1, common), (103, inverter))
        only(device, there)
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", devices=()))
        result = await site.execute(DiscoverSunSpec(id=1, connection=1))
        assert result.state is CommandState.DONE, result.reason
        assert isinstance(result.found, SunSpecFound)
        assert result.found.base == 50000
        assert [(model.model_id, model.address, model.length) for model in result.found.models] == [
            (1, 50002, 66),
            (103, 50070, 150),
        ]
        assert result.found.models[1].registers == tuple(inverter)
        assert all(model.complete for model in result.found.models)


async def test_a_device_without_sunspec_and_a_chain_that_ends_early_are_failures(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", devices=()))
        result = await site.execute(DiscoverSunSpec(id=1, connection=1))
        assert (result.state, result.failed_at) == (CommandState.FAILED, Step.VALUE)
        there = with_sunspec(device, 40000, (1, [0] * 4))
        only(device, there[:-2])
        result = await site.execute(DiscoverSunSpec(id=2, connection=1))
        assert (result.state, "ends early" in result.reason) == (CommandState.FAILED, True)
        assert isinstance(result.found, SunSpecFound)
        assert [model.model_id for model in result.found.models] == [1]


def silent_at(device: ScriptedDevice, is_silent: Callable[[int, int], bool]) -> None:
    """Answer nothing where `is_silent(address, count)`, and as before elsewhere."""
    answer = device.answer

    def answer_or_not(request: bytes) -> Any:
        address, count = struct.unpack_from(">HH", request, 8)
        return None if is_silent(address, count) else answer(request)

    device.answer = answer_or_not


async def test_a_discovery_goes_on_past_bases_that_are_silent_or_refused(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        with_sunspec(device, 0, (1, list(range(66))))
        silent_at(device, lambda address, _: address >= 40000)
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", timeout_s=1.0, devices=()))
        result = await site.execute(DiscoverSunSpec(id=1, connection=1))
        assert result.state is CommandState.DONE, result.reason
        assert isinstance(result.found, SunSpecFound)
        assert (result.found.base, [model.model_id for model in result.found.models]) == (0, [1])
        # More silent bases than a unit may leave unanswered before its requests are held back.
        given = await site.execute(DiscoverSunSpec(id=2, connection=1, bases=(40000, 40001, 50000, 50001, 0)))
        assert given.state is CommandState.DONE, given.reason


async def test_a_device_that_is_silent_at_all_bases_is_told_from_one_without_sunspec(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        silent_at(device, lambda address, _: address != 40000)
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", timeout_s=1.0, devices=()))
        result = await site.execute(DiscoverSunSpec(id=1, connection=1, bases=(40000, 0)))
        assert (result.state, result.failed_at) == (CommandState.FAILED, Step.VALUE)
        assert result.reason == 'there is no "SunS" at 40000; 0: the device did not answer in time'
        result = await site.execute(DiscoverSunSpec(id=2, connection=1, bases=(50000, 0)))
        assert (result.state, result.failed_at) == (CommandState.FAILED, Step.ANSWER)
        assert result.reason == "50000: the device did not answer in time; 0: the device did not answer in time"
        port = device.port
        await device.stop()
        site.apply(connection(1, f"tcp://127.0.0.1:{port}", timeout_s=1.0, devices=()))
        result = await site.execute(DiscoverSunSpec(id=3, connection=1))
        assert (result.state, "connection refused" in result.reason) == (CommandState.FAILED, True)


@pytest.mark.parametrize("end", [(0xFFFF,), (0,), (0, 0)])
async def test_a_chain_may_end_with_one_register_or_with_0(tmp_path: Path, end: tuple[int, ...]) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        there = with_sunspec(device, 40000, (1, list(range(66))))
        end_at = there[-2]
        device.registers.update(enumerate(end, end_at))
        only(device, range(40000, end_at + len(end)))
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", devices=()))
        result = await site.execute(DiscoverSunSpec(id=1, connection=1, bases=(40000,)))
        assert result.state is CommandState.DONE, result.reason
        assert isinstance(result.found, SunSpecFound)
        assert [model.model_id for model in result.found.models] == [1]


async def test_a_model_is_read_in_smaller_pieces_from_a_device_that_gives_less_at_once(tmp_path: Path) -> None:
    common, inverter = list(range(66)), list(range(1000, 1050))
    for refusal in (None, 3, 4):
        async with open_device() as device, open_collector(tmp_path / str(refusal)) as site:
            with_sunspec(device, 40000, (1, common), (103, inverter))
            if refusal is None:
                silent_at(device, lambda _, count: count > 40)
            else:
                answer = device.answer
                device.answer = (
                    lambda request, code=refusal, answer=answer: (  # type: ignore[misc]
                        request[:4] + b"\0\3" + request[6:7] + exception(3, code)
                        if request[11] > 40
                        else answer(request)
                    )
                )
            site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", timeout_s=1.0, devices=()))
            result = await site.execute(DiscoverSunSpec(id=1, connection=1))
            assert result.state is CommandState.DONE, result.reason
            assert isinstance(result.found, SunSpecFound)
            assert [list(model.registers) for model in result.found.models] == [common, inverter]


async def test_a_model_ends_before_a_register_that_cannot_be_read(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        there = with_sunspec(device, 40000, (1, list(range(66))), (103, list(range(50))))
        hole = there[4 + 30]
        only(device, range(there[0], hole), range(hole + 1, there[-1] + 1))
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", timeout_s=1.0, devices=()))
        result = await site.execute(DiscoverSunSpec(id=1, connection=1))
        assert result.state is CommandState.DONE, result.reason
        assert isinstance(result.found, SunSpecFound)
        assert [(len(model.registers), model.complete) for model in result.found.models] == [(30, False), (50, True)]


async def test_tags_read_by_command_have_their_own_quality(tmp_path: Path) -> None:
    tags = (
        TagPlan(id=1, place="holding:0"),
        TagPlan(id=2, place="holding:3"),
        TagPlan(id=3, place="holding:1", type="uint32"),
        TagPlan(id=4, place="nowhere:1"),
    )
    async with open_device() as device, open_collector(tmp_path) as site:
        only(device, range(3))
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", devices=()))
        result = await site.execute(ReadNow(id=1, connection=1, unit_id=1, tags=tags))
        assert result.state is CommandState.DONE
        assert isinstance(result.found, ValuesRead)
        values = {value.tag_id: (value.value, value.quality, value.reason) for value in result.found.values}
        assert values == {
            1: (0, Quality.GOOD, Reason.NONE),
            2: (None, Quality.BAD, Reason.NO_SUCH_PLACE),
            3: (0x0001_0002, Quality.GOOD, Reason.NONE),
            4: (None, Quality.BAD, Reason.NOT_COLLECTED),
        }
        assert next(value.raw for value in result.found.values if value.tag_id == 3) == "00010002"
        assert site.samples == [], "values read by a command are not published"


async def test_reading_an_unreachable_device_fails_at_the_step_of_connecting(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        port = device.port
        await device.stop()
        site.apply(connection(1, f"tcp://127.0.0.1:{port}", devices=()))
        result = await site.execute(ReadNow(id=1, connection=1, unit_id=1, tags=(TagPlan(id=1, place="holding:0"),)))
        assert (result.state, "connection refused" in result.reason) == (CommandState.FAILED, True)


async def test_a_write_is_refused_and_nothing_is_sent(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", devices=()))
        tag = TagPlan(id=1, place="holding:0")
        result = await site.execute(WriteTag(id=1, connection=1, unit_id=1, tag=tag, value=1))
        assert result.state is CommandState.REFUSED
        assert device.connections == 0
