"""A request that a program builds from a value of the wrong kind is refused by name, and never becomes bytes.

`bool("off")` is true: without a check the text would switch the coil on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sealbus.errors import LocalError
from sealbus.protocol import (
    CanopenReference,
    Diagnostics,
    FileRecord,
    FileReference,
    MaskWriteRegister,
    OpaqueRequest,
    ReadDeviceIdentification,
    ReadFifoQueue,
    ReadHoldingRegisters,
    ReadWriteMultipleRegisters,
    ValueType,
    WriteMultipleCoils,
    WriteMultipleRegisters,
    WriteSingleCoil,
    WriteSingleRegister,
    encode_registers,
)

if TYPE_CHECKING:
    from collections.abc import Callable

NOT_BITS: list[Any] = ["off", "0", "1", "", "false", 2, -1, 1.0, 0.5, None, b"\1", [], [1], object()]


@pytest.mark.parametrize("value", NOT_BITS, ids=lambda value: type(value).__name__ + repr(value)[:8])
def test_only_bool_0_and_1_switch_a_coil(value: Any) -> None:
    with pytest.raises(LocalError, match="is not a value for a coil: use True, False, 0 or 1"):
        WriteSingleCoil(0, value)
    with pytest.raises(LocalError, match="is not a value for a coil: use True, False, 0 or 1"):
        WriteMultipleCoils(0, (True, value, False))
    with pytest.raises(LocalError, match="is not valid as bit: use True, False, 0 or 1"):
        encode_registers([value] + [0] * 15, ValueType.BIT)


def test_bool_0_and_1_switch_a_coil() -> None:
    values: list[Any] = [True, 1, False, 0]
    assert [WriteSingleCoil(0, value).encode()[3:] for value in values] == [b"\xff\0"] * 2 + [b"\0\0"] * 2
    assert WriteMultipleCoils(0, (True, 0, 1)).encode() == b"\x0f\0\0\0\3\1\5"  # type: ignore[arg-type]
    assert encode_registers([1, True] + [0] * 14, ValueType.BIT) == [3]


WRONG: dict[str, tuple[Callable[[Any], object], str]] = {
    "address of a read": (lambda it: ReadHoldingRegisters(it, 1), "address"),
    "count of a read": (lambda it: ReadHoldingRegisters(0, it), "count"),
    "address of a coil": (lambda it: WriteSingleCoil(it, True), "address"),
    "address of a register": (lambda it: WriteSingleRegister(it, 1), "address"),
    "value of a register": (lambda it: WriteSingleRegister(0, it), "register"),
    "value of registers": (lambda it: WriteMultipleRegisters(0, (1, it)), "register"),
    "address of registers": (lambda it: WriteMultipleRegisters(it, (1,)), "address"),
    "address of a mask write": (lambda it: MaskWriteRegister(it, 0, 0), "address"),
    "mask": (lambda it: MaskWriteRegister(0, 0, it), "register"),
    "read address": (lambda it: ReadWriteMultipleRegisters(it, 1, 0, (1,)), "read address"),
    "read count": (lambda it: ReadWriteMultipleRegisters(0, it, 0, (1,)), "read count"),
    "write address": (lambda it: ReadWriteMultipleRegisters(0, 1, it, (1,)), "write address"),
    "address of a queue": (lambda it: ReadFifoQueue(it), "address"),
    "access": (lambda it: ReadDeviceIdentification(it), "access"),
    "object id": (lambda it: ReadDeviceIdentification(4, it), "object_id"),
    "file": (lambda it: FileReference(it, 0, 1), "file"),
    "record": (lambda it: FileReference(1, it, 1), "record"),
    "length": (lambda it: FileReference(1, 0, it), "length"),
    "file to write": (lambda it: FileRecord(it, 0, (1,)), "file"),
    "sub-function": (lambda it: Diagnostics(it, b"\0\0"), "sub_function"),
    "function code": (lambda it: OpaqueRequest(it, b""), "function_code_value"),
}


@pytest.mark.parametrize("value", ["1", 1.0, 0.5, None, [1], b"\1"], ids=repr)
@pytest.mark.parametrize("place", WRONG)
def test_a_value_that_is_no_whole_number_is_refused_by_name(place: str, value: Any) -> None:
    build, name = WRONG[place]
    with pytest.raises(LocalError, match=name) as refused:
        build(value)
    assert repr(value) in str(refused.value)
    assert "whole number" in str(refused.value)


@pytest.mark.parametrize("place", [place for place in WRONG if WRONG[place][1] != "register"])
def test_true_is_no_address_and_no_count(place: str) -> None:
    build, name = WRONG[place]
    with pytest.raises(LocalError, match=name):
        build(True)


@pytest.mark.parametrize("data", ["ab", [1, 2], None, 5], ids=repr)
@pytest.mark.parametrize(
    "build", [lambda it: Diagnostics(0, it), lambda it: OpaqueRequest(65, it), lambda it: CanopenReference(it)]
)
def test_data_that_are_not_bytes_are_refused(build: Callable[[Any], object], data: Any) -> None:
    with pytest.raises(LocalError, match=r"data .* bytes"):
        build(data)


@pytest.mark.parametrize(
    "value", [None, [1, 2], (1,), {}, b"\1", object(), "5"], ids=lambda value: type(value).__name__
)
@pytest.mark.parametrize("value_type", [each for each in ValueType if each not in (ValueType.STRING, ValueType.BIT)])
def test_a_value_that_is_no_number_is_refused_by_its_type(value_type: ValueType, value: Any) -> None:
    with pytest.raises(LocalError, match=f"not valid as {value_type}"):
        encode_registers([value], value_type)
