"""What a row belongs to must be in use: a row below an archived one would be polled, and nobody would find it.

The check runs in the transaction that brings the row there, behind `bump_version("plan")`: devices and connections are
archived one change after the other with it. Groups belong to `accounts` and change without the plan, so they are locked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealbus.web.accounts.services import hold_groups
from sealbus.web.devices.models import Connection, Device, Tag
from sealbus.web.devices.services.audited_writes import kind_of
from sealbus.web.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["PARENT_MEMBERS", "hold_parents"]

PARENT_MEMBERS = frozenset({"group", "connection", "device"})
"""The members that say what a row belongs to."""


def hold_parents(row: Connection | Device | Tag, group_ids: Collection[int]) -> None:
    """Keep what the row belongs to, and these groups, from being archived until the transaction ends.

    Conflict: one of them is archived by now.
    """
    hold_groups(group_ids)
    parent: Connection | Device | None = None
    if isinstance(row, Tag):
        parent = Device.objects.archived().filter(pk=row.device_id).first()
    elif isinstance(row, Device) and row.connection_id is not None:
        parent = Connection.objects.archived().filter(pk=row.connection_id).first()
    if parent is not None:
        raise Conflict(f'Its {kind_of(parent)} "{parent}" is archived: restore that first', code="archived")
