"""Samples of one tag in few bytes: the format in which the SQLite engine stores them.

*Plain* packing writes one sample after the other: it is fast, and soon replaced. *Compressed* packing stores
differences of times, and each column by its bytes of equal weight, so that a general compressor finds repetitions: a
register that changes slightly every second takes about four bytes a sample, with time and quality.

The first byte names the packing. An unknown one is refused: damaged data must not decode to samples that nothing has
measured.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from sealbus.history.sample_block import SampleBlock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["is_compressed", "pack_compressed", "pack_plain", "unpack", "unpack_plain"]

_HEAD = struct.Struct("<BI")  # packing, count of samples
_PLAIN, _COMPRESSED = 0, 1
_LEVEL = 3
_SAMPLE = np.dtype([("time", "<i8"), ("value", "<f8"), ("status", "<i2")])
_WIDTH = _SAMPLE.itemsize


def pack_plain(block: SampleBlock, firsts: Sequence[int]) -> Iterator[bytes]:
    """The samples in pieces that begin at the indices `firsts`, of which the first is 0."""
    records = np.empty(len(block), _SAMPLE)
    records["time"], records["value"], records["status"] = block.times_us, block.values, block.statuses
    plain = records.tobytes()
    for first, last in itertools.pairwise([*firsts, len(block)]):
        texts = _texts(block.sliced(first, last)) if block.texts else b""
        yield b"".join((_HEAD.pack(_PLAIN, last - first), plain[_WIDTH * first : _WIDTH * last], texts))


def pack_compressed(block: SampleBlock) -> bytes:
    """The samples, sorted by time; at least one."""
    times = np.diff(block.times_us, prepend=0).astype("<i8")
    columns = (times, block.values.astype("<f8"), block.statuses.astype("<i2"))
    weights = (column.view(np.uint8).reshape(len(column), column.itemsize).T.tobytes() for column in columns)
    return _HEAD.pack(_COMPRESSED, len(block)) + zlib.compress(b"".join((*weights, _texts(block))), _LEVEL)


def is_compressed(data: bytes) -> bool:
    """Whether `pack_compressed` made these bytes."""
    return data[:1] == bytes((_COMPRESSED,))


def unpack(tag_id: int, data: bytes) -> SampleBlock:
    """The inverse of both. Raises ValueError for any other bytes."""
    try:
        kind, count = _HEAD.unpack_from(data)
        if kind not in (_PLAIN, _COMPRESSED):  # a damaged byte must not select the wrong decoding
            raise ValueError(f"unknown packing {kind}")
        body = zlib.decompress(memoryview(data)[_HEAD.size :]) if kind == _COMPRESSED else data[_HEAD.size :]
    except (struct.error, zlib.error) as error:
        raise ValueError(str(error)) from error
    rest = body[_WIDTH * count :]
    texts = msgspec.msgpack.decode(rest, type=dict[int, str]) if rest else {}
    if kind == _PLAIN:
        return _of_records(tag_id, np.frombuffer(body, _SAMPLE, count), texts)
    columns, offset = [], 0
    for name, width in (("<i8", 8), ("<f8", 8), ("<i2", 2)):
        weights = np.frombuffer(body, np.uint8, width * count, offset).reshape(width, count)
        columns.append(np.ascontiguousarray(weights.T).view(name).ravel())
        offset += width * count
    times, values, statuses = columns
    times = np.cumsum(times, dtype=np.int64)
    return SampleBlock(
        np.full(count, tag_id, np.int64), times, values.astype(np.float64), statuses.astype(np.int64), texts
    )


def unpack_plain(tag_id: int, rows: Sequence[bytes]) -> SampleBlock | None:
    """Several plain packings in one, one after the other. None unless all are plain, complete and without texts."""
    bodies = [row[_HEAD.size :] for row in rows]
    for row, body in zip(rows, bodies, strict=True):
        if len(body) % _WIDTH or not row.startswith(_HEAD.pack(_PLAIN, len(body) // _WIDTH)):
            return None
    return _of_records(tag_id, np.frombuffer(b"".join(bodies), _SAMPLE), {})


def _of_records(tag_id: int, records: NDArray[np.void], texts: Mapping[int, str]) -> SampleBlock:
    return SampleBlock(
        np.full(len(records), tag_id, np.int64),
        records["time"].astype(np.int64),
        records["value"].astype(np.float64),
        records["status"].astype(np.int64),
        texts,
    )


def _texts(block: SampleBlock) -> bytes:
    return msgspec.msgpack.encode(dict(block.texts)) if block.texts else b""
