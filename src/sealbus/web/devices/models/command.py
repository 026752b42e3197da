"""A command: one row, whose state changes only by compare-and-swap within the table of `plant.command_life`.

A row keeps who requested it, so that the rights of that account are checked again when a collector claims it. The
constraints hold in the database what the table of transitions claims: no race and no script can store another life.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Q

from sealbus.plant import FINAL_STATES, CommandKind, CommandState, advance, next_states
from sealbus.web.access.actions import Action
from sealbus.web.accounts.models import Group
from sealbus.web.devices.models.connection import Connection
from sealbus.web.devices.models.device import Device

if TYPE_CHECKING:
    import datetime

    from sealbus.web.access.subject import Subject

__all__ = ["KIND_CHOICES", "STATE_CHOICES", "Command", "CommandQuerySet"]

KIND_CHOICES = [(kind.value, kind.value) for kind in CommandKind]
STATE_CHOICES = [(state.value, state.value) for state in CommandState]

_OPEN = [state.value for state in CommandState if state not in FINAL_STATES]
_CAN_EXPIRE = [CommandState.REQUESTED.value, CommandState.WAITING.value, CommandState.APPROVED.value]
_HELD = [CommandState.CLAIMED.value, CommandState.SENT.value]
_AFTER_SENT = [state.value for state in CommandState if state in next_states(CommandState.SENT, CommandKind.WRITE)]
_OF_READINGS = [
    state.value
    for state in CommandState
    if state is CommandState.REQUESTED or any(state in next_states(each, CommandKind.READ) for each in CommandState)
]


class CommandQuerySet(models.QuerySet["Command"]):
    """Commands."""

    def visible_to(self, subject: Subject) -> CommandQuerySet:
        """In groups that the subject may view: its own, and all of the groups that it may configure."""
        viewed, configured = subject.rights.groups(Action.VIEW), subject.rights.groups(Action.CONFIGURE)
        rows = self if viewed is None else self.filter(group__in=viewed)
        if configured is None:
            return rows
        return rows.filter(Q(actor_id=subject.user_id or 0) | Q(group__in=configured))

    def open(self) -> CommandQuerySet:
        """Those that have not ended."""
        return self.filter(state__in=_OPEN)

    def claimable(self) -> CommandQuerySet:
        """Those that a collector may claim. Not those that wait for approval."""
        return self.filter(state__in=[CommandState.REQUESTED, CommandState.APPROVED])

    def overdue(self, now: datetime.datetime) -> CommandQuerySet:
        """Those that no collector claimed by their deadline."""
        return self.filter(state__in=_CAN_EXPIRE, deadline__lte=now)

    def held_by(self, holder: str) -> CommandQuerySet:
        """Those that this holder has claimed and not ended."""
        return self.filter(state__in=_HELD, claimed_by=holder)

    def compare_and_swap(self, command: Command, to: CommandState, **fields: Any) -> bool:
        """Move a command of these rows from the state that was read to another, with what goes with it.

        False: the state has changed since, or the row is not among these. Raises InvalidTransition.
        """
        state = advance(CommandState(command.state), to, CommandKind(command.kind))
        if not self.filter(pk=command.pk, state=command.state).update(state=state, **fields):
            return False
        command.state = state
        return True


class Command(models.Model):
    """A command. Its group is the one in which the right to request it was needed."""

    kind = models.CharField(max_length=16, choices=KIND_CHOICES)
    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="+")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, null=True, related_name="+")
    tags = models.JSONField(default=list)
    arguments = models.JSONField(default=dict)
    """The other members of the struct of this kind in `plant.commands`."""
    within_s = models.FloatField(default=30.0)

    actor_kind = models.CharField(max_length=16)
    actor_id = models.PositiveBigIntegerField()
    """The id of the user; for a token, of its owner."""
    actor_name = models.CharField(max_length=200)
    actor_address = models.CharField(max_length=64, blank=True)
    token_key = models.CharField(max_length=25, blank=True)
    """Identifies the token; empty in a session."""

    requested_at = models.DateTimeField()
    deadline = models.DateTimeField()
    state = models.CharField(max_length=16, choices=STATE_CHOICES, default=CommandState.REQUESTED.value)
    claimed_by = models.CharField(max_length=100, blank=True)
    """The holder of the lease that claimed it: ID@HOST-HASH."""
    claimed_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    """Of a write: committed before its bytes go on the wire."""
    withdraw_requested_at = models.DateTimeField(null=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    progress_text = models.CharField(max_length=500, blank=True)
    reason = models.CharField(max_length=1000, blank=True)
    result = models.JSONField(null=True)
    """A `plant.CommandResult` as JSON."""
    finished_at = models.DateTimeField(null=True)

    objects = CommandQuerySet.as_manager()

    class Meta:
        app_label = "devices"
        ordering = ("-id",)
        indexes = (
            models.Index(fields=["state", "deadline"], name="devices_command_open", condition=Q(state__in=_OPEN)),
            models.Index(fields=["actor_id", "-id"], name="devices_command_actor"),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(kind__in=[kind.value for kind in CommandKind]), name="devices_command_kind"
            ),
            models.CheckConstraint(
                condition=Q(kind=CommandKind.WRITE.value, state__in=[state.value for state in CommandState])
                | Q(state__in=_OF_READINGS),
                name="devices_command_state",
            ),
            models.CheckConstraint(
                condition=Q(state__in=_OPEN, finished_at__isnull=True)
                | (~Q(state__in=_OPEN) & Q(finished_at__isnull=False)),
                name="devices_command_finished",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=_HELD) | (Q(claimed_at__isnull=False) & ~Q(claimed_by="")),
                name="devices_command_claimed",
            ),
            # A write has an end that only a sent one can have, or is sent, only if the time of sending is recorded.
            # `failed` is left out: a write also fails before it is sent.
            models.CheckConstraint(
                condition=~Q(kind=CommandKind.WRITE.value)
                | Q(sent_at__isnull=False)
                | ~Q(state__in=[CommandState.SENT.value, *(each for each in _AFTER_SENT if each != "failed")]),
                name="devices_command_sent",
            ),
            models.CheckConstraint(condition=Q(within_s__gt=0, within_s__lte=3600), name="devices_command_within"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
