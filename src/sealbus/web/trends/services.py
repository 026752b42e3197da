"""Exports: who took which history out is recorded before the first byte leaves.

What an export may cost is known before it begins, by where there is anything stored. The file itself is made piece by
piece, when whoever sends it asks for the next one, and no piece is made before it has its place among the streams.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import ValidationError

from sealbus.history import Bucket, Source
from sealbus.samples import US_PER_S
from sealbus.web.audit.services import Event, Target, append
from sealbus.web.trends.csv_export import csv_pieces
from sealbus.web.trends.export import ExportRange, clipped, tables
from sealbus.web.trends.store import history

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sealbus.history import Extent
    from sealbus.web.access.subject import Subject
    from sealbus.web.trends.export import Table
    from sealbus.web.trends.queries import TagOf

__all__ = ["MOST_BUCKETS", "Export", "export_history"]

MOST_BUCKETS = 50_000_000
"""Minutes, hours or days in one file, those of all tags together."""
_MOST_NAMED = 100
_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


@dataclass(frozen=True, slots=True)
class Export:
    """A file in pieces."""

    pieces: Iterator[bytes]
    content_type: str
    filename: str


def export_history(*, subject: Subject, tags: Sequence[TagOf], asked: Mapping[str, Any]) -> Export:
    """The file that was asked for, not begun. Raises HistoryUnavailable, or ValidationError for more than one file can
    hold, before anything is recorded or sent.
    """
    wanted = ExportRange(Source(asked["source"]), asked["start"], asked["end"])
    store, kind = history(), asked["file"]
    parts = clipped(store, tags, wanted)
    _check_length(wanted.source, parts)
    found = tables(store, tags, wanted.source, parts)
    pieces = (csv_pieces if kind == "csv" else _parquet_pieces())(found, tags, wanted)
    append(
        Event(
            subject.actor,
            "history.export",
            Target("tag", tags[0].asked.tag_id if len(tags) == 1 else "", tags[0].full_name if len(tags) == 1 else ""),
            detail={
                "tags": [tag.asked.tag_id for tag in tags[:_MOST_NAMED]],
                "count": len(tags),
                "start": _text(wanted.start_us),
                "end": _text(wanted.end_us),
                "source": wanted.source.value,
                "file": kind,
            },
        )
    )
    return Export(pieces, _TYPES[kind], f"history-{wanted.source.value}.{kind}")


def _parquet_pieces() -> Callable[[Iterator[Table | None], Sequence[TagOf], ExportRange], Iterator[bytes]]:
    try:
        from sealbus.web.trends.parquet_export import parquet_pieces  # pyarrow is an extra
    except ModuleNotFoundError as error:
        text = f'{error.name} is not installed on the server; choose csv, or pip install "sealbus[parquet]" there'
        raise ValidationError({"file": [text]}) from error
    return parquet_pieces


def _check_length(source: Source, parts: Mapping[int, Extent]) -> None:
    """Samples are as many as were stored; of buckets it is counted how many there may be."""
    if source is Source.RAW:
        return
    known_us = sum(each.end_us - each.start_us for each in parts.values())
    if known_us // Bucket(source.value).usual_us > MOST_BUCKETS:
        text = f"more than {MOST_BUCKETS} at once: ask for fewer tags, a shorter range or a longer bucket"
        raise ValidationError({"source": [text]})


def _text(time_us: int) -> str:
    return datetime.fromtimestamp(time_us // US_PER_S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
