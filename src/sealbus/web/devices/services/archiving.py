"""Rows that history or audit refer to are archived, not deleted.

Archiving a connection archives its devices and their tags with the same `archived_at`; restoring it restores the rows with
that time. History and audit stay as they were; the names of archived rows are free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from sealbus.web.access.actions import Action
from sealbus.web.access.require import require
from sealbus.web.coordination.versions import bump_version
from sealbus.web.devices.calculated import dependents
from sealbus.web.devices.models import Connection, Device, Tag
from sealbus.web.devices.services.audited_writes import compare_and_swap, record
from sealbus.web.devices.services.parents import hold_parents
from sealbus.web.errors import Conflict, Invalid

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Sequence

    from django.db.models import QuerySet

    from sealbus.web.access.subject import Subject

__all__ = ["archive", "archive_many", "restore"]

_MAX_NAMES = 10
_Row = Connection | Device | Tag


def archive(*, row: _Row, subject: Subject) -> None:
    """Archive the row and the rows below it. Archiving an archived row does nothing.

    Conflict: a calculated tag elsewhere needs one of its tags.
    """
    _archive_all([row], subject)


def archive_many(*, rows: QuerySet[Any], ids: Collection[int], subject: Subject) -> int:
    """Archive these of the rows, all or none, with the rows below them. Returns how many were not archived before.

    Invalid: an id is not among the rows. Conflict: a calculated tag that stays needs one of their tags.
    """
    found = rows.in_bulk(sorted(set(ids)))
    if missing := sorted(set(ids) - found.keys()):
        text = ", ".join(map(str, missing[:_MAX_NAMES]))
        raise Invalid({"ids": [f"{len(missing)} of them do not exist: {text}; leave them out"]})
    return _archive_all(list(found.values()), subject)


def _archive_all(rows: Sequence[_Row], subject: Subject) -> int:
    require(subject, Action.CONFIGURE, *{group for row in rows for group in _groups(row, _below(row)[0])})
    live = [row for row in rows if row.archived_at is None]
    if not live:
        return 0
    now = timezone.now()
    with transaction.atomic():
        bump_version("plan")
        _refuse_if_needed([pk for row in live for pk in _below(row)[1].live().values_list("pk", flat=True)], subject)
        for row in live:
            devices, tags = _below(row)
            counts = {"tags": tags.live().exclude(pk=_own_id(row, Tag)).update(archived_at=now)}
            counts["devices"] = devices.live().exclude(pk=_own_id(row, Device)).update(archived_at=now)
            compare_and_swap(row, {"archived_at": now})
            record(subject, row, "archive", {"with": counts})
    return len(live)


def restore(*, row: _Row, subject: Subject) -> None:
    """Restore the row and the rows that were archived with it. Restoring a row that is not archived does nothing.

    Conflict: the row above it is archived, or a name is taken by now.
    """
    devices, tags = _below(row)
    require(subject, Action.CONFIGURE, *_groups(row, devices))
    if row.archived_at is None:
        return
    then: datetime.datetime = row.archived_at
    try:
        with transaction.atomic():
            bump_version("plan")
            hold_parents(row, _groups(row, devices.filter(archived_at=then)))
            counts = {
                "devices": devices.filter(archived_at=then).exclude(pk=_own_id(row, Device)).update(archived_at=None)
            }
            counts["tags"] = tags.filter(archived_at=then).exclude(pk=_own_id(row, Tag)).update(archived_at=None)
            compare_and_swap(row, {"archived_at": None})
            record(subject, row, "restore", {"with": counts})
    except IntegrityError:
        text = "By now there is something else of its name, or of the name of what belongs to it: rename that first"
        raise Conflict(text, code="name-taken") from None


def _below(row: _Row) -> tuple[Any, Any]:
    """The devices and the tags that are archived with the row; among them the row itself, if it is one."""
    if isinstance(row, Tag):
        return Device.objects.none(), Tag.objects.filter(pk=row.pk)
    devices = Device.objects.filter(connection=row) if isinstance(row, Connection) else Device.objects.filter(pk=row.pk)
    return devices, Tag.objects.filter(device__in=devices)


def _groups(row: _Row, devices: QuerySet[Any]) -> set[int]:
    """The groups where the right is needed: that of the row, and those of the devices below it."""
    own = row.device.group_id if isinstance(row, Tag) else row.group_id
    return {own, *devices.order_by().values_list("group_id", flat=True).distinct()}


def _own_id(row: _Row, kind: type[Any]) -> int:
    """The id of the row, if it is of this kind: the row itself is archived by compare-and-swap, not with those below it."""
    return int(row.pk) if isinstance(row, kind) else 0


def _refuse_if_needed(tags: list[int], subject: Subject) -> None:
    needing = dependents(tags)
    if not needing:
        return
    groups = subject.rights.groups(Action.VIEW)
    seen = [f"{tag.device.name}/{tag.name}" for tag in needing if groups is None or tag.device.group_id in groups]
    shown = ", ".join(seen[:_MAX_NAMES]) or "some that you cannot see"
    raise Conflict(f"{len(needing)} calculated tags need it: {shown}. Change those first", code="needed")
