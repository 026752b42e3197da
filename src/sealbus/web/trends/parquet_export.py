"""History as Parquet: one row group for each table, so that no more than one is in memory.

The metadata of the schema names the tags: `sealbus.tags` is a JSON array of id, device, name and unit. Times are
timestamps in UTC with microseconds; a missing value is null.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sealbus.history import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sealbus.web.trends.export import ExportRange, Table
    from sealbus.web.trends.queries import NamedTag

__all__ = ["parquet_pieces"]

_MICROSECONDS = pa.timestamp("us", tz="UTC")
_BEFORE = [("time", _MICROSECONDS), ("tag_id", pa.int64())]
_RAW = [("value", pa.float64()), ("text", pa.string()), ("quality", pa.uint8()), ("reason", pa.uint8())]
_BUCKETS = [
    ("minimum", pa.float64()), ("maximum", pa.float64()), ("mean", pa.float64()), ("last", pa.float64()),
    ("count", pa.int64()), ("known_s", pa.float64()), ("bad_s", pa.float64()), ("quality", pa.uint8()),
]  # fmt: skip


def parquet_pieces(tables: Iterator[Table | None], tags: Sequence[NamedTag], wanted: ExportRange) -> Iterator[bytes]:
    """The file, one piece for each step and one for its end; a step without rows yields an empty piece."""
    columns = _BEFORE + (_RAW if wanted.source is Source.RAW else _BUCKETS)
    described = [
        {"id": tag.requested.tag_id, "device": tag.device, "name": tag.name, "unit": tag.unit, "text": tag.text}
        for tag in tags
    ]
    schema = pa.schema(columns, metadata={"sealbus.tags": json.dumps(described), "sealbus.source": wanted.source.value})
    sink = _Sink()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for table in tables:
            if table is not None:
                writer.write_table(_table(table, schema))
            yield sink.take()
    yield sink.take()


def _table(table: Table, schema: Any) -> Any:
    count = len(table.times_us)
    columns: dict[str, Any] = {
        "time": pa.array(table.times_us, pa.int64()).cast(_MICROSECONDS),
        "tag_id": pa.array(np.full(count, table.tag.requested.tag_id, np.int64)),
        "text": pa.array(
            [table.texts.get(index) for index in range(count)] if table.texts else [None] * count, pa.string()
        ),
        "quality": pa.array(table.qualities),
    }
    if table.reasons is not None:
        columns["reason"] = pa.array(table.reasons)
    columns |= {name: pa.array(column, from_pandas=True) for name, column in table.numbers.items()}
    return pa.table([columns[name] for name in schema.names], schema=schema)


class _Sink(io.RawIOBase):
    """Keeps what the writer writes until `take`."""

    def __init__(self) -> None:
        super().__init__()
        self._held: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken = b"".join(self._held)
        self._held.clear()
        return taken
