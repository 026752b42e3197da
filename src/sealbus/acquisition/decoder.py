"""All raw values of a block in one step, for any mixture of types and orders of its tags.

The bytes of an answer are first put into the order in which the tags read them: high byte first, each tag's bytes after
those of the tag before. That is one indexing by a NumPy array of indices computed beforehand, and none where the bytes
have that order already. Then one `struct` unpacks everything. Tags may overlap and leave gaps; the cost depends on the
number of bytes, not on the number of tags.

The result is that of `protocol.decode_registers`, tag by tag. BCD and strings are returned as their bytes; the conversion
decodes them when they have changed.
"""

from __future__ import annotations

import struct
from operator import itemgetter
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from sealbus.protocol import BCD_TYPES, STRUCT_FORMATS, Table, ValueType, WordOrder, unpack_bits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sealbus.plant import PlannedBlock, Raw, Tag

__all__ = ["Decoder", "build_decoder"]

Decoder: TypeAlias = "Callable[[bytes], Sequence[Raw]]"
"""From the data of an answer, without its byte count, to a raw value for each tag of the block."""

_FORMATS: Final = STRUCT_FORMATS | {ValueType.BIT: "H"}  # of a bit the whole register is unpacked
_SWAPS_BYTES: Final = (WordOrder.BADC, WordOrder.DCBA)
_SWAPS_WORDS: Final = (WordOrder.CDAB, WordOrder.DCBA)


def build_decoder(block: PlannedBlock) -> Decoder:
    """The decoder of a block."""
    if block.place.table in (Table.COILS, Table.DISCRETE):
        return _bits(block)
    indices = [index for tag in block.tags for index in _indices(tag, block.place.address)]
    unpack = struct.Struct(">" + "".join(map(_format, block.tags))).unpack
    if indices == list(range(2 * block.place.count)):
        return unpack
    taken = np.array(indices, dtype=np.intp)
    frombuffer, uint8 = np.frombuffer, np.uint8
    return lambda data: unpack(frombuffer(data, uint8)[taken].tobytes())


def _bits(block: PlannedBlock) -> Decoder:
    count = block.place.count
    offsets = [tag.place.address - block.place.address for tag in block.tags]
    if offsets == list(range(count)):
        return lambda data: unpack_bits(data, count)
    if len(offsets) == 1:
        return lambda data: (unpack_bits(data, count)[offsets[0]],)
    pick = itemgetter(*offsets)
    return lambda data: pick(unpack_bits(data, count))


def _format(tag: Tag) -> str:
    is_left_as_bytes = tag.type is ValueType.STRING or tag.type in BCD_TYPES
    return f"{2 * tag.place.count}s" if is_left_as_bytes else _FORMATS[tag.type]


def _indices(tag: Tag, first: int) -> list[int]:
    """The indices in the answer of the bytes of this tag's value, the highest byte first."""
    words = list(range(tag.place.address - first, tag.place.address - first + tag.place.count))
    if tag.order in _SWAPS_WORDS and tag.type is not ValueType.STRING:
        words.reverse()
    pair = (1, 0) if tag.order in _SWAPS_BYTES else (0, 1)
    return [2 * word + byte for word in words for byte in pair]
