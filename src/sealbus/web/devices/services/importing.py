"""Imports: many rows at once, all or none, with every problem named (`interchange`, `import_batch`).

Judging thousands of rows takes seconds, and the plan's version is a lock that others wait for, on SQLite the only one
for writing. So rows are judged before it is taken, and stored under it only if the plan has not changed meanwhile; else
they are judged again. A dry run judges in the same way and takes no lock. Each import is audited, also one that was
refused, changed nothing or was a dry run, because each costs the site as much.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction

from sealbus.web.accounts.services import hold_groups
from sealbus.web.audit.models import Result
from sealbus.web.audit.services import Event, Target, append, append_all
from sealbus.web.coordination.versions import bump_version, read_version
from sealbus.web.devices.interchange import Budget
from sealbus.web.devices.services.audited_writes import note_refused
from sealbus.web.devices.services.import_batch import Batch
from sealbus.web.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sealbus.web.access.subject import Subject
    from sealbus.web.devices.columns import Table
    from sealbus.web.devices.interchange import Report, Row

__all__ = ["MAX_IMPORT_S", "Operation", "import_rows", "note_export"]

MAX_IMPORT_S = 30.0
"""Seconds of computing in one import. Twenty thousand tags take about five on a machine of today."""
_ATTEMPTS = 3
_MAX_NAMES = 100


@dataclass(frozen=True, slots=True)
class Operation:
    """What an import is a part of: a template that is applied to a device, tags that were discovered."""

    about: Target
    """The audit's target, in place of the table."""
    store: Callable[[], None] | None = None
    """Called in the transaction of the import."""
    is_change: bool = False
    """Whether `store` changes something even if no row does."""


class _Overtaken(Exception):
    """Ends the transaction: the plan has changed since the rows were judged."""


def import_rows(
    *,
    table: Table,
    rows: Sequence[Row],
    report: Report,
    subject: Subject,
    dry_run: bool,
    part_of: Operation | None = None,
    within_s: float = MAX_IMPORT_S,
) -> Report:
    """Store rows, or report what would happen. Nothing is stored if the report has a problem in the end.

    Conflict: the plan changed each time while the rows were judged.
    """
    operation = part_of or Operation(Target(table))
    deed = f"{table.value[:-1]}.import"
    budget = Budget(within_s)
    for _ in range(_ATTEMPTS):
        seen = read_version("plan")
        batch = _judged(table, rows, report, subject, budget)
        if batch.was_refused:
            note_refused(subject, deed)
        is_change = batch.has_changes() or operation.is_change
        if report.has_problems() or dry_run or not is_change:
            append(_outcome(subject, deed, operation.about, report, dry_run=dry_run))
            return report
        try:
            with transaction.atomic():
                bump_version("plan")
                if read_version("plan") != seen + 1:
                    raise _Overtaken
                _hold(batch)
                batch.store()
                details = [_detail(report), *({"rows": part} for part in batch.changes())]
                append_all([Event(subject.actor, deed, operation.about, Result.DONE, each) for each in details])
                if operation.store is not None:
                    operation.store()
        except _Overtaken:
            report.clear()
        else:
            return report
    text = "Others change the configuration all the time while this is judged: try again, or import fewer rows at once"
    raise Conflict(text, code="changed-meanwhile")


def note_export(*, table: Table, count: int, subject: Subject) -> None:
    """Audit an export: it carries the map of the plant out of the site."""
    append(Event(subject.actor, f"{table.value[:-1]}.export", Target(table), Result.DONE, {"count": count}))


def _judged(table: Table, rows: Sequence[Row], report: Report, subject: Subject, budget: Budget) -> Batch:
    batch = Batch(table, subject, report)
    for row in rows:
        if budget.is_spent():
            text = (
                f"judging this far took {budget.seconds:g} s of computing; import the rows from here on as another part"
            )
            report.add(row.line, "", text)
            return batch
        batch.add(row)
    batch.wire()
    return batch


def _hold(batch: Batch) -> None:
    """Keep the groups of new rows from being archived: archiving one does not change the plan."""
    try:
        hold_groups(batch.group_ids())
    except Conflict:
        raise _Overtaken from None  # judged again, the rows name a group that is not there


def _outcome(subject: Subject, deed: str, about: Target, report: Report, *, dry_run: bool) -> Event:
    """Of an import that stored nothing."""
    counts = {"created": report.created, "changed": report.changed, "problems": report.problem_count}
    result = Result.FAILED if report.has_problems() and not dry_run else Result.DONE
    return Event(subject.actor, deed, about, result, counts | ({"dry_run": True} if dry_run else {}))


def _detail(report: Report) -> dict[str, Any]:
    return {
        "created": report.created,
        "changed": report.changed,
        "fields": sorted(report.fields),
        "names": report.names[:_MAX_NAMES],
    }
