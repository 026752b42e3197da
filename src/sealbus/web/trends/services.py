"""Exports: who took which history out is recorded before the first byte leaves."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sealbus.history import Source
from sealbus.samples import US_PER_S
from sealbus.web.audit.services import Event, Target, append
from sealbus.web.trends.csv_export import csv_pieces
from sealbus.web.trends.export import ExportRange, tables
from sealbus.web.trends.parquet_export import parquet_pieces
from sealbus.web.trends.store import history

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sealbus.web.access.subject import Subject
    from sealbus.web.trends.queries import TagOf

__all__ = ["Export", "export_history"]

_MOST_NAMED = 100
_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


@dataclass(frozen=True, slots=True)
class Export:
    """A file in pieces."""

    pieces: Iterator[bytes]
    content_type: str
    filename: str


def export_history(*, subject: Subject, tags: Sequence[TagOf], asked: Mapping[str, Any]) -> Export:
    """The file that was asked for. Raises HistoryUnavailable before anything is recorded or sent."""
    wanted = ExportRange(Source(asked["source"]), asked["start"], asked["end"])
    kind = asked["file"]
    pieces = (csv_pieces if kind == "csv" else parquet_pieces)(tables(history(), tags, wanted), tags, wanted)
    first = list(itertools.islice(pieces, 1))
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
    return Export(itertools.chain(first, pieces), _TYPES[kind], f"history-{wanted.source.value}.{kind}")


def _text(time_us: int) -> str:
    return datetime.fromtimestamp(time_us // US_PER_S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
