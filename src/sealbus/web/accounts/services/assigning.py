"""Which user has which role where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sealbus.web.access.actions import Action
from sealbus.web.access.require import require
from sealbus.web.accounts.models import Assignment
from sealbus.web.accounts.services.changing import changing_rights, unique
from sealbus.web.accounts.services.groups import hold_groups
from sealbus.web.audit.services import Event, Target, append
from sealbus.web.errors import Invalid

if TYPE_CHECKING:
    from sealbus.web.access.subject import Subject
    from sealbus.web.accounts.models import Group, Role, User

__all__ = ["assign", "unassign"]


def assign(*, subject: Subject, user: User, role: Role, group: Group | None) -> Assignment:
    """Give a user a role in one group, or in all where `group` is None. Raises Conflict if the user has it already.

    A token gives no right that it does not have itself there: else it could make more of itself by another account.
    """
    require(subject, Action.ADMINISTER)
    if subject.is_token:
        for grant in role.grants.all():
            require(subject, Action(grant.action), group.pk if group else None)
    if group is not None and group.archived_at is not None:
        raise Invalid({"group": ["This group is archived"]})
    with changing_rights():
        hold_groups([group.pk] if group is not None else [])
        with unique("assignment"):
            assignment = Assignment.objects.create(user=user, role=role, group=group)
        append(Event(subject.actor, "role.assign", _target(user), detail={"new": _described(assignment)}))
    return assignment


def unassign(*, subject: Subject, assignment: Assignment) -> None:
    """Take a role away. Raises Conflict if no administrator would remain."""
    require(subject, Action.ADMINISTER)
    with changing_rights():
        detail = {"old": _described(assignment)}
        append(Event(subject.actor, "role.unassign", _target(assignment.user), detail=detail))
        assignment.delete()


def _target(user: User) -> Target:
    return Target("user", user.pk, user.username)


def _described(assignment: Assignment) -> dict[str, Any]:
    group = assignment.group
    return {"role": assignment.role.name, "group": None if group is None else group.name}
