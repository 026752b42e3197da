"""Who asks, and what he may do where: a value, worked out once for each request and again whenever rights change.

Rights are the pairs (action, group); the group None stands for all. A token's subject has its owner's rights cut down
to what the token was given, so a token can never do more than the person, whatever happens to either.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from sealbus.web.access.actions import GLOBAL_ACTIONS

if TYPE_CHECKING:
    from sealbus.web.access.actions import Action

__all__ = ["NOBODY", "Actor", "ActorKind", "Rights", "Subject"]


class ActorKind(StrEnum):
    """Who acts. The words are stored in the audit."""

    NOBODY = "nobody"
    USER = "user"
    TOKEN = "token"  # noqa: S105 - a word
    EMERGENCY = "emergency"
    """Whoever came by a link from the shell of the plant: he may watch, and has no account."""
    SYSTEM = "system"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it and from where, as the audit keeps it: plain words that outlive the account."""

    kind: ActorKind
    id: int | None = None
    name: str = ""
    """The user name; of a token its owner's, with the token's name behind a slash."""
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
        """What is left when only these actions in these groups (None: all) are kept."""
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
    """Whoever asks. `user_id` is None for nobody and for a view without an account."""

    actor: Actor = field(default_factory=lambda: Actor(ActorKind.NOBODY))
    user_id: int | None = None
    token_key: str = ""
    """What tells the token apart in lists; empty in a session."""
    rights: Rights = Rights()
    is_signed_in: bool = False
    needs_second_factor: bool = False
    """Signed in by password alone, although one of his roles demands more: all rights are withheld until then."""

    @property
    def is_token(self) -> bool:
        """Whether a token speaks, not a person in a session."""
        return bool(self.token_key)


NOBODY = Subject()
"""Who has not said who he is."""
