"""A role without the right to a function receives 01 for any content; only a role with it learns more (R-31)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from scenarios.plant import Plant, adu, exception, open_plant, read_holding, write_register
from sealbus.records import Denied

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

POLICY = """
[[role]]
name = "Viewer"
[[role.allow]]
units = "1,20"
read = ["holding:0-9"]
[[role.allow]]
units = "2"
read = ["coils"]
write = ["holding:0-9"]
functions = ["diagnostics:0", "read-file-record:1", "read-device-identification"]
"""

MALFORMED = {  # by function code: bodies, and the exception for a role that may use the function
    1: [(b"", 3), (b"\0\0\0", 3), (b"\0\0\0\0", 3), (b"\0\0\x07\xd1", 3), (b"\0\0\0\1\0", 3), (b"\xff\xff\0\2", 2)],
    3: [(b"", 3), (b"\0\0\0", 3), (b"\0\0\0\0", 3), (b"\0\0\0\x7e", 3), (b"\0\0\0\1\0", 3), (b"\xff\xff\0\2", 2)],
    6: [(b"", 3), (b"\0\0\0", 3), (b"\0\0\0\0\0", 3)],
    16: [(b"", 3), (b"\0\0\0\0\0", 3), (b"\0\0\0\1\4\0\0", 3), (b"\xff\xff\0\2\4\0\0\0\0", 2)],
    22: [(b"", 3), (b"\0\0\0\0\0", 3)],
    8: [(b"", 3), (b"\0", 3)],
    20: [(b"", 3), (b"\1\6", 3), (b"\7\5\0\1\0\0\0\1", 2)],
    43: [(b"", 3), (b"\x0e", 3), (b"\x0e\7\0", 3)],
    23: [(b"", 3), (b"\0\0\0\0\0\0\0\0\0", 3)],
    5: [(b"", 3), (b"\0\0\0\1", 3)],
    15: [(b"", 3), (b"\0\0\0\1\2\0\0", 3)],
}
OF_UNIT = {1: {3}, 2: {1, 6, 8, 16, 20, 22, 43}, 20: {3}}
UNITS = (1, 2, 3, 11, 20, 0, 255)


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    async with open_plant(tmp_path, policy=POLICY) as plant:
        yield plant


@pytest.mark.parametrize("unit", UNITS)
async def test_a_malformed_request_is_answered_as_such_only_if_the_function_is_allowed(plant: Plant, unit: int) -> None:
    viewer = await plant.connect(role="Viewer")
    for function_code, bodies in MALFORMED.items():
        for body, code in bodies:
            expected = code if function_code in OF_UNIT.get(unit, ()) else 1
            request = adu(9, bytes((function_code,)) + body, unit=unit)
            assert await viewer.request(request) == adu(9, exception(function_code, expected), unit=unit), request.hex()
    assert plant.device.requests == []


async def test_a_role_without_rights_gets_the_same_answer_to_every_request(plant: Plant) -> None:
    for role in ("Nobody", None):
        for unit in UNITS:
            nobody = await plant.connect(role=role)
            for function_code, bodies in MALFORMED.items():
                for body, _ in bodies:
                    answer = await nobody.request(adu(9, bytes((function_code,)) + body, unit=unit))
                    assert answer == adu(9, exception(function_code, 1), unit=unit)
            await nobody.close()
    assert plant.device.requests == []


@pytest.mark.parametrize(
    ("unit", "pdu", "code"),
    [
        (20, read_holding(0, 1), 0x0A),  # may read it, but no device has it
        (20, read_holding(10, 1), 1),
        (20, write_register(0, 1), 1),
        (11, read_holding(0, 1), 1),  # no device has it, and this role must not learn that
        (3, read_holding(0, 1), 1),  # a device has it
        (255, read_holding(0, 1), 1),
    ],
)
async def test_only_a_role_with_rights_to_a_unit_learns_whether_it_exists(
    plant: Plant, unit: int, pdu: bytes, code: int
) -> None:
    viewer = await plant.connect(role="Viewer")
    assert await viewer.request(adu(9, pdu, unit=unit)) == adu(9, exception(pdu[0], code), unit=unit)
    assert plant.device.requests == []


async def test_the_record_has_the_reason_that_the_answer_hides(plant: Plant) -> None:
    viewer = await plant.connect(role="Viewer", name="station 4")
    await viewer.request(adu(9, struct.pack(">BHH", 3, 5, 10)))
    await viewer.request(adu(9, b"\x06\0", unit=3))
    within, malformed = plant.records(Denied)
    assert (within.subject, within.table, within.address, within.count, within.pdu) == (
        "CN=station 4",
        "holding",
        5,
        10,
        None,
    )
    assert within.reason == 'no rule of role "Viewer" allows reading holding:5-14 on unit 1: holding:10-14 is missing'
    assert (malformed.unit, malformed.function, malformed.address, malformed.pdu) == (3, 6, None, "0600")
    assert malformed.reason == 'no rule of role "Viewer" allows function 6 on unit 3'
