"""Samples of one tag in few bytes: how the SQLite engine keeps them.

*Plain* they are the columns one after the other; that is what is made often, and soon made anew. *Small*, times are
differences and each column is kept by its bytes of the same weight, so that a general compressor finds what repeats: a
register that moves a little each second takes about four bytes a sample, time and quality included.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from sealbus.history.block import Block

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["is_small", "pack_plain", "pack_small", "unpack"]

_HEAD = struct.Struct("<BI")  # which of the two, and how many
_PLAIN, _SMALL = 0, 1
_LEVEL = 3
_KINDS = (("<i8", 8), ("<f8", 8), ("<i2", 2))
_WIDTH = 18


def pack_plain(block: Block, firsts: Sequence[int]) -> Iterator[bytes]:
    """Samples in pieces that begin at these places, the first at the start."""
    times, values, statuses = (column.tobytes() for column in _columns(block.times_us, block))
    for first, last in itertools.pairwise([*firsts, len(block)]):
        texts = _texts(block.sliced(first, last)) if block.texts else b""
        columns = (times[8 * first : 8 * last], values[8 * first : 8 * last], statuses[2 * first : 2 * last])
        yield b"".join((_HEAD.pack(_PLAIN, last - first), *columns, texts))


def pack_small(block: Block) -> bytes:
    """Samples in order, one at least."""
    times = np.diff(block.times_us, prepend=0)
    columns = (_by_weight(column) for column in _columns(times, block))
    return _HEAD.pack(_SMALL, len(block)) + zlib.compress(b"".join((*columns, _texts(block))), _LEVEL)


def is_small(data: bytes) -> bool:
    """Which of the two has made it."""
    return data[:1] == bytes((_SMALL,))


def unpack(tag_id: int, data: bytes) -> Block:
    """The opposite of both. Raises ValueError for what they have not made."""
    try:
        kind, count = _HEAD.unpack_from(data)
        body = zlib.decompress(memoryview(data)[_HEAD.size :]) if kind == _SMALL else data[_HEAD.size :]
        texts = (
            msgspec.msgpack.decode(body[_WIDTH * count :], type=dict[int, str]) if len(body) > _WIDTH * count else {}
        )
        columns, offset = [], 0
        for name, width in _KINDS:
            if kind == _SMALL:
                weights = np.frombuffer(body, np.uint8, width * count, offset).reshape(width, count)
                columns.append(np.ascontiguousarray(weights.T).view(name).ravel())
            else:
                columns.append(np.frombuffer(body, name, count, offset))
            offset += width * count
    except (struct.error, zlib.error) as error:
        raise ValueError(str(error)) from error
    times, values, statuses = columns
    return Block(
        np.full(count, tag_id, np.int64),
        np.cumsum(times, dtype=np.int64) if kind == _SMALL else times.astype(np.int64),
        values.astype(np.float64),
        statuses.astype(np.int64),
        texts,
    )


def _columns(times: NDArray[np.int64], block: Block) -> tuple[NDArray[np.generic], ...]:
    columns = (times, block.values, block.statuses)
    return tuple(column.astype(kind) for column, (kind, _) in zip(columns, _KINDS, strict=True))


def _by_weight(column: NDArray[np.generic]) -> bytes:
    return column.view(np.uint8).reshape(len(column), column.itemsize).T.tobytes()


def _texts(block: Block) -> bytes:
    return msgspec.msgpack.encode(dict(block.texts)) if block.texts else b""
