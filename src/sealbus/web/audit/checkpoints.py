"""Heads of the chain noted outside the database, so that a chain that was cut off or rewritten is detected.

A line `TIME SEQUENCE:HASH` in `audit-heads.log` of the state folder, whenever the head has moved, at most once in five
minutes. The same line goes to the log of the service, which should be sent to another machine. The file is bounded: when
it is full, the newest half is kept. Exports and syslog have number and hash of every entry and serve the same purpose.
"""

from __future__ import annotations

import logging
import os
import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sealbus.durable_files import PRIVATE, write_atomically
from sealbus.web.audit.models import ChainHead
from sealbus.web.audit.verification import Head

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["last_noted", "note_head", "noted_heads", "parse_head"]

_log = logging.getLogger(__name__)

_NAME = "audit-heads.log"
_BOUND_BYTES = 1 << 20
_HEAD = re.compile(r"(\d{1,18}):([0-9a-f]{64})")


def note_head(home: Path) -> Head | None:
    """Note the head of the chain; None if it is noted already. Raises OSError, and Django's errors."""
    row = ChainHead.objects.first()
    if row is None or not row.sequence:
        return None
    head = Head(row.sequence, row.hash)
    known = noted_heads(home)
    if known and known[-1].sequence >= head.sequence:
        return None
    _append(home / _NAME, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {head}\n")
    _log.info("the audit is at %s", head)
    return head


def noted_heads(home: Path) -> list[Head]:
    """The noted heads, oldest first; lines of another form are skipped."""
    try:
        text = (home / _NAME).read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return []
    found = (parse_head(line.rpartition(" ")[2]) for line in text.splitlines())
    return [head for head in found if head is not None]


def last_noted(home: Path) -> tuple[datetime, Head] | None:
    """When a head was last noted, and which; None before the first."""
    try:
        lines = (home / _NAME).read_text(encoding="ascii", errors="replace").splitlines()
    except FileNotFoundError:
        return None
    for line in reversed(lines):
        time, _, text = line.rpartition(" ")
        head = parse_head(text)
        if head is not None:
            with suppress(ValueError):
                return datetime.fromisoformat(time), head
    return None


def parse_head(text: str) -> Head | None:
    """SEQUENCE:HASH; None for anything else."""
    found = _HEAD.fullmatch(text.strip())
    return Head(int(found[1]), found[2]) if found else None


def _append(path: Path, line: str) -> None:
    if path.exists() and path.stat().st_size > _BOUND_BYTES:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines(keepends=True)
        kept = "".join(lines[len(lines) // 2 :]).encode("ascii", errors="replace")
        write_atomically(path, kept, mode=PRIVATE, replace=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
