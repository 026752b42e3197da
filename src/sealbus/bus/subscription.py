"""The queue of one reader: bounded, drops the oldest message, because for live values the newest counts.

No sender waits for a reader. A message is queued within one turn of the loop; when the queue is full, its oldest
message is dropped and counted in `lost`. One task reads a subscription.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Self

from sealbus.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from sealbus.bus.bus_state import Counters
    from sealbus.bus.message import Message

__all__ = ["MAX_DEPTH", "Subscription"]

MAX_DEPTH = 100_000
"""The longest queue of a subscription."""


class Subscription:
    """An async iterator of Message. It ends when it, or the bus, is closed; queued messages are still read."""

    def __init__(
        self, topics: frozenset[str], depth: int, counters: Counters, on_close: Callable[[Subscription], None]
    ) -> None:
        if not 1 <= depth <= MAX_DEPTH:
            raise LocalError(f"a subscription holds 1 to {MAX_DEPTH} messages, not {depth}")
        self.topics = topics
        self.lost = 0
        """How many messages this reader did not get: its queue was full, or they never arrived."""
        self._waiting: deque[Message] = deque(maxlen=depth)
        self._counters = counters
        self._on_close = on_close
        self._arrival: asyncio.Future[None] | None = None
        self._closed = False

    def put(self, message: Message) -> None:
        """For the bus: queue a message. Never blocks."""
        waiting = self._waiting
        if len(waiting) == waiting.maxlen:
            self.count_lost(1)
        waiting.append(message)
        self._wake()

    def count_lost(self, count: int) -> None:
        """For the bus: count messages that the reader does not get."""
        self.lost += count
        self._counters.lost += count

    def close(self) -> None:
        """Unsubscribe. The reader ends after the queued messages."""
        if not self._closed:
            self._closed = True
            self._on_close(self)
            self._wake()

    def __len__(self) -> int:
        """How many messages are queued."""
        return len(self._waiting)

    def __bool__(self) -> bool:
        return True

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            if self._arrival is not None:
                raise LocalError("two tasks read one subscription; give each its own")
            self._arrival = asyncio.get_running_loop().create_future()
            try:
                await self._arrival
            finally:
                self._arrival = None
        return self._waiting.popleft()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
