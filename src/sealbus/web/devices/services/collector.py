"""The collector's side of orders: `cli` calls these, with plain values in and out; nothing here reaches a device.

An order is claimed by compare-and-swap, so two collectors never both have it, and the rights of whoever asked are
looked at again: a session's as they are now, a token's cut to the token, which may have been revoked meanwhile. What
is told to the collector is worked out now, from the configuration as it is now. All that ends is audited in the name
of whoever asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from sealbus.web.access.subject import NOBODY, Actor, ActorKind, Subject
from sealbus.web.accounts.models import ApiToken, User
from sealbus.web.accounts.subjects import subject_of_token, subject_of_user
from sealbus.web.audit.models import Result
from sealbus.web.audit.services import Event, append
from sealbus.web.coordination.versions import bump_version
from sealbus.web.devices.models import Command, CommandKind, CommandState
from sealbus.web.devices.queries import tag_plans
from sealbus.web.devices.services.orders import NEEDED, target_of

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

__all__ = ["cancelled_orders", "claim_orders", "finish", "progress", "recover_orders"]

_LONGEST_TEXT = 500
_LONGEST_REASON = 1000
_ENDS = {"done": CommandState.DONE, "expired": CommandState.EXPIRED}
_RESULTS = {CommandState.DONE: Result.DONE, CommandState.UNKNOWN: Result.UNKNOWN}


class _NotPossible(Exception):
    """Why an order that was claimed is not handed out."""

    def __init__(self, reason: str, result: Result = Result.FAILED) -> None:
        super().__init__(reason)
        self.result = result


def claim_orders(worker: str, limit: int) -> list[dict[str, Any]]:
    """Up to so many orders for this collector, oldest first, as `acquisition.Order` reads them. Those whose time is up
    expire, and those whose asker has no right any more fail.
    """
    _expire()
    orders = []
    waiting = Command.objects.filter(state=CommandState.REQUESTED).order_by("id").values_list("pk", flat=True)
    for command_id in list(waiting[:limit]):
        order = _claim(command_id, worker)
        if order is not None:
            orders.append(order)
    return orders


def progress(worker: str, order_id: int, done: int, total: int, text: str = "") -> bool:
    """Note how far an order has come. False: stop, it was taken back or is not this collector's any more."""
    rows = Command.objects.filter(pk=order_id, state=CommandState.CLAIMED, claimed_by=worker)
    noted = rows.update(done=max(0, done), total=max(0, total), progress_text=_clean(text)[:_LONGEST_TEXT])
    return bool(noted) and not rows.filter(cancel_asked_at__isnull=False).exists()


def cancelled_orders(worker: str) -> list[int]:
    """The orders of this collector that were taken back and are still running."""
    rows = Command.objects.filter(state=CommandState.CLAIMED, claimed_by=worker, cancel_asked_at__isnull=False)
    return list(rows.values_list("pk", flat=True))


def finish(worker: str, order_id: int, result: Mapping[str, Any]) -> bool:
    """Store the result of an order, `acquisition.OrderResult` as builtins. False: it was not this collector's any more,
    and what became of it is written down already.
    """
    command = _of(order_id)
    if command is None or command.claimed_by != worker:
        return False
    state = _ENDS.get(str(result.get("state")), CommandState.FAILED)
    reason = str(result.get("reason") or "")
    if command.cancel_asked_at is not None and state is not CommandState.DONE:
        state = CommandState.CANCELLED
        reason = reason or "taken back"
    return _end(command, CommandState.CLAIMED, state, reason=reason, result=_clean(dict(result)))


def recover_orders() -> int:
    """By a collector that begins, and is the only one: end what the one before had claimed. A write may or may not have
    happened, and says so; anything else failed. How many.
    """
    ended = 0
    for command in Command.objects.filter(state=CommandState.CLAIMED).select_related("device", "connection"):
        is_write = command.kind == CommandKind.WRITE
        state = CommandState.UNKNOWN if is_write else CommandState.FAILED
        reason = "the collector stopped meanwhile" + ("; the write may have been carried out" if is_write else "")
        ended += _end(command, CommandState.CLAIMED, state, reason=reason)
    return ended


def _expire() -> None:
    overdue = Command.objects.filter(state=CommandState.REQUESTED, deadline__lte=timezone.now())
    for command in overdue.select_related("device", "connection"):
        _end(command, CommandState.REQUESTED, CommandState.EXPIRED, reason="no collector took it in time")


def _claim(command_id: int, worker: str) -> dict[str, Any] | None:
    now = timezone.now()
    rows = Command.objects.filter(pk=command_id, state=CommandState.REQUESTED, deadline__gt=now)
    if not rows.update(state=CommandState.CLAIMED, claimed_by=worker, claimed_at=now):
        return None
    command = _of(command_id)
    if command is None:
        return None
    try:
        _check_rights(command)
        return _order(command, now)
    except _NotPossible as refusal:
        _end(command, CommandState.CLAIMED, CommandState.FAILED, reason=str(refusal), audited=refusal.result)
        return None


def _of(command_id: int) -> Command | None:
    return Command.objects.select_related("device__connection", "connection").filter(pk=command_id).first()


def _check_rights(command: Command) -> None:
    """As they are now, in the group where the thing is now."""
    subject = _asker(command)
    about = command.device or command.connection
    if not all(subject.rights.allows(action, about.group_id) for action in NEEDED[command.kind]):
        raise _NotPossible(f"{command.actor_name} does not have the right any more", Result.REFUSED)


def _asker(command: Command) -> Subject:
    if command.token_key:
        for token in ApiToken.objects.filter(token_key=command.token_key, user=command.actor_id).select_related("user"):
            subject = subject_of_token(token, address=command.actor_address)
            if subject is not None and subject.actor.name == command.actor_name:
                return subject
        return NOBODY
    user = User.objects.filter(pk=command.actor_id).first()
    if user is None:
        return NOBODY
    # a role that demands a second factor was asked for it when the order was given
    return subject_of_user(user, address=command.actor_address, has_second_factor=True)


def _order(command: Command, now: datetime.datetime) -> dict[str, Any]:
    """As the collector reads it, from what is configured now."""
    device, connection = command.device, command.connection
    arguments = command.arguments if isinstance(command.arguments, dict) else {}
    order: dict[str, Any] = {**arguments, "kind": command.kind, "id": command.pk}
    if device is not None:
        if device.connection is None or device.archived_at is not None:
            raise _NotPossible("the device is archived, or on no connection any more")
        connection = device.connection
        order["unit_id"] = device.unit_id
    if connection.archived_at is not None:
        raise _NotPossible("the connection is archived")
    if command.kind == CommandKind.READ and device is not None:
        order["tags"] = tag_plans(device.pk, command.tags)
        if not order["tags"]:
            raise _NotPossible("the tags are archived, or of another device by now")
    order["connection"] = connection.pk
    order["within_s"] = max(0.001, (command.deadline - now).total_seconds())
    return order


def _end(
    command: Command,
    then: CommandState,
    state: CommandState,
    *,
    reason: str = "",
    result: Any = None,
    audited: Result | None = None,
) -> bool:
    """Compare-and-swap into a final state, audited in the name of whoever asked."""
    reason = _clean(reason)[:_LONGEST_REASON]
    with transaction.atomic():
        rows = Command.objects.filter(pk=command.pk, state=then)
        if not rows.update(state=state, reason=reason, result=result, finished_at=timezone.now()):
            return False
        bump_version("order")
        actor = Actor(ActorKind(command.actor_kind), command.actor_id, command.actor_name, command.actor_address)
        how = audited or _RESULTS.get(state, Result.FAILED)
        detail = {"order": command.pk, "state": state.value, "reason": reason}
        append(Event(actor, f"{command.kind}.finish", target_of(command), how, detail))
    return True


def _clean(value: Any) -> Any:
    """Text of devices may hold what a database cannot store: NUL and halves of characters become visible."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
        case float():
            return value if value == value and abs(value) != float("inf") else None
        case dict():
            return {_clean(str(key)): _clean(each) for key, each in value.items()}
        case list() | tuple():
            return [_clean(each) for each in value]
        case _:
            return value
