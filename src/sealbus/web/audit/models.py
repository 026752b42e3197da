"""The audit: rows that are written once. Each carries the hash of the one before, so a change anywhere breaks the
chain behind it.

The database refuses to change or delete a row (triggers in the second migration), and so does the model. Where the
records of a gateway come from, `Source` keeps the number of the last one taken, in the same transaction: exactly
once, whatever dies.
"""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models

__all__ = ["ChainHead", "Entry", "Outlet", "Result", "Source"]


class Result(models.TextChoices):
    """How it ended."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Entry(models.Model):
    """One thing that somebody did, or was refused."""

    sequence = models.PositiveBigIntegerField(primary_key=True)
    time = models.DateTimeField(db_index=True)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.PositiveBigIntegerField(null=True)
    actor_name = models.CharField(max_length=200, blank=True, db_index=True)
    address = models.CharField(max_length=64, blank=True)
    action = models.CharField(max_length=64, db_index=True)
    """Dotted, the thing first: `connection.create`, `session.login`, `gateway.denied`."""
    target_kind = models.CharField(max_length=32, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    target_name = models.CharField(max_length=200, blank=True)
    result = models.CharField(max_length=16, choices=Result.choices)
    detail = models.JSONField(default=dict)
    """What belongs to it: `old` and `new` of a change, `reason` of a refusal, what a gateway recorded."""
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        app_label = "audit"
        ordering = ("-sequence",)
        indexes = (models.Index(fields=["target_kind", "target_id"], name="audit_target"),)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Only ever inserts."""
        if not self._state.adding:
            raise TypeError("an audit entry is written once")
        kwargs["force_insert"] = True
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuses."""
        raise TypeError("an audit entry is never deleted")


class ChainHead(models.Model):
    """The end of the chain: one row, locked by whoever appends."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    sequence = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="0" * 64)

    class Meta:
        app_label = "audit"
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="audit_one_head"),)


class Source(models.Model):
    """A gateway whose records are taken over: how far they have been."""

    name = models.CharField(max_length=100, unique=True)
    folder = models.CharField(max_length=500)
    sequence = models.PositiveBigIntegerField(default=0)
    last_hash = models.CharField(max_length=64, blank=True)
    taken_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=500, blank=True)

    class Meta:
        app_label = "audit"


class Outlet(models.Model):
    """Where entries are sent on to, and how far that has come.

    `sequence` was taken by the other side's machine, `settled` stayed so for a while on a connection that lived: after a
    new connection sending goes on behind `settled`.
    """

    name = models.CharField(max_length=32, primary_key=True)
    sequence = models.PositiveBigIntegerField(default=0)
    settled = models.PositiveBigIntegerField(default=0)
    problem = models.CharField(max_length=500, blank=True)
    changed_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "audit"
