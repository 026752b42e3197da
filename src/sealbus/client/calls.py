"""What a call of the client API sends, what its answer means, and which error a failure becomes.

Shared by the two clients, with and without `await`, so that they differ only in how they wait. Pure.

Arguments are checked here and in the constructors of the requests, before anything is sent: a wrong one is a LocalError
that names it and says what to write instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from itertools import islice
from operator import index
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar, cast

from sealbus.client.transaction import Failure
from sealbus.errors import (
    DeviceException,
    FailedRequest,
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
    ReadWriteMultipleRegisters,
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

    from sealbus.endpoints import Endpoint
    from sealbus.protocol import Place, Request

__all__ = [
    "OWN_UNIT",
    "Error",
    "FloatType",
    "IntegerType",
    "OrderName",
    "ReadKind",
    "RequestCache",
    "TypeName",
    "TypedRead",
    "Value",
    "build_read",
    "build_read_write",
    "build_write",
    "check_unit",
    "data_of",
    "error_of",
    "exception_of",
    "named",
    "parse_read",
    "place_of",
    "prepare",
    "unit_range",
    "values_of",
]


class _OwnUnit:
    """Its text is what `help` shows as the default."""

    def __repr__(self) -> str:
        return "..."


Error = TypeVar("Error", bound=SealbusError)
Value: TypeAlias = bool | int | float | str
"""What one place of a device holds, once decoded."""

IntegerType: TypeAlias = Literal["uint16", "int16", "uint32", "int32", "uint64", "int64", "bcd16", "bcd32"]
"""The types whose values are `int`."""

FloatType: TypeAlias = Literal["float32", "float64"]
"""The types whose values are `float`."""

TypeName: TypeAlias = IntegerType | FloatType | Literal["string", "bit"]
"""Every type of value; a `ValueType` is accepted too."""

OrderName: TypeAlias = Literal["ABCD", "BADC", "CDAB", "DCBA"]
"""Every order of bytes; a `WordOrder` is accepted too."""

ReadKind: TypeAlias = type[ReadCoils] | type[ReadDiscreteInputs] | type[ReadHoldingRegisters] | type[ReadInputRegisters]

OWN_UNIT: Final = cast("int", _OwnUnit())
"""What `unit` is where a call names none. None is refused: it is a slip, and a write would go to the wrong device."""

_UNIT_IDS: Final = range(256)
_CACHED_READS: Final = 1024
_READ_OF: Final[dict[Table, ReadKind]] = {
    Table.COILS: ReadCoils,
    Table.DISCRETE: ReadDiscreteInputs,
    Table.HOLDING: ReadHoldingRegisters,
    Table.INPUT: ReadInputRegisters,
}
_BIT_TABLES: Final = (Table.COILS, Table.DISCRETE)
_ERROR_OF: Final[dict[Failure, type[Unreachable] | type[ResponseTimeout]]] = {
    Failure.UNREACHABLE: Unreachable,
    Failure.CONNECTION_LOST: Unreachable,
    Failure.ABANDONED: Unreachable,
}
_ADDRESSED: Final = frozenset(
    (
        *range(FunctionCode.READ_COILS, FunctionCode.WRITE_SINGLE_REGISTER + 1),
        FunctionCode.WRITE_MULTIPLE_COILS,
        FunctionCode.WRITE_MULTIPLE_REGISTERS,
        FunctionCode.MASK_WRITE_REGISTER,
        FunctionCode.READ_WRITE_MULTIPLE_REGISTERS,
        FunctionCode.READ_FIFO_QUEUE,
    )
)
"""The functions whose PDU has an address behind the function code."""


def check_unit(unit: int) -> int:
    """`unit`, if it is a unit id. Raises LocalError."""
    if (type(unit) is not int and not _is_whole(unit)) or unit not in _UNIT_IDS:
        raise LocalError(f"unit {unit!r} is not a unit id: use a whole number from 0 to 255")
    return unit


def unit_range(first: int, last: int) -> range:
    """The unit ids from `first` to `last`, to scan. Raises LocalError; an empty range would look like no device."""
    if check_unit(last) < check_unit(first):
        raise LocalError(f"units {first} to {last} end before they begin: write scan_units({last}, {first})")
    return range(first, last + 1)


def prepare(request: Request, unit: int) -> WireRequest:
    """The bytes of `request` for `unit`. Raises LocalError for what is no unit id or no request."""
    check_unit(unit)
    if isinstance(request, type) or not hasattr(request, "function_code"):  # a text has `encode` too, and would be sent
        raise LocalError(f"{request!r} is not a request: execute one of sealbus.protocol, such as ReadCoils(0, 8)")
    return WireRequest(b"%c%b" % (unit, request.encode()))


class RequestCache:
    """Prepared reads by table, address and count: a program that polls sends the same few repeatedly."""

    __slots__ = ("_prepared",)

    def __init__(self) -> None:
        self._prepared: dict[tuple[ReadKind, int, int, int], WireRequest] = {}

    def read(self, kind: ReadKind, address: int, count: int, unit: int) -> WireRequest:
        if type(address) is not int or type(count) is not int or type(unit) is not int:
            return prepare(kind(address, count), unit)  # refused: 1.0 and True are keys that equal 1
        key = (kind, address, count, unit)
        prepared = self._prepared.get(key)
        if prepared is None:
            if len(self._prepared) >= _CACHED_READS:
                self._prepared.clear()
            prepared = self._prepared[key] = prepare(kind(address, count), unit)
        return prepared


def data_of(answer: bytes) -> bytes:
    """The data of an answer that fits its request (the line checked that) and is no exception.

    `answer` is the MBAP ADU without its transaction id, as `Transaction` gets it.
    """
    return answer[ANSWER_DATA_AT + 1 :]  # behind the byte count


def exception_of(answer: bytes, endpoint: Endpoint, request: WireRequest) -> DeviceException:
    """The error of an answer that is an exception."""
    function_code = answer[ANSWER_FUNCTION_AT]
    exception_code = answer[ANSWER_DATA_AT]
    error = DeviceException(
        exception_code,
        function_code=function_code & ~EXCEPTION_BIT,
        outcome_unknown=request.may_change_state and exception_code == ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND,
    )
    return named(error, endpoint, request)


def error_of(failure: Failure, detail: str, endpoint: Endpoint, request: WireRequest) -> SealbusError:
    """The error that a caller gets for a failure. It says that the outcome is unknown where a write was sent."""
    return named(_error_of(failure, detail, unknown=failure.was_sent and request.may_change_state), endpoint, request)


def _error_of(failure: Failure, detail: str, *, unknown: bool) -> SealbusError:
    if failure is Failure.BROADCAST_READ:
        return LocalError("a broadcast (unit 0 on a serial line) can only write")
    if failure is Failure.BUSY:
        return LocalError(f"{failure.text}: await some calls before more are made")
    if failure is Failure.ABANDONED:
        return Unreachable("the connection was closed before it was sent")
    if failure is Failure.WRONG_ANSWER:
        return PeerError(f"{failure.text} its request: {detail}", outcome_unknown=unknown)
    return _ERROR_OF.get(failure, ResponseTimeout)(detail or failure.text, outcome_unknown=unknown)


def named(error: Error, endpoint: Endpoint, request: WireRequest) -> Error:
    """The error, which says from now on which request failed."""
    unit_and_pdu = request.unit_and_pdu
    function_code = unit_and_pdu[1]
    address = int.from_bytes(unit_and_pdu[2:4]) if function_code in _ADDRESSED else None
    error.request = FailedRequest(str(endpoint), request.unit_id, function_code, address)
    return error


@dataclass(frozen=True, slots=True)
class TypedRead:
    """The read that a place, a type and a word order ask for, and how its data are decoded."""

    kind: ReadKind
    address: int
    count: int
    value_type: ValueType
    word_order: WordOrder
    is_range: bool

    def decode(self, data: bytes, endpoint: Endpoint, request: WireRequest) -> Any:
        """One value as itself, a range as a list; the bits of registers always as a list, a string as one text.

        PeerError, which names the request, where the data are not valid for the type.
        """
        try:
            return self._decode(data)
        except PeerError as error:
            raise named(error, endpoint, request) from None

    def _decode(self, data: bytes) -> Any:
        if self.kind is ReadCoils or self.kind is ReadDiscreteInputs:
            bits = unpack_bits(data, self.count)
            return bits if self.is_range else bits[0]
        values = decode_registers(unpack_words(data), self.value_type, self.word_order)
        if self.value_type is ValueType.STRING:
            return values[0]
        return values if self.is_range or self.value_type is ValueType.BIT else values[0]


def parse_read(place: str, type: str | None, order: str) -> TypedRead:
    """What `read(place, type=type, order=order)` asks for. Raises LocalError."""
    where, value_type, word_order = _parsed(place, type, order)
    is_range = "-" in place
    size = value_type.registers or 1
    if where.table in _BIT_TABLES or value_type is ValueType.STRING:
        count = where.count
    elif not is_range:
        count = size
    else:
        count = where.count
        if rest := count % size:
            last = where.last - rest if count > size else where.address + size - 1
            raise LocalError(
                f"{place} has {count} registers and {value_type} takes {size}: write {where.table}:{where.address}-{last}"
            )
    return TypedRead(_READ_OF[where.table], where.address, count, value_type, word_order, is_range)


def place_of(place: str) -> Place:
    """The place that a text names. Raises LocalError."""
    if not isinstance(place, str):
        raise LocalError(f"place {place!r} is not a text: write a table and addresses, such as 'holding:0-9'")
    return parse_place(place)


def build_read(place: Place) -> Request:
    """The request that reads a place. Raises LocalError for one that is longer than a request can name."""
    return _READ_OF[place.table](place.address, place.count)


def build_write(place: str, values: Sequence[Value], type: str | None, order: str) -> Request:
    """The request of `write(place, *values, type=type, order=order)`. Raises LocalError."""
    where, value_type, word_order = _parsed(place, type, order)
    _check_values(place, values, value_type)
    if where.table is Table.COILS:
        _check_fit(place, where, len(values))
        if len(values) == 1:
            return WriteSingleCoil(where.address, values[0])  # type: ignore[arg-type]  # it refuses what is no bit
        return WriteMultipleCoils(where.address, tuple(values))  # type: ignore[arg-type]  # likewise
    if where.table is not Table.HOLDING:
        raise LocalError(f"{where.table} cannot be written: only coils and holding can")
    # A text fills its whole range: without that, the end of a longer text written before would stay behind it.
    room = where.count if "-" in place and value_type is ValueType.STRING else None
    words = encode_registers(list(values), value_type, word_order, registers=room)
    _check_fit(place, where, len(words))
    if len(words) == 1:
        return WriteSingleRegister(where.address, words[0])
    return WriteMultipleRegisters(where.address, tuple(words))


def build_read_write(read: tuple[int, int], write: tuple[int, Sequence[int]]) -> ReadWriteMultipleRegisters:
    """The request of `read_write_registers(read, write)`. Raises LocalError."""
    try:
        (read_address, count), (write_address, values) = read, write
    except (TypeError, ValueError):
        raise LocalError(
            f"read {read!r} and write {write!r}: give (address, count) and (address, values), such as (0, 2), (10, [7])"
        ) from None
    return ReadWriteMultipleRegisters(read_address, count, write_address, values_of(values))


def values_of(values: Iterable[Any]) -> tuple[Any, ...]:
    """The argument `values` of a call that writes several. A text or bytes are not taken apart into characters."""
    if not isinstance(values, str | bytes | bytearray | memoryview | Mapping | Set):
        try:
            return tuple(values)
        except TypeError:
            pass
    raise LocalError(f"values {values!r} is not a list: give one, such as [1, 0]")


def _parsed(place: str, type: str | None, order: str) -> tuple[Place, ValueType, WordOrder]:
    where = place_of(place)
    is_bits = where.table in _BIT_TABLES
    try:
        value_type = ValueType(type) if type is not None else ValueType.BIT if is_bits else ValueType.UINT16
    except ValueError:
        raise LocalError(f"unknown type {type!r}: use one of {', '.join(ValueType)}") from None
    if is_bits and value_type is not ValueType.BIT:
        raise LocalError(f"{place} has bits, which cannot be read or written as {value_type}: leave out the type")
    try:
        return where, value_type, WordOrder(str(order).upper())
    except ValueError:
        raise LocalError(f"unknown order {order!r}: use one of {', '.join(WordOrder)}") from None


def _check_values(place: str, values: Sequence[object], value_type: ValueType) -> None:
    if not values:
        raise LocalError(f"nothing to write to {place}: name at least one value")
    for value in values:
        if isinstance(value, Iterable) and not isinstance(value, str):
            inside = ", ".join(map(repr, islice(value, 2)))
            instead = f"write({place!r}, {inside}), or write({place!r}, *values)"
            raise LocalError(f"{value!r} is not one value: write the values one by one, {instead}")
    if value_type is ValueType.STRING and (len(values) > 1 or not isinstance(values[0], str)):
        raise LocalError(f"a string takes one text: write({place!r}, 'text', type='string')")


def _check_fit(text: str, place: Place, count: int) -> None:
    if "-" in text and count != place.count:
        raise LocalError(f"{text} has {place.count} places and the values fill {count}")


def _is_whole(value: object) -> bool:
    """Whether it is an integer, of another library too. True is none: it is a slip for a value."""
    try:
        return not isinstance(value, bool) and index(value) is not None  # type: ignore[arg-type]
    except TypeError:
        return False
