"""A value that no client could be answered with is refused when the device is made, by its place."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest

import sealbus
from sealbus import ConfigError, Device, LocalError, Table

TABLES: dict[str, tuple[Any, str]] = {
    "a number too large": ({"holding": [0, 70_000]}, "holding:1 is 70000: use a whole number from 0 to 65535"),
    "a negative number": ({"input": {30: -1}}, "input:30 is -1: use a whole number"),
    "a fraction": ({"holding": [1.5]}, r"holding:0 is 1\.5: use a whole number"),
    "a text": ({"holding": {4: "7"}}, "holding:4 is '7': use a whole number"),
    "nothing": ({"holding": [None]}, "holding:0 is None"),
    "two in a coil": ({"coils": [0, 2]}, "coils:1 is 2: use 0 or 1"),
    "a text in an input": ({"discrete": {7: "on"}}, "discrete:7 is 'on': use 0 or 1"),
    "a text for an address": ({"holding": {"10": 1}}, "holding: '10' is no address"),
    "an address too large": ({"holding": {65_536: 1}}, "holding: 65536 is no address"),
    "too many values": ({"holding": [0] * 65_537}, "holding has 65537 values"),
    "a misspelt table": ({"holdings": [0]}, "'holdings' is no table: the tables are coils, discrete,"),
    "a text for a table": ({"holding": "0123"}, "holding: '0123' is neither a list"),
    "a number for a table": ({Table.INPUT: 7}, "input: 7 is neither a list"),
    "a list of tables": ([0, 1], r"tables \[0, 1\] are no mapping"),
}


@pytest.mark.parametrize("wrong", TABLES)
def test_a_wrong_table_is_named(wrong: str) -> None:
    tables, message = TABLES[wrong]
    with pytest.raises(LocalError, match=message):
        Device(tables)


def test_what_cannot_be_called_is_no_function() -> None:
    with pytest.raises(LocalError, match="read 5 is no function"):
        Device(read=5)  # type: ignore[arg-type]
    with pytest.raises(LocalError, match="write 'x' is no function"):
        Device({"holding": [0]}, write="x")  # type: ignore[arg-type]


class Sensor(MutableMapping[int, int]):
    """Computes its values."""

    def __getitem__(self, address: int) -> int:
        raise AssertionError("it was read")

    def __setitem__(self, address: int, value: int) -> None: ...
    def __delitem__(self, address: int) -> None: ...
    def __iter__(self) -> Iterator[int]:
        raise AssertionError("it was read")

    def __len__(self) -> int:
        return 1


def test_what_can_be_answered_is_accepted() -> None:
    Device({"coils": [True, 0, 1], Table.DISCRETE: {0: False}, "holding": [0, 65_535], "input": {65_535: 1}})
    Device({"holding": [0] * 65_536})
    Device({"input": Sensor()})


@pytest.mark.parametrize(
    ("devices", "message"),
    [({"1": Device({})}, "'1' is not a unit id"), ({1: {"holding": [0]}}, "unit 1"), ({256: Device({})}, "256")],
)
async def test_a_wrong_mapping_of_units_is_named(devices: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=f"device: .*{message}"):
        sealbus.serve("tcp://127.0.0.1:0", devices, unsafe_no_policy=True)


async def test_a_server_ignores_no_argument_of_tls() -> None:
    device = Device({})
    with pytest.raises(ConfigError, match="is not mbaps, so trust and crl mean nothing"):
        sealbus.serve("tcp://127.0.0.1:0", device, unsafe_no_policy=True, trust="ca.crt", crl="ca.crl")
