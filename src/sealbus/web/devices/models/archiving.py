"""What is archived rather than deleted: the columns and the queries that connections, devices and tags share."""

from __future__ import annotations

from typing import TypeVar

from django.db import models

__all__ = ["LIVE", "Archivable", "ArchivableQuerySet", "between"]

LIVE = models.Q(archived_at__isnull=True)
"""Not archived: the condition of every unique name."""

_Row = TypeVar("_Row", bound="Archivable", covariant=True)


class ArchivableQuerySet(models.QuerySet[_Row]):
    """Rows, with those that are archived told apart."""

    def live(self) -> ArchivableQuerySet[_Row]:
        """What is not archived."""
        return self.filter(LIVE)

    def archived(self) -> ArchivableQuerySet[_Row]:
        """What is."""
        return self.exclude(LIVE)


class Archivable(models.Model):
    """A row that may be archived, and that two people may edit at the same time: `version` counts its changes."""

    enabled = models.BooleanField(default=True)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        abstract = True


def between(name: str, field: str, low: float, high: float) -> models.CheckConstraint:
    """A constraint that the column lies in this range; nothing is said about NULL."""
    return models.CheckConstraint(condition=models.Q(**{f"{field}__gte": low, f"{field}__lte": high}), name=name)
