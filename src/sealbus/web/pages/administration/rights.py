"""All that one person may do, in one place: each action, where, from which role, and when it was last used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Max, Q
from django.utils import timezone

from sealbus.web.access.actions import GLOBAL_ACTIONS, Action
from sealbus.web.audit.models import Entry
from sealbus.web.pages.administration.wording import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sealbus.web.access.subject import Subject
    from sealbus.web.accounts.models import User

__all__ = ["USE_DAYS", "HeldAction", "actions_of", "uses_of"]

USE_DAYS = 90
_USED_BY = {
    "user": Action.ADMINISTER, "role": Action.ADMINISTER, "group": Action.ADMINISTER, "password": Action.ADMINISTER,
    "second-factor": Action.ADMINISTER, "allowed-network": Action.ADMINISTER, "serial-pattern": Action.ADMINISTER,
    "retention-class": Action.ADMINISTER, "connection": Action.CONFIGURE, "device": Action.CONFIGURE,
    "tag": Action.CONFIGURE, "template": Action.CONFIGURE, "test": Action.CONFIGURE, "scan_units": Action.CONFIGURE,
    "scan_registers": Action.CONFIGURE, "sunspec": Action.CONFIGURE, "write": Action.WRITE, "read": Action.WRITE,
    "alarm": Action.ACKNOWLEDGE, "audit": Action.AUDIT,
}  # fmt: skip
"""Which right an entry of the audit shows in use, by the first word of its action. Viewing leaves no entry."""
_OWN = (
    "password.change",
    "password.set",
    "second-factor.add",
    "second-factor.remove",
    "second-factor.renew",
    "second-factor.use",
)
"""A person's acts on the own account need no right."""


@dataclass(frozen=True, slots=True)
class HeldAction:
    """One action that a person may do."""

    action: Action
    groups: tuple[str, ...]
    """Their names; empty: all groups."""
    roles: tuple[str, ...]
    counts: bool
    """False for an action of the whole site that is given in single groups only."""
    last_used: datetime | None
    leaves_traces: bool

    @property
    def name(self) -> object:
        """In words."""
        return ACTIONS[self.action][0]

    @property
    def text(self) -> object:
        """What it allows."""
        return ACTIONS[self.action][1]


def actions_of(user: User, uses: Mapping[Action, datetime]) -> list[HeldAction]:
    """From the assignments as `reviewed_users` fetches them. No statement."""
    held = []
    for action in Action:
        giving = [each for each in user.assignments.all() if any(g.action == action for g in each.role.grants.all())]
        if not giving:
            continue
        everywhere = any(each.group_id is None for each in giving)
        groups = () if everywhere else tuple(sorted({each.group.name for each in giving if each.group is not None}))
        roles = tuple(sorted({each.role.name for each in giving}))
        counts = everywhere or action not in GLOBAL_ACTIONS
        held.append(HeldAction(action, groups, roles, counts, uses.get(action), action is not Action.VIEW))
    return held


def uses_of(user: User, subject: Subject) -> dict[Action, datetime] | None:
    """When each right was last used within `USE_DAYS`, by the person or by a token, as far as the audit shows it.

    None for a caller who may not read the audit. One statement, by the index of names.
    """
    if not subject.rights.allows(Action.AUDIT, None):
        return None
    since = timezone.now() - timedelta(days=USE_DAYS)
    own = Q(actor_name=user.username) | Q(actor_name__startswith=f"{user.username}/")
    rows = Entry.objects.visible_to(subject).filter(own, actor_id=user.pk, time__gte=since).exclude(action__in=_OWN)
    found: dict[Action, datetime] = {}
    for name, last in rows.order_by().values_list("action").annotate(last=Max("time")):
        action = _USED_BY.get(name.partition(".")[0])
        if action is not None and (action not in found or found[action] < last):
            found[action] = last
    return found
