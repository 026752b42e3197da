"""The caller and what the caller may do where: a value, built for each request and again whenever rights change.

Rights are pairs (action, group); the group None means all groups. A token's subject has the rights of its owner,
reduced to what the token was given: a token can never do more than its owner, after any change of either.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from sealbus.web.access.actions import GLOBAL_ACTIONS, Action

__all__ = ["NOBODY", "SHELL", "Actor", "ActorKind", "Rights", "Subject"]


class ActorKind(StrEnum):
    """The kind of actor. The values are stored in the audit."""

    NOBODY = "nobody"
    USER = "user"
    TOKEN = "token"  # noqa: S105 - a word
    EMERGENCY = "emergency"
    """A session opened by an emergency link from the shell of the site's machine: may view, has no account."""
    SYSTEM = "system"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts and from which address, as the audit keeps it: plain words that outlive the account."""

    kind: ActorKind
    id: int | None = None
    name: str = ""
    """The user name; of a token its owner's, a slash, and the token's name."""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Rights:
    """Pairs of an action and a group id; the group None means all groups."""

    pairs: frozenset[tuple[Action, int | None]] = frozenset()

    def allows(self, action: Action, group_id: int | None) -> bool:
        """Whether `action` is allowed in this group; None asks for all groups."""
        return (action, None) in self.pairs or (
            group_id is not None and action not in GLOBAL_ACTIONS and (action, group_id) in self.pairs
        )

    def allows_anywhere(self, action: Action) -> bool:
        """Whether `action` is allowed in any group at all."""
        return self.groups(action) != frozenset()

    def groups(self, action: Action) -> frozenset[int] | None:
        """The groups in which `action` is allowed; None for all of them."""
        if (action, None) in self.pairs:
            return None
        if action in GLOBAL_ACTIONS:
            return frozenset()
        return frozenset(group for allowed, group in self.pairs if allowed == action and group is not None)

    def cut_to(self, actions: frozenset[Action], groups: frozenset[int] | None) -> Rights:
        """These rights reduced to these actions in these groups (None: all)."""
        kept: set[tuple[Action, int | None]] = set()
        for action, group in self.pairs:
            if action not in actions:
                continue
            if groups is None or group in groups:
                kept.add((action, group))
            elif group is None:
                kept.update((action, each) for each in groups)
        return Rights(frozenset(kept))


@dataclass(frozen=True, slots=True)
class Subject:
    """The caller. `user_id` is None for nobody and for a session without an account."""

    actor: Actor = field(default_factory=lambda: Actor(ActorKind.NOBODY))
    user_id: int | None = None
    token_key: str = ""
    """The public part of the token, as lists show it; empty in a session."""
    rights: Rights = Rights()
    is_signed_in: bool = False
    needs_second_factor: bool = False
    """Signed in by password alone although one of the user's roles demands a second factor: no rights until then."""

    @property
    def is_token(self) -> bool:
        """Whether this is a program with a token, not a person in a session."""
        return bool(self.token_key)


NOBODY = Subject()
"""A caller who has not signed in."""

SHELL = Subject(
    Actor(ActorKind.SYSTEM, name="shell"), rights=Rights(frozenset((each, None) for each in Action)), is_signed_in=True
)
"""The shell of the site's machine. A user of that shell can read and write the database, so nothing is withheld here."""
