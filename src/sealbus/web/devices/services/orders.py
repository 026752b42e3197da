"""Orders: asking the collector for a test, a reading or a scan, and taking that back.

Who may: a test and a scan need `configure`, reading outside the schedule needs `view` and `write` (`access.Action`).

An order is a connection that the collector makes on somebody's behalf, so asking is bounded, by counting rows, which
holds over any number of processes and tokens: so many a minute of each kind for each person, so many open at once, one
scan of a connection at a time. What came of it is in the row and in the audit.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from rest_framework.exceptions import PermissionDenied, Throttled

from sealbus.web.access.actions import Action
from sealbus.web.audit.models import Result
from sealbus.web.audit.services import Event, Target, append
from sealbus.web.coordination.versions import bump_version
from sealbus.web.devices.models import Command, CommandKind, CommandState
from sealbus.web.devices.services.ledger import demand
from sealbus.web.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sealbus.web.access.subject import Subject
    from sealbus.web.devices.models import Connection, Device

__all__ = ["NEEDED", "Wish", "cancel_order", "request_orders", "target_of"]

NEEDED: Mapping[str, tuple[Action, ...]] = {
    CommandKind.TEST: (Action.CONFIGURE,),
    CommandKind.SCAN_UNITS: (Action.CONFIGURE,),
    CommandKind.SCAN_REGISTERS: (Action.CONFIGURE,),
    CommandKind.SUNSPEC: (Action.CONFIGURE,),
    CommandKind.READ: (Action.VIEW, Action.WRITE),
    CommandKind.WRITE: (Action.VIEW, Action.WRITE),
}
"""The rights that each kind needs, in the group of what it is about; asked again when it is claimed."""

_OPEN = (CommandState.REQUESTED, CommandState.CLAIMED)
_SCANS = (CommandKind.SCAN_UNITS, CommandKind.SCAN_REGISTERS, CommandKind.SUNSPEC)
_A_MINUTE = {CommandKind.TEST: 20, CommandKind.READ: 120, CommandKind.WRITE: 120} | dict.fromkeys(_SCANS, 6)
_MOST_OPEN = 20
_MOST_OPEN_OF_ALL = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for. `arguments` are the other members of the collector's order of this kind."""

    kind: CommandKind
    connection: Connection
    device: Device | None = None
    tags: tuple[int, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    within_s: float = 30.0

    @property
    def group_id(self) -> int:
        """Where the right is needed: in the group of the device, or of the connection where there is none."""
        return self.connection.group_id if self.device is None else self.device.group_id


def request_orders(*, wishes: Sequence[Wish], subject: Subject) -> list[Command]:
    """Store them, all or none. Throttled: too many. Conflict: one of them cannot be carried out now."""
    for wish in wishes:
        for action in NEEDED[wish.kind]:
            demand(subject, action, wish.group_id)
        _refuse_what_is_off(wish)
    with transaction.atomic():
        bump_version("order")
        _refuse_too_many(wishes, subject)
        commands = [_command(wish, subject) for wish in wishes]
        for command in commands:
            command.save(force_insert=True)
            detail = {"kind": command.kind, "arguments": command.arguments, "tags": command.tags[:100]}
            append(Event(subject.actor, f"{command.kind}.request", target_of(command), Result.DONE, detail))
    return commands


def cancel_order(*, command: Command, subject: Subject) -> Command:
    """Take an order back: at once if nobody has begun, else the collector is asked to stop. Conflict: it has ended.

    One's own; a token those that it gave itself; all others who may configure there.
    """
    if command.actor_id != subject.user_id or (subject.is_token and command.token_key != subject.token_key):
        demand(subject, Action.CONFIGURE, command.group_id)
    now = timezone.now()
    with transaction.atomic():
        bump_version("order")
        rows = Command.objects.filter(pk=command.pk)
        reason = f"taken back by {subject.actor.name}"
        ended = rows.filter(state=CommandState.REQUESTED).update(
            state=CommandState.CANCELLED, finished_at=now, cancel_asked_at=now, reason=reason
        )
        if not ended and not rows.filter(state=CommandState.CLAIMED).update(cancel_asked_at=now):
            raise Conflict("It has ended already", code="ended")
        append(Event(subject.actor, f"{command.kind}.cancel", target_of(command), Result.DONE))
    return Command.objects.get(pk=command.pk)


def target_of(command: Command) -> Target:
    """What an order is about, for the audit."""
    about = command.device or command.connection
    return Target("device" if command.device else "connection", about.pk, about.name)


def _command(wish: Wish, subject: Subject) -> Command:
    now = timezone.now()
    actor = subject.actor
    return Command(
        kind=wish.kind,
        group_id=wish.group_id,
        connection=wish.connection,
        device=wish.device,
        tags=list(wish.tags),
        arguments=dict(wish.arguments),
        within_s=wish.within_s,
        actor_kind=actor.kind.value,
        actor_id=_user_of(subject),
        actor_name=actor.name,
        actor_address=actor.address,
        token_key=subject.token_key,
        requested_at=now,
        deadline=now + datetime.timedelta(seconds=wish.within_s),
    )


def _user_of(subject: Subject) -> int:
    """An order has an account behind it, whose rights are looked at again."""
    if subject.user_id is None:
        raise PermissionDenied("Only an account can ask for this", code="no-right")
    return subject.user_id


def _refuse_what_is_off(wish: Wish) -> None:
    if wish.connection.archived_at is not None or (wish.device is not None and wish.device.archived_at is not None):
        raise Conflict("This is archived: restore it first", code="archived")


def _refuse_too_many(wishes: Sequence[Wish], subject: Subject) -> None:
    """Counted behind the version that `bump_version` holds, so two askers at the same moment are both counted."""
    now = timezone.now()
    own = Command.objects.filter(actor_id=_user_of(subject))
    for kind in {wish.kind for wish in wishes}:
        kinds = _SCANS if kind in _SCANS else (kind,)
        lately = own.filter(kind__in=kinds, requested_at__gt=now - datetime.timedelta(minutes=1))
        times = list(lately.order_by("requested_at").values_list("requested_at", flat=True))
        if len(times) + len(wishes) > _A_MINUTE[kind]:
            wait = 60 - (now - times[0]).total_seconds() if times else 60.0
            raise Throttled(wait=wait, detail="Too many of these in a minute.")
    if own.filter(state__in=_OPEN).count() + len(wishes) > _MOST_OPEN:
        raise Throttled(wait=10, detail="Too many of your orders are still open")
    if Command.objects.filter(state__in=_OPEN).count() + len(wishes) > _MOST_OPEN_OF_ALL:
        raise Throttled(wait=10, detail="The collector has too much to do")
    for wish in wishes:
        if wish.kind in _SCANS and _is_scanned(wish.connection, now):
            raise Conflict("This connection is being scanned already: wait, or cancel that", code="busy")


def _is_scanned(connection: Connection, now: datetime.datetime) -> bool:
    return Command.objects.filter(connection=connection, kind__in=_SCANS, state__in=_OPEN, deadline__gt=now).exists()
