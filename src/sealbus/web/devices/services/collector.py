"""The collector's side of commands: claim, progress, sent, end, recovery. Typed structs of `plant` in and out.

* A command is claimed by compare-and-swap, so two collectors never both have it. The rights of the account that
  requested it are checked again: in a session as they are now, of a token cut to the token, which may be revoked.
* What the collector receives is built from the configuration as it is now.
* A write is recorded as `sent`, in the audit too, before the collector may put it on the wire (`record_sent`). So the
  state proves what a collector that died had done: `claimed` was not sent, `sent` may have been.
* The end of every command is audited in the name of the account that requested it. Only a withdrawal before the claim
  ends a command elsewhere (`withdraw_command`), in the name of the user who withdraws.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec
from django.db import transaction
from django.db.models import Exists
from django.utils import timezone

from sealbus import plant
from sealbus.plant import FINAL_STATES, CommandKind, CommandProgress, CommandResult, CommandState, next_states
from sealbus.web.access.subject import NOBODY, Subject
from sealbus.web.accounts.models import ApiToken, User
from sealbus.web.accounts.subjects import subject_of_token, subject_of_user
from sealbus.web.audit.models import Result
from sealbus.web.audit.services import Event, append
from sealbus.web.coordination.models import Lease
from sealbus.web.devices.models import Command
from sealbus.web.devices.queries import tag_plans
from sealbus.web.devices.services.commands import NEEDED
from sealbus.web.devices.services.ending import (
    actor_of,
    clean,
    end_command,
    expire_overdue,
    target_of,
    with_targets,
)

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection

__all__ = [
    "claim_commands",
    "finish_command",
    "note_progress",
    "record_sent",
    "recover_commands",
    "withdrawn_commands",
]

_log = logging.getLogger("sealbus.web")
_MAX_TEXT = 500
_PROOFS_OF_SENDING = (CommandState.DONE, CommandState.DIFFERS, CommandState.UNKNOWN)
_NOT_SENT = "the collector stopped before it sent the write"
_MAY_BE_SENT = "the collector stopped after it recorded the write as sent: the write may or may not have had its effect"


class _NotPossible(Exception):
    """Why a command that was claimed is not given to the collector."""


def claim_commands(holder: str, limit: int) -> list[plant.Command]:
    """Up to `limit` commands for this collector, the oldest first.

    Those past their deadline become expired. Those that are not possible, or not allowed any more, become refused. A
    collector that does not hold a lease gets none: nobody would end what it claims after the recovery of the next one.
    """
    expire_overdue()
    claimed: list[plant.Command] = []
    last_id = 0
    while len(claimed) < limit:
        waiting = list(Command.objects.claimable().filter(pk__gt=last_id).order_by("id")[: limit - len(claimed)])
        if not waiting:
            break
        last_id = waiting[-1].pk
        claimed += [found for command in waiting if (found := _claim(command, holder)) is not None]
    return claimed


def note_progress(holder: str, progress: CommandProgress) -> bool:
    """Store the progress of a command. False: it was withdrawn, or is not this collector's any more.

    The collector does not use the result: it learns of withdrawals by `withdrawn_commands`.
    """
    rows = Command.objects.held_by(holder).filter(pk=progress.id)
    noted = rows.update(
        done=max(0, progress.done), total=max(0, progress.total), progress_text=clean(progress.text)[:_MAX_TEXT]
    )
    return bool(noted) and not rows.filter(withdraw_requested_at__isnull=False).exists()


def record_sent(holder: str, command_id: int) -> bool:
    """Record a claimed write as sent. The collector may put it on the wire only if this returned true.

    False: it was withdrawn, its deadline has passed, or another collector holds the lease or the command.
    """
    now = timezone.now()
    with transaction.atomic():
        lease = Lease.objects.select_for_update().filter(holder=holder)
        rows = Command.objects.filter(
            pk=command_id, claimed_by=holder, withdraw_requested_at__isnull=True, deadline__gt=now
        )
        command = with_targets(rows.filter(state=CommandState.CLAIMED, kind=CommandKind.WRITE)).first()
        if lease.first() is None or command is None:
            return False
        if not rows.compare_and_swap(command, CommandState.SENT, sent_at=now):
            return False
        append(
            Event(actor_of(command), f"{command.kind}.send", target_of(command), Result.DONE, {"command": command.pk})
        )
    return True


def withdrawn_commands(holder: str) -> list[int]:
    """The commands of this collector that are to be stopped, because a user withdrew them."""
    rows = Command.objects.held_by(holder).filter(withdraw_requested_at__isnull=False)
    return list(rows.values_list("pk", flat=True))


def finish_command(holder: str, result: CommandResult) -> bool:
    """Store the result of a command. False: the command is not this collector's any more, and has its end already."""
    command = with_targets(Command.objects.held_by(holder).filter(pk=result.id)).first()
    if command is None:
        return False
    state, kind = CommandState(command.state), CommandKind(command.kind)
    if state is CommandState.CLAIMED and kind.is_write and result.state in _PROOFS_OF_SENDING:
        # Never expected: `record_sent` comes first. If it happens, the truth about the device is kept.
        _log.error("command %d: the collector sent a write that was not recorded as sent", command.pk)
        if not Command.objects.compare_and_swap(command, CommandState.SENT, sent_at=timezone.now()):
            return False
    to = _end_state(command, result.state)
    reason = result.reason
    if to is CommandState.WITHDRAWN:
        reason = reason or "withdrawn"
    return end_command(command, to, reason=reason, result=clean(msgspec.to_builtins(result)))


def recover_commands(collector_id: str, running: Collection[int] = ()) -> int:
    """End the commands that are claimed for this collector id and that no process executes. Returns how many.

    `running` are those that the caller executes. Call it only as the holder of the lease of this id, before the first
    claim and after one that failed; a holder's name begins with the id and "@".
    Nothing is executed again: a write that was recorded as sent is unknown, one that was not has failed, and a reading has
    failed.
    """
    ended = 0
    held = Command.objects.filter(
        state__in=[CommandState.CLAIMED, CommandState.SENT], claimed_by__startswith=f"{collector_id}@"
    )
    for command in with_targets(held.exclude(pk__in=running)):
        if command.state == CommandState.SENT:
            ended += end_command(command, CommandState.UNKNOWN, reason=_MAY_BE_SENT)
        else:
            reason = _NOT_SENT if CommandKind(command.kind).is_write else "the collector stopped before it was done"
            ended += end_command(command, CommandState.FAILED, reason=reason)
    return ended


def _claim(command: Command, holder: str) -> plant.Command | None:
    now = timezone.now()
    rows = Command.objects.filter(Exists(Lease.objects.filter(holder=holder)), deadline__gt=now)
    if not rows.compare_and_swap(command, CommandState.CLAIMED, claimed_by=holder, claimed_at=now):
        return None
    command = with_targets(Command.objects.filter(pk=command.pk)).get()
    try:
        _check_rights(command)
        return _build(command, now)
    except _NotPossible as refusal:
        end_command(command, CommandState.REFUSED, reason=str(refusal))
        return None


def _check_rights(command: Command) -> None:
    """The rights as they are now, in the group where the device or connection is now."""
    subject = _requester(command)
    target = command.device or command.connection
    if not all(subject.rights.allows(action, target.group_id) for action in NEEDED[CommandKind(command.kind)]):
        raise _NotPossible(f"{command.actor_name} does not have the right any more")


def _requester(command: Command) -> Subject:
    if command.token_key:
        for token in ApiToken.objects.filter(token_key=command.token_key, user=command.actor_id).select_related("user"):
            subject = subject_of_token(token, address=command.actor_address)
            if subject is not None and subject.actor.name == command.actor_name:
                return subject
        return NOBODY
    user = User.objects.filter(pk=command.actor_id).first()
    if user is None:
        return NOBODY
    # a second factor, where a role demands one, was checked when the command was requested
    return subject_of_user(user, address=command.actor_address, has_second_factor=True)


def _build(command: Command, now: datetime.datetime) -> plant.Command:
    """The command for the collector, from the configuration as it is now. Raises _NotPossible."""
    device, connection = command.device, command.connection
    members: dict[str, Any] = dict(command.arguments) if isinstance(command.arguments, dict) else {}
    if device is not None:
        if device.connection is None or device.archived_at is not None:
            raise _NotPossible("the device is archived, or has no connection any more")
        connection = device.connection
        members["unit_id"] = device.unit_id
    if connection.archived_at is not None:
        raise _NotPossible("the connection is archived")
    if command.kind == CommandKind.READ and device is not None:
        members["tags"] = msgspec.to_builtins(tag_plans(device.pk, command.tags))
        if not members["tags"]:
            raise _NotPossible("the tags are archived, or belong to another device now")
    members |= {
        "kind": command.kind,
        "id": command.pk,
        "connection": connection.pk,
        "within_s": max(0.001, (command.deadline - now).total_seconds()),
    }
    try:
        built: plant.Command = msgspec.convert(members, plant.Command)
    except msgspec.ValidationError as error:
        raise _NotPossible(f"its arguments cannot be used: {error}") from None
    return built


def _end_state(command: Command, reported: CommandState) -> CommandState:
    """The final state for what the collector reported, which may have crossed a withdrawal."""
    state, kind = CommandState(command.state), CommandKind(command.kind)
    if state is CommandState.CLAIMED and command.withdraw_requested_at and reported is not CommandState.DONE:
        return CommandState.WITHDRAWN
    if reported in next_states(state, kind) & FINAL_STATES:
        return reported
    # No answer to a write that was sent is unknown, whatever else ended its execution.
    return CommandState.UNKNOWN if state is CommandState.SENT else CommandState.FAILED
