"""Who is in now: the open sockets of this process, and how one of them is told to end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from sealbus.web.trends.conversation import Conversation
    from sealbus.web.trends.entry import Entered

__all__ = ["CloseCode", "Guest", "Guests"]

_MOST = 1_000
_MOST_OF_ONE = 100


class CloseCode(IntEnum):
    """Why a socket is closed (RFC 6455, 7.4; those from 4000 on are ours)."""

    NOT_TEXT = 1003
    AGAINST_THE_RULES = 1008
    TOO_BIG = 1009
    COME_AGAIN = 1013
    SIGNED_OUT = 4401
    NO_RIGHT = 4403


@dataclass(slots=True, eq=False)
class Guest:
    """One open socket. `ended` is set once, with the code to close it with."""

    scope: Any
    entered: Entered
    conversation: Conversation
    ended: asyncio.Future[CloseCode]
    witness: object = None
    """What `queries.witnesses` said last."""

    def end(self, code: CloseCode) -> None:
        """Have it closed."""
        if not self.ended.done():
            self.ended.set_result(code)


class Guests:
    """All of them, bounded: in all, and for each user or token."""

    def __init__(self, most: int = _MOST, most_of_one: int = _MOST_OF_ONE) -> None:
        self._most, self._most_of_one = most, most_of_one
        self._all: set[Guest] = set()

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Guest]:
        return iter(list(self._all))

    def has_room_for(self, entered: Entered) -> bool:
        """Whether one more may come in."""
        who = (entered.credential.user_id, entered.credential.token_key)
        same = sum((each.entered.credential.user_id, each.entered.credential.token_key) == who for each in self._all)
        return len(self._all) < self._most and same < self._most_of_one

    def add(self, guest: Guest) -> None:
        """He is in."""
        self._all.add(guest)

    def remove(self, guest: Guest) -> None:
        """He has gone."""
        self._all.discard(guest)
        guest.conversation.leave()
