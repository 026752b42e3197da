"""The number of open connections, and which one is closed when there is no room for a new one.

A new connection takes the place of one whose request is not complete, the oldest first. So silent connections and requests
that never end close each other, and never a connection whose request is being answered.
"""

from __future__ import annotations

import resource
from typing import Protocol

__all__ = ["Admission", "Admitted"]

_MOST = 2_000
_OTHER_DESCRIPTORS = 256


class Admitted(Protocol):
    """A connection that is counted here."""

    def leave(self) -> None:
        """Close at once."""


class Admission:
    """The admitted connections, and those of them whose request is not complete."""

    def __init__(self, most: int | None = None) -> None:
        self._most = most or min(_MOST, max(64, _descriptors() - _OTHER_DESCRIPTORS))
        self._all: set[Admitted] = set()
        self._unfinished: dict[Admitted, None] = {}

    def __len__(self) -> int:
        """The number of admitted connections."""
        return len(self._all)

    def admit(self, connection: Admitted) -> bool:
        """Admit, if necessary in the place of another one; False if the requests of all others are complete."""
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
        """The connection is idle, or has begun a new request."""
        if connection in self._all:
            self._unfinished.setdefault(connection, None)

    def serve(self, connection: Admitted) -> None:
        """The request is complete."""
        self._unfinished.pop(connection, None)

    def forget(self, connection: Admitted) -> None:
        """The connection is closed."""
        self._all.discard(connection)
        self._unfinished.pop(connection, None)


def _descriptors() -> int:
    """How many files this process may open. Raises the soft limit to the hard one, as far as needed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST + _OTHER_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else soft
