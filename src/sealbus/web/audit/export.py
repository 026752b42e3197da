"""Entries as JSON lines or CSV. Every line has number and hash, so an export can prove a later change of the chain.

No CSV cell is one that a spreadsheet would take for a formula (`http.csv_cells`): names, addresses and details come from
outside.
"""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC
from typing import TYPE_CHECKING, Any

from sealbus.web.http.csv_cells import escape_text, json_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sealbus.web.audit.models import Entry

__all__ = ["COLUMNS", "as_csv", "as_json_lines", "members_of"]

COLUMNS = (
    "sequence", "time", "actor_kind", "actor_id", "actor_name", "address", "action", "target_kind", "target_id",
    "target_name", "result", "detail", "previous_hash", "hash",
)  # fmt: skip
_LINES_IN_A_PIECE = 100


def members_of(entry: Entry) -> dict[str, Any]:
    """The members of an entry in JSON."""
    members = {name: getattr(entry, name) for name in COLUMNS}
    members["time"] = entry.time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return members


def as_json_lines(entries: Iterable[Entry]) -> Iterator[bytes]:
    """One object per line."""
    return _in_pieces(json.dumps(members_of(entry), ensure_ascii=True) + "\n" for entry in entries)


def as_csv(entries: Iterable[Entry]) -> Iterator[bytes]:
    """RFC 4180, with a line of names; `detail` is JSON."""
    return _in_pieces(_csv_lines(entries))


def _csv_lines(entries: Iterable[Entry]) -> Iterator[str]:
    yield _csv_line(list(COLUMNS))
    for entry in entries:
        members = members_of(entry)
        detail = json_text(members["detail"], ensure_ascii=True)
        yield _csv_line([detail if name == "detail" else _cell(members[name]) for name in COLUMNS])


def _csv_line(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue()


def _cell(value: Any) -> str:
    return "" if value is None else escape_text(str(value))


def _in_pieces(lines: Iterable[str]) -> Iterator[bytes]:
    held: list[str] = []
    for line in lines:
        held.append(line)
        if len(held) == _LINES_IN_A_PIECE:
            yield "".join(held).encode()
            held.clear()
    if held:
        yield "".join(held).encode()
