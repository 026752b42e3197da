"""Roles: sets of actions. The shipped ones are changed and deleted like any other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sealbus.web.access.actions import Action
from sealbus.web.access.require import require, require_person
from sealbus.web.accounts.models import Grant, Role
from sealbus.web.accounts.services.changing import (
    changing_rights,
    check_row,
    check_version,
    compare_and_swap,
    differing,
    unique,
)
from sealbus.web.audit.services import Event, Target, append

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealbus.web.access.subject import Subject

__all__ = ["RoleChanges", "change_role", "create_role", "delete_role"]


@dataclass(frozen=True, slots=True)
class RoleChanges:
    """The changes; None leaves a value as it is."""

    name: str | None = None
    text: str | None = None
    actions: frozenset[Action] | None = None
    needs_second_factor: bool | None = None

    @classmethod
    def of(cls, members: Mapping[str, Any]) -> RoleChanges:
        """From the members of a body or a form; `actions` are words."""
        actions = members.get("actions")
        return cls(
            name=members.get("name"),
            text=members.get("text"),
            actions=None if actions is None else frozenset(Action(each) for each in actions),
            needs_second_factor=members.get("needs_second_factor"),
        )


def create_role(*, subject: Subject, wanted: RoleChanges) -> Role:
    """A new role. Raises Invalid by field."""
    require_person(subject)
    require(subject, Action.ADMINISTER)
    role = Role(name=wanted.name or "", text=wanted.text or "", needs_second_factor=wanted.needs_second_factor or False)
    check_row(role)
    with changing_rights():
        with unique("name"):
            role.save()
        _set_actions(role, wanted.actions or frozenset())
        append(Event(subject.actor, "role.create", _target(role), detail={"new": _described(role)}))
    return role


def change_role(*, subject: Subject, role: Role, changes: RoleChanges, version: int | None = None) -> Role:
    """Change a role; the users who have it get the new rights at once. Raises Conflict if no administrator would remain."""
    require_person(subject)
    require(subject, Action.ADMINISTER)
    check_version(role, version)
    values = {"name": changes.name, "text": changes.text, "needs_second_factor": changes.needs_second_factor}
    changed = differing(role, {name: value for name, value in values.items() if value is not None})
    actions = changes.actions if changes.actions != _actions_of(role) else None
    if not changed and actions is None:
        return role
    with changing_rights():
        old = _described(role)
        compare_and_swap(role, changed, version)
        if actions is not None:
            _set_actions(role, actions)
        new = _described(role)
        names = [name for name in new if new[name] != old[name]]
        detail = {"old": {name: old[name] for name in names}, "new": {name: new[name] for name in names}}
        append(Event(subject.actor, "role.change", _target(role), detail=detail))
    return role


def delete_role(*, subject: Subject, role: Role) -> None:
    """Delete a role and take it from all users. Raises Conflict if no administrator would remain."""
    require(subject, Action.ADMINISTER)
    with changing_rights():
        holders = sorted(set(role.assignments.values_list("user__username", flat=True)))
        detail = {"old": {**_described(role), "holders": holders}}
        append(Event(subject.actor, "role.delete", _target(role), detail=detail))
        role.delete()


def _target(role: Role) -> Target:
    return Target("role", role.pk, role.name)


def _actions_of(role: Role) -> frozenset[str]:
    return frozenset(Grant.objects.filter(role=role).values_list("action", flat=True))


def _described(role: Role) -> dict[str, Any]:
    return {
        "name": role.name, "text": role.text, "needs_second_factor": role.needs_second_factor,
        "actions": sorted(_actions_of(role)),
    }  # fmt: skip


def _set_actions(role: Role, actions: frozenset[Action]) -> None:
    words = {action.value for action in actions}
    Grant.objects.filter(role=role).exclude(action__in=words).delete()
    Grant.objects.bulk_create([Grant(role=role, action=word) for word in sorted(words - _actions_of(role))])
