"""Bits and registers as a PDU packs them.

Registers are 16 bit, high byte first (MODBUS Application Protocol V1.1b3, 4.2). Bits are packed eight to a byte, the
lowest address in the lowest bit of the first byte, the last byte filled up with zeros (6.1). Whole blocks are packed
and unpacked in one step; nothing here makes an object per register.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from itertools import chain
from operator import index
from typing import TYPE_CHECKING, Final

from sealbus.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["block_of_words", "is_bit", "pack_bits", "pack_words", "unpack_bits", "unpack_words"]

_BITS_OF_BYTE: Final[list[tuple[bool, ...]]] = [
    tuple(bool(byte >> position & 1) for position in range(8)) for byte in range(256)
]
_DIGIT_OF_BIT: Final = b"0" + b"1" * 255


def pack_words(words: Sequence[int]) -> bytes:
    """The bytes of 16 bit registers, high byte first. LocalError for what is not in 0 to 65535."""
    try:
        return block_of_words(len(words)).pack(*words)
    except struct.error:
        raise LocalError(f"{_misfit(words)!r} is not valid in a register: use a whole number from 0 to 65535") from None


def unpack_words(data: bytes) -> list[int]:
    """The registers in `data`, 0 to 65535 each. LocalError where the number of bytes is odd."""
    if len(data) % 2:
        raise LocalError(f"{len(data)} bytes are not a whole number of registers")
    return list(block_of_words(len(data) // 2).unpack(data))


def pack_bits(values: Sequence[bool] | Sequence[int]) -> bytes:
    """The bytes of bits, the first in the lowest bit of the first byte; anything but 0 is on."""
    if not values:
        return b""
    digits = bytes(map(bool, values)).translate(_DIGIT_OF_BIT)[::-1]
    return int(digits, 2).to_bytes((len(values) + 7) // 8, "little")


def unpack_bits(data: bytes, count: int) -> list[bool]:
    """The first `count` bits of `data`. LocalError where there are fewer."""
    if count > 8 * len(data):
        raise LocalError(f"{len(data)} bytes do not hold exactly {count} bits")
    bits = list(chain.from_iterable(map(_BITS_OF_BYTE.__getitem__, data)))
    del bits[count:]
    return bits


def is_bit(value: object) -> bool:
    """Whether `value` is True, False, 0 or 1, and no other kind of value that equals one of them or counts as true."""
    try:
        return index(value) in (0, 1)  # type: ignore[arg-type]  # TypeError for what is no whole number
    except TypeError:
        return False


def _misfit(words: Sequence[object]) -> object:
    return next((word for word in words if not isinstance(word, int) or not 0 <= word <= 0xFFFF), None)


@lru_cache(maxsize=256)
def block_of_words(count: int) -> struct.Struct:
    """The prepared struct of `count` registers."""
    return struct.Struct(f">{count}H")
