"""What a view requires of its caller, declared for each method or action. A method without a declaration is closed.

A plain view carries it as `view.requirement` (set by `requires`), a REST view as the class attribute `access`, keyed
by the name of the action (`list`, `create`, ...) or of the HTTP method. Requirements of library views are in a table by
URL name, `gate.LIBRARY_VIEWS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from sealbus.web.access.actions import GLOBAL_ACTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sealbus.web.access.actions import Action
    from sealbus.web.access.subject import Subject

__all__ = [
    "EVERYBODY",
    "PEOPLE",
    "SIGNED_IN",
    "GateVerdict",
    "Requirement",
    "may",
    "needs",
    "requirement_of",
    "requires",
]

_View = TypeVar("_View", bound="Callable[..., Any]")


class GateVerdict(StrEnum):
    """What the gate decides. The values are stored in the audit."""

    ALLOWED = "allowed"
    SIGN_IN = "sign in"
    SECOND_FACTOR = "second factor needed"
    REFUSED = "refused"
    NOT_FOR_TOKENS = "not for tokens"
    CLOSED = "closed"
    """The view declares no requirement."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """`action` None: no right is needed beyond `signed_in`. A right in any one group passes the gate; which objects are
    visible is narrowed by `visible_to`, and what may be changed is checked by the service.
    """

    signed_in: bool = True
    action: Action | None = None
    people_only: bool = False
    """Neither by token nor without an account: for passwords, second factors, sessions and tokens."""
    before_second_factor: bool = False
    """Open also to a user who has not used the second factor that a role demands: it is added through these views."""

    def judge(self, subject: Subject) -> GateVerdict:
        """Whether this caller may pass."""
        if not self.signed_in:
            return GateVerdict.ALLOWED
        if not subject.is_signed_in:
            return GateVerdict.SIGN_IN
        if subject.needs_second_factor and not self.before_second_factor:
            return GateVerdict.SECOND_FACTOR
        if self.people_only and subject.is_token:
            return GateVerdict.NOT_FOR_TOKENS
        if self.people_only and subject.user_id is None:
            return GateVerdict.REFUSED
        if self.action is None:
            return GateVerdict.ALLOWED
        rights = subject.rights
        allowed = (
            rights.allows(self.action, None) if self.action in GLOBAL_ACTIONS else rights.allows_anywhere(self.action)
        )
        return GateVerdict.ALLOWED if allowed else GateVerdict.REFUSED

    def missing(self, subject: Subject) -> str:
        """Of a subject that `judge` refuses: the right or the account that is missing, as a sentence."""
        if self.action is None or (self.people_only and subject.user_id is None):
            return "Only a user with an account may do this"
        return needs(self.action, "in all groups" if self.action in GLOBAL_ACTIONS else "in at least one group")


EVERYBODY = Requirement(signed_in=False)
"""Open without signing in: signing in itself, health, static files."""
SIGNED_IN = Requirement()
"""Any user or token."""
PEOPLE = Requirement(people_only=True, before_second_factor=True)
"""Any user in a session, about the user's own account."""


def needs(action: Action, where: str) -> str:
    """The sentence that names a missing right."""
    return f'This needs the right "{action.value}" {where}'


def may(action: Action, *, people_only: bool = False) -> Requirement:
    """Require this right in some group; a global action in all of them."""
    return Requirement(action=action, people_only=people_only)


def requires(requirement: Requirement) -> Callable[[_View], _View]:
    """Declare what a plain view requires, for every method."""

    def declare(view: _View) -> _View:
        view.requirement = requirement  # type: ignore[attr-defined]  # a mark on a function
        return view

    return declare


def requirement_of(view: Callable[..., Any], method: str) -> Requirement | None:
    """What this view declares for this HTTP method; None where it declares nothing: the view is closed."""
    plain = getattr(view, "requirement", None)
    if isinstance(plain, Requirement):
        return plain
    cls = getattr(view, "cls", None) or getattr(view, "view_class", None)
    table: Mapping[str, Requirement] = getattr(cls, "access", None) or {}
    lookup = "GET" if method == "HEAD" else method
    actions: Mapping[str, str] | None = getattr(view, "actions", None)
    if actions is not None:
        return table.get(actions.get(lookup.lower(), ""))
    return table.get(lookup)
