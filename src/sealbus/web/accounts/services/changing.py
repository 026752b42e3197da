"""Shared by every change of rights: changes are made one after the other, are seen by all processes, and never leave the
site without an administrator.

`changing_rights` counts up the version of the rights first. That row stays locked until the transaction ends, so two
administrators who remove each other at the same moment come one after the other, and the second is refused as the last.
`compare_and_swap` does not overwrite a concurrent change. A change that changes nothing does neither.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F

from sealbus.web.accounts.models import Group, Role, User
from sealbus.web.accounts.queries import administrators
from sealbus.web.coordination.versions import bump_version
from sealbus.web.errors import Conflict, Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from django.db.models import Model

__all__ = ["changing_rights", "check_row", "check_version", "compare_and_swap", "differing", "unique"]

_Row = TypeVar("_Row", User, Role, Group)


@contextmanager
def changing_rights() -> Iterator[None]:
    """A transaction in which rights change. Raises Conflict if no administrator would remain."""
    with transaction.atomic():
        bump_version("rights")
        had_one = administrators().exists()
        yield
        if had_one and not administrators().exists():
            raise Conflict("This would leave no administrator of all groups", code="last-administrator")


def check_row(row: Model) -> None:
    """Raise Invalid, by field, for a row that the model does not allow."""
    try:
        row.full_clean(exclude={"password"})
    except ValidationError as error:
        problems = dict(error.message_dict)
        if isinstance(row, User) and NON_FIELD_ERRORS in problems:  # its only constraint
            del problems[NON_FIELD_ERRORS]
            problems["username"] = ["This user name is taken"]
        raise Invalid(problems) from None


def check_version(row: _Row, version: int | None) -> None:
    """Raise Conflict if the caller read another version of this row; None: the caller does not say."""
    if version is not None and version != row.version:
        raise _changed_meanwhile()


def differing(row: _Row, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the changes that change something."""
    return {name: value for name, value in changes.items() if getattr(row, name) != value}


def compare_and_swap(row: _Row, changes: Mapping[str, Any], version: int | None) -> dict[str, dict[str, Any]]:
    """Store changes if the row is still as it was read, or as of `version`. Returns old and new values, for the audit.

    Raises Invalid by field, and Conflict if another change was faster or a name is taken.
    """
    old = {name: getattr(row, name) for name in changes}
    read = row.version if version is None else version
    for name, value in changes.items():
        setattr(row, name, value)
    check_row(row)
    with unique("name"):
        stored = type(row)._default_manager.filter(pk=row.pk, version=read)
        if not stored.update(**changes, version=F("version") + 1):
            raise _changed_meanwhile()
    row.version = read + 1
    return {"old": old, "new": dict(changes)}


@contextmanager
def unique(what: str) -> Iterator[None]:
    """Turn a name that another request has just taken into a Conflict."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        raise Conflict(f"This {what} is taken", code="taken") from None


def _changed_meanwhile() -> Conflict:
    return Conflict("Somebody else has changed this meanwhile: read it again", code="changed-meanwhile")
