"""Connections before their handshake is over, and which one is dropped when there are too many.

A connection without an identity costs memory and a descriptor, so there are bounds: for each address and in all. Over the
bound of its address the oldest from there is dropped for the new one; over the bound in all, the oldest of the address that
has most. A silent flood from one address therefore drops its own connections and not those of honest clients, whose
handshake takes milliseconds. A connection whose handshake is
over leaves this table and can no longer be dropped for another.

An IPv6 subscriber owns a whole network, so a /64 counts as one address.
"""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["PendingTable"]

_C = TypeVar("_C")


class PendingTable(Generic[_C]):
    """Pending connections in the order of their arrival, bounded for each address group and in all."""

    __slots__ = ("_all", "_by_group", "_in_all", "_per_group")

    def __init__(self, *, per_address: int, in_all: int) -> None:
        self._per_group = per_address
        self._in_all = in_all
        self._all: dict[_C, str] = {}
        self._by_group: dict[str, dict[_C, None]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def add(self, connection: _C, group: str) -> _C | None:
        """Add `connection`. Returns the one that is dropped for it, already removed, or None."""
        of_group = self._by_group.setdefault(group, {})
        of_group[connection] = None
        self._all[connection] = group
        if len(of_group) > self._per_group:
            group_of_victim = of_group
        elif len(self._all) > self._in_all:
            group_of_victim = max(self._by_group.values(), key=len)
        else:
            return None
        victim = next(iter(group_of_victim))
        self.discard(victim)
        return victim

    def discard(self, connection: _C) -> bool:
        """Remove `connection`. False if it was not there."""
        group = self._all.pop(connection, None)
        if group is None:
            return False
        of_group = self._by_group[group]
        del of_group[connection]
        if not of_group:
            del self._by_group[group]
        return True

    def clear(self) -> list[_C]:
        """Remove and return all."""
        taken = list(self._all)
        self._all.clear()
        self._by_group.clear()
        return taken
