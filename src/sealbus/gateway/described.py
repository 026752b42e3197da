"""The fields of a record that describe a request: table, address, count and values, or its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealbus.protocol import (
    READ_TABLES,
    MaskWriteRegister,
    ReadCoils,
    ReadDiscreteInputs,
    ReadHoldingRegisters,
    ReadInputRegisters,
    ReadWriteMultipleRegisters,
    Table,
    WriteMultipleCoils,
    WriteMultipleRegisters,
    WriteSingleCoil,
    WriteSingleRegister,
)

if TYPE_CHECKING:
    from sealbus.protocol import Request

__all__ = ["Described", "describe"]


@dataclass(frozen=True, slots=True)
class Described:
    """An address, and the values written there; or `pdu` in hexadecimal if these do not describe the request
    completely.
    """

    table: str | None = None
    address: int | None = None
    count: int | None = None
    values: tuple[int, ...] | None = None
    pdu: str | None = None


def describe(request: Request | None, pdu: bytes) -> Described:
    """Describe a parsed request, or a malformed one by its bytes."""
    match request:
        case ReadCoils() | ReadDiscreteInputs() | ReadHoldingRegisters() | ReadInputRegisters():
            return Described(READ_TABLES[request.function_code], request.address, request.count)
        case WriteSingleCoil():
            return Described(Table.COILS, request.address, 1, (int(request.value),))
        case WriteSingleRegister():
            return Described(Table.HOLDING, request.address, 1, (request.value,))
        case WriteMultipleCoils():
            values = tuple(int(value) for value in request.values)
            return Described(Table.COILS, request.address, len(values), values)
        case WriteMultipleRegisters():
            return Described(Table.HOLDING, request.address, len(request.values), tuple(request.values))
        case ReadWriteMultipleRegisters():
            values = tuple(request.values)
            return Described(Table.HOLDING, request.write_address, len(values), values, pdu.hex())
        case MaskWriteRegister():
            return Described(Table.HOLDING, request.address, 1, None, pdu.hex())
        case _:
            return Described(pdu=pdu.hex())
