"""Roles: sets of actions. The shipped ones are changed and removed like any other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sealbus.web.accounts.models import Grant, Role
from sealbus.web.accounts.services.changing import changing_rights, save_changes, unique
from sealbus.web.audit.services import Event, Target, append

if TYPE_CHECKING:
    from sealbus.web.access.actions import Action
    from sealbus.web.access.subject import Actor

__all__ = ["RoleChanges", "change_role", "create_role", "delete_role"]


@dataclass(frozen=True, slots=True)
class RoleChanges:
    """What is to change; None leaves it as it is."""

    name: str | None = None
    text: str | None = None
    actions: frozenset[Action] | None = None
    needs_second_factor: bool | None = None


def create_role(*, by: Actor, wanted: RoleChanges) -> Role:
    """A new role. Raises ValidationError by field."""
    role = Role(name=wanted.name or "", text=wanted.text or "", needs_second_factor=wanted.needs_second_factor or False)
    role.full_clean()
    with changing_rights():
        with unique("name"):
            role.save()
        _set_actions(role, wanted.actions or frozenset())
        append(Event(by, "role.create", _target(role), detail={"new": _described(role)}))
    return role


def change_role(*, by: Actor, role: Role, changes: RoleChanges, version: int | None = None) -> Role:
    """Change a role: whoever holds it has the new rights at once. Raises Conflict where nobody would administer."""
    values = {"name": changes.name, "text": changes.text, "needs_second_factor": changes.needs_second_factor}
    with changing_rights():
        old = _described(role)
        save_changes(role, {name: value for name, value in values.items() if value is not None}, version)
        if changes.actions is not None:
            _set_actions(role, changes.actions)
        new = _described(role)
        differing = [name for name in new if new[name] != old[name]]
        if differing:
            detail = {"old": {name: old[name] for name in differing}, "new": {name: new[name] for name in differing}}
            append(Event(by, "role.change", _target(role), detail=detail))
    return role


def delete_role(*, by: Actor, role: Role) -> None:
    """Remove a role from everybody. Raises Conflict where nobody would administer."""
    with changing_rights():
        holders = sorted(set(role.assignments.values_list("user__username", flat=True)))
        append(Event(by, "role.delete", _target(role), detail={"old": {**_described(role), "holders": holders}}))
        role.delete()


def _target(role: Role) -> Target:
    return Target("role", role.pk, role.name)


def _described(role: Role) -> dict[str, Any]:
    actions = sorted(Grant.objects.filter(role=role).values_list("action", flat=True))
    return {
        "name": role.name, "text": role.text, "needs_second_factor": role.needs_second_factor, "actions": actions,
    }  # fmt: skip


def _set_actions(role: Role, actions: frozenset[Action]) -> None:
    words = {action.value for action in actions}
    Grant.objects.filter(role=role).exclude(action__in=words).delete()
    held = set(Grant.objects.filter(role=role).values_list("action", flat=True))
    Grant.objects.bulk_create([Grant(role=role, action=word) for word in sorted(words - held)])
