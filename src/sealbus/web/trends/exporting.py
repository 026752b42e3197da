"""Exports of history, recorded in the audit before the first byte is sent.

The cost of an export is checked before it begins, by the ranges in which anything is stored. The file is made piece by
piece, each when it is sent, and none before the export has a slot among the streams.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sealbus.history import Bucket, Source
from sealbus.samples import US_PER_S
from sealbus.web.access.actions import Action
from sealbus.web.access.require import require
from sealbus.web.audit.services import Event, Target, append
from sealbus.web.errors import Invalid
from sealbus.web.trends.csv_export import csv_pieces
from sealbus.web.trends.export import ExportRange, clipped, tables
from sealbus.web.trends.queries import find_tags
from sealbus.web.trends.store import history

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sealbus.history import Extent
    from sealbus.web.access.subject import Subject
    from sealbus.web.trends.export import Table
    from sealbus.web.trends.queries import NamedTag

__all__ = ["MAX_BUCKETS", "Export", "export_history"]

MAX_BUCKETS = 50_000_000
"""Minutes, hours or days in one file, those of all tags together."""
_MAX_NAMED = 100
_MAX_UNKNOWN = 20
_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


@dataclass(frozen=True, slots=True)
class Export:
    """A file in pieces."""

    pieces: Iterator[bytes]
    content_type: str
    filename: str


def export_history(*, subject: Subject, query: Mapping[str, Any]) -> Export:
    """The requested file, not begun.

    Raises Invalid for a tag that does not exist or is not visible, or for more than one file can hold, and
    HistoryUnavailable: all before anything is recorded or sent.
    """
    tags = _visible_tags(subject, query["tags"])
    wanted = ExportRange(Source(query["source"]), query["start"], query["end"])
    store, kind = history(), query["file"]
    parts = clipped(store, tags, wanted)
    _check_length(wanted.source, parts)
    found = tables(store, tags, wanted.source, parts)
    pieces = (csv_pieces if kind == "csv" else _parquet_pieces())(found, tags, wanted)
    append(
        Event(
            subject.actor,
            "history.export",
            Target(
                "tag", tags[0].requested.tag_id if len(tags) == 1 else "", tags[0].full_name if len(tags) == 1 else ""
            ),
            detail={
                "tags": [tag.requested.tag_id for tag in tags[:_MAX_NAMED]],
                "count": len(tags),
                "start": _text(wanted.start_us),
                "end": _text(wanted.end_us),
                "source": wanted.source.value,
                "file": kind,
            },
        )
    )
    return Export(pieces, _TYPES[kind], f"history-{wanted.source.value}.{kind}")


def _parquet_pieces() -> Callable[[Iterator[Table | None], Sequence[NamedTag], ExportRange], Iterator[bytes]]:
    try:
        from sealbus.web.trends.parquet_export import parquet_pieces  # pyarrow is an extra
    except ModuleNotFoundError as error:
        text = f'{error.name} is not installed on the server; choose csv, or pip install "sealbus[parquet]" there'
        raise Invalid({"file": [text]}) from error
    return parquet_pieces


def _visible_tags(subject: Subject, tag_ids: Sequence[int]) -> list[NamedTag]:
    if not subject.rights.allows_anywhere(Action.VIEW):
        require(subject, Action.VIEW)
    seen = find_tags(subject, tag_ids)
    unknown = [tag_id for tag_id in tag_ids if tag_id not in seen]
    if unknown:
        raise Invalid({"tags": [f"no tag {tag_id}" for tag_id in unknown[:_MAX_UNKNOWN]]})
    return [seen[tag_id] for tag_id in tag_ids]


def _check_length(source: Source, parts: Mapping[int, Extent]) -> None:
    """Samples cannot be more than were stored; the number of buckets is bounded by the stored ranges."""
    if source is Source.RAW:
        return
    known_us = sum(each.end_us - each.start_us for each in parts.values())
    if known_us // Bucket(source.value).usual_us > MAX_BUCKETS:
        text = f"more than {MAX_BUCKETS} in one file: choose fewer tags, a shorter range or a longer bucket"
        raise Invalid({"source": [text]})


def _text(time_us: int) -> str:
    return datetime.fromtimestamp(time_us // US_PER_S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
