"""The audit: rows that are written once. Each has the hash of the one before, so a change anywhere breaks the chain
after it.

The database refuses to change or delete a row (triggers in the migration), and so does the model. `Source` keeps the
number of the last record taken from a gateway, in the same transaction as the entries: each record is taken exactly
once, even if a process dies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from django.db import models

from sealbus.web.access.actions import Action

if TYPE_CHECKING:
    from sealbus.web.access.subject import Subject

__all__ = ["AuditQuerySet", "ChainHead", "Entry", "Outlet", "Result", "Source"]


class AuditQuerySet(models.QuerySet[Any]):
    """Rows of the audit."""

    def visible_to(self, subject: Subject) -> AuditQuerySet:
        """All with the right `audit`, none without: an entry may name any group."""
        return self if subject.rights.allows(Action.AUDIT, None) else self.none()


class Result(models.TextChoices):
    """How an action ended."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Entry(models.Model):
    """One action, done or refused."""

    sequence = models.PositiveBigIntegerField(primary_key=True)
    time = models.DateTimeField(db_index=True)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.PositiveBigIntegerField(null=True)
    actor_name = models.CharField(max_length=200, blank=True, db_index=True)
    address = models.CharField(max_length=64, blank=True)
    action = models.CharField(max_length=64, db_index=True)
    """Dotted, the object first: `connection.create`, `session.login`, `gateway.denied`."""
    target_kind = models.CharField(max_length=32, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    target_name = models.CharField(max_length=200, blank=True)
    result = models.CharField(max_length=16, choices=Result.choices)
    detail = models.JSONField(default=dict)
    """Details: `old` and `new` of a change, `reason` of a refusal, the members of a gateway's record."""
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    objects = AuditQuerySet.as_manager()

    class Meta:
        app_label = "audit"
        ordering = ("-sequence",)
        indexes = (models.Index(fields=["target_kind", "target_id"], name="audit_target"),)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert. Raises TypeError for a row that is stored."""
        if not self._state.adding:
            raise TypeError("an audit entry is written once")
        kwargs["force_insert"] = True
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises TypeError."""
        raise TypeError("an audit entry is never deleted")


class ChainHead(models.Model):
    """The end of the chain: one row, locked while an entry is appended."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    sequence = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="0" * 64)

    class Meta:
        app_label = "audit"
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="audit_one_head"),)


class Source(models.Model):
    """A gateway whose records are taken over, and the last record taken."""

    name = models.CharField(max_length=100, unique=True)
    folder = models.CharField(max_length=500)
    sequence = models.PositiveBigIntegerField(default=0)
    last_hash = models.CharField(max_length=64, blank=True)
    proven_hash = models.CharField(max_length=64, blank=True)
    """The hash of the last record that its chain proves."""
    broken = models.CharField(max_length=500, blank=True)
    """Where the chain broke; empty while it holds."""
    taken_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=500, blank=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        app_label = "audit"


class Outlet(models.Model):
    """A target that entries are forwarded to, and the progress of the forwarding.

    `sequence` was acknowledged by the other machine's TCP. `settled` was acknowledged for some seconds on a connection
    that stayed open: after a new connection, forwarding resumes behind `settled`.
    """

    name = models.CharField(max_length=32, primary_key=True)
    sequence = models.PositiveBigIntegerField(default=0)
    settled = models.PositiveBigIntegerField(default=0)
    problem = models.CharField(max_length=500, blank=True)
    changed_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "audit"
