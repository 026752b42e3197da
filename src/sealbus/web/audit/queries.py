"""Filters of lists and exports, and the pages of a list by sequence number.

A page is requested by the number that it ends before (newest first), so it costs the same at the first entry and at the
millionth, and does not shift while entries are added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import CharField, F, Func, Q, Subquery
from django.db.models.functions import Cast

from sealbus.web.audit.models import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from django.db.models import QuerySet

    from sealbus.web.access.subject import Subject

__all__ = ["TARGETS_IN_GROUP", "EntryFilter", "entries_in_order", "page_of", "select"]

_AT_ONCE = 500

TARGETS_IN_GROUP: dict[str, Callable[[int], QuerySet[Any, Any]]] = {}
"""By kind of target: the ids, as text, of those that are in the group of this id. Each app above adds its own."""


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """An empty member filters nothing. `since` is included, `until` is not; `text` is searched in all shown fields."""

    since: datetime | None = None
    until: datetime | None = None
    actor: str = ""
    actor_kind: str = ""
    action: str = ""
    """The beginning of the action: `gateway.`, `connection.create`."""
    target_kind: str = ""
    target_id: str = ""
    result: str = ""
    group: int | None = None
    """About objects that are in this group now."""
    text: str = ""


def select(subject: Subject, wanted: EntryFilter) -> QuerySet[Entry]:
    """The entries that the subject may see and that match, in no order."""
    rows: QuerySet[Entry] = Entry.objects.visible_to(subject)
    if wanted.since is not None:
        rows = rows.filter(time__gte=wanted.since, sequence__gte=_first_since(wanted.since))
    if wanted.until is not None:
        rows = rows.filter(time__lt=wanted.until)
    for field in ("actor_kind", "target_kind", "target_id", "result"):
        if value := getattr(wanted, field):
            rows = rows.filter(**{field: value})
    if wanted.actor:
        rows = rows.filter(actor_name=wanted.actor)
    if wanted.action:
        rows = rows.filter(action__startswith=wanted.action)
    if wanted.group is not None:
        rows = rows.filter(_of_group(wanted.group))
    return _with_text(rows, wanted.text) if wanted.text else rows


def page_of(subject: Subject, wanted: EntryFilter, *, before: int | None, limit: int) -> list[Entry]:
    """The newest matching entries below `before`, at most `limit`."""
    rows = select(subject, wanted)
    if before is not None:
        rows = rows.filter(sequence__lt=before)
    return list(rows.order_by("-sequence")[:limit])


def entries_in_order(subject: Subject, wanted: EntryFilter, *, up_to: int) -> Iterator[Entry]:
    """All matching entries, oldest first, a few hundred at a time, none above `up_to`."""
    after = 0
    while True:
        rows = select(subject, wanted).filter(sequence__gt=after, sequence__lte=up_to)
        found = list(rows.order_by("sequence")[:_AT_ONCE])
        yield from found
        if len(found) < _AT_ONCE:
            return
        after = found[-1].sequence


def _first_since(since: datetime) -> Subquery:
    """The smallest number since then, by the index of times alone: a list by number, in which nothing else is found, must
    not read all older entries. Times are no order: a clock may have been set back.
    """
    recent = Entry.objects.filter(time__gte=since).order_by()
    number = (
        F("sequence") + 0
    )  # SQLite would search the plain column from its smallest number on, not the index of times
    return Subquery(recent.annotate(first=Func(number, function="MIN")).values("first"))


def _of_group(group: int) -> Q:
    fits = Q(target_kind="group", target_id=str(group))
    for kind, ids in TARGETS_IN_GROUP.items():
        fits |= Q(target_kind=kind, target_id__in=ids(group))
    return fits


def _with_text(rows: QuerySet[Entry], text: str) -> QuerySet[Entry]:
    fits = Q(detail_text__icontains=text)
    for field in ("actor_name", "address", "action", "target_kind", "target_id", "target_name"):
        fits |= Q(**{f"{field}__icontains": text})
    return rows.alias(detail_text=Cast("detail", CharField())).filter(fits)
