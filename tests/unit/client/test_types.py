"""What a type checker knows of typed reads. mypy checks this file."""

from __future__ import annotations

from typing import assert_type, get_args

import sealbus
from sealbus import ValueType, WordOrder
from sealbus.client.calls import OrderName, TypeName


async def types_with_await(modbus: sealbus.Connection, some: ValueType) -> None:
    assert_type(await modbus.read("holding:0", type="float32"), float | list[float])
    assert_type(await modbus.read("holding:0", type="int64", order="CDAB"), int | list[int])
    assert_type(await modbus.read("holding:0-9", type="string"), str)
    assert_type(await modbus.read("holding:0", type="bit"), bool | list[bool])
    assert_type(await modbus.read("holding:0"), int | list[int] | list[bool])
    assert_type(
        await modbus.read("holding:0", type=some, order=WordOrder.CDAB),
        bool | int | float | str | list[int] | list[float] | list[bool],
    )
    await modbus.read("holding:0", type="flaot32")  # type: ignore[call-overload]  # a slip is found
    await modbus.read("holding:0", type="float32", order="CBDA")  # type: ignore[call-overload]
    await modbus.write("holding:0", 1.5, type="float")  # type: ignore[arg-type]
    await modbus.unit(7).read("holding:0", type="float32", unit=7)


def types_without_await(modbus: sealbus.sync.Connection) -> None:
    assert_type(modbus.read("holding:0", type="float64"), float | list[float])
    assert_type(modbus.read("holding:0-9", type="string"), str)
    modbus.read("holding:0", type="flaot32")  # type: ignore[call-overload]


def test_every_type_and_order_has_its_name() -> None:
    assert {name for part in get_args(TypeName) for name in get_args(part)} == set(ValueType)
    assert set(get_args(OrderName)) == set(WordOrder)
