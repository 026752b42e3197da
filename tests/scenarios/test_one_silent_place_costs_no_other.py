"""Devices fail for one place of a request in many ways. It costs the tags of that place and no others.

The device in these tests fails for requests that touch a hole, or that are longer than its limit.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from scenarios.collecting import Site, connection, neighbours, open_collector
from scenarios.plant import ScriptedDevice, adu, exception, open_device, until, words
from sealbus.plant import (
    CommandState,
    ConnectionPlan,
    DiscoverSunSpec,
    ReadNow,
    RegistersScanned,
    ScanRegisters,
    SunSpecFound,
    TagPlan,
    ValuesRead,
)
from sealbus.samples import Quality, Reason

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TIMEOUT_S = 0.5
PATIENT_S = 10.0


def reply(request: bytes, pdu: bytes, *, unit: int = 1) -> bytes:
    return adu(int.from_bytes(request[:2], "big"), pdu, unit=unit)


def truncated(request: bytes) -> bytes:
    (count,) = struct.unpack_from(">H", request, 10)
    return reply(request, words(*range(count)))[:-1]


FAILURES: dict[str, Callable[[bytes], bytes | None]] = {
    "02": lambda request: reply(request, exception(3, 2)),
    "04": lambda request: reply(request, exception(3, 4)),
    "05": lambda request: reply(request, exception(3, 5)),
    "06": lambda request: reply(request, exception(3, 6)),
    "0A": lambda request: reply(request, exception(3, 0x0A)),
    "0B": lambda request: reply(request, exception(3, 0x0B)),
    "silence": lambda request: None,
    "a truncated answer": truncated,
    "an answer to another function": lambda request: reply(request, b"\x04" + words(1)[1:]),
    "an answer of another unit": lambda request: reply(request, words(1), unit=9),
}
SLOW = ("silence", "a truncated answer")
CLOSING = "a closed connection"
any_failure = pytest.mark.parametrize("failure", [*FAILURES, CLOSING])
kinds_of_failure = pytest.mark.parametrize(
    "failure", ["02", "04", "0B", "silence", "an answer to another function", CLOSING]
)


def failing(device: ScriptedDevice, failure: str, *holes: int, limit: int = 125) -> None:
    def answer(request: bytes) -> bytes | None:
        address, count = struct.unpack_from(">HH", request, 8)
        if count > limit or set(holes) & set(range(address, address + count)):
            if failure == CLOSING:
                device.drop()
                return None
            return FAILURES[failure](request)
        return device.normal_answer(request)

    device.answer = answer


def asked(device: ScriptedDevice) -> set[tuple[int, int]]:
    return {struct.unpack_from(">HH", request, 8) for request in device.requests}


def on(device: ScriptedDevice, failure: str, *tags: TagPlan) -> ConnectionPlan:
    """Its time-out is short only where the device is silent."""
    timeout_s = TIMEOUT_S if failure in SLOW else PATIENT_S
    return connection(1, f"tcp://127.0.0.1:{device.port}", *tags, timeout_s=timeout_s)


async def steady(device: ScriptedDevice) -> set[tuple[int, int]]:
    """The requests of some rounds from now on."""
    device.requests.clear()
    await until(lambda: len(device.requests) >= 12)
    return asked(device)


@any_failure
async def test_polled_neighbours_of_a_hole_are_read(tmp_path: Path, failure: str) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        failing(device, failure, 17)
        site.apply(on(device, failure, *neighbours(40)))
        for address in (*range(17), *range(18, 40)):
            assert (await site.wait_for_good(1000 + address)).value == address
        await site.wait_for(1017, lambda sample: sample.quality is Quality.BAD)
        await until(lambda: site.collector.state().connections[0].polls[0].refused == (1017,))
        assert await steady(device) == {(0, 17), (18, 22)}


@kinds_of_failure
async def test_tags_around_a_hole_without_a_tag_are_read(tmp_path: Path, failure: str) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        failing(device, failure, 3)
        site.apply(on(device, failure, *neighbours(3), *neighbours(3, first=4)))
        for address in (0, 1, 2, 4, 5, 6):
            await site.wait_for_good(1000 + address)
        assert await steady(device) == {(0, 3), (4, 3)}


@any_failure
async def test_a_device_that_answers_sixteen_registers_at_once_is_read(tmp_path: Path, failure: str) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        failing(device, failure, limit=16)
        site.apply(on(device, failure, *neighbours(30)))
        for address in range(30):
            await site.wait_for_good(1000 + address)
        assert await steady(device) == {(0, 15), (15, 15)}


@kinds_of_failure
async def test_a_reading_by_command_has_all_values_but_that_of_the_hole(tmp_path: Path, failure: str) -> None:
    tags = tuple(TagPlan(id=address + 1, place=f"holding:{address}") for address in range(20))
    async with open_device() as device, open_collector(tmp_path) as site:
        failing(device, failure, 17)
        site.apply(on(device, failure))
        result = await site.execute(ReadNow(id=1, connection=1, unit_id=1, tags=tags))
        assert result.state is CommandState.DONE
        assert isinstance(result.found, ValuesRead)
        assert {value.tag_id: value.value for value in result.found.values} == {
            tag.id: None if tag.id == 18 else tag.id - 1 for tag in tags
        }


async def test_a_reading_of_a_silent_unit_asks_each_block_once_and_two_parts_of_the_first(tmp_path: Path) -> None:
    tags = tuple(
        TagPlan(id=address + 1, place=f"holding:{100 * (address // 10) + address % 10}") for address in range(40)
    )
    async with open_device() as device, open_collector(tmp_path) as site:
        failing(device, "silence", limit=0)
        site.apply(on(device, "silence"))
        result = await site.execute(ReadNow(id=1, connection=1, unit_id=1, tags=tags))
        assert result.state is CommandState.FAILED
        assert isinstance(result.found, ValuesRead)
        assert {value.reason for value in result.found.values} == {Reason.TIMEOUT}
        assert len(device.requests) == 6


@kinds_of_failure
async def test_a_scan_finds_the_places_around_a_hole(tmp_path: Path, failure: str) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        failing(device, failure, 40)
        site.apply(on(device, failure))
        scan = ScanRegisters(id=1, connection=1, unit_id=1, place="holding:0-79", within_s=40.0)
        result = await site.execute(scan)
        assert result.state is CommandState.DONE
        assert isinstance(result.found, RegistersScanned)
        assert [(found.place, len(found.values)) for found in result.found.ranges] == [
            ("holding:0-39", 40),
            ("holding:40", 0),
            ("holding:41-79", 39),
        ]


async def test_a_scan_goes_on_behind_a_long_silent_range(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        failing(device, "silence", *range(5, 95), limit=50)
        site.apply(on(device, "silence"))
        scan = ScanRegisters(id=1, connection=1, unit_id=1, place="holding:0-99", within_s=100.0)
        result = await site.execute(scan, within_s=120.0)
        assert result.state is CommandState.DONE
        assert isinstance(result.found, RegistersScanned)
        assert [(found.place, len(found.values)) for found in result.found.ranges] == [
            ("holding:0-4", 5),
            ("holding:5-94", 0),
            ("holding:95-99", 5),
        ]


async def test_a_scan_of_a_unit_that_answers_nothing_ends(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        failing(device, "silence", limit=0)
        site.apply(on(device, "silence"))
        result = await site.execute(ScanRegisters(id=1, connection=1, unit_id=1, place="holding:0-999"))
        assert result.state is CommandState.FAILED
        assert len(device.requests) == 12


@kinds_of_failure
async def test_the_models_of_a_sunspec_device_are_read_within_its_limit(tmp_path: Path, failure: str) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        failing(device, failure, limit=60)
        body = tuple(range(1000, 1150))
        for address, word in enumerate((0x5375, 0x6E53, 103, len(body), *body, 0xFFFF, 0), start=40000):
            device.registers[address] = word
        site.apply(on(device, failure))
        result = await site.execute(DiscoverSunSpec(id=1, connection=1))
        assert result.state is CommandState.DONE, result.reason
        assert isinstance(result.found, SunSpecFound)
        assert [model.registers for model in result.found.models] == [body]


async def test_silent_blocks_do_not_delay_a_good_one(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        failing(device, "silence", 500, 1000, 1500)
        tags = (*neighbours(2), *(each for first in (500, 1000, 1500) for each in neighbours(1, first=first)))
        site.apply(on(device, "silence", *tags))
        for address in (500, 1000, 1500):
            await site.wait_for_bad(1000 + address, Reason.TIMEOUT)
        await until(lambda: len(device.requests) >= 60)
        device.requests.clear()
        await until(lambda: len(device.requests) >= 60)
        good = sum(struct.unpack_from(">HH", request, 8) == (0, 2) for request in device.requests)
        assert good >= 45, "the silent ones are only asked after 1, 2, 4 ... seconds"
        assert {sample.quality for address in (0, 1) for sample in site.samples_of(1000 + address)} == {Quality.GOOD}
        assert site.collector.state().connections[0].silent_units == ()


async def test_silent_blocks_end_the_connection_of_the_others_only_while_they_are_new(tmp_path: Path) -> None:
    silent = range(500, 4500, 1000)
    async with open_device() as device, open_collector(tmp_path) as site:
        failing(device, "silence", *silent)
        site.apply(on(device, "silence", *neighbours(2), *(each for at in silent for each in neighbours(1, first=at))))
        await until(lambda: all(_times_asked(device, address) >= 2 for address in silent), within_s=60.0)
        connections = device.connections
        await until(lambda: all(_times_asked(device, address) >= 4 for address in silent), within_s=60.0)
        assert device.connections == connections
        assert site.collector.state().connections[0].why == ""


def _times_asked(device: ScriptedDevice, address: int) -> int:
    return sum(struct.unpack_from(">H", request, 8) == (address,) for request in device.requests)


async def test_a_tag_that_was_not_asked_keeps_its_value_and_then_grows_stale(tmp_path: Path) -> None:
    tags = [each for first in range(0, 1000, 100) for each in neighbours(1, first=first, stale_after_s=1.5)]
    async with open_device() as device, open_collector(tmp_path) as site:
        site.apply(on(device, "silence", *tags))
        for tag in tags:
            await site.wait_for_good(tag.id)
        failing(device, "silence", limit=0)
        await wait_for_all(site, [tag.id for tag in tags])
        reasons = [site.samples_of(tag.id)[1].reason for tag in tags]
        assert set(reasons) == {Reason.TIMEOUT, Reason.NOT_REFRESHED}, "those that were asked, and the others"
        assert all(
            sample.value is not None
            for tag in tags
            for sample in site.samples_of(tag.id)
            if sample.quality is Quality.STALE
        )
        failing(device, "silence")
        for tag in tags:
            await site.wait_for_good(tag.id)


async def wait_for_all(site: Site, tag_ids: list[int]) -> None:
    for tag_id in tag_ids:
        await site.wait_for(tag_id, lambda sample: sample.quality is not Quality.GOOD)
