"""History for other programs: CSV and Parquet, as a stream of bytes that needs little memory whatever the range.

One row for each sample as it was stored, tag by tag, in order of time. Each page is a transaction of its own, so an export
of hours holds nothing up; samples that arrive meanwhile may be in it or not.

A spreadsheet takes a cell that begins with = + - @, a tab or a carriage return for a formula. Text from devices and names
from users that begin so get an apostrophe in front; numbers stay numbers.
"""

from __future__ import annotations

import csv
import io
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sealbus.history.block import TEXT, quality_of, reason_of
from sealbus.samples import US_PER_S, Quality, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sealbus.history.block import Block
    from sealbus.history.history import History

__all__ = ["export_csv", "export_parquet"]

_PAGE = 20_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_HEADER = ("time", "tag_id", "tag", "value", "quality", "reason")
_QUALITIES = [quality.name.lower() for quality in Quality]
_REASONS = [reason.name.lower() for reason in Reason]
_LABEL = pa.dictionary(pa.int8(), pa.string())
_SCHEMA = pa.schema(
    [
        pa.field("time", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("tag_id", pa.int32(), nullable=False),
        pa.field("tag", pa.string(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("text", pa.string()),
        pa.field("quality", _LABEL, nullable=False),
        pa.field("reason", _LABEL, nullable=False),
    ]
)


def export_csv(history: History, names: Mapping[int, str], start_us: int, end_us: int) -> Iterator[bytes]:
    """UTF-8, a header, CRLF (RFC 4180). `names` says which tags, in which order, and what they are called."""
    yield _lines([_HEADER])
    for tag_id, name in names.items():
        for block in _pages(history, tag_id, start_us, end_us):
            yield _lines(_rows(block, tag_id, _harmless(name)))


def export_parquet(history: History, names: Mapping[int, str], start_us: int, end_us: int) -> Iterator[bytes]:
    """Parquet, a row group for each page. A number is in `value`, a text in `text`, no value in neither."""
    sink = _Sink()
    with pq.ParquetWriter(sink, _SCHEMA, compression="zstd") as writer:
        for tag_id, name in names.items():
            for block in _pages(history, tag_id, start_us, end_us):
                writer.write_table(_table(block, name))
                yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """A file of which only what was written since is kept."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._written

    def write(self, data: object) -> int:
        part = bytes(memoryview(data))  # type: ignore[arg-type]  # whatever has a buffer
        self._parts.append(part)
        self._written += len(part)
        return len(part)

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _pages(history: History, tag_id: int, start_us: int, end_us: int) -> Iterator[Block]:
    cursor = None
    while True:
        block, cursor = history.raw_block(tag_id, start_us, end_us, limit=_PAGE, after=cursor)
        if len(block):
            yield block
        if cursor is None:
            return


def _rows(block: Block, tag_id: int, name: str) -> Iterator[tuple[object, ...]]:
    columns = zip(block.times_us.tolist(), block.values.tolist(), block.statuses.tolist(), strict=True)
    for index, (time_us, value, status) in enumerate(columns):
        shown: object = "" if math.isnan(value) else value
        if status & TEXT:
            shown = _harmless(block.texts.get(index, ""))
        yield _time(time_us), tag_id, name, shown, _QUALITIES[status & 3], _REASONS[(status & 255) >> 2]


def _lines(rows: Iterable[tuple[object, ...]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _table(block: Block, name: str) -> pa.Table:
    count = len(block)
    texts = [block.texts.get(index) for index in range(count)] if block.texts else pa.nulls(count, pa.string())
    return pa.table(
        [
            pa.array(block.times_us, pa.timestamp("us", tz="UTC")),
            pa.array(block.tag_ids, pa.int32()),
            pa.array([name] * count, pa.string()),
            pa.array(block.values, pa.float64(), mask=np.isnan(block.values)),
            pa.array(texts, pa.string()),
            pa.DictionaryArray.from_arrays(pa.array(quality_of(block.statuses), pa.int8()), _QUALITIES),
            pa.DictionaryArray.from_arrays(pa.array(reason_of(block.statuses), pa.int8()), _REASONS),
        ],
        schema=_SCHEMA,
    )


def _time(time_us: int) -> str:
    seconds, microseconds = divmod(time_us, US_PER_S)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
