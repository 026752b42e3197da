"""Writing a row with its audit entry, in one transaction. Used by every service that changes configuration.

A change is a compare-and-swap on `version`, so of two users who edit the same row the second one gets a conflict. The
audit keeps the fields that changed, with their old and new values. Services ask `differing` before they begin: a change
that changes nothing bumps no version and leaves no audit entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction

from sealbus.web.accounts.services import record_refusal
from sealbus.web.audit.models import Result
from sealbus.web.audit.services import Event, Target, append
from sealbus.web.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from django.db.models import Model

    from sealbus.web.access.subject import Subject

__all__ = [
    "alter",
    "compare_and_swap",
    "detail_of",
    "differing",
    "insert",
    "kind_of",
    "note_refused",
    "record",
    "storable",
]

_KINDS = {"allowednetwork": "allowed-network", "serialpattern": "serial-pattern", "retentionclass": "retention-class"}
_LEFT_OUT = ("id", "version", "archived_at", "created_at")


def note_refused(subject: Subject, wanted: str) -> None:
    """Audit that the subject lacks the right."""
    record_refusal(actor=subject.actor, action="access.refused", detail={"reason": "refused", "action": wanted})


def kind_of(row: Model) -> str:
    """Its kind, as the audit names it."""
    name = row._meta.model_name or ""
    return _KINDS.get(name, name)


def record(subject: Subject, row: Model, deed: str, detail: Mapping[str, Any]) -> None:
    """Append to the audit, within the transaction."""
    kind = kind_of(row)
    append(Event(subject.actor, f"{kind}.{deed}", Target(kind, row.pk, str(row)), Result.DONE, detail))


def storable(value: Any) -> Any:
    """A value as the audit keeps it: a row by its id."""
    return value.pk if hasattr(value, "pk") else value


def detail_of(row: Model) -> dict[str, Any]:
    """All fields of a row that a user can set."""
    fields = (field for field in row._meta.concrete_fields if field.name not in _LEFT_OUT)
    return {field.name: field.value_from_object(row) for field in fields}


def insert(row: Model, *, subject: Subject) -> None:
    """Store a new row. Conflict: its name is taken."""
    with _name_conflicts(row), transaction.atomic():
        row.save(force_insert=True)
        record(subject, row, "create", {"new": detail_of(row)})


def differing(row: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields whose value differs from that of the row. `version` among them is the one that the caller read.

    Conflict: another user has changed the row since.
    """
    if "version" in fields and fields["version"] != row.version:
        raise _changed_meanwhile()
    return {name: value for name, value in fields.items() if name != "version" and getattr(row, name) != value}


def alter(row: Any, new: Mapping[str, Any], *, subject: Subject) -> None:
    """Store the fields that differ. Conflict: another user has changed the row since, or the new name is taken."""
    old = {name: storable(getattr(row, name)) for name in new}
    with _name_conflicts(row), transaction.atomic():
        compare_and_swap(row, new)
        record(subject, row, "change", {"old": old, "new": {name: storable(value) for name, value in new.items()}})


def compare_and_swap(row: Any, new: Mapping[str, Any]) -> None:
    """Store new values if the row still has the version that was read. Conflict: it has another one."""
    manager = type(row)._default_manager
    if not manager.filter(pk=row.pk, version=row.version).update(**new, version=row.version + 1):
        raise _changed_meanwhile()
    for name, value in new.items():
        setattr(row, name, value)
    row.version += 1


def _changed_meanwhile() -> Conflict:
    return Conflict("Another user has changed this meanwhile: load it again", code="changed-meanwhile")


class _name_conflicts:  # noqa: N801 - a context manager
    """Turns the error of a unique index into a Conflict."""

    def __init__(self, row: Model) -> None:
        self._row = row

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, IntegrityError) and _is_about_a_name(error):
            raise Conflict(f"Another {kind_of(self._row)} has this name", code="name-taken") from error


def _is_about_a_name(error: IntegrityError) -> bool:
    return any("unique" in str(each).lower() for each in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__
