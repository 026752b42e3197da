"""Requesting commands (a test, a reading, a scan) and withdrawing them.

Tests and scans need the right `configure`; a reading outside the schedule needs `view` and `write` (`access.Action`).

A command makes the collector connect to a device, so requests are bounded: commands of each kind per user and minute,
open commands per user and in all, and one scan of a connection at a time. The bounds count rows, so they hold over any
number of processes and tokens. The request, the withdrawal and the end of each command are in the audit.
"""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from sealbus.plant import CommandKind, CommandState, next_states
from sealbus.web.access.actions import Action
from sealbus.web.access.require import require
from sealbus.web.audit.models import Result
from sealbus.web.audit.services import Event, append
from sealbus.web.coordination.versions import bump_version
from sealbus.web.devices.models import Command, Device
from sealbus.web.devices.services.ending import expire_overdue, target_of
from sealbus.web.errors import Conflict, Forbidden, Invalid, TooMany

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sealbus.web.access.subject import Subject
    from sealbus.web.devices.models import Connection, Tag

__all__ = ["NEEDED", "CommandRequest", "request_commands", "requests_to_read", "withdraw_command"]

NEEDED: Mapping[CommandKind, tuple[Action, ...]] = {
    CommandKind.TEST: (Action.CONFIGURE,),
    CommandKind.SCAN_UNITS: (Action.CONFIGURE,),
    CommandKind.SCAN_REGISTERS: (Action.CONFIGURE,),
    CommandKind.SUNSPEC: (Action.CONFIGURE,),
    CommandKind.READ: (Action.VIEW, Action.WRITE),
    CommandKind.WRITE: (Action.VIEW, Action.WRITE),
}
"""The rights that each kind needs in the group of its device or connection; checked again when it is claimed."""

_SCANS = (CommandKind.SCAN_UNITS, CommandKind.SCAN_REGISTERS, CommandKind.SUNSPEC)
_A_MINUTE = {CommandKind.TEST: 20, CommandKind.READ: 120, CommandKind.WRITE: 120} | dict.fromkeys(_SCANS, 6)
_MAX_OPEN = 20
_WITHIN_S = dict.fromkeys(CommandKind, 30.0) | dict.fromkeys(_SCANS, 300.0) | {CommandKind.SUNSPEC: 120.0}
_MAX_DEVICES = 20
_MAX_OPEN_OF_ALL = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRequest:
    """A command that does not exist yet. `arguments` are the other members of its struct in `plant.commands`."""

    kind: CommandKind
    target: Connection | Device
    tags: tuple[int, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def within_s(self) -> float:
        """How long it may take."""
        return _WITHIN_S[self.kind]

    @property
    def group_id(self) -> int:
        """The group in which the right is needed."""
        return self.target.group_id

    @property
    def device(self) -> Device | None:
        """None: it is about the connection."""
        return self.target if isinstance(self.target, Device) else None

    @property
    def connection(self) -> Connection | None:
        """None: it is about a device that has no connection."""
        return self.target.connection if isinstance(self.target, Device) else self.target


def requests_to_read(tags: Sequence[Tag]) -> list[CommandRequest]:
    """A reading of these tags, one for each device. Invalid: a tag is calculated, or they are of too many devices."""
    by_device: dict[Device, list[int]] = {}
    for tag in tags:
        if tag.expression or tag.device.connection is None:
            raise Invalid({"tags": [f"{tag.name} ({tag.pk}) is a calculated tag: read its inputs instead"]})
        by_device.setdefault(tag.device, []).append(tag.pk)
    if len(by_device) > _MAX_DEVICES:
        text = f"these tags belong to {len(by_device)} devices: give tags of up to {_MAX_DEVICES} devices"
        raise Invalid({"tags": [text]})
    return [
        CommandRequest(kind=CommandKind.READ, target=device, tags=tuple(sorted(ids)))
        for device, ids in by_device.items()
    ]


def request_commands(*, requests: Sequence[CommandRequest], subject: Subject) -> list[Command]:
    """Store them, all or none. TooMany: too many. Conflict: one of them cannot be executed now."""
    wanted: list[tuple[CommandRequest, Connection]] = []
    for request in requests:
        for action in NEEDED[request.kind]:
            require(subject, action, request.group_id)
        wanted.append((request, _usable_connection(request)))
    with transaction.atomic():
        bump_version("command")
        expire_overdue()  # they must not use up the bounds while no collector runs
        _refuse_too_many(requests, subject)
        commands = [_command(request, connection, subject) for request, connection in wanted]
        for command in commands:
            command.save(force_insert=True)
            detail = {"kind": command.kind, "arguments": command.arguments, "tags": command.tags[:100]}
            append(Event(subject.actor, f"{command.kind}.request", target_of(command), Result.DONE, detail))
    return commands


def withdraw_command(*, command: Command, subject: Subject) -> Command:
    """Withdraw a command: at once if no collector has claimed it, else the collector is asked to stop it.

    A user withdraws the user's own commands, a token those that it requested itself: both need the right `view`. The
    commands of others need the right `configure`. Conflict: it has ended, or it is a write that was sent.
    """
    require(subject, Action.VIEW, command.group_id)
    if command.actor_id != subject.user_id or (subject.is_token and command.token_key != subject.token_key):
        require(subject, Action.CONFIGURE, command.group_id)
    now = timezone.now()
    with transaction.atomic():
        bump_version("command")
        locked = Command.objects.select_for_update().get(pk=command.pk)
        state, kind = CommandState(locked.state), CommandKind(locked.kind)
        if CommandState.WITHDRAWN not in next_states(state, kind):
            code, text = ("ended", "It has ended already") if state.is_final else ("sent", "It was sent already")
            raise Conflict(text, code=code)
        if state is CommandState.CLAIMED:
            Command.objects.filter(pk=locked.pk).update(withdraw_requested_at=now)
        else:
            reason = f"withdrawn by {subject.actor.name}"
            fields = {"finished_at": now, "withdraw_requested_at": now, "reason": reason}
            if not Command.objects.compare_and_swap(locked, CommandState.WITHDRAWN, **fields):
                raise Conflict("It has changed meanwhile: load it again", code="changed-meanwhile")
        append(Event(subject.actor, f"{command.kind}.withdraw", target_of(command), Result.DONE))
    return Command.objects.get(pk=command.pk)


def _command(request: CommandRequest, connection: Connection, subject: Subject) -> Command:
    now = timezone.now()
    actor = subject.actor
    return Command(
        kind=request.kind,
        group_id=request.group_id,
        connection=connection,
        device=request.device,
        tags=list(request.tags),
        arguments=dict(request.arguments),
        within_s=request.within_s,
        actor_kind=actor.kind.value,
        actor_id=_user_of(subject),
        actor_name=actor.name,
        actor_address=actor.address,
        token_key=subject.token_key,
        requested_at=now,
        deadline=now + datetime.timedelta(seconds=request.within_s),
    )


def _user_of(subject: Subject) -> int:
    """A command belongs to an account, because its rights are checked again when it is claimed."""
    if subject.user_id is None:
        raise Forbidden("Only a user with an account can request this")
    return subject.user_id


def _usable_connection(request: CommandRequest) -> Connection:
    """The connection that it would use. Conflict: this command is not possible there."""
    if request.kind.is_write:
        raise Conflict("This version does not write", code="no-writes")
    if request.connection is None:
        raise Conflict("This device has no connection", code="no-connection")
    if request.connection.archived_at is not None or request.target.archived_at is not None:
        raise Conflict("This is archived: restore it first", code="archived")
    return request.connection


def _refuse_too_many(requests: Sequence[CommandRequest], subject: Subject) -> None:
    """Call this after `bump_version`, whose row lock makes two requests at the same moment count each other."""
    now = timezone.now()
    own = Command.objects.filter(actor_id=_user_of(subject))
    for kind in {request.kind for request in requests}:
        kinds = _SCANS if kind in _SCANS else (kind,)
        lately = own.filter(kind__in=kinds, requested_at__gt=now - datetime.timedelta(minutes=1))
        times = list(lately.order_by("requested_at").values_list("requested_at", flat=True))
        new = sum(request.kind in kinds for request in requests)
        if len(times) + new > _A_MINUTE[kind]:
            wait_s = 60 - (now - times[0]).total_seconds() if times else 60.0
            raise _too_many(wait_s, "Too many commands of this kind in a minute.")
    if own.open().count() + len(requests) > _MAX_OPEN:
        raise _too_many(10, "Too many of your commands have not ended yet.")
    if Command.objects.open().count() + len(requests) > _MAX_OPEN_OF_ALL:
        raise _too_many(10, "Too many commands wait for the collector.")
    for request in requests:
        if request.kind in _SCANS and _is_scanned(request.connection, now):
            raise Conflict("This connection is being scanned already: wait for that scan, or withdraw it", code="busy")


def _too_many(wait_s: float, text: str) -> TooMany:
    """The error, whose text names the time as the REST framework does for the other limits."""
    shown_s = math.ceil(wait_s)
    return TooMany(wait_s, f"{text} Expected available in {shown_s} second{'' if shown_s == 1 else 's'}.")


def _is_scanned(connection: Connection | None, now: datetime.datetime) -> bool:
    return Command.objects.filter(connection=connection, kind__in=_SCANS, deadline__gt=now).open().exists()
