"""The second check of a right, in the service that makes the change. The first is the gate's.

Services call `require` before anything else. Nothing between gate and service asks again, and no service leaves it out:
a page, the API, an import and a background action reach the same service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealbus.web.access.actions import Action
from sealbus.web.access.gate import refused
from sealbus.web.access.requirement import GateVerdict, needs
from sealbus.web.access.subject import ActorKind
from sealbus.web.errors import Forbidden

if TYPE_CHECKING:
    from sealbus.web.access.subject import Subject

__all__ = ["require", "require_person"]


def require(subject: Subject, action: Action, *group_ids: int | None) -> None:
    """Raise Forbidden, and have it recorded, unless the subject has the right in each of these groups.

    None stands for all groups. Without group ids the right is needed in all groups, so that an empty set is not a free pass.
    """
    missing = {group_id for group_id in group_ids or (None,) if not subject.rights.allows(action, group_id)}
    if missing:
        refused.send(require, subject=subject, verdict=GateVerdict.REFUSED, action=action.value)
        raise Forbidden(needs(action, _where(missing, subject)))


def require_person(subject: Subject) -> None:
    """Raise Forbidden, and have it recorded, for a token or a session without an account.

    What gives rights, or a way into an account, is not for tokens: a token could give itself more than it has.
    """
    if subject.actor.kind is ActorKind.SYSTEM:
        return
    if subject.is_token or subject.user_id is None:
        refused.send(require_person, subject=subject, verdict=GateVerdict.NOT_FOR_TOKENS)
        raise Forbidden("Only a person in a session may do this", code="not-for-tokens")


def _where(missing: set[int | None], subject: Subject) -> str:
    """The groups by their ids, if the subject sees all of them: a refusal must not show that another group exists."""
    known = {group_id for group_id in missing if group_id is not None}
    if len(known) < len(missing):
        return "in all groups"
    rights = subject.rights
    if not rights.allows(Action.ADMINISTER, None) and not all(rights.allows(Action.VIEW, each) for each in known):
        return "in every group that this is about"
    return f"in {'groups' if len(known) > 1 else 'group'} {', '.join(map(str, sorted(known)))}"
