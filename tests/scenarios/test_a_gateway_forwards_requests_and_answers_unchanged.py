"""Between the transaction id and the end of the frame, the gateway changes no byte in either direction."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from scenarios.plant import Plant, adu, open_plant, read_holding, words, write_registers
from sealbus.records import Denied

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

POLICY = """
[[role]]
name = "Engineer"
[[role.allow]]
units = "0-255"
read = ["coils", "discrete", "holding", "input"]
write = ["coils", "holding"]
functions = [
  7, "diagnostics:0", 11, 12, 17, "read-file-record:1-9", "write-file-record:1-9", "read-fifo-queue:1246",
  "read-device-identification", 65, 100,
]
"""


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    async with open_plant(tmp_path, policy=POLICY) as plant:
        yield plant


@pytest.mark.parametrize("code", [*range(1, 12), 0x7F, 0x80, 0xFF])
async def test_an_exception_of_the_device_keeps_its_code(plant: Plant, code: int) -> None:
    engineer = await plant.connect(role="Engineer")
    plant.device.answer = lambda request: adu(int.from_bytes(request[:2], "big"), bytes((0x83, code)))
    assert await engineer.request(adu(0xBEEF, read_holding(10, 1))) == adu(0xBEEF, bytes((0x83, code)))


async def test_the_largest_answer_and_the_largest_request_are_forwarded(plant: Plant) -> None:
    engineer = await plant.connect(role="Engineer")
    assert await engineer.request(adu(1, read_holding(0, 125))) == adu(1, words(*range(125)))
    values = tuple(range(60_000, 60_123))
    written = await engineer.request(adu(2, write_registers(500, *values)))
    assert written == adu(2, struct.pack(">BHH", 16, 500, 123))
    assert await engineer.request(adu(3, read_holding(500, 123))) == adu(3, words(*values))
    assert len(plant.device.requests[1]) == 6 + 1 + 252


async def test_two_thousand_coils_are_forwarded(plant: Plant) -> None:
    engineer = await plant.connect(role="Engineer")
    coils = bytes((1, 250)) + bytes(range(250))
    plant.device.answer = lambda request: adu(int.from_bytes(request[:2], "big"), coils)
    assert await engineer.request(adu(1, b"\x01\x00\x00\x07\xd0")) == adu(1, coils)


OTHERS = {
    "exception status": (b"\x07", b"\x07\x6d"),
    "loop-back": (b"\x08\x00\x00\xa5\x37", b"\x08\x00\x00\xa5\x37"),
    "event counter": (b"\x0b", b"\x0b\xff\xff\x01\x08"),
    "event log": (b"\x0c", b"\x0c\x08\x00\x00\x01\x08\x01\x21\x20\x00"),
    "server id": (b"\x11", b"\x11\x05\x01\x02\x03\x04\xff"),
    "file record": (b"\x14\x07\x06\x00\x04\x00\x01\x00\x02", b"\x14\x06\x05\x06\x0d\xfe\x00\x20"),
    "written file record": (
        b"\x15\x0d\x06\x00\x04\x00\x07\x00\x03\x06\xaf\x04\xbe\x10\x0d",
        b"\x15\x0d\x06\x00\x04\x00\x07\x00\x03\x06\xaf\x04\xbe\x10\x0d",
    ),
    "mask write": (b"\x16\x00\x04\x00\xf2\x00\x25", b"\x16\x00\x04\x00\xf2\x00\x25"),
    "read and write": (b"\x17\x00\x03\x00\x02\x00\x0e\x00\x01\x02\x00\xff", b"\x17\x04\x00\xfe\x0a\xcd"),
    "FIFO queue": (b"\x18\x04\xde", b"\x18\x00\x06\x00\x02\x01\xb8\x12\x84"),
    "identification": (b"\x2b\x0e\x01\x00", b"\x2b\x0e\x01\x01\x00\x00\x01\x00\x03ABC"),
    "a function of the vendor": (b"\x41\xde\xad\xbe\xef", b"\x41\xca\xfe"),
    "the largest request and answer of a vendor": (b"\x64" + bytes(252), b"\x64" + b"\xff" * 252),
}


@pytest.mark.parametrize("what", OTHERS)
async def test_every_function_is_forwarded_in_both_directions(plant: Plant, what: str) -> None:
    function_request, function_answer = OTHERS[what]
    engineer = await plant.connect(role="Engineer")
    plant.device.answer = lambda request: adu(int.from_bytes(request[:2], "big"), function_answer)
    assert await engineer.request(adu(7, function_request)) == adu(7, function_answer)
    assert [request[2:] for request in plant.device.requests] == [adu(7, function_request)[2:]]
    assert plant.records(Denied) == []


@pytest.mark.parametrize("unit", range(1, 11))
async def test_the_unit_id_reaches_the_device(plant: Plant, unit: int) -> None:
    engineer = await plant.connect(role="Engineer")
    assert await engineer.request(adu(1, read_holding(unit, 1), unit=unit)) == adu(1, words(unit), unit=unit)
    assert [request[6] for request in plant.device.requests] == [unit]
