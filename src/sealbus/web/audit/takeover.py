"""The records of a gateway into the audit: each exactly once, whatever dies in between.

A batch of entries and the number of the last record it comes from are one transaction. The row of the source is locked
meanwhile and looked at again, so that two who take over at once do not take twice. Records are read and decoded before
the transaction begins: it lasts as long as a few hundred insertions.

What is not as it was left is noticed by the hash of the last record taken. Its number missing below the first that is
there: the bound removed segments, a gap, which is told. Another hash under its number, or an end before it: the machine
lost the last moments of the record and wrote on (then sending resumes behind the last record that both know), or this is
another record (then it is taken from its beginning). Either is told as well. A folder without any record is a problem of
the source, not an end of it.
"""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from sealbus.errors import ConfigError
from sealbus.records import WriteOutcome, WriteRequested, newest_sequence, read
from sealbus.web.audit.gateway_entries import (
    GAP,
    RECORD,
    REPLACED,
    REWOUND,
    event_of,
    is_kept,
    record_target,
    told_by_us,
)
from sealbus.web.audit.models import Entry, Source
from sealbus.web.audit.services import append_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sealbus.records import Stored
    from sealbus.web.audit.services import Event

__all__ = ["take_records"]

_AT_ONCE = 500
_SETTLED_S = 2.0
_quiet: dict[str, tuple[tuple[str, int, int], ...]] = {}
"""Folders in which nothing was new, and how their files were then: looked at again only when that changes."""


def take_records(folder: Path, *, name: str) -> int:
    """Take over what is new in the record folder of the gateway of this name. How many records were taken or passed.

    Raises nothing for a folder that cannot be read: that is kept as the source's `problem`. Django's errors come out.
    """
    looks = _looks_of(folder)
    if looks and _quiet.get(str(folder)) == looks:
        return 0
    source, _ = Source.objects.get_or_create(name=name, defaults={"folder": str(folder)})
    try:
        taken = _take_all(source, folder)
    except ConfigError as error:
        _note_problem(source, str(error))
        return 0
    if not taken and looks and time.time() - max(changed for _, changed, _ in looks) / 1e9 > _SETTLED_S:
        _quiet[str(folder)] = looks
    return taken


def _take_all(source: Source, folder: Path) -> int:
    newest = newest_sequence(folder)
    if not newest:
        _note_problem(source, "there are no records in its folder" if source.sequence else "")
        return 0
    _find_place(source, folder, newest)
    stream, total = read(folder, after=source.sequence), 0
    while batch := list(islice(stream, _AT_ONCE)):
        if not _take(source, batch):
            break  # somebody else was faster
        total += len(batch)
    _note_problem(source, "")
    return total


def _take(source: Source, batch: Sequence[Stored]) -> bool:
    requests = _requests(source, batch)
    with transaction.atomic():
        if not _is_still_at(source):
            return False
        events: list[Event] = []
        expected = source.sequence + 1
        for stored in batch:
            if stored.sequence != expected:
                events.append(_gap(source, expected, stored.sequence - 1))
            if is_kept(stored):
                events.append(event_of(source, stored, requests))
            expected = stored.sequence + 1
        if events:
            append_all(events)
        last = batch[-1]
        _move(source, last.sequence, last.hash)
    return True


def _is_still_at(source: Source) -> bool:
    locked = Source.objects.select_for_update().get(pk=source.pk)
    return (locked.sequence, locked.last_hash) == (source.sequence, source.last_hash)


def _move(source: Source, sequence: int, last_hash: str) -> None:
    source.sequence, source.last_hash, source.taken_at = sequence, last_hash, timezone.now()
    source.save(update_fields=("sequence", "last_hash", "taken_at"))


def _gap(source: Source, first: int, last: int) -> Event:
    reason = "the bound on the record removed them before they were taken over, or they are damaged"
    return told_by_us(source, GAP, {"first": first, "last": last, "reason": reason})


# -- what was asked for, for the outcome that follows


def _requests(source: Source, batch: Sequence[Stored]) -> Mapping[int, Mapping[str, Any]]:
    """The details of the writes whose outcomes are in this batch: from it, or from what was taken before."""
    found: dict[int, Mapping[str, Any]] = {}
    wanted: set[int] = set()
    for stored in batch:
        if isinstance(stored.record, WriteRequested):
            found[stored.sequence] = event_of(source, stored, {}).detail or {}
        elif isinstance(stored.record, WriteOutcome) and stored.record.request not in found:
            wanted.add(stored.record.request)
    if wanted:
        by_target = {record_target(source, sequence).id: sequence for sequence in wanted}
        entries = Entry.objects.filter(target_kind=RECORD, target_id__in=by_target, action="gateway.write_requested")
        found |= {by_target[entry.target_id]: entry.detail for entry in entries}
    return found


# -- where we were


def _find_place(source: Source, folder: Path, newest: int) -> None:
    """See that the last record taken is still what it was; if not, tell of it and go back to where it is."""
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
        told = {"was_at": source.sequence, "newest_there": newest, "goes_on_behind": known.sequence if known else 0}
        append_all([told_by_us(source, REWOUND if known else REPLACED, told)])
        _move(source, known.sequence if known else 0, known.hash if known else "")


def _last_common(source: Source, folder: Path) -> Stored | None:
    """The last record up to the source's that was taken with the same hash; None where not even the first one was."""
    common = None
    stream = (each for each in read(folder) if is_kept(each))
    while batch := list(islice(stream, _AT_ONCE)):
        taken = _taken_hashes(source, batch)
        for stored in batch:
            if not stored.hash:  # unreadable: nothing to go by
                continue
            if stored.sequence > source.sequence or taken.get(stored.sequence) != stored.hash:
                return common
            common = stored
    return common


def _taken_hashes(source: Source, batch: Sequence[Stored]) -> Mapping[int, str]:
    """The hashes with which these records were taken: those of the last time, where it was more than once."""
    by_target = {record_target(source, each.sequence).id: each.sequence for each in batch}
    entries = Entry.objects.filter(target_kind=RECORD, target_id__in=by_target).order_by("sequence")
    return {by_target[each.target_id]: str(each.detail.get("record_hash", "")) for each in entries}


def _note_problem(source: Source, problem: str) -> None:
    if source.problem != problem[:500]:
        source.problem = problem[:500]
        source.save(update_fields=("problem",))


def _looks_of(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """How the files look from outside, to the nanosecond: empty where they cannot be looked at."""
    try:
        return tuple(_looks(folder))
    except OSError:
        return ()


def _looks(folder: Path) -> Iterator[tuple[str, int, int]]:
    for path in sorted(folder.glob("records-*.jsonl")):
        found = path.stat()
        yield path.name, found.st_mtime_ns, found.st_ino
