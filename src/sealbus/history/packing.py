"""Samples of one tag in few bytes: how the SQLite engine keeps them.

Times are kept as differences, and each column by its bytes of the same weight, so that a general compressor finds what
repeats: a register that moves a little each second takes about four bytes a sample, time and quality included.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from sealbus.history.block import Block

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["pack", "unpack"]

_HEAD = struct.Struct("<qI")  # the first time, how many
_LEVEL = 3


def pack(block: Block) -> bytes:
    """Samples of one tag, in order."""
    times = np.diff(block.times_us, prepend=block.times_us[:1])
    columns = (times.astype("<i8"), block.values.astype("<f8"), block.statuses.astype("<i2"))
    texts = msgspec.msgpack.encode(block.texts) if block.texts else b""
    packed = zlib.compress(b"".join((*(_by_weight(column) for column in columns), texts)), _LEVEL)
    return _HEAD.pack(int(block.times_us[0]), len(block)) + packed


def unpack(tag_id: int, data: bytes) -> Block:
    """The opposite. Raises ValueError for what `pack` has not made."""
    try:
        first_us, count = _HEAD.unpack_from(data)
        plain = zlib.decompress(memoryview(data)[_HEAD.size :])
        texts = msgspec.msgpack.decode(plain[18 * count :], type=dict[int, str]) if len(plain) > 18 * count else {}
        columns, offset = [], 0
        for kind, width in (("<i8", 8), ("<f8", 8), ("<i2", 2)):
            bytes_of = np.frombuffer(plain, np.uint8, width * count, offset).reshape(width, count)
            columns.append(np.ascontiguousarray(bytes_of.T).view(kind).ravel())
            offset += width * count
    except (struct.error, zlib.error) as error:
        raise ValueError(f"samples of tag {tag_id} are damaged: {error}") from error
    times, values, statuses = columns
    return Block(
        np.full(count, tag_id, np.int64),
        first_us + np.cumsum(times, dtype=np.int64),
        values.astype(np.float64),
        statuses.astype(np.int64),
        texts,
    )


def _by_weight(column: NDArray[np.generic]) -> bytes:
    return column.view(np.uint8).reshape(len(column), column.itemsize).T.tobytes()
