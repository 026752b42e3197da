"""How many connections at once, and who goes when there is no more room.

A newcomer makes room among those who have not finished what they ask: the one who has been at it longest goes first.
So silent connects and requests that never end push out each other, and nobody who is being served.
"""

from __future__ import annotations

import resource
from typing import Protocol

__all__ = ["Admission", "Guest"]

_MOST = 2_000
_OTHER_DESCRIPTORS = 256


class Guest(Protocol):
    """A connection, as seen from the door."""

    def leave(self) -> None:
        """Go, now."""


class Admission:
    """Keeps count."""

    def __init__(self, most: int | None = None) -> None:
        self._most = most or min(_MOST, max(64, _descriptors() - _OTHER_DESCRIPTORS))
        self._all: set[Guest] = set()
        self._unfinished: dict[Guest, None] = {}

    def __len__(self) -> int:
        """How many are here."""
        return len(self._all)

    def admit(self, guest: Guest) -> bool:
        """Let him in, if need be in the place of another; False where all others are being served."""
        if len(self._all) >= self._most:
            oldest = next(iter(self._unfinished), None)
            if oldest is None:
                return False
            self.forget(oldest)
            oldest.leave()
        self._all.add(guest)
        self._unfinished[guest] = None
        return True

    def ask(self, guest: Guest) -> None:
        """He waits, or has begun a new request."""
        if guest in self._all:
            self._unfinished.setdefault(guest, None)

    def serve(self, guest: Guest) -> None:
        """His request is whole."""
        self._unfinished.pop(guest, None)

    def forget(self, guest: Guest) -> None:
        """He has gone."""
        self._all.discard(guest)
        self._unfinished.pop(guest, None)


def _descriptors() -> int:
    """How many files this process may open; the soft limit is raised to the hard one, where that is finite."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST + _OTHER_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else soft
