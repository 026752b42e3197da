"""The live side of one web process: bus, hub, watch and open sockets, started and ended with the process.

`live_service` is a part of the process's life (`config.lifespan`). Views and sockets find what runs by
`running_service`; where nothing runs (a shell, a test of a view) it is None, and values come from history.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from django.conf import settings

from sealbus.bus import open_bus
from sealbus.web.access.gate import refused
from sealbus.web.access.requirement import Verdict
from sealbus.web.coordination import hints
from sealbus.web.trends.desk import Desk
from sealbus.web.trends.entry import ROUTE, enter
from sealbus.web.trends.guests import Guests
from sealbus.web.trends.hub import LiveHub
from sealbus.web.trends.store import history
from sealbus.web.trends.watch import Watch

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from sealbus.bus import Bus
    from sealbus.samples import Sample
    from sealbus.web.trends.entry import Denied, Entered
    from sealbus.web.trends.guests import Guest
    from sealbus.web.trends.limits import LiveLimits

__all__ = ["LiveService", "live_service", "running_service"]

_DOOR_THREADS = 4
_HANDSHAKE_S = 10.0
_HISTORY_S = 10.0
_HINTS = ("rights", "plan")
_log = logging.getLogger(__name__)


class LiveService:
    """What runs."""

    def __init__(self, bus: Bus, limits: LiveLimits) -> None:
        self.bus = bus
        self.limits = limits
        self.loop = asyncio.get_running_loop()
        self.guests = Guests()
        self.hub = LiveHub(bus, self._stored, limits)
        self._door = Desk("live-door", _DOOR_THREADS)
        self._desk = Desk("live-watch", 1)
        self._shelf = Desk("live-history", 1)
        self._watch = Watch(self.hub, self.guests, self._desk, limits)

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.hub.run(), name="live hub")
            tasks.create_task(self._watch.run(), name="live watch")
            tasks.create_task(self._listen(), name="hints")

    async def enter(self, scope: Any) -> Entered | Denied:
        """Judge a handshake. Raises TimeoutError and the database's errors."""
        return await self._door.ask(_HANDSHAKE_S, enter, scope)

    async def look_now(self) -> None:
        """Make sure that what was configured by now is known."""
        await self._watch.look_now()

    async def note_refused(self, guest: Guest) -> None:
        """Have it in the audit, once for a socket, that its client asked for what is not there for him."""
        if not guest.conversation.refused:
            return
        try:
            await self._door.ask(_HANDSHAKE_S, _tell_refused, guest)
        except TimeoutError:
            _log.error("a refused subscription could not be recorded in time")

    def close(self) -> None:
        """Let go of the threads."""
        for desk in (self._door, self._desk, self._shelf):
            desk.close()

    async def _listen(self) -> None:
        async with self.bus.subscribe(*_HINTS, depth=1) as subscription:
            async for _ in subscription:
                self._watch.hint()

    async def _stored(self, tag_ids: Sequence[int]) -> Sequence[Sample]:
        return await self._shelf.ask(_HISTORY_S, lambda: history().latest(tag_ids))


class _Running:
    service: LiveService | None = None


def running_service() -> LiveService | None:
    """What runs in this process, if anything does."""
    return _Running.service


@asynccontextmanager
async def live_service(limits: LiveLimits) -> AsyncGenerator[None]:
    """The live side runs within it."""
    site = settings.SEALBUS  # type: ignore[misc]  # ours
    async with open_bus(site.bus, folder=site.bus_folder) as bus:
        service = LiveService(bus, limits)
        running = asyncio.create_task(service.run(), name="live service")
        _Running.service = service
        hints.set_publisher(bus.publish)
        try:
            yield
        finally:
            hints.set_publisher(None)
            _Running.service = None
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            service.close()


def _tell_refused(guest: Guest) -> None:
    refused.send(
        LiveService, subject=guest.entered.subject, verdict=Verdict.REFUSED, method="SUBSCRIBE",
        path=guest.scope["path"], route=ROUTE,
    )  # fmt: skip
