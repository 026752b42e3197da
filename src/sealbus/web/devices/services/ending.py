"""The end of a command: one compare-and-swap, audited in the name of the account that requested it.

A withdrawal before the claim ends a command in `withdraw_command`, audited in the name of the user who withdraws.

A command that no collector claimed by its deadline has expired, whether a collector runs or not: the collector expires
such commands before it claims, and the site when a new command is requested or an overdue one is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from sealbus.plant import CommandState
from sealbus.web.access.subject import Actor, ActorKind
from sealbus.web.audit.models import Result
from sealbus.web.audit.services import Event, Target, append, storable_text
from sealbus.web.coordination.versions import bump_version
from sealbus.web.devices.models import Command

if TYPE_CHECKING:
    from sealbus.web.devices.models import CommandQuerySet

__all__ = ["actor_of", "clean", "end_command", "expire_overdue", "target_of", "with_targets"]

_MAX_REASON = 1000
_RESULTS = {
    CommandState.DONE: Result.DONE,
    CommandState.UNKNOWN: Result.UNKNOWN,
    CommandState.REFUSED: Result.REFUSED,
    CommandState.REJECTED: Result.REFUSED,
}


def end_command(command: Command, to: CommandState, *, reason: str = "", result: Any = None) -> bool:
    """Move a command to a final state, audited in the name of the account that requested it."""
    reason = clean(reason)[:_MAX_REASON]
    with transaction.atomic():
        bump_version(
            "command"
        )  # before the row is locked, as everywhere: in the other order two of these could deadlock
        fields = {"reason": reason, "result": result, "finished_at": timezone.now()}
        if not Command.objects.compare_and_swap(command, to, **fields):
            return False
        detail = {"command": command.pk, "state": to.value, "reason": reason}
        outcome = _RESULTS.get(to, Result.FAILED)
        append(Event(actor_of(command), f"{command.kind}.finish", target_of(command), outcome, detail))
    return True


def expire_overdue() -> None:
    """End the commands that no collector claimed by their deadline."""
    overdue = Command.objects.overdue(timezone.now())
    for command in with_targets(overdue):
        is_waiting = command.state == CommandState.WAITING
        reason = "nobody approved it in time" if is_waiting else "no collector claimed it in time"
        end_command(command, CommandState.EXPIRED, reason=reason)


def target_of(command: Command) -> Target:
    """The device or connection of a command, for the audit."""
    target = command.device or command.connection
    return Target("device" if command.device else "connection", target.pk, target.name)


def actor_of(command: Command) -> Actor:
    """Who requested it, for the audit."""
    return Actor(ActorKind(command.actor_kind), command.actor_id, command.actor_name, command.actor_address)


def with_targets(rows: CommandQuerySet) -> CommandQuerySet:
    """With their device and connection, which the audit of an end names."""
    return rows.select_related("device__connection", "connection")


def clean(value: Any) -> Any:
    """A value that every database can store: NUL, half characters and numbers that JSON lacks are replaced.

    Text of devices may hold them.
    """
    match value:
        case str():
            return storable_text(value)
        case float():
            return value if value == value and abs(value) != float("inf") else None
        case dict():
            return {key: clean(each) for key, each in value.items()}
        case list() | tuple():
            return [clean(each) for each in value]
        case _:
            return value
