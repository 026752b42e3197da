"""Who holds which role where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError

from sealbus.web.accounts.models import Assignment
from sealbus.web.accounts.services.changing import changing_rights, unique
from sealbus.web.audit.services import Event, Target, append

if TYPE_CHECKING:
    from sealbus.web.access.subject import Actor
    from sealbus.web.accounts.models import Group, Role, User

__all__ = ["assign", "unassign"]


def assign(*, by: Actor, user: User, role: Role, group: Group | None) -> Assignment:
    """Give a user a role in one group, or in all where `group` is None. Raises ValidationError, or Conflict where he
    has it already.
    """
    if group is not None and group.archived_at is not None:
        raise ValidationError({"group": "This group is archived"})
    with changing_rights():
        with unique("assignment"):
            assignment = Assignment.objects.create(user=user, role=role, group=group)
        append(Event(by, "role.assign", _target(user), detail={"new": _described(assignment)}))
    return assignment


def unassign(*, by: Actor, assignment: Assignment) -> None:
    """Take a role away. Raises Conflict where nobody would administer."""
    with changing_rights():
        append(Event(by, "role.unassign", _target(assignment.user), detail={"old": _described(assignment)}))
        assignment.delete()


def _target(user: User) -> Target:
    return Target("user", user.pk, user.username)


def _described(assignment: Assignment) -> dict[str, Any]:
    group = assignment.group
    return {"role": assignment.role.name, "group": None if group is None else group.name}
