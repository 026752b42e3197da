"""Takes the records of a gateway into the audit: each exactly once, even if a process dies during it.

A batch of entries and the number of its last record are one transaction. The row of the source is locked and read again
in it, so that two concurrent takeovers do not take a record twice. Records are read and decoded before the transaction
begins: it lasts as long as a few hundred insertions.

A record that has changed is detected by the hash of the last record taken:
* That number is missing and later ones exist: the bound removed segments. The gap is recorded.
* Another hash under that number, or an end before it: either the machine lost the last moments of the record and wrote on
  (then the takeover resumes behind the last record that both have), or this is another record (then it is taken from its
  beginning). Both are recorded.
* A folder without any record is a problem of the source, not the end of its record.

The chain of the record is checked from what was taken before (`sealbus.records.read_chained`). A record that it does not
prove is taken too, because it may be all that is left of what happened; its entry is marked `unproven`. Where the chain
breaks, an entry says so, and it stays the problem of the source until the chain continues or the record is a new one.
"""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from sealbus.errors import ConfigError
from sealbus.records import Position, WriteOutcome, WriteRequested, newest_sequence, read, read_chained
from sealbus.web.audit.gateway_entries import (
    BROKEN,
    CONTINUES,
    GAP,
    RECORD,
    REPLACED,
    REWOUND,
    event_of,
    is_kept,
    record_target,
    takeover_event,
)
from sealbus.web.audit.models import Entry, Source
from sealbus.web.audit.services import append_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sealbus.records import Chained, Stored
    from sealbus.web.audit.services import Event

__all__ = ["records_problem", "take_records"]

_AT_ONCE = 500
_UNCHANGED_S = 2.0
_MAX_PROBLEM = 500
_quiet: dict[str, tuple[tuple[str, int, int], ...]] = {}
"""Folders without new records, with the state of their files: read again only when that state changes."""


def take_records(folder: Path, *, name: str) -> int:
    """Take the new records from the folder of this gateway. Returns how many were read.

    A folder that cannot be read becomes the source's `problem`. Raises Django's database errors.
    """
    state = _state_of(folder)
    if state and _quiet.get(str(folder)) == state:
        return 0
    source, _ = Source.objects.get_or_create(name=name, defaults={"folder": str(folder)})
    try:
        taken = _take_all(source, folder)
    except ConfigError as error:
        _note_problem(source, str(error))
        return 0
    if not taken and state and time.time() - max(changed for _, changed, _ in state) / 1e9 > _UNCHANGED_S:
        _quiet[str(folder)] = state
    return taken


def records_problem() -> str:
    """The problem of the first source that has one; empty if there is none."""
    source = Source.objects.exclude(problem="").order_by("name").first()
    return f"{source.name}: {source.problem}" if source else ""


def _take_all(source: Source, folder: Path) -> int:
    newest = newest_sequence(folder)
    if not newest:
        _note_problem(source, "there are no records in its folder" if source.sequence else "")
        return 0
    _find_place(source, folder, newest)
    stream, total = read_chained(folder, _position_of(source)), 0
    while batch := list(islice(stream, _AT_ONCE)):
        if not _take(source, batch):
            break  # another takeover was faster
        total += len(batch)
    _note_problem(source, source.broken)
    return total


def _take(source: Source, batch: Sequence[Chained]) -> bool:
    requests = _requests(source, batch)
    with transaction.atomic():
        if not _is_still_at(source):
            return False
        events: list[Event] = []
        before = _position_of(source)
        for chained in batch:
            events += _breaks(source, before, chained.position)
            stored = chained.stored
            if is_kept(stored):
                events.append(event_of(source, stored, requests, is_proven=not chained.position.broken))
            before = chained.position
        if events:
            append_all(events)
        _move(source, before)
    return True


def _breaks(source: Source, before: Position, position: Position) -> Iterator[Event]:
    """What is to be said between the record before and the one at this position."""
    if position.sequence != before.sequence + 1:
        yield _gap(source, before.sequence + 1, position.sequence - 1)
    if position.broken and not before.broken:
        yield takeover_event(source, BROKEN, {"record": position.sequence, "where": position.broken})
    if before.broken and not position.broken:
        yield takeover_event(source, CONTINUES, {"record": position.sequence})


def _is_still_at(source: Source) -> bool:
    locked = Source.objects.select_for_update().get(pk=source.pk)
    return (locked.sequence, locked.last_hash) == (source.sequence, source.last_hash)


def _position_of(source: Source) -> Position:
    return Position(source.sequence, source.last_hash, source.proven_hash, source.broken)


def _move(source: Source, position: Position) -> None:
    source.sequence, source.last_hash, source.taken_at = position.sequence, position.hash, timezone.now()
    source.proven_hash, source.broken = position.proven_hash, position.broken[:_MAX_PROBLEM]
    source.save(update_fields=("sequence", "last_hash", "taken_at", "proven_hash", "broken"))


def _gap(source: Source, first: int, last: int) -> Event:
    reason = "the bound on the record removed them before they were taken over, or they are damaged"
    return takeover_event(source, GAP, {"first": first, "last": last, "reason": reason})


# -- the requests of outcomes


def _requests(source: Source, batch: Sequence[Chained]) -> Mapping[int, Mapping[str, Any]]:
    """The details of the writes whose outcomes are in this batch: from the batch, or from entries taken before."""
    found: dict[int, Mapping[str, Any]] = {}
    wanted: set[int] = set()
    for chained in batch:
        stored, is_proven = chained.stored, not chained.position.broken
        if isinstance(stored.record, WriteRequested):
            found[stored.sequence] = event_of(source, stored, {}, is_proven=is_proven).detail or {}
        elif isinstance(stored.record, WriteOutcome) and stored.record.request not in found:
            wanted.add(stored.record.request)
    if wanted:
        by_target = {record_target(source, sequence).id: sequence for sequence in wanted}
        entries = Entry.objects.filter(target_kind=RECORD, target_id__in=by_target, action="gateway.write_requested")
        # The newest last: numbers begin again with a new record, so one number may name several writes.
        found |= {by_target[entry.target_id]: entry.detail for entry in entries.order_by("sequence")}
    return found


# -- the position in the record


def _find_place(source: Source, folder: Path, newest: int) -> None:
    """Check that the last record taken has not changed; if it has, record that, and go back to the last common one."""
    if not source.sequence:
        return
    if newest >= source.sequence:
        there = next(read(folder, after=source.sequence - 1), None)
        if there is None or there.sequence > source.sequence or there.hash == source.last_hash:
            return
    known = _last_common(source, folder)
    with transaction.atomic():
        if not _is_still_at(source):
            return
        detail = {"was_at": source.sequence, "newest_there": newest, "goes_on_behind": known.sequence if known else 0}
        append_all([takeover_event(source, REWOUND if known else REPLACED, detail)])
        _move(source, _position_at(source, known) if known else Position())


def _position_at(source: Source, stored: Stored) -> Position:
    """The position at a record that was taken. A broken chain stays broken."""
    proven_hash = source.proven_hash if source.broken else stored.hash
    return Position(stored.sequence, stored.hash, proven_hash, source.broken)


def _last_common(source: Source, folder: Path) -> Stored | None:
    """The last record that was taken with the same hash; None if not even the first one was."""
    common = None
    stream = (each for each in read(folder) if is_kept(each))
    while batch := list(islice(stream, _AT_ONCE)):
        taken = _taken_hashes(source, batch)
        for stored in batch:
            if not stored.hash:  # unreadable: no hash to compare
                continue
            if stored.sequence > source.sequence or taken.get(stored.sequence) != stored.hash:
                return common
            common = stored
    return common


def _taken_hashes(source: Source, batch: Sequence[Stored]) -> Mapping[int, str]:
    """The hashes with which these records were taken; the latest, if more than once."""
    by_target = {record_target(source, each.sequence).id: each.sequence for each in batch}
    entries = Entry.objects.filter(target_kind=RECORD, target_id__in=by_target).order_by("sequence")
    return {by_target[each.target_id]: str(each.detail.get("record_hash", "")) for each in entries}


def _note_problem(source: Source, problem: str) -> None:
    if source.problem != problem[:_MAX_PROBLEM]:
        source.problem = problem[:_MAX_PROBLEM]
        source.save(update_fields=("problem",))


def _state_of(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, time of change and inode of each file; empty if they cannot be read."""
    try:
        return tuple(_file_states(folder))
    except OSError:
        return ()


def _file_states(folder: Path) -> Iterator[tuple[str, int, int]]:
    for path in sorted(folder.glob("records-*.jsonl")):
        found = path.stat()
        yield path.name, found.st_mtime_ns, found.st_ino
