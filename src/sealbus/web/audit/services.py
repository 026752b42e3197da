"""Append to the audit: called by every service, within the transaction of the change that it records.

A refusal is appended outside of any transaction, so that it stays when the request is rolled back. The head of the chain
is locked while an entry is added; the lock is short, because only one hash is computed under it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from sealbus.web.access.actions import Action
from sealbus.web.access.require import require
from sealbus.web.audit.chain import hash_of
from sealbus.web.audit.models import ChainHead, Entry, Result
from sealbus.web.audit.queries import EntryFilter, entries_in_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sealbus.web.access.subject import Actor, Subject

__all__ = ["Event", "Target", "append", "append_all", "begin_export", "storable_text"]

_MAX_NAME = 200
_ROWS_AT_ONCE = 500
_MAX_TEXT = 4_000
_WHOLE_FROM = 1e16  # from here on Python writes an exponent


@dataclass(frozen=True, slots=True)
class Target:
    """The object of an action, in words that stay when the object is deleted."""

    kind: str
    id: int | str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """The content of an entry. `detail` holds JSON values; changes as `old` and `new`; never a secret."""

    actor: Actor
    action: str
    target: Target = Target("")
    result: Result = Result.DONE
    detail: Mapping[str, Any] | None = None


def append(event: Event) -> Entry:
    """Add one event to the chain."""
    return append_all([event])[0]


def append_all(events: Sequence[Event]) -> list[Entry]:
    """Add events to the chain, in this order, whole or not at all."""
    entries = []
    with transaction.atomic():
        head = _locked_head()
        for event in events:
            entry = _entry(event, head.sequence + 1)
            entry.previous_hash = head.hash
            entry.hash = hash_of(entry, head.hash)
            head.sequence, head.hash = entry.sequence, entry.hash
            entries.append(entry)
        Entry.objects.bulk_create(entries, batch_size=_ROWS_AT_ONCE)
        head.save(update_fields=("sequence", "hash"))
    return entries


def begin_export(*, subject: Subject, wanted: EntryFilter, kind: str) -> Iterator[Entry]:
    """The matching entries up to now, oldest first. The export is recorded too, as the last of them."""
    require(subject, Action.AUDIT)
    filters = {name: str(getattr(wanted, name)) for name in EntryFilter.__slots__ if getattr(wanted, name)}
    exported = append(Event(subject.actor, "audit.export", Target("audit"), detail={"file": kind, "filter": filters}))
    return entries_in_order(subject, wanted, up_to=exported.sequence)


def _locked_head() -> ChainHead:
    head = ChainHead.objects.select_for_update().filter(id=1).first()
    if head is None:  # the first entry of all
        ChainHead.objects.get_or_create(id=1)
        head = ChainHead.objects.select_for_update().get(id=1)
    return head


def _entry(event: Event, sequence: int) -> Entry:
    return Entry(
        sequence=sequence,
        time=timezone.now(),
        actor_kind=event.actor.kind.value,
        actor_id=event.actor.id,
        actor_name=_clean(event.actor.name, _MAX_NAME),
        address=_clean(event.actor.address, 64),
        action=event.action,
        target_kind=event.target.kind,
        target_id=_clean(str(event.target.id), 64),
        target_name=_clean(event.target.name, _MAX_NAME),
        result=event.result.value,
        detail=_storable(event.detail or {}),
    )


def storable_text(text: str) -> str:
    """The text with escapes for NUL, which PostgreSQL cannot store, and for surrogates."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


def _clean(text: str, longest: int) -> str:
    return storable_text(text)[:longest]


def _storable(value: Any) -> Any:
    """The value as either database returns it from JSON, so that its hash stays the same."""
    match value:
        case str():
            return _clean(value, _MAX_TEXT)
        case bool() | int() | None:
            return value
        case float():
            return _storable_float(value)
        case dict():
            return {_clean(str(key), _MAX_NAME): _storable(each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_storable(each) for each in value]
        case _:
            return _clean(json.dumps(value, default=str).strip('"'), _MAX_TEXT)


def _storable_float(value: float) -> float | int | str:
    """PostgreSQL stores decimals: it has no infinity and no negative zero, and returns 1e22 as a whole number."""
    if value != value or abs(value) == float("inf"):
        return str(value)
    if value == 0:
        return 0.0
    return int(value) if abs(value) >= _WHOLE_FROM else value
