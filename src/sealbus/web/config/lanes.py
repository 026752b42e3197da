"""The worker threads of requests: a fixed number of lanes, each with one thread and therefore one database connection.

With an ASGI server, Django runs each request in a new thread that ends with the request, and opens a database connection
in it. Here a request borrows a lane instead. A lane is a `ThreadSensitiveContext` of asgiref, which keeps one thread.
asgiref uses the outermost context, so all of Django runs in the thread of the lane, and its connection is reused. Requests
above the number of lanes wait here, in a bounded queue, not in the database.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from asgiref.sync import SyncToAsync, ThreadSensitiveContext

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

__all__ = ["Busy", "Lanes"]

_MAX_WAITING = 256
_MAX_WAIT_S = 10.0


class Busy(Exception):
    """No lane became free in time, or too many requests are waiting."""


class Lanes:
    """`async with lanes.one():` makes Django run in the thread of one lane."""

    def __init__(self, count: int, *, most_waiting: int = _MAX_WAITING) -> None:
        self._lanes = [ThreadSensitiveContext() for _ in range(count)]
        self._free: asyncio.LifoQueue[ThreadSensitiveContext] = asyncio.LifoQueue()
        self._waiting = 0
        self._most_waiting = most_waiting
        for lane in self._lanes:
            self._free.put_nowait(lane)

    @property
    def busy(self) -> int:
        """The number of lanes in use."""
        return len(self._lanes) - self._free.qsize()

    @asynccontextmanager
    async def one(self) -> AsyncGenerator[None]:
        """Borrow a lane. Raises Busy."""
        lane = await self._take()
        token = SyncToAsync.thread_sensitive_context.set(lane)
        try:
            yield
        finally:
            SyncToAsync.thread_sensitive_context.reset(token)
            self._free.put_nowait(lane)

    async def _take(self) -> ThreadSensitiveContext:
        if self._waiting >= self._most_waiting:
            raise Busy
        self._waiting += 1
        try:
            async with asyncio.timeout(_MAX_WAIT_S):
                return await self._free.get()
        except TimeoutError:
            raise Busy from None
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """End the idle threads; busy ones end with their request."""
        for lane in self._lanes:
            executor = SyncToAsync.context_to_thread_executor.pop(lane, None)
            if executor is not None:
                executor.shutdown(wait=False)
