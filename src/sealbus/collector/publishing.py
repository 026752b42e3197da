"""Live values on the bus: samples as they arrive, keepalives between them, and answers to requests.

A message without samples is a keepalive: the values that were published before still hold. Silence means that no process
polls. Topics carry the id of the collector.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from sealbus.bus import (
    KEEPALIVE_S,
    LIVE_TOPIC,
    SNAPSHOT_TOPIC,
    STATE_TOPIC,
    decode_snapshot_request,
    encode_collector_state,
    encode_samples,
    encode_snapshot_page,
)
from sealbus.plant import with_collector_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from sealbus.plant import CollectorState
    from sealbus.samples import Sample

__all__ = ["AnswersRequests", "HasLatest", "LivePublisher", "PublishesMessages", "serve_requests"]


class PublishesMessages(Protocol):
    """The bus, as far as live values need it."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a message."""


class AnswersRequests(Protocol):
    """The bus, as far as requests need it."""

    def serve(self, topic: str, handler: Callable[[bytes], Awaitable[bytes]]) -> None:
        """Answer the requests for a topic."""


class HasLatest(Protocol):
    """The engine, as far as requests need it."""

    def latest(self) -> Iterable[Sample]:
        """The current sample of each tag."""
        ...


class LivePublisher:
    """The topic `live` of one collector."""

    def __init__(self, bus: PublishesMessages, collector_id: str) -> None:
        self._bus = bus
        self._topic = with_collector_id(LIVE_TOPIC, collector_id)
        self._loop = asyncio.get_running_loop()
        self._published_at = float("-inf")

    def publish(self, samples: Sequence[Sample]) -> None:
        """Publish them; none make a keepalive. Never waits."""
        self._published_at = self._loop.time()
        for payload in encode_samples(samples):
            self._bus.publish(self._topic, payload)

    async def keep_alive(self, every_s: float = KEEPALIVE_S / 2) -> None:
        """Publish a keepalive whenever nothing else was published for so long, until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            if self._loop.time() - self._published_at >= every_s:
                self.publish(())


def serve_requests(
    bus: AnswersRequests, collector_id: str, engine: HasLatest, state: Callable[[], CollectorState]
) -> None:
    """Answer requests for a snapshot of all values, and for the state of connections, problems and history."""

    async def snapshot(payload: bytes) -> bytes:
        return encode_snapshot_page(engine.latest(), decode_snapshot_request(payload))

    async def current_state(payload: bytes) -> bytes:
        return encode_collector_state(state())

    bus.serve(with_collector_id(SNAPSHOT_TOPIC, collector_id), snapshot)
    bus.serve(with_collector_id(STATE_TOPIC, collector_id), current_state)
