"""The number of open connections, and which one is closed when there is no room for a new one.

A connection counts from its connect on, before TLS. When all places are taken, a new one takes the place of one that waits
for its client: for a handshake, a request, the rest of a body, or for the client to read its answer. It is the oldest of the
address that has most of them, so one address with many connections closes its own. A connection whose request is being
worked on is never closed.
"""

from __future__ import annotations

import resource
from typing import Protocol

__all__ = ["Admission", "CountedConnection"]

_MAX = 2_000
_OTHER_DESCRIPTORS = 256


class CountedConnection(Protocol):
    """A connection that is counted here. `group` is its address, which does not change."""

    group: str

    @property
    def waits_for_client(self) -> bool:
        """Whether it may be closed to make room."""

    def abort(self) -> None:
        """Close at once."""


class Admission:
    """The admitted connections, and by address those that wait for their client, oldest first."""

    def __init__(self, most: int | None = None) -> None:
        self._most = most or min(_MAX, max(64, _descriptors() - _OTHER_DESCRIPTORS))
        self._all: set[CountedConnection] = set()
        self._waiting: dict[str, dict[CountedConnection, None]] = {}

    def __len__(self) -> int:
        """The number of admitted connections."""
        return len(self._all)

    def admit(self, connection: CountedConnection) -> bool:
        """Admit, if necessary in the place of another one; False if none of them waits for its client."""
        if len(self._all) >= self._most:
            if not self._waiting:
                return False
            group = max(self._waiting.values(), key=len)
            oldest = next(iter(group))
            self.remove(oldest)
            oldest.abort()
        self._all.add(connection)
        self.note(connection)
        return True

    def note(self, connection: CountedConnection) -> None:
        """The connection may have changed between waiting for its client and being worked on."""
        if connection not in self._all:
            return
        if connection.waits_for_client:
            self._waiting.setdefault(connection.group, {}).setdefault(connection, None)
        else:
            self._stop_waiting(connection)

    def remove(self, connection: CountedConnection) -> None:
        """The connection is closed."""
        self._all.discard(connection)
        self._stop_waiting(connection)

    def close_all(self) -> None:
        """Close every connection."""
        for connection in list(self._all):
            connection.abort()

    def _stop_waiting(self, connection: CountedConnection) -> None:
        group = self._waiting.get(connection.group)
        if group is not None:
            group.pop(connection, None)
            if not group:
                del self._waiting[connection.group]


def _descriptors() -> int:
    """How many files this process may open. Raises the soft limit to the hard one, as far as needed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX + _OTHER_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else soft
