"""What every change of rights has in common: one after the other, noticed by all, and never the end of administration.

`changing_rights` counts up the version of the rights first. That row stays locked until the transaction ends, so two
administrators who remove each other at the same moment come one after the other, and the second is told that he is the
last. `save_changes` is a compare-and-swap: what somebody else changed meanwhile is not overwritten.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import IntegrityError, transaction
from django.db.models import F

from sealbus.web.accounts.models import Group, Role, User
from sealbus.web.accounts.queries import administrators
from sealbus.web.coordination.versions import bump_version
from sealbus.web.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["changing_rights", "save_changes", "unique"]

_Row = TypeVar("_Row", User, Role, Group)


@contextmanager
def changing_rights() -> Iterator[None]:
    """A transaction in which rights change. Raises Conflict where it would leave nobody who administers."""
    with transaction.atomic():
        bump_version("rights")
        had_one = administrators().exists()
        yield
        if had_one and not administrators().exists():
            raise Conflict("This would leave nobody who administers in all groups", code="last-administrator")


def save_changes(row: _Row, changes: Mapping[str, Any], version: int | None) -> dict[str, dict[str, Any]]:
    """Store what differs, if the row is still as it was read, or as of `version`. What was and what is, for the audit.

    Raises ValidationError by field, and Conflict where somebody else was faster or a name is taken.
    """
    differing = {name: value for name, value in changes.items() if getattr(row, name) != value}
    old = {name: getattr(row, name) for name in differing}
    read = row.version if version is None else version
    for name, value in differing.items():
        setattr(row, name, value)
    row.full_clean(exclude={"password"})
    with unique("name"):
        stored = type(row)._default_manager.filter(pk=row.pk, version=read)
        if not stored.update(**differing, version=F("version") + 1):
            raise Conflict("Somebody else has changed this meanwhile: read it again", code="changed-meanwhile")
    row.version = read + 1
    return {"old": old, "new": differing} if differing else {}


@contextmanager
def unique(what: str) -> Iterator[None]:
    """Turns a name that somebody else took a moment ago into a Conflict."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        raise Conflict(f"This {what} is taken", code="taken") from None
