"""Writes to many connections, the first of a turn at once and the others together at the end of the turn.

A write costs a system call, and most of that call is waking the other side. Whoever is written to while it is still
awake from the write before need not be woken, so writes that follow each other closely cost less than writes with work
between them. Nobody waits who is alone: not the first write of a turn of the event loop, and none while there is one
connection only.

What is put off is put off by less than one turn. Before a connection is closed in order, `flush` brings out what is left.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sized

__all__ = ["WriteCoalescer"]


class WriteCoalescer:
    """For the connections of one owner on the running loop: as many as are in `connections`, which the owner keeps."""

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
            transport.write(data)  # before anything else: somebody waits for it
            if len(self._connections) > 1:
                self._has_written = True
                self._loop.call_soon(self._end_turn)

    def flush(self) -> None:
        """Write now what was put off."""
        waiting, self._waiting = self._waiting, []
        for transport, data in waiting:
            try:
                transport.write(data)
            except RuntimeError:  # it was closed in this very turn
                continue

    def _end_turn(self) -> None:
        self._has_written = False
        if self._waiting:
            self.flush()
