"""Changes of the site: at once when a hint says so, and by reading the version numbers twice a second."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sealbus.bus import Bus
    from sealbus.collector.store import CollectorStore
    from sealbus.collector.store_thread import StoreThread

__all__ = ["VersionWatch"]


class VersionWatch:
    """Calls `load_plan` and `take_commands` when their number has changed, until they return True."""

    def __init__(
        self,
        store: CollectorStore,
        thread: StoreThread,
        *,
        load_plan: Callable[[], Awaitable[bool]],
        take_commands: Callable[[], Awaitable[bool]],
    ) -> None:
        self._store = store
        self._thread = thread
        self._load_plan = load_plan
        self._take_commands = take_commands
        self._hinted = asyncio.Event()

    def hint(self) -> None:
        """Make `run` read the numbers now."""
        self._hinted.set()

    async def listen(self, bus: Bus) -> None:
        """Take hints from the bus until cancelled."""
        async with bus.subscribe(*self._store.hint_topics, depth=1) as subscription:
            async for _ in subscription:
                self.hint()

    async def run(self, every_s: float) -> None:
        """Read the numbers every `every_s` seconds and at each hint, until cancelled."""
        plan = commands = -1
        while True:
            self._hinted.clear()  # before the numbers are read: a hint that comes during the read causes another one
            versions = await self._thread.attempt(self._store.versions)
            if versions is not None:
                if versions.plan != plan and await self._load_plan():
                    plan = versions.plan
                if versions.commands != commands and await self._take_commands():
                    commands = versions.commands
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(every_s):
                    await self._hinted.wait()
