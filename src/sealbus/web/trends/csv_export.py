"""History as CSV (RFC 4180): a line of column names, then a line for each sample or bucket, in UTC.

Each line has the names of device and tag and the unit, so that any part of a file is complete. No text is one that a
spreadsheet would take for a formula (`http.csv_cells`). Numbers are written so that reading them gives the same number.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import numpy as np

from sealbus.history import Source
from sealbus.samples import Quality, Reason
from sealbus.web.http.csv_cells import escape_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sealbus.web.trends.export import ExportRange, Table
    from sealbus.web.trends.queries import NamedTag

__all__ = ["csv_pieces"]

_RAW = ("time", "tag_id", "device", "tag", "unit", "value", "quality", "reason")
_BUCKETS = (
    "time", "tag_id", "device", "tag", "unit", "minimum", "maximum", "mean", "last", "count", "known_s", "bad_s", "quality",
)  # fmt: skip
_QUALITIES = {int(each): each.name.lower().replace("_", " ") for each in Quality}
_REASONS = {int(each): each.name.lower().replace("_", " ") for each in Reason}


def csv_pieces(tables: Iterator[Table | None], tags: Sequence[NamedTag], wanted: ExportRange) -> Iterator[bytes]:
    """The file, one piece for each step; a step without rows yields an empty piece."""
    yield _lines([_RAW if wanted.source is Source.RAW else _BUCKETS])
    for table in tables:
        yield b"" if table is None else _lines(_rows(table))


def _rows(table: Table) -> Iterator[tuple[object, ...]]:
    tag = table.tag
    head = (tag.requested.tag_id, escape_text(tag.device), escape_text(tag.name), escape_text(tag.unit))
    times = np.datetime_as_string(table.times_us.astype("datetime64[us]"), unit="us", timezone="UTC").tolist()
    columns = [_numbers(column.tolist()) for column in table.numbers.values()]
    for index, text in table.texts.items():
        columns[0][index] = escape_text(text)
    columns.append([_QUALITIES.get(each, each) for each in table.qualities.tolist()])
    if table.reasons is not None:
        columns.append([_REASONS.get(each, each) for each in table.reasons.tolist()])
    for time, *cells in zip(times, *columns, strict=True):
        yield (time, *head, *cells)


def _numbers(column: list[float]) -> list[object]:
    return ["" if each != each else each for each in column]


def _lines(rows: Iterator[tuple[object, ...]] | list[tuple[str, ...]]) -> bytes:
    held = io.StringIO()
    csv.writer(held, lineterminator="\r\n").writerows(rows)
    return held.getvalue().encode("utf-8", "replace")
