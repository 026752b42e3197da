"""Typed values in registers: what the 16 bit words of a device mean.

The Modbus texts define one register, high byte first, and nothing wider. Devices put wider values into neighbouring
registers in one of four orders, named by how the bytes of the 32 bit value ABCD follow each other on the wire:

    ABCD  high word first, high byte first (big endian)      BADC  bytes swapped in each word
    CDAB  low word first                                     DCBA  both: little endian

For 64 bits the same: CDAB and DCBA have the words in reverse, BADC and DCBA the bytes in each word. For 16 bits, and
for the bits of one register, only the byte swap applies; strings run on from word to word in every order.

A whole block is converted in two steps of `struct`, with no object per register: pack the words in one byte order, unpack
the values in one; _BYTE_ORDERS says which two byte orders make which word order.
"""

from __future__ import annotations

import struct
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from sealbus.errors import LocalError, PeerError
from sealbus.protocol.packing import is_bit, pack_bits, pack_words, unpack_bits

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BCD_TYPES",
    "FLOAT_TYPES",
    "STRUCT_FORMATS",
    "RegisterValue",
    "ValueType",
    "WordOrder",
    "decode_registers",
    "encode_registers",
    "range_of",
]

RegisterValue: TypeAlias = int | float | str
"""A value of a register type; a bit is a bool."""


class WordOrder(StrEnum):
    """Where the bytes of a value come on the wire."""

    ABCD = "ABCD"
    BADC = "BADC"
    CDAB = "CDAB"
    DCBA = "DCBA"


class ValueType(StrEnum):
    """What registers mean. BIT is 16 bits to a register, lowest first; BCD16 and BCD32 have 4 and 8 decimal digits."""

    BIT = "bit"
    UINT16 = "uint16"
    INT16 = "int16"
    UINT32 = "uint32"
    INT32 = "int32"
    UINT64 = "uint64"
    INT64 = "int64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    STRING = "string"
    BCD16 = "bcd16"
    BCD32 = "bcd32"

    @property
    def registers(self) -> int | None:
        """How many registers one value takes; None for a string, which takes all there are."""
        return _REGISTERS[self]


_REGISTERS: Final[dict[ValueType, int | None]] = {
    ValueType.BIT: 1,
    ValueType.UINT16: 1,
    ValueType.INT16: 1,
    ValueType.UINT32: 2,
    ValueType.INT32: 2,
    ValueType.UINT64: 4,
    ValueType.INT64: 4,
    ValueType.FLOAT32: 2,
    ValueType.FLOAT64: 4,
    ValueType.STRING: None,
    ValueType.BCD16: 1,
    ValueType.BCD32: 2,
}
STRUCT_FORMATS: Final[dict[ValueType, str]] = {
    ValueType.UINT16: "H",
    ValueType.INT16: "h",
    ValueType.UINT32: "I",
    ValueType.INT32: "i",
    ValueType.UINT64: "Q",
    ValueType.INT64: "q",
    ValueType.FLOAT32: "f",
    ValueType.FLOAT64: "d",
    ValueType.BCD16: "H",
    ValueType.BCD32: "I",
}
"""How `struct` unpacks one value; BCD as the number that its bits are. A string and bits have none."""

_BYTE_ORDERS: Final[dict[WordOrder, tuple[str, str]]] = {
    WordOrder.ABCD: (">", ">"),
    WordOrder.BADC: ("<", ">"),
    WordOrder.CDAB: ("<", "<"),
    WordOrder.DCBA: (">", "<"),
}
"""The byte order of the words and that of the values."""

_SWAPPED: Final = (WordOrder.BADC, WordOrder.DCBA)
BCD_TYPES: Final = (ValueType.BCD16, ValueType.BCD32)
_MAX: Final = {ValueType.FLOAT32: 3.4028234663852886e38, ValueType.FLOAT64: 1.7976931348623157e308}
FLOAT_TYPES: Final = tuple(_MAX)
_BITS_OF_REGISTER: Final = 16
_DIGITS_OF_REGISTER: Final = 4
_SHOWN_BITS: Final = 256


def decode_registers(
    words: Sequence[int],
    type: ValueType,
    order: WordOrder = WordOrder.ABCD,
) -> list[RegisterValue]:
    """The values in `words` (0 to 65535 each): as many as there are, one where `type` is STRING.

    LocalError where the words are not a whole number of values; PeerError where they are not valid BCD or UTF-8.
    """
    if type is ValueType.STRING:
        return [_decode_text(_words_to_bytes(words, swapped=order in _SWAPPED))]
    if type is ValueType.BIT:
        data = _words_to_bytes(words, swapped=order not in _SWAPPED)
        return list(unpack_bits(data, _BITS_OF_REGISTER * len(words)))
    count, rest = divmod(len(words), type.registers or 1)
    if rest:
        raise LocalError(f"{len(words)} registers are not a whole number of {type} values of {type.registers}")
    words_order, values_order = _BYTE_ORDERS[order]
    data = _words_to_bytes(words, swapped=words_order == "<")
    values = struct.unpack(f"{values_order}{count}{STRUCT_FORMATS[type]}", data)
    return [_decode_bcd(value, type) for value in values] if type in BCD_TYPES else list(values)


def encode_registers(
    values: Sequence[RegisterValue],
    type: ValueType,
    order: WordOrder = WordOrder.ABCD,
    *,
    registers: int | None = None,
) -> list[int]:
    """The registers that hold `values`. `registers` is the size of a STRING, which is filled up with NUL.

    LocalError, with value, type and range, for a value that is not valid. A float is accepted as an integer if it is whole.
    """
    if type is ValueType.STRING:
        return _bytes_to_words(_encode_text(values, registers), swapped=order in _SWAPPED)
    if type is ValueType.BIT:
        return _bytes_to_words(_encode_bits(values), swapped=order not in _SWAPPED)
    for value in values:
        if isinstance(value, bool):  # `struct` would take it as 0 or 1
            raise _misfit(value, type)
    words_order, values_order = _BYTE_ORDERS[order]
    numbers: Sequence[RegisterValue] = [_encode_bcd(value, type) for value in values] if type in BCD_TYPES else values
    form = f"{values_order}{len(numbers)}{STRUCT_FORMATS[type]}"
    try:
        data = struct.pack(form, *numbers)
    except (struct.error, OverflowError):
        data = struct.pack(form, *(_fitted(value, type) for value in values))
    return _bytes_to_words(data, swapped=words_order == "<")


def _words_to_bytes(words: Sequence[int], *, swapped: bool) -> bytes:
    if not swapped:
        return pack_words(words)
    try:
        return struct.pack(f"<{len(words)}H", *words)
    except struct.error:
        return pack_words(words)  # raises, and says which word


def _bytes_to_words(data: bytes, *, swapped: bool) -> list[int]:
    return list(struct.unpack(f"{'<' if swapped else '>'}{len(data) // 2}H", data))


def _decode_text(data: bytes) -> str:
    """Up to the first NUL, less the spaces that pad it."""
    text, _, _ = data.partition(b"\x00")
    try:
        return text.rstrip(b" ").decode("utf-8")
    except UnicodeDecodeError as error:
        raise PeerError(
            f"the registers are not UTF-8 text: byte {error.start + 1} is {text[error.start]:02X}"
        ) from None


def _encode_text(values: Sequence[RegisterValue], registers: int | None) -> bytes:
    if isinstance(values, str) or len(values) != 1 or not isinstance(values[0], str):
        raise LocalError("a string type takes one text, in a list")
    try:
        data = values[0].encode("utf-8")
    except UnicodeEncodeError:
        raise LocalError(f"{values[0]!r} cannot be encoded in UTF-8") from None
    if b"\x00" in data:
        raise LocalError(f"{values[0]!r} has a NUL, which ends a string")
    room = 2 * ((len(data) + 1) // 2 if registers is None else registers)
    if len(data) > room:
        raise LocalError(
            f"{values[0]!r} has {len(data)} bytes and needs more than {registers} registers, which hold {room}"
        )
    return data.ljust(room, b"\x00")


def _encode_bits(values: Sequence[RegisterValue]) -> bytes:
    if len(values) % _BITS_OF_REGISTER:
        raise LocalError(
            f"{len(values)} bits would change others in their register; give 16 for each, or use a mask write"
        )
    for value in values:
        if not is_bit(value):
            raise LocalError(f"{value!r} is not valid as bit: use True, False, 0 or 1")
    return pack_bits([bool(value) for value in values])


def _decode_bcd(value: int, value_type: ValueType) -> int:
    try:
        return int(f"{value:x}")
    except ValueError:
        digits = f"{value:0{_DIGITS_OF_REGISTER * (value_type.registers or 1)}X}"
        raise PeerError(f"the registers hold {digits}, which is not {value_type}: its digits are 0 to 9") from None


def _encode_bcd(value: RegisterValue, value_type: ValueType) -> int:
    return int(str(_whole(value, value_type)), 16)


def _fitted(value: RegisterValue, value_type: ValueType) -> int | float:
    """The value as `struct` takes it, or the error that names it."""
    if value_type not in FLOAT_TYPES:
        return _whole(value, value_type)
    try:
        struct.pack(f">{STRUCT_FORMATS[value_type]}", value)
    except (struct.error, OverflowError):
        raise _misfit(value, value_type) from None
    return float(value)


def _whole(value: RegisterValue, value_type: ValueType) -> int:
    low, high = range_of(value_type)
    try:
        if not isinstance(value, str) and value == value and low <= value <= high and value == int(value):
            return int(value)
    except (TypeError, ValueError):  # None, a list: no number at all
        pass
    raise _misfit(value, value_type)


def range_of(value_type: ValueType) -> tuple[int | float, int | float]:
    """The least and the greatest number of a type, which is not STRING or BIT."""
    if value_type in FLOAT_TYPES:
        return -_MAX[value_type], _MAX[value_type]
    registers = _REGISTERS[value_type] or 1
    if value_type in BCD_TYPES:
        return 0, 10 ** (_DIGITS_OF_REGISTER * registers) - 1
    bits = _BITS_OF_REGISTER * registers
    signed = STRUCT_FORMATS[value_type].islower()
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)


def _misfit(value: RegisterValue, value_type: ValueType) -> LocalError:
    low, high = range_of(value_type)
    if isinstance(value, int) and value.bit_length() > _SHOWN_BITS:  # too long to print
        shown = f"a number of {value.bit_length()} bits"
    else:
        shown = repr(value)
    wanted = "number" if value_type in FLOAT_TYPES else "whole number"
    return LocalError(f"{shown} is not valid as {value_type}: use a {wanted} from {low} to {high}")
