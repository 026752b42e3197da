"""The live side of one web process: bus, hub, watch and open sockets, started and stopped with the process.

`live_service` is one of the parts of `config.lifespan`. Views and sockets get the running service from `running_service`;
in a process without one (a shell, a test of a view) it is None, and values come from history.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from django.conf import settings

from sealbus.bus import open_bus
from sealbus.web.access.gate import refused
from sealbus.web.access.requirement import GateVerdict
from sealbus.web.coordination import hints
from sealbus.web.trends.handshake import ROUTE, admit
from sealbus.web.trends.hub import LiveHub
from sealbus.web.trends.live_clients import LiveClients
from sealbus.web.trends.query_threads import QueryThreads
from sealbus.web.trends.store import history
from sealbus.web.trends.watch import RightsWatch

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from sealbus.bus import Bus
    from sealbus.samples import Sample
    from sealbus.web.trends.handshake import AdmittedCaller, Denied
    from sealbus.web.trends.limits import LiveLimits
    from sealbus.web.trends.live_clients import LiveClient

__all__ = ["LiveService", "live_service", "refused_messages", "running_service"]

_HANDSHAKE_THREADS = 4
_HANDSHAKE_S = 10.0
_HISTORY_S = 10.0
_HINTS = ("rights", "plan")
_log = logging.getLogger(__name__)


class LiveService:
    """The running live side."""

    def __init__(self, bus: Bus, limits: LiveLimits) -> None:
        self.bus = bus
        self.limits = limits
        self.loop = asyncio.get_running_loop()
        self.clients = LiveClients()
        self.hub = LiveHub(bus, self._stored, limits)
        self._handshake_threads = QueryThreads("live-handshake", _HANDSHAKE_THREADS)
        self._watch_threads = QueryThreads("live-watch", 1)
        self._history_threads = QueryThreads("live-history", 1)
        self._watch = RightsWatch(self.hub, self.clients, self._watch_threads, limits)

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.hub.run(), name="live hub")
            tasks.create_task(self._watch.run(), name="live watch")
            tasks.create_task(self._listen(), name="hints")

    async def admit(self, scope: Any) -> AdmittedCaller | Denied:
        """Check a handshake. Raises TimeoutError and the database's errors."""
        return await self._handshake_threads.run(_HANDSHAKE_S, admit, scope)

    async def check_now(self) -> None:
        """Take the configuration and the rights as they are now."""
        await self._watch.check_now()

    async def note_refused(self, client: LiveClient) -> None:
        """Record in the audit, once for a socket, that its client named tags or devices that it may not see."""
        if not client.subscriptions.refused:
            return
        try:
            await self._handshake_threads.run(_HANDSHAKE_S, _send_refused, client)
        except TimeoutError:
            _log.error("a refused subscription could not be recorded in time")

    def close(self) -> None:
        """End the threads."""
        for threads in (self._handshake_threads, self._watch_threads, self._history_threads):
            threads.close()

    async def _listen(self) -> None:
        async with self.bus.subscribe(*_HINTS, depth=1) as subscription:
            async for _ in subscription:
                self._watch.hint()

    async def _stored(self, tag_ids: Sequence[int]) -> Sequence[Sample]:
        return await self._history_threads.run(_HISTORY_S, lambda: history().latest(tag_ids))


class _Running:
    service: LiveService | None = None


def running_service() -> LiveService | None:
    """The live service of this process; None if it does not run."""
    return _Running.service


def refused_messages() -> str:
    """The advisory about messages of the bus that no process of this site has written."""
    service = running_service()
    state = None if service is None else service.bus.state()
    return f"{state.refused} messages were refused; the last one: {state.refusal}" if state and state.refusal else ""


@asynccontextmanager
async def live_service(limits: LiveLimits) -> AsyncGenerator[None]:
    """Run the live side within this context."""
    site = settings.SEALBUS  # type: ignore[misc]  # ours
    async with open_bus(site.bus, folder=site.bus_folder, key=site.bus_key) as bus:
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


def _send_refused(client: LiveClient) -> None:
    refused.send(
        LiveService, subject=client.admitted.subject, verdict=GateVerdict.REFUSED, method="SUBSCRIBE",
        path=client.scope["path"], route=ROUTE,
    )  # fmt: skip
