"""The types of SunSpec: which value types fit each, and which patterns mean that a device does not implement the point.

The SunSpec Information Model Specification, "Point types": a type's own pattern means "not implemented". Accumulators,
counts, addresses and strings mean it by zeros; a bit field by all bits set, and a bit field whose highest bit is set is
invalid as a whole; the address of an Ethernet card by six bytes FF behind two unused ones.

A value type fits a SunSpec type of the same size and kind; signed and unsigned both fit, since the pattern is the same.
Addresses may be read as text, in as many registers as they take, and are then written in the usual notation.

In a discovery a zero of an accumulator or a count is kept (`is_implemented`): it also means "nothing counted yet".
"""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sealbus.protocol import ValueType, decode_registers, pack_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["SUNSPEC_TYPES", "SunSpecType", "is_implemented", "sunspec_string"]

_ONE: Final = (ValueType.UINT16, ValueType.INT16, ValueType.BIT)
_ONE_SIGNED: Final = (ValueType.INT16, ValueType.UINT16, ValueType.BIT)
_TWO: Final = (ValueType.UINT32, ValueType.INT32)
_TWO_SIGNED: Final = (ValueType.INT32, ValueType.UINT32)
_FOUR: Final = (ValueType.UINT64, ValueType.INT64)
_FOUR_SIGNED: Final = (ValueType.INT64, ValueType.UINT64)
_TEXT: Final = (ValueType.STRING,)
_NAN: Final = math.nan


def _ipv4(data: bytes) -> str:
    return str(ipaddress.IPv4Address(data)) if any(data) else ""


def _ipv6(data: bytes) -> str:
    return str(ipaddress.IPv6Address(data)) if any(data) else ""


def _eui48(data: bytes) -> str:
    return data[2:].hex(":") if data[2:] not in (b"\xff" * 6, bytes(6)) else ""


@dataclass(frozen=True, slots=True)
class SunSpecType:
    """`fits` are the value types that it can be read as; the first is the one that a discovery chooses."""

    fits: tuple[ValueType, ...]
    sentinels: tuple[int | float, ...] = ()
    """The patterns that mean "not implemented"."""
    is_bit_field: bool = False
    is_enumeration: bool = False
    zero_is_kept: bool = False
    """In a discovery a zero does not mean "not implemented"."""
    text_registers: int = 0
    """How many registers it takes as a text; 0 for as many as there are."""
    text: Callable[[bytes], str] | None = None
    """From all its bytes to the usual notation, empty where it is not implemented. None: its bytes are characters."""

    @property
    def registers(self) -> int:
        """How many registers it takes; 0 where its definition gives the number."""
        return self.fits[0].registers or self.text_registers


SUNSPEC_TYPES: Final[dict[str, SunSpecType]] = {
    "int16": SunSpecType(_ONE_SIGNED, (0x8000,)),
    "uint16": SunSpecType(_ONE, (0xFFFF,)),
    "int32": SunSpecType(_TWO_SIGNED, (0x80000000,)),
    "uint32": SunSpecType(_TWO, (0xFFFFFFFF,)),
    "int64": SunSpecType(_FOUR_SIGNED, (0x8000000000000000,)),
    "uint64": SunSpecType(_FOUR, (0xFFFFFFFFFFFFFFFF,)),
    "float32": SunSpecType((ValueType.FLOAT32,), (_NAN,)),
    "float64": SunSpecType((ValueType.FLOAT64,), (_NAN,)),
    "sunssf": SunSpecType(_ONE_SIGNED, (0x8000,)),
    "pad": SunSpecType(_ONE, (0x8000,)),
    "count": SunSpecType(_ONE, (0, 0xFFFF), zero_is_kept=True),
    "enum16": SunSpecType(_ONE, (0xFFFF,), is_enumeration=True),
    "enum32": SunSpecType(_TWO, (0xFFFFFFFF,), is_enumeration=True),
    "bitfield16": SunSpecType(_ONE, (0xFFFF, 0x8000), is_bit_field=True),
    "bitfield32": SunSpecType(_TWO, (0xFFFFFFFF, 0x80000000), is_bit_field=True),
    "bitfield64": SunSpecType(_FOUR, (0xFFFFFFFFFFFFFFFF, 0x8000000000000000), is_bit_field=True),
    "acc16": SunSpecType(_ONE, (0,), zero_is_kept=True),
    "acc32": SunSpecType(_TWO, (0,), zero_is_kept=True),
    "acc64": SunSpecType(_FOUR, (0,), zero_is_kept=True),
    "ipaddr": SunSpecType((*_TWO, *_TEXT), (0,), text_registers=2, text=_ipv4),
    "ipv6addr": SunSpecType(_TEXT, text_registers=8, text=_ipv6),
    "eui48": SunSpecType(_TEXT, text_registers=4, text=_eui48),
    "string": SunSpecType(_TEXT),
}


def sunspec_string(data: bytes) -> str:
    """The text of a SunSpec string: UTF-8, or Latin-1 where it is not. Empty where it is not implemented.

    It ends at the first NUL. Some devices fill up with FF or spaces in place of NUL, and some write Latin-1.
    """
    text = data.partition(b"\x00")[0].rstrip(b" \xff")
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")


def is_implemented(name: str, words: Sequence[int]) -> bool:
    """Whether these registers of a device hold anything but the pattern for "not implemented"."""
    known = SUNSPEC_TYPES[name]
    if known.fits[0] is ValueType.STRING:
        return bool((known.text or sunspec_string)(pack_words(words)))
    (value,) = decode_registers(words, known.fits[0])
    if isinstance(value, float):
        return not math.isnan(value)
    pattern = sum(word << 16 * place for place, word in enumerate(reversed(words)))
    return pattern not in known.sentinels or (pattern == 0 and known.zero_is_kept)
