"""Joins writes to many connections: the first of a turn goes out at once, the others together at the end of the turn.

A write costs a system call, most of which is waking the other process. A process that is still awake from the last write
need not be woken, so writes in close succession cost less than writes with work between them. The first write of a turn is
not delayed, and no write is while there is one connection only.

A delayed write waits for less than one turn. Before a connection is closed in order, `flush` writes the rest.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sized

__all__ = ["WriteCoalescer"]


class WriteCoalescer:
    """For the connections of one owner on the running loop. The owner keeps `connections` up to date."""

    __slots__ = ("_connections", "_has_written", "_loop", "_waiting")

    def __init__(self, connections: Sized) -> None:
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._has_written = False
        self._waiting: list[tuple[asyncio.WriteTransport, bytes]] = []

    def write(self, transport: asyncio.WriteTransport, data: bytes) -> None:
        """Write `data` to `transport` within this turn of the loop, in the order of the calls for each transport."""
        if self._has_written:
            self._waiting.append((transport, data))
        else:
            transport.write(data)  # first: a caller waits for it
            if len(self._connections) > 1:
                self._has_written = True
                self._loop.call_soon(self._end_turn)

    def flush(self) -> None:
        """Write the delayed bytes now."""
        waiting, self._waiting = self._waiting, []
        for transport, data in waiting:
            try:
                transport.write(data)
            except RuntimeError:  # it was closed in this turn
                continue

    def _end_turn(self) -> None:
        self._has_written = False
        if self._waiting:
            self.flush()
