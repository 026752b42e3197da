"""Making and changing connections, devices and tags.

The right `configure` is needed in these groups; each keeps a user from reaching devices of groups that are not theirs:

1. The group of the row. A tag has the group of its device.
2. The group that the row moves to, if it moves.
3. For a device: the group of its connection, when the device is made, gets another connection, or gets another unit id.
   Otherwise a user could put a device of their own on the connection of another group and read any unit behind it.
4. For a connection: all groups, when it is made, or when its `url` or `identity` changes. Otherwise a user could dial
   the address of another group's devices, with the certificate of that group's connection.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.db import transaction

from sealbus.web.access.actions import Action
from sealbus.web.access.require import require
from sealbus.web.coordination.versions import bump_version
from sealbus.web.devices.calculated import circle_in
from sealbus.web.devices.models import Connection, Device, Tag
from sealbus.web.devices.services.audited_writes import alter, differing, insert
from sealbus.web.devices.services.parents import PARENT_MEMBERS, hold_parents
from sealbus.web.errors import Conflict, Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealbus.web.access.subject import Subject

__all__ = ["change", "create", "groups_touched"]

_Configured = Connection | Device | Tag


def create(*, row: _Configured, subject: Subject) -> _Configured:
    """Store a new connection, device or tag."""
    require(subject, Action.CONFIGURE, *groups_touched(row, {}))
    with transaction.atomic():
        bump_version("plan")
        hold_parents(row, _own_groups(row))
        insert(row, subject=subject)
        _refuse_circles(row, subject)
    return row


def change(*, row: _Configured, fields: Mapping[str, Any], subject: Subject) -> _Configured:
    """Change fields of one. Conflict: it is archived, or was changed meanwhile."""
    require(subject, Action.CONFIGURE, *groups_touched(row, fields))
    if row.archived_at is not None:
        raise Conflict("This is archived: restore it first", code="archived")
    if new := differing(row, fields):
        with transaction.atomic():
            bump_version("plan")
            alter(row, new, subject=subject)
            if new.keys() & PARENT_MEMBERS:
                hold_parents(row, _own_groups(row))
            _refuse_circles(row, subject)
    return row


def groups_touched(row: _Configured, fields: Mapping[str, Any]) -> set[int | None]:
    """The groups in which a user needs the right to store this row with these fields changed; None stands for all."""
    is_new = row.pk is None
    if isinstance(row, Tag):
        devices = {row.device, fields.get("device", row.device)}
        return {device.group_id for device in devices}
    groups: set[int | None] = {row.group_id, fields["group"].pk if "group" in fields else row.group_id}
    if isinstance(row, Connection) and (
        is_new or any(fields.get(name, getattr(row, name)) != getattr(row, name) for name in ("url", "identity"))
    ):
        groups.add(None)
    if isinstance(row, Device):
        connection = fields.get("connection", row.connection)
        moves = is_new or connection != row.connection or fields.get("unit_id", row.unit_id) != row.unit_id
        if moves and connection is not None:
            groups.add(connection.group_id)
    return groups


def _own_groups(row: _Configured) -> list[int]:
    """The group to lock. That of a tag is kept by its device, which is in it."""
    return [] if isinstance(row, Tag) else [row.group_id]


def _refuse_circles(row: _Configured, subject: Subject) -> None:
    if isinstance(row, Tag) and row.expression and (circle := circle_in([row.pk])):
        shown = _shown_circle(circle, subject)
        raise Invalid({"inputs": [f"the tag would depend on itself: {shown}; leave one of these inputs out"]})


def _shown_circle(circle: list[int], subject: Subject) -> str:
    """The names of its tags; "..." for each part that the subject cannot see, however many tags that has."""
    seen = Tag.objects.visible_to(subject).in_bulk(circle)
    names = [seen[each].name if each in seen else "..." for each in [*circle, circle[0]]]
    return " > ".join(name for name, _ in groupby(names))
