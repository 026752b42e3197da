"""The state of the bus, for health pages and metrics."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from sealbus.outage_log import OutageLog

__all__ = ["BusState", "Connectivity", "Counters"]

_log = logging.getLogger("sealbus.bus")


@dataclass(slots=True)
class Counters:
    """Counted while the bus is open; one object for all its parts."""

    published: int = 0
    dropped: int = 0
    lost: int = 0
    malformed: int = 0
    reconnects: int = 0


@dataclass(frozen=True, slots=True)
class BusState:
    """`connected` has had this value since `since` (wall clock, UTC); `problem` is the reason when it is False.

    `published` messages were handed to the engine; `dropped` ones were not, because it was down or its queue full.
    `lost` messages on subscribed topics never reached the reader: the reader was slow, or they were dropped on the way.
    `malformed` frames could not be read. `refused` frames were not written by this site, or were sent again; `refusal` is
    the reason of the last one within two minutes. `reconnects` counts how often the connection came back.
    """

    connected: bool
    since: datetime
    problem: str
    published: int
    dropped: int
    lost: int
    malformed: int
    refused: int
    refusal: str
    reconnects: int


class Connectivity:
    """Whether the connection is up, since when, and a way to wait for it. Written by the connection, read by all
    others. An outage is logged with its reason: at once, then once a minute.
    """

    def __init__(self, counters: Counters) -> None:
        self.connected = False
        self.since = datetime.now(UTC)
        self.problem = "not connected yet"
        self._counters = counters
        self._ever = False
        self._event = asyncio.Event()
        self._outage = OutageLog(_log)

    def came_up(self) -> None:
        if not self.connected:
            self._counters.reconnects += self._ever
            self._ever = True
            self.connected, self.since, self.problem = True, datetime.now(UTC), ""
            self._event.set()
            self._outage.works("the bus is connected again")

    def went_down(self, problem: str) -> None:
        """The connection is lost, or could not be made."""
        self.stopped(problem)
        self._outage.failed(f"the bus is down: {problem}")

    def stopped(self, problem: str) -> None:
        """It is not connected, and that is no outage: it begins, or it ends."""
        if self.connected:
            self.connected, self.since = False, datetime.now(UTC)
            self._event.clear()
        self.problem = problem

    async def wait(self) -> None:
        """Wait until the connection is up. The caller sets the deadline."""
        await self._event.wait()
