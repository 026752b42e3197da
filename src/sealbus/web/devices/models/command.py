"""What somebody asked the collector to do once: a row with a life, moved on by compare-and-swap alone.

    requested -> claimed -> done | failed | expired | unknown | cancelled
    requested -> failed | expired | cancelled

A row knows who asked, so that his rights can be looked at again when it is claimed. `unknown` is for what a collector
had claimed when it died and whose effect nobody can know; what changes nothing in a device is `failed` then.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from sealbus.web.accounts.models import Group
from sealbus.web.devices.models.connection import Connection
from sealbus.web.devices.models.device import Device

__all__ = ["Command", "CommandKind", "CommandState"]


class CommandKind(models.TextChoices):
    """What is asked for: the words of the collector's commands."""

    TEST = "test"
    READ = "read"
    SCAN_UNITS = "scan_units"
    SCAN_REGISTERS = "scan_registers"
    SUNSPEC = "sunspec"
    WRITE = "write"


class CommandState(models.TextChoices):
    """Where it is in its life."""

    REQUESTED = "requested"
    CLAIMED = "claimed"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Nothing comes after it."""
        return self not in (CommandState.REQUESTED, CommandState.CLAIMED)


_OPEN = [CommandState.REQUESTED.value, CommandState.CLAIMED.value]


class Command(models.Model):
    """A command. Its group is the one in which its asker needed the right."""

    kind = models.CharField(max_length=16, choices=CommandKind.choices)
    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="+")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, null=True, related_name="+")
    tags = models.JSONField(default=list)
    arguments = models.JSONField(default=dict)
    """The other members of the collector's command of this kind."""
    within_s = models.FloatField(default=30.0)

    actor_kind = models.CharField(max_length=16)
    actor_id = models.PositiveBigIntegerField()
    """The user's id, of a token its owner's."""
    actor_name = models.CharField(max_length=200)
    actor_address = models.CharField(max_length=64, blank=True)
    token_key = models.CharField(max_length=25, blank=True)
    """What tells the token apart; empty in a session."""

    requested_at = models.DateTimeField()
    deadline = models.DateTimeField()
    state = models.CharField(max_length=16, choices=CommandState.choices, default=CommandState.REQUESTED)
    claimed_by = models.CharField(max_length=100, blank=True)
    claimed_at = models.DateTimeField(null=True)
    cancel_asked_at = models.DateTimeField(null=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    progress_text = models.CharField(max_length=500, blank=True)
    reason = models.CharField(max_length=1000, blank=True)
    result = models.JSONField(null=True)
    """The collector's `OrderResult` as builtins."""
    finished_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "devices"
        ordering = ("-id",)
        indexes = (
            models.Index(fields=["state", "deadline"], name="devices_command_open", condition=Q(state__in=_OPEN)),
            models.Index(fields=["actor_id", "-id"], name="devices_command_actor"),
        )
        constraints = (
            models.CheckConstraint(condition=Q(kind__in=CommandKind.values), name="devices_command_kind"),
            models.CheckConstraint(condition=Q(state__in=CommandState.values), name="devices_command_state"),
            models.CheckConstraint(
                condition=Q(state__in=_OPEN, finished_at__isnull=True)
                | (~Q(state__in=_OPEN) & Q(finished_at__isnull=False)),
                name="devices_command_finished",
            ),
            models.CheckConstraint(
                condition=~Q(state="claimed") | (Q(claimed_at__isnull=False) & ~Q(claimed_by="")),
                name="devices_command_claimed",
            ),
            models.CheckConstraint(condition=Q(within_s__gt=0, within_s__lte=3600), name="devices_command_within"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
