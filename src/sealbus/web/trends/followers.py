"""Who is to be told of which tag? A follower has a set of tags that are due, never a queue of what happened to them.

However fast values change and however slowly a client reads, no more than the tags he follows can be due to him, and
when he is told of one he gets its newest sample. Everything here runs in the loop of the hub.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Follower", "Followers"]


class Follower:
    """One client's side of it."""

    __slots__ = ("due", "tags", "woken")

    def __init__(self) -> None:
        self.tags: frozenset[int] = frozenset()
        """What it follows; changed by `Followers.follow` alone."""
        self.due: set[int] = set()
        """What it has to be told of."""
        self.woken = asyncio.Event()
        """Set when there is something to tell."""

    def take_due(self) -> list[int]:
        """What is due, in order; nothing is any more."""
        taken = sorted(self.due)
        self.due.clear()
        return taken


class Followers:
    """All of them, by tag."""

    def __init__(self) -> None:
        self._by_tag: dict[int, set[Follower]] = {}
        self._all: set[Follower] = set()

    def __len__(self) -> int:
        return len(self._all)

    def follow(self, follower: Follower, tags: frozenset[int]) -> None:
        """Let it follow these tags, and no others."""
        self._all.add(follower)
        for tag_id in follower.tags - tags:
            self._drop(follower, tag_id)
        for tag_id in tags - follower.tags:
            self._by_tag.setdefault(tag_id, set()).add(follower)
        follower.tags = tags
        follower.due &= tags

    def leave(self, follower: Follower) -> None:
        """It follows nothing, and is gone."""
        self.follow(follower, frozenset())
        self._all.discard(follower)

    def touch(self, tag_ids: Iterable[int]) -> None:
        """These have another sample now."""
        woken: set[Follower] = set()
        by_tag = self._by_tag
        for tag_id in tag_ids:
            for follower in by_tag.get(tag_id, ()):
                follower.due.add(tag_id)
                woken.add(follower)
        for follower in woken:
            follower.woken.set()

    def wake_all(self) -> None:
        """Something concerns all of them."""
        for follower in self._all:
            follower.woken.set()

    def followed(self) -> list[int]:
        """The tags that anybody follows."""
        return list(self._by_tag)

    def _drop(self, follower: Follower, tag_id: int) -> None:
        others = self._by_tag[tag_id]
        others.discard(follower)
        if not others:
            del self._by_tag[tag_id]
