"""Entries that belong to one entry, in their order: about the same object, of the same command, of the same write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Q

from sealbus.web.audit.models import Entry

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from sealbus.web.access.subject import Subject

__all__ = ["command_chain", "object_chain"]

_NEAR = 5_000
"""Entries of one command lie near each other; looking through all of them would read the whole table."""
_EACH_SIDE = 6
_MOST = 50


def object_chain(subject: Subject, entry: Entry) -> list[Entry]:
    """The entries about the same object, some before and some after this one. Two statements."""
    if not entry.target_kind or not entry.target_id:
        return [entry]
    rows: QuerySet[Entry] = Entry.objects.visible_to(subject)
    rows = rows.filter(target_kind=entry.target_kind, target_id=entry.target_id)
    before = list(rows.filter(sequence__lt=entry.sequence).order_by("-sequence")[:_EACH_SIDE])
    after = list(rows.filter(sequence__gt=entry.sequence).order_by("sequence")[:_EACH_SIDE])
    return [*reversed(before), entry, *after]


def command_chain(subject: Subject, entry: Entry) -> list[Entry]:
    """The entries of the same command, or of the same write through a gateway, this one included. One statement."""
    fits = _of_command(entry) or _of_gateway_write(entry)
    if fits is None:
        return [entry]
    near: QuerySet[Entry] = Entry.objects.visible_to(subject)
    near = near.filter(sequence__range=(max(0, entry.sequence - _NEAR), entry.sequence + _NEAR))
    return list(near.filter(fits | Q(pk=entry.pk)).order_by("sequence")[:_MOST])


def _of_command(entry: Entry) -> Q | None:
    number = _member(entry, "command")
    return Q(detail__command=number) if isinstance(number, int) else None


def _of_gateway_write(entry: Entry) -> Q | None:
    """A write is two records: its request, and its outcome, which names the number of the request."""
    source, _colon, own = entry.target_id.partition(":")
    if entry.target_kind != "gateway-record" or not own.isdigit():
        return None
    request = _member(entry, "request")
    if entry.action == "gateway.write_outcome" and isinstance(request, int):
        return Q(target_kind=entry.target_kind, target_id=f"{source}:{request}")
    if entry.action == "gateway.write_requested":
        return Q(action="gateway.write_outcome", target_id__startswith=f"{source}:", detail__request=int(own))
    return None


def _member(entry: Entry, name: str) -> Any:
    return entry.detail.get(name) if isinstance(entry.detail, dict) else None
