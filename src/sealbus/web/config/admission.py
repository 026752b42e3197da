"""How many connections at once, and who goes when there is no more room.

A newcomer makes room among those who have not finished what they ask: the one who has been at it longest goes first.
So silent connects and requests that never end push out each other, and nobody who is being served.
"""

from __future__ import annotations

import resource
from typing import Protocol

__all__ = ["Admission", "Admitted"]

_MOST = 2_000
_OTHER_DESCRIPTORS = 256


class Admitted(Protocol):
    """A connection, as seen from the door."""

    def leave(self) -> None:
        """Go, now."""


class Admission:
    """Keeps count."""

    def __init__(self, most: int | None = None) -> None:
        self._most = most or min(_MOST, max(64, _descriptors() - _OTHER_DESCRIPTORS))
        self._all: set[Admitted] = set()
        self._unfinished: dict[Admitted, None] = {}

    def __len__(self) -> int:
        """How many are here."""
        return len(self._all)

    def admit(self, connection: Admitted) -> bool:
        """Let him in, if need be in the place of another; False where all others are being served."""
        if len(self._all) >= self._most:
            oldest = next(iter(self._unfinished), None)
            if oldest is None:
                return False
            self.forget(oldest)
            oldest.leave()
        self._all.add(connection)
        self._unfinished[connection] = None
        return True

    def ask(self, connection: Admitted) -> None:
        """He waits, or has begun a new request."""
        if connection in self._all:
            self._unfinished.setdefault(connection, None)

    def serve(self, connection: Admitted) -> None:
        """His request is whole."""
        self._unfinished.pop(connection, None)

    def forget(self, connection: Admitted) -> None:
        """He has gone."""
        self._all.discard(connection)
        self._unfinished.pop(connection, None)


def _descriptors() -> int:
    """How many files this process may open; the soft limit is raised to the hard one, where that is finite."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST + _OTHER_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else soft
