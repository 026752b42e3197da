"""What a call of the client API sends, what its answer means, and which error a failure becomes.

Shared by the two clients, with and without `await`, so that they differ only in how they wait. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sealbus.client.transaction import Failure
from sealbus.errors import (
    DeviceException,
    LocalError,
    PeerError,
    ResponseTimeout,
    SealbusError,
    Unreachable,
)
from sealbus.protocol import (
    ANSWER_DATA_AT,
    ANSWER_FUNCTION_AT,
    EXCEPTION_BIT,
    ExceptionCode,
    FunctionCode,
    ReadCoils,
    ReadDiscreteInputs,
    ReadHoldingRegisters,
    ReadInputRegisters,
    Table,
    ValueType,
    WireRequest,
    WordOrder,
    WriteMultipleCoils,
    WriteMultipleRegisters,
    WriteSingleCoil,
    WriteSingleRegister,
    decode_registers,
    encode_registers,
    parse_place,
    unpack_bits,
    unpack_words,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealbus.protocol import Place, Request

__all__ = [
    "ReadKind",
    "RequestCache",
    "TypedRead",
    "Value",
    "build_write",
    "data_of",
    "error_of",
    "parse_read",
    "prepare",
]

Value = bool | int | float | str
"""What one place of a device holds, once decoded."""

ReadKind = type[ReadCoils] | type[ReadDiscreteInputs] | type[ReadHoldingRegisters] | type[ReadInputRegisters]

_UNIT_IDS = range(256)
_CACHED_READS = 1024
_READ_OF: dict[Table, ReadKind] = {
    Table.COILS: ReadCoils,
    Table.DISCRETE: ReadDiscreteInputs,
    Table.HOLDING: ReadHoldingRegisters,
    Table.INPUT: ReadInputRegisters,
}
_ERROR_OF: dict[Failure, type[Unreachable] | type[ResponseTimeout]] = {
    Failure.UNREACHABLE: Unreachable,
    Failure.CONNECTION_LOST: Unreachable,
    Failure.ABANDONED: Unreachable,
}


def prepare(request: Request, unit: int) -> WireRequest:
    """The bytes of `request` for `unit`. Raises LocalError for a unit id that does not exist."""
    if unit not in _UNIT_IDS:
        raise LocalError(f"unit {unit} is not a unit id: use 0 to 255")
    return WireRequest(b"%c%b" % (unit, request.encode()))


class RequestCache:
    """Prepared reads by table, address and count: a program that polls sends the same few repeatedly."""

    __slots__ = ("_prepared",)

    def __init__(self) -> None:
        self._prepared: dict[tuple[ReadKind, int, int, int], WireRequest] = {}

    def read(self, kind: ReadKind, address: int, count: int, unit: int) -> WireRequest:
        key = (kind, address, count, unit)
        prepared = self._prepared.get(key)
        if prepared is None:
            if len(self._prepared) >= _CACHED_READS:
                self._prepared.clear()
            prepared = self._prepared[key] = prepare(kind(address, count), unit)
        return prepared


def data_of(answer: bytes) -> bytes:
    """The data of an answer that fits its request (the line checked that). DeviceException where it is an exception.

    `answer` is the MBAP ADU without its transaction id, as `Transaction` gets it.
    """
    function_code = answer[ANSWER_FUNCTION_AT]
    if function_code & EXCEPTION_BIT:
        exception_code, function_code = answer[ANSWER_DATA_AT], function_code & ~EXCEPTION_BIT
        unknown = (
            exception_code == ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND
            and function_code == FunctionCode.READ_WRITE_MULTIPLE_REGISTERS  # the only write whose answer has data
        )
        raise DeviceException(exception_code, function_code=function_code, outcome_unknown=unknown)
    return answer[ANSWER_DATA_AT + 1 :]  # behind the byte count


def error_of(failure: Failure, detail: str, *, may_change_state: bool) -> SealbusError:
    """The error that a caller gets for a failure. It says that the outcome is unknown where a write was sent."""
    if failure is Failure.BROADCAST_READ:
        return LocalError("a broadcast (unit 0 on a serial line) can only write")
    unknown = failure.was_sent and may_change_state
    if failure is Failure.WRONG_ANSWER:
        return PeerError(f"{failure.text} its request: {detail}", outcome_unknown=unknown)
    return _ERROR_OF.get(failure, ResponseTimeout)(detail or failure.text, outcome_unknown=unknown)


@dataclass(frozen=True, slots=True)
class TypedRead:
    """The read that a place, a type and a word order ask for, and how its data are decoded."""

    kind: ReadKind
    address: int
    count: int
    value_type: ValueType
    word_order: WordOrder
    is_range: bool

    def decode(self, data: bytes) -> Any:
        """One value as itself, a range as a list."""
        if self.kind is ReadCoils or self.kind is ReadDiscreteInputs:
            bits = unpack_bits(data, self.count)
            return bits if self.is_range else bits[0]
        values = decode_registers(unpack_words(data), self.value_type, self.word_order)
        return values if self.is_range and self.value_type is not ValueType.STRING else values[0]


def parse_read(place: str, type: str, order: str) -> TypedRead:
    """What `read(place, type=type, order=order)` asks for. Raises LocalError."""
    where, value_type, word_order = _parsed(place, type, order)
    is_range = "-" in place
    is_bits = where.table in (Table.COILS, Table.DISCRETE)
    count = where.count if is_bits or is_range or value_type.registers is None else value_type.registers
    return TypedRead(_READ_OF[where.table], where.address, count, value_type, word_order, is_range)


def build_write(place: str, values: Sequence[Value], type: str, order: str) -> Request:
    """The request of `write(place, *values, type=type, order=order)`. Raises LocalError."""
    where, value_type, word_order = _parsed(place, type, order)
    if not values:
        raise LocalError(f"nothing to write to {place}: name at least one value")
    if where.table is Table.COILS:
        bits = [_as_bit(value) for value in values]
        _check_fit(place, where, len(bits))
        if len(bits) == 1:
            return WriteSingleCoil(where.address, bits[0])
        return WriteMultipleCoils(where.address, tuple(bits))
    if where.table is not Table.HOLDING:
        raise LocalError(f"{where.table} cannot be written: only coils and holding can")
    words = encode_registers(list(values), value_type, word_order)
    _check_fit(place, where, len(words))
    if len(words) == 1:
        return WriteSingleRegister(where.address, words[0])
    return WriteMultipleRegisters(where.address, tuple(words))


def _parsed(place: str, type: str, order: str) -> tuple[Place, ValueType, WordOrder]:
    try:
        value_type = ValueType(type)
    except ValueError:
        raise LocalError(f"unknown type {type!r}: use one of {', '.join(ValueType)}") from None
    try:
        word_order = WordOrder(order.upper())
    except ValueError:
        raise LocalError(f"unknown order {order!r}: use one of {', '.join(WordOrder)}") from None
    return parse_place(place), value_type, word_order


def _check_fit(text: str, place: Place, count: int) -> None:
    if "-" in text and count != place.count:
        raise LocalError(f"{text} has {place.count} places and the values fill {count}")


def _as_bit(value: Value) -> bool:
    if value in (0, 1):
        return bool(value)
    raise LocalError(f"{value!r} is not a value for a coil: use 0 or 1")
