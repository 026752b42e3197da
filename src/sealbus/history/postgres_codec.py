"""PostgreSQL's binary formats as arrays: rows for COPY, results as one array per column.

The row format is documented in PostgreSQL's manual, COPY, "Binary Format"; the array format is that of its
`array_send`. All columns that pass here have a fixed width and no nulls.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
from psycopg.adapt import Loader
from psycopg.pq import Format

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from psycopg.abc import Buffer

__all__ = ["FloatArrayLoader", "IntArrayLoader", "copy_rows"]

_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_ARRAY_HEADER = struct.Struct(">iiIii")  # dimensions, nulls, type of the elements, length, lower bound
_INT8 = np.dtype([("length", ">i4"), ("value", ">i8")])
_FLOAT8 = np.dtype([("length", ">i4"), ("value", ">f8")])


def copy_rows(columns: Sequence[tuple[NDArray[np.int64] | NDArray[np.float64], str]]) -> bytes:
    """The columns as input for COPY. Each comes with the type of its column in the table: >i2, >i4, >i8 or >f8."""
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for index, (_, kind) in enumerate(columns):
        fields += [(f"length{index}", ">i4"), (f"value{index}", kind)]
    rows = np.empty(len(columns[0][0]), np.dtype(fields))
    rows["fields"] = len(columns)
    for index, (column, kind) in enumerate(columns):
        rows[f"length{index}"] = np.dtype(kind).itemsize
        rows[f"value{index}"] = column
    return b"".join((_SIGNATURE, rows.tobytes(), _TRAILER))


class IntArrayLoader(Loader):
    """Loads bigint[] without nulls as int64."""

    format = Format.BINARY

    def load(self, data: Buffer) -> NDArray[np.int64]:
        return _elements(data, _INT8).astype(np.int64)


class FloatArrayLoader(Loader):
    """Loads double precision[] without nulls as float64."""

    format = Format.BINARY

    def load(self, data: Buffer) -> NDArray[np.float64]:
        return _elements(data, _FLOAT8).astype(np.float64)


def _elements(data: Buffer, kind: np.dtype[np.void]) -> NDArray[np.void]:
    if len(bytes(data[:4])) < 4 or int.from_bytes(bytes(data[:4]), "big") == 0:
        return np.empty(0, kind)["value"]
    return np.frombuffer(data, kind, offset=_ARRAY_HEADER.size)["value"]
