"""Making and changing connections, devices and tags.

Who may: `configure` in the group of the thing, in the group that it moves to, and in that of a connection that a device
is put on or asks another unit of: else a device of one's own on the connection of others would read theirs. What is
dialled, and with which certificate, is a matter of all groups: else a connection of one's own would reach what others have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from rest_framework.exceptions import ValidationError

from sealbus.web.access.actions import Action
from sealbus.web.coordination.versions import bump_version
from sealbus.web.devices.calculated import circle_in
from sealbus.web.devices.models import Connection, Device, Tag
from sealbus.web.devices.services.ledger import alter, demand, insert
from sealbus.web.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealbus.web.access.subject import Subject

__all__ = ["change", "check_tag_stays_possible", "create", "groups_touched"]

_Configured = Connection | Device | Tag


def create(*, row: _Configured, subject: Subject) -> _Configured:
    """Store a new connection, device or tag."""
    demand(subject, Action.CONFIGURE, *groups_touched(row, {}))
    with transaction.atomic():
        bump_version("plan")
        insert(row, subject=subject)
        _refuse_circles(row)
    return row


def change(*, row: _Configured, fields: Mapping[str, Any], subject: Subject) -> _Configured:
    """Change members of one. Conflict: it is archived, or somebody was faster."""
    demand(subject, Action.CONFIGURE, *groups_touched(row, fields))
    if row.archived_at is not None:
        raise Conflict("This is archived: restore it first", code="archived")
    with transaction.atomic():
        bump_version("plan")
        alter(row, fields, subject=subject)
        _refuse_circles(row)
    return row


def groups_touched(row: _Configured, fields: Mapping[str, Any]) -> set[int | None]:
    """The groups in which somebody needs the right to store this row, or to change these members of it; None: in all."""
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


def check_tag_stays_possible(tag_ids: list[int]) -> None:
    """Refuse a circle that one of these tags closes."""
    circle = circle_in(tag_ids)
    if circle:
        names = Tag.objects.in_bulk(circle)
        shown = " > ".join(names[each].name for each in [*circle, circle[0]] if each in names)
        raise ValidationError({"inputs": [f"it would depend on itself: {shown}; take one of these inputs out"]})


def _refuse_circles(row: _Configured) -> None:
    if isinstance(row, Tag) and row.expression:
        check_tag_stays_possible([row.pk])
