"""What one reader has still to read: a bounded queue that loses the oldest, because for live values the newest counts.

Nobody waits for a reader. A message is put in front of him within one turn of the loop; when his queue is full its head
goes, and `lost` counts it. One task reads a subscription.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Self

from sealbus.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from sealbus.bus.message import Message
    from sealbus.bus.state import Counters

__all__ = ["MOST_WAITING", "Subscription"]

MOST_WAITING = 100_000
"""The deepest queue that can be asked for."""


class Subscription:
    """An async iterator of Message. It ends when it, or the bus, is closed; what waits then is still read."""

    def __init__(
        self, topics: frozenset[str], depth: int, counters: Counters, on_close: Callable[[Subscription], None]
    ) -> None:
        if not 1 <= depth <= MOST_WAITING:
            raise LocalError(f"a subscription holds 1 to {MOST_WAITING} messages, not {depth}")
        self.topics = topics
        self.lost = 0
        """How many messages this reader did not get: his queue was full, or they never came."""
        self._waiting: deque[Message] = deque(maxlen=depth)
        self._counters = counters
        self._on_close = on_close
        self._arrival: asyncio.Future[None] | None = None
        self._closed = False

    def put(self, message: Message) -> None:
        """Hand a message to the reader. Never waits; the bus calls it."""
        waiting = self._waiting
        if len(waiting) == waiting.maxlen:
            self.count_lost(1)
        waiting.append(message)
        self._wake()

    def count_lost(self, count: int) -> None:
        """Count messages that the reader does not get; the bus calls it."""
        self.lost += count
        self._counters.lost += count

    def close(self) -> None:
        """Hear no more. The reader ends after what already waits."""
        if not self._closed:
            self._closed = True
            self._on_close(self)
            self._wake()

    def __len__(self) -> int:
        """How many messages wait for the reader."""
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
