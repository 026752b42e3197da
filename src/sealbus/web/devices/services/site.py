"""The settings of the administrator: retention classes, allowed networks, serial ports. These rows are really deleted:
nothing in history or audit refers to them. A class that has tags cannot be deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import ProtectedError

from sealbus.web.access.actions import Action
from sealbus.web.access.require import require
from sealbus.web.coordination.versions import bump_version
from sealbus.web.devices.models import AllowedNetwork, RetentionClass, SerialPattern
from sealbus.web.devices.services.audited_writes import alter, detail_of, differing, insert, record, storable
from sealbus.web.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealbus.web.access.subject import Subject

__all__ = ["change_setting", "create_setting", "delete_setting"]

_Setting = RetentionClass | AllowedNetwork | SerialPattern


def create_setting(*, row: _Setting, subject: Subject) -> _Setting:
    """Store a new one."""
    require(subject, Action.ADMINISTER, None)
    with transaction.atomic():
        bump_version("plan")
        insert(row, subject=subject)
    return row


def change_setting(*, row: _Setting, fields: Mapping[str, Any], subject: Subject) -> _Setting:
    """Change fields of one."""
    require(subject, Action.ADMINISTER, None)
    if new := differing(row, fields):
        with transaction.atomic():
            bump_version("plan")
            if isinstance(row, RetentionClass):
                alter(row, new, subject=subject)
            else:
                _change_rule(row, new, subject)
    return row


def delete_setting(*, row: _Setting, subject: Subject) -> None:
    """Delete one. Conflict: tags are in this retention class."""
    require(subject, Action.ADMINISTER, None)
    try:
        with transaction.atomic():
            bump_version("plan")
            record(subject, row, "delete", {"old": detail_of(row)})
            row.delete()
    except ProtectedError:
        raise Conflict("Tags are in this class: put them into another one first", code="needed") from None


def _change_rule(row: AllowedNetwork | SerialPattern, new: Mapping[str, Any], subject: Subject) -> None:
    """A rule has no version: the last change wins."""
    old = {name: storable(getattr(row, name)) for name in new}
    for name, value in new.items():
        setattr(row, name, value)
    row.save(update_fields=list(new))
    record(subject, row, "change", {"old": old, "new": new})
