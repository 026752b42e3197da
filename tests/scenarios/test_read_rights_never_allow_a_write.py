"""A read right allows functions 1 to 4 on its ranges: none of the other 252 function codes reaches the device."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from scenarios.plant import Plant, adu, exception, open_plant, read_holding
from sealbus.records import Denied, WriteRequested

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READER = """
[[role]]
name = "Reader"
[[role.allow]]
units = "0-255"
read = ["coils", "discrete", "holding", "input"]
"""
READS = (1, 2, 3, 4)
BETWEEN_THROTTLES = 45  # a connection with more denials in a second has to wait

BODIES = {
    5: b"\0\1\xff\0",
    6: b"\0\1\0\7",
    8: b"\0\1\0\0",  # restart
    15: b"\0\1\0\1\1\1",
    16: b"\0\1\0\1\2\0\7",
    20: b"\7\6\0\1\0\0\0\1",
    21: b"\x09\6\0\1\0\0\0\1\0\7",
    22: b"\0\1\0\0\0\7",
    23: b"\0\1\0\1\0\1\0\1\2\0\7",
    24: b"\0\1",
    43: b"\x0d\0\0\0\0\0\0\0\0\0\0\0\0",
}


def every_function() -> Iterator[bytes]:
    """Each function code with its usual body, with no body, and with the body of a read."""
    for function_code in range(256):
        if function_code not in READS:
            for body in {BODIES.get(function_code, b""), b"", b"\0\1\0\1"}:
                yield bytes((function_code,)) + body
    for sub_function in range(256):
        yield bytes((8, 0, sub_function, 0, 0))
        yield bytes((43, sub_function, 1, 0))


async def test_of_all_function_codes_only_the_four_reads_reach_the_device(tmp_path: Path) -> None:
    async with open_plant(tmp_path, policy=READER) as plant:
        identity = plant.issue(role="Reader")
        pdus = list(every_function())
        for start in range(0, len(pdus), BETWEEN_THROTTLES):
            some = pdus[start : start + BETWEEN_THROTTLES]
            reader = await plant.connect_with(*identity)
            await reader.send(b"".join(adu(number, pdu) for number, pdu in enumerate(some)))
            assert await reader.receive(len(some)) == [
                adu(number, exception(pdu[0], 1)) for number, pdu in enumerate(some)
            ]
            await reader.close()
        assert plant.device.requests == []
        assert plant.records(WriteRequested) == []
        assert len(plant.records(Denied)) == len(pdus) > 1000
        reader = await plant.connect_with(*identity)
        for function_code in READS:
            await reader.request(adu(1, bytes((function_code,)) + b"\0\0\0\1"))
        assert [request[7] for request in plant.device.requests] == list(READS)


@pytest.mark.parametrize(("function_code", "most"), [(1, 2000), (2, 2000), (3, 125), (4, 125)])
async def test_a_read_quantity_outside_its_limits_does_not_reach_the_device(
    tmp_path: Path, function_code: int, most: int
) -> None:
    async with open_plant(tmp_path, policy=READER) as plant:
        plant.device.answer = lambda request: request[:4] + b"\0\3" + request[6:7] + exception(request[7], 4)
        reader = await plant.connect(role="Reader")
        counts = [0, 1, 2, most - 1, most, most + 1, 126, 127, 128, 255, 256, 2001, 0x7FFF, 0x8000, 0xFFFF]
        for count in counts:
            lawful = 1 <= count <= most
            before = len(plant.device.requests)
            answer = await reader.request(adu(1, struct.pack(">BHH", function_code, 0, count)))
            assert answer == adu(1, exception(function_code, 4 if lawful else 3))
            assert len(plant.device.requests) - before == lawful
        for address, count, code in [(65535, 1, 4), (65535, 2, 2), (65536 - most, most, 4), (65537 - most, most, 2)]:
            answer = await reader.request(adu(1, struct.pack(">BHH", function_code, address, count)))
            assert answer == adu(1, exception(function_code, code))


WRITES_ALL = READER + 'write = ["coils", "holding"]\n'


@pytest.mark.parametrize(("function_code", "most", "bits"), [(15, 1968, True), (16, 123, False)])
async def test_a_write_quantity_outside_its_limits_does_not_reach_the_device(
    tmp_path: Path, function_code: int, most: int, bits: bool
) -> None:
    async with open_plant(tmp_path, policy=WRITES_ALL) as plant:
        writer = await plant.connect(role="Reader")
        for count in (0, 1, most - 1, most, most + 1, 0xFFFF):
            for size in {(count + 7) // 8 if bits else 2 * count, 0, 1, 2, 246}:
                if size > 246:
                    continue
                data = bytes(size)
                pdu = struct.pack(">BHHB", function_code, 0, count, size) + data
                lawful = 1 <= count <= most and size == ((count + 7) // 8 if bits else 2 * count)
                before = len(plant.device.writes)
                answer = await writer.request(adu(1, pdu))
                assert answer == adu(1, pdu[:5] if lawful else exception(function_code, 3))
                assert len(plant.device.writes) - before == lawful


@pytest.mark.parametrize("value", [0x0000, 0x0001, 0x00FF, 0xFEFF, 0xFF00, 0xFF01, 0xFFFF])
async def test_a_coil_value_is_on_or_off_and_nothing_else(tmp_path: Path, value: int) -> None:
    async with open_plant(tmp_path, policy=WRITES_ALL) as plant:
        writer = await plant.connect(role="Reader")
        pdu = struct.pack(">BHH", 5, 0, value)
        assert await writer.request(adu(1, pdu)) == adu(1, pdu if value in (0, 0xFF00) else exception(5, 3))
        assert len(plant.device.writes) == (value in (0, 0xFF00))


async def test_a_right_to_read_covers_its_range_and_no_more(plant: Plant) -> None:
    viewer = await plant.connect(role="Viewer")  # holding:0-999
    for address, count, allowed in [
        (999, 1, True),
        (999, 2, False),
        (875, 125, True),
        (876, 125, False),
        (1000, 1, False),
    ]:
        answer = await viewer.request(adu(1, read_holding(address, count)))
        assert (answer[7] == 3) is allowed
        assert answer[7] == 3 or answer == adu(1, exception(3, 1))
