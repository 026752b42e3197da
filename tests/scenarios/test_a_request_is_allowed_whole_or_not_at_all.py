"""Each part of a request needs its right: both ranges of FC 23, each register, each sub-function, each file."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from scenarios.plant import Plant, adu, exception, open_plant, read_holding, write_register, write_registers
from sealbus.records import Denied

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

FORWARDED = 4  # the answer of this device to everything, which shows that a request was forwarded

POLICY = """
[[role]]
name = "Reads"
[[role.allow]]
units = "1"
read = ["coils", "holding", "input", "discrete"]

[[role]]
name = "Writes"
[[role.allow]]
units = "1"
write = ["coils:0-9", "holding:0-9", "holding:20-29"]

[[role]]
name = "Both"
[[role.allow]]
units = "1"
read = ["holding:10-19"]
[[role.allow]]
units = "1"
write = ["holding:0-4"]
[[role.allow]]
units = "1"
write = ["holding:5-9"]
[[role.allow]]
units = "1"
write = ["holding:30-39"]
min = 10
max = 20

[[role]]
name = "Named"
[[role.allow]]
units = "1"
functions = ["diagnostics:0", "diagnostics:2", "read-file-record:1-2", "write-file-record:1", "read-fifo-queue:100",
    "read-device-identification", "report-server-id", 90]

[[role]]
name = "Broadcaster"
[[role.allow]]
units = "0"
write = ["holding:0-9"]
"""


def answer_with_failure(request: bytes) -> bytes:
    return request[:4] + b"\0\3" + request[6:7] + exception(request[7], FORWARDED)


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    async with open_plant(tmp_path, policy=POLICY) as plant:
        plant.device.answer = answer_with_failure
        yield plant


async def verdict(plant: Plant, role: str, pdu: bytes, *, unit: int = 1) -> int:
    """The exception code of the answer: FORWARDED or a refusal. A refused request has not reached the device."""
    wire = await plant.connect(role=role)
    before = len(plant.device.requests)
    answer = await wire.request(adu(7, pdu, unit=unit))
    assert (answer[:8], len(answer)) == (adu(7, exception(pdu[0], 0), unit=unit)[:8], 9)
    sent = plant.device.requests[before:]
    assert [request[6:] for request in sent] == ([bytes((unit,)) + pdu] if answer[8] == FORWARDED else [])
    return answer[8]


def read_write(read: tuple[int, int], write: tuple[int, ...]) -> bytes:
    address, *values = write
    head = struct.pack(">BHHHHB", 23, *read, address, len(values), 2 * len(values))
    return head + struct.pack(f">{len(values)}H", *values)


def mask(address: int) -> bytes:
    return struct.pack(">BHHH", 22, address, 0xFF00, 0x0011)


def coils(address: int, count: int) -> bytes:
    return struct.pack(">BHHB", 15, address, count, (count + 7) // 8) + bytes((count + 7) // 8)


def read_files(*files: int) -> bytes:
    return bytes((20, 7 * len(files))) + b"".join(struct.pack(">BHHH", 6, file, 0, 1) for file in files)


def write_files(*files: int) -> bytes:
    return bytes((21, 9 * len(files))) + b"".join(struct.pack(">BHHHH", 6, file, 0, 1, 5) for file in files)


CASES = [
    # 23: it writes and then reads, so it needs both, each over its whole range
    ("Reads", read_write((10, 2), (0, 1)), 1),
    ("Writes", read_write((0, 1), (0, 1)), 1),
    ("Both", read_write((10, 2), (0, 1)), FORWARDED),
    ("Both", read_write((10, 10), (0, *range(10))), FORWARDED),
    ("Both", read_write((9, 2), (0, 1)), 1),
    ("Both", read_write((10, 11), (0, 1)), 1),
    ("Both", read_write((10, 2), (9, 1, 2)), 1),
    ("Both", read_write((10, 2), (30, 10, 20)), FORWARDED),
    ("Both", read_write((10, 2), (30, 10, 21)), 1),
    # 22: the written value depends on the current one, so limits cannot be checked
    ("Reads", mask(0), 1),
    ("Writes", mask(0), FORWARDED),
    ("Writes", mask(10), 1),
    ("Both", mask(4), FORWARDED),
    ("Both", mask(30), 1),
    # ranges: each register and coil in them
    ("Writes", write_registers(0, *range(10)), FORWARDED),
    ("Writes", write_registers(9, 1, 2), 1),
    ("Writes", write_registers(10, *range(10)), 1),
    ("Writes", write_registers(0, *range(30)), 1),  # both ends are allowed, but not the middle
    ("Writes", write_registers(19, 1, 2), 1),
    ("Writes", coils(0, 10), FORWARDED),
    ("Writes", coils(0, 11), 1),
    ("Writes", write_register(29, 1), FORWARDED),
    ("Writes", write_register(30, 1), 1),
    ("Writes", read_holding(0, 1), 1),
    ("Reads", write_register(0, 1), 1),
    ("Both", write_registers(0, *range(10)), FORWARDED),  # two adjacent rules cover it
    ("Both", write_registers(30, 10, 20), FORWARDED),
    ("Both", write_registers(30, 10, 9), 1),
    ("Both", write_registers(30, 10, 20, 21), 1),
    ("Both", write_registers(9, 0, 0), 1),
    # 8, 17, 43, 90: only if the rule names them, and only the named sub-function
    ("Reads", b"\x08\0\0\0\0", 1),
    ("Named", b"\x08\0\0\x12\x34", FORWARDED),
    ("Named", b"\x08\0\1\0\0", 1),
    ("Named", b"\x08\0\2\0\0", FORWARDED),
    ("Named", b"\x08\0\4\0\0", 1),
    ("Named", b"\x08\0\x0a\0\0", 1),
    ("Reads", b"\x11", 1),
    ("Named", b"\x11", FORWARDED),
    ("Reads", b"\x2b\x0e\1\0", 1),
    ("Named", b"\x2b\x0e\1\0", FORWARDED),
    ("Named", b"\x2b\x0d\0\0\0\0\0\0\0\0\0", 1),
    ("Named", b"\x2b\x10\0", 1),
    ("Named", b"\x5a\0\1", FORWARDED),
    ("Named", b"\x5b\0\1", 1),
    ("Reads", b"\x07", 1),
    ("Reads", b"\x0b", 1),
    ("Reads", b"\x0c", 1),
    # 20, 21: by file, each file of the request
    ("Reads", read_files(1), 1),
    ("Named", read_files(1, 2), FORWARDED),
    ("Named", read_files(1, 3), 1),
    ("Named", read_files(3), 1),
    ("Named", write_files(1, 1), FORWARDED),
    ("Named", write_files(1, 2), 1),
    # 24: by the address of the queue; a right to read registers is not enough
    ("Reads", b"\x18\0\x64", 1),
    ("Named", b"\x18\0\x64", FORWARDED),
    ("Named", b"\x18\0\x65", 1),
]


@pytest.mark.parametrize(("role", "pdu", "expected"), CASES, ids=[f"{role} {pdu.hex()}" for role, pdu, _ in CASES])
async def test_every_part_of_a_request_needs_its_right(plant: Plant, role: str, pdu: bytes, expected: int) -> None:
    assert await verdict(plant, role, pdu) == expected
    assert len(plant.records(Denied)) == (expected == 1)


async def test_unit_0_means_every_unit_and_needs_its_own_rule(tmp_path: Path) -> None:
    device = 'units = "0-10"'
    async with open_plant(tmp_path, policy=POLICY, device=device) as plant:
        for role in ("Reads", "Writes", "Both", "Named", "Nobody"):
            wire = await plant.connect(role=role)
            for pdu in (write_register(0, 1), read_holding(0, 1), coils(0, 1)):
                assert await wire.request(adu(1, pdu, unit=0)) == adu(1, exception(pdu[0], 1), unit=0)
        assert plant.device.requests == []
        broadcaster = await plant.connect(role="Broadcaster")
        assert await broadcaster.request(adu(1, write_register(0, 1), unit=0)) == adu(1, write_register(0, 1), unit=0)
        assert await broadcaster.request(adu(1, write_register(0, 1))) == adu(1, exception(6, 1))
