"""How is the bus? What health pages and metrics ask."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["BusState", "Connectivity", "Counters"]


@dataclass(slots=True)
class Counters:
    """What is counted while the bus is open; one object for all parts of it."""

    published: int = 0
    dropped: int = 0
    lost: int = 0
    malformed: int = 0
    reconnects: int = 0


@dataclass(frozen=True, slots=True)
class BusState:
    """`connected` has been so since `since` (wall clock, UTC); `problem` says why it is not.

    `published` were handed to the bus, `dropped` were not, because it was away or its queue full. `lost` are messages on
    topics of ours that never reached the reader: the reader was slow, or they were dropped on the way. `malformed` could
    not be read. `reconnects` counts how often the connection came back.
    """

    connected: bool
    since: datetime
    problem: str
    published: int
    dropped: int
    lost: int
    malformed: int
    reconnects: int


class Connectivity:
    """Whether the link to the bus stands, since when, and a way to wait for it. The link writes it, all others read."""

    def __init__(self, counters: Counters) -> None:
        self.connected = False
        self.since = datetime.now(UTC)
        self.problem = "not connected yet"
        self._counters = counters
        self._ever = False
        self._event = asyncio.Event()

    def came_up(self) -> None:
        """The link stands."""
        if not self.connected:
            self._counters.reconnects += self._ever
            self._ever = True
            self.connected, self.since, self.problem = True, datetime.now(UTC), ""
            self._event.set()

    def went_down(self, problem: str) -> None:
        """The link is gone, or could not be made."""
        if self.connected:
            self.connected, self.since = False, datetime.now(UTC)
            self._event.clear()
        self.problem = problem

    async def wait(self) -> None:
        """Until the link stands. The caller brings the deadline."""
        await self._event.wait()
