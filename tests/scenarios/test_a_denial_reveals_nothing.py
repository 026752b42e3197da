"""Who has no right to a function hears 01 whatever he sends; only who has it learns what is wrong (R-31)."""

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

MALFORMED = {  # by function code: bodies, and what is said of them to whoever may use that function
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
async def test_a_malformed_request_is_told_so_only_where_the_function_is_allowed(plant: Plant, unit: int) -> None:
    viewer = await plant.connect(role="Viewer")
    for function_code, bodies in MALFORMED.items():
        for body, code in bodies:
            expected = code if function_code in OF_UNIT.get(unit, ()) else 1
            request = adu(9, bytes((function_code,)) + body, unit=unit)
            assert await viewer.ask(request) == adu(9, exception(function_code, expected), unit=unit), request.hex()
    assert plant.device.requests == []


async def test_for_a_role_without_any_right_all_requests_have_one_and_the_same_answer(plant: Plant) -> None:
    for role in ("Nobody", None):
        for unit in UNITS:
            nobody = await plant.connect(role=role)
            for function_code, bodies in MALFORMED.items():
                for body, _ in bodies:
                    answer = await nobody.ask(adu(9, bytes((function_code,)) + body, unit=unit))
                    assert answer == adu(9, exception(function_code, 1), unit=unit)
            await nobody.close()
    assert plant.device.requests == []


@pytest.mark.parametrize(
    ("unit", "pdu", "code"),
    [
        (20, read_holding(0, 1), 0x0A),  # may read it, and nothing is there
        (20, read_holding(10, 1), 1),
        (20, write_register(0, 1), 1),
        (11, read_holding(0, 1), 1),  # nothing is there either, and that is not for him to know
        (3, read_holding(0, 1), 1),  # something is there
        (255, read_holding(0, 1), 1),
    ],
)
async def test_whether_there_is_a_unit_is_told_to_those_who_may_use_it(
    plant: Plant, unit: int, pdu: bytes, code: int
) -> None:
    viewer = await plant.connect(role="Viewer")
    assert await viewer.ask(adu(9, pdu, unit=unit)) == adu(9, exception(pdu[0], code), unit=unit)
    assert plant.device.requests == []


async def test_the_record_tells_what_the_answer_does_not(plant: Plant) -> None:
    viewer = await plant.connect(role="Viewer", name="station 4")
    await viewer.ask(adu(9, struct.pack(">BHH", 3, 5, 10)))
    await viewer.ask(adu(9, b"\x06\0", unit=3))
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
