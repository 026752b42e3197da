"""Which client is sent which tag? A follower has a set of tags that are due, never a queue of changes.

However fast values change and however slowly a client reads, no more than the tags that it follows can be due, and the
newest sample of each is sent. Everything here runs in the loop of the hub.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Follower", "Followers"]


class Follower:
    """The tags that one client follows, and those of them that are due."""

    __slots__ = ("due", "tags", "woken")

    def __init__(self) -> None:
        self.tags: frozenset[int] = frozenset()
        """Changed by `Followers.follow` only."""
        self.due: set[int] = set()
        """Tags with a newer sample than the client was sent."""
        self.woken = asyncio.Event()
        """Set when there is something to send."""

    def take_due(self) -> list[int]:
        """The due tags in order; they are not due any more."""
        taken = sorted(self.due)
        self.due.clear()
        return taken


class Followers:
    """All followers, by tag."""

    def __init__(self) -> None:
        self._by_tag: dict[int, set[Follower]] = {}
        self._all: set[Follower] = set()

    def __len__(self) -> int:
        return len(self._all)

    def follow(self, follower: Follower, tags: frozenset[int]) -> None:
        """Follow these tags and no others."""
        self._all.add(follower)
        for tag_id in follower.tags - tags:
            self._drop(follower, tag_id)
        for tag_id in tags - follower.tags:
            self._by_tag.setdefault(tag_id, set()).add(follower)
        follower.tags = tags
        follower.due &= tags

    def leave(self, follower: Follower) -> None:
        """Remove a follower."""
        self.follow(follower, frozenset())
        self._all.discard(follower)

    def mark_due(self, tag_ids: Iterable[int]) -> None:
        """Make these tags due to their followers."""
        woken: set[Follower] = set()
        by_tag = self._by_tag
        for tag_id in tag_ids:
            for follower in by_tag.get(tag_id, ()):
                follower.due.add(tag_id)
                woken.add(follower)
        for follower in woken:
            follower.woken.set()

    def wake_all(self) -> None:
        """Wake all followers: the state has changed."""
        for follower in self._all:
            follower.woken.set()

    def followed(self) -> list[int]:
        """The tags that have a follower."""
        return list(self._by_tag)

    def _drop(self, follower: Follower, tag_id: int) -> None:
        others = self._by_tag[tag_id]
        others.discard(follower)
        if not others:
            del self._by_tag[tag_id]
