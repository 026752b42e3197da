"""The types of SunSpec: what fits each, and by what a device says that it does not implement the point.

The SunSpec Information Model Specification, "Point types": a type's own pattern means that there is no such point. An
accumulator, an address and a string mean it by zeros; a bit field by all bits set, and when only its highest is set
nothing else counts; the address of an Ethernet card by six bytes FF behind two that mean nothing.

A type fits what has its size and its kind: whole numbers with or without a sign, since a pattern is the same in both.
Addresses may be read as text, in as many registers as they take, and are then written as addresses are.
"""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sealbus.errors import ConfigError
from sealbus.protocol import ValueType

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SUNSPEC_TYPES", "SunSpecType", "sunspec_type_of"]

_ONE: Final = (ValueType.UINT16, ValueType.INT16, ValueType.BIT)
_TWO: Final = (ValueType.UINT32, ValueType.INT32)
_FOUR: Final = (ValueType.UINT64, ValueType.INT64)
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
    """`fits` are the value types that it can be read as, `sentinels` the patterns that mean "not implemented"."""

    fits: tuple[ValueType, ...]
    sentinels: tuple[int | float, ...] = ()
    is_bit_field: bool = False
    text_registers: int = 0
    """How many registers it takes as a text; 0 for as many as there are."""
    text: Callable[[bytes], str] | None = None
    """From all its bytes to how it is written, nothing for one that is not implemented; None: by its characters."""


SUNSPEC_TYPES: Final[dict[str, SunSpecType]] = {
    "int16": SunSpecType(_ONE, (0x8000,)),
    "uint16": SunSpecType(_ONE, (0xFFFF,)),
    "int32": SunSpecType(_TWO, (0x80000000,)),
    "uint32": SunSpecType(_TWO, (0xFFFFFFFF,)),
    "int64": SunSpecType(_FOUR, (0x8000000000000000,)),
    "uint64": SunSpecType(_FOUR, (0xFFFFFFFFFFFFFFFF,)),
    "float32": SunSpecType((ValueType.FLOAT32,), (_NAN,)),
    "float64": SunSpecType((ValueType.FLOAT64,), (_NAN,)),
    "sunssf": SunSpecType(_ONE, (0x8000,)),
    "pad": SunSpecType(_ONE, (0x8000,)),
    "count": SunSpecType(_ONE, (0,)),
    "enum16": SunSpecType(_ONE, (0xFFFF,)),
    "enum32": SunSpecType(_TWO, (0xFFFFFFFF,)),
    "bitfield16": SunSpecType(_ONE, (0xFFFF, 0x8000), is_bit_field=True),
    "bitfield32": SunSpecType(_TWO, (0xFFFFFFFF, 0x80000000), is_bit_field=True),
    "bitfield64": SunSpecType(_FOUR, (0xFFFFFFFFFFFFFFFF, 0x8000000000000000), is_bit_field=True),
    "acc16": SunSpecType(_ONE, (0,)),
    "acc32": SunSpecType(_TWO, (0,)),
    "acc64": SunSpecType(_FOUR, (0,)),
    "ipaddr": SunSpecType((*_TWO, *_TEXT), (0,), text_registers=2, text=_ipv4),
    "ipv6addr": SunSpecType(_TEXT, text_registers=8, text=_ipv6),
    "eui48": SunSpecType(_TEXT, text_registers=4, text=_eui48),
    "string": SunSpecType(_TEXT),
}


def sunspec_type_of(name: str, value_type: ValueType, registers: int) -> SunSpecType:
    """The type of this name. Raises ConfigError where there is none or a value of that type and length cannot be one."""
    found = SUNSPEC_TYPES.get(name)
    if found is None:
        raise ConfigError(
            f'there is no SunSpec type "{name}"', key="sunspec_type", hint=f"write one of {', '.join(SUNSPEC_TYPES)}"
        )
    if value_type not in found.fits:
        fitting = ", ".join(each for each in found.fits if each is not ValueType.BIT)
        raise ConfigError(
            f"{value_type} is no type for the SunSpec type {name}", key="sunspec_type", hint=f"make the type {fitting}"
        )
    if value_type is ValueType.STRING and found.text_registers not in (0, registers):
        raise ConfigError(
            f"a text of {registers} registers holds no {name}", key="length", hint=f"give {found.text_registers}"
        )
    return found
