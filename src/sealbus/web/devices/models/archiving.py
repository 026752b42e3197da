"""Rows that are archived rather than deleted: the columns and the queries that connections, devices and tags share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.db import models

from sealbus.web.access.actions import Action

if TYPE_CHECKING:
    from typing import Self

    from sealbus.plant import Bounds
    from sealbus.web.access.subject import Subject

__all__ = ["LIVE", "Archivable", "ArchivableQuerySet", "between", "visible"]

LIVE = models.Q(archived_at__isnull=True)
"""Not archived: the condition of every unique name."""

_Row = TypeVar("_Row", bound="Archivable", covariant=True)


def visible(rows: Any, subject: Subject, path: str) -> Any:
    """Those of the rows that are in a group where the subject may see. `path` leads from a row to its group."""
    groups = subject.rights.groups(Action.VIEW)
    return rows if groups is None else rows.filter(**{f"{path}__in": groups})


class ArchivableQuerySet(models.QuerySet[_Row]):
    """Rows, archived and not."""

    def live(self) -> ArchivableQuerySet[_Row]:
        """The rows that are not archived."""
        return self.filter(LIVE)

    def archived(self) -> ArchivableQuerySet[_Row]:
        """The rows that are archived."""
        return self.exclude(LIVE)

    def visible_to(self, subject: Subject) -> Self:
        """The rows that the subject may see. API and exports ask this; sockets ask `trends.catalog`, by the same rule."""
        found: Self = visible(self, subject, self.model.group_path)
        return found


class Archivable(models.Model):
    """A row that may be archived, and that two users may edit at the same time: `version` counts its changes."""

    group_path: ClassVar[str] = "group"
    """From a row to its group, as a lookup."""

    enabled = models.BooleanField(default=True)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        abstract = True


def between(name: str, field: str, bounds: Bounds) -> models.CheckConstraint:
    """A constraint that the column is within its bounds, or NULL."""
    return models.CheckConstraint(
        condition=models.Q(**{f"{field}__gte": bounds.low, f"{field}__lte": bounds.high}), name=name
    )
