"""The bus of one process: publish, subscribe, ask and answer, over whichever engine the URL names.

Everything runs in the event loop that opened the bus; only `publish` may be called from any thread. Nothing here waits
for a subscriber, and nothing that is acknowledged to anyone may depend on a message: it may be lost. Between a bus that
is open and one that is connected there is no order: publishing to a bus that is away is counted as dropped, a
subscription begins to hear when the bus comes, and a question waits for it within its deadline.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sealbus.bus.bus_url import BusEngine, BusUrl, parse_bus_url
from sealbus.bus.local_bus_connection import LocalBusConnection
from sealbus.bus.message import PAYLOAD_LIMIT_BYTES, check_topic, encode_published
from sealbus.bus.redis_bus_connection import RedisBusConnection
from sealbus.bus.request_reply import Handler, RequestReply
from sealbus.bus.state import BusState, Counters
from sealbus.bus.subscriptions import Subscriptions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from sealbus.bus.bus_connection import BusConnection
    from sealbus.bus.subscription import Subscription

__all__ = ["Bus", "open_bus"]

_MOST_HANDED_OVER = 10_000  # messages of other threads that the loop has not taken yet

_log = logging.getLogger("sealbus.bus")


@asynccontextmanager
async def open_bus(url: BusUrl | str, *, folder: Path, is_hub: bool = False) -> AsyncGenerator[Bus]:
    """Open the bus, and close it at the end. It connects by itself, now or later, and again whenever it must.

    `folder` holds the sockets of a local bus; exactly one process of the machine is its hub (the collector). Raises
    ConfigError for a folder that others could use, for a second hub, and for a Redis off loopback that lets anyone in.
    """
    parsed = parse_bus_url(url) if isinstance(url, str) else url
    bus = Bus(parsed, folder=folder, is_hub=is_hub)
    await bus.open()
    try:
        yield bus
    finally:
        await bus.close()


class Bus:
    """One process on the bus. Made by `open_bus`."""

    def __init__(self, url: BusUrl, *, folder: Path, is_hub: bool) -> None:
        self._counters = Counters()
        self._sender = secrets.randbits(64)
        self._counts: dict[str, int] = {}
        self._connection: BusConnection
        if url.engine is BusEngine.LOCAL:
            self._connection = LocalBusConnection(
                folder, self._sender, receiver=self, counters=self._counters, is_hub=is_hub
            )
        else:
            self._connection = RedisBusConnection(url, self._sender, receiver=self, counters=self._counters)
        self._subscriptions = Subscriptions(self._connection, self._counters)
        self._request_reply = RequestReply(self._sender, self._connection, self._counters)
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._handed_over = 0
        self._is_open = False

    async def open(self) -> None:
        """Start to connect."""
        try:
            await self._connection.open()
        except BaseException:
            await self._connection.close()
            raise
        self._is_open = True

    async def close(self) -> None:
        """End everything: open questions fail, subscriptions end after what waits in them."""
        self._is_open = False
        await self._request_reply.close()
        self._subscriptions.close()
        await self._connection.close()

    def publish(self, topic: str, payload: bytes) -> None:
        """Tell all who listen to the topic. Never waits; what cannot be sent is counted as dropped. From any thread.

        Raises LocalError for what is no topic, a mistake in the program, and for nothing else. A payload past 1 MiB is
        dropped.
        """
        if topic not in self._counts:
            check_topic(topic)
        if threading.get_ident() == self._thread:
            self._publish(topic, payload)
        elif self._is_open and self._handed_over < _MOST_HANDED_OVER:
            self._handed_over += 1
            self._loop.call_soon_threadsafe(self._publish_for_thread, topic, payload)
        else:
            self._counters.dropped += 1

    def _publish_for_thread(self, topic: str, payload: bytes) -> None:
        self._handed_over -= 1
        self._publish(topic, payload)

    def _publish(self, topic: str, payload: bytes) -> None:
        if not self._is_open or len(payload) > PAYLOAD_LIMIT_BYTES:
            if self._is_open:
                _log.warning("dropped a message on %s: its %d bytes are more than the bus carries", topic, len(payload))
            self._counters.dropped += 1
            return
        count = self._counts[topic] = self._counts.get(topic, 0) + 1
        if self._connection.publish(topic, encode_published(self._sender, count, payload)):
            self._counters.published += 1
        else:
            self._counters.dropped += 1

    def subscribe(self, *topics: str, depth: int) -> Subscription:
        """Listen to these topics. At most `depth` messages wait for the reader; then the oldest goes, counted."""
        return self._subscriptions.subscribe(topics, depth)

    async def request(self, topic: str, payload: bytes, *, timeout_s: float) -> bytes:
        """Ask the one who serves the topic, and return what he answers (at most 16 MiB).

        Raises Unreachable when the bus is away for all that time, goes away, or nobody serves the topic; ResponseTimeout
        when no answer came; RequestRefused with the words of a responder who would not; LocalError for what is no topic
        or longer than 1 MiB.
        """
        return await self._request_reply.request(topic, payload, timeout_s)

    def serve(self, topic: str, handler: Handler) -> None:
        """Answer what is asked about the topic, until the bus is closed. One process serves a topic, with one handler."""
        self._request_reply.serve(topic, handler)

    def state(self) -> BusState:
        """How it is now."""
        counters, connectivity = self._counters, self._connection.connectivity
        return BusState(
            connected=connectivity.connected,
            since=connectivity.since,
            problem=connectivity.problem,
            published=counters.published,
            dropped=counters.dropped,
            lost=counters.lost,
            malformed=counters.malformed,
            reconnects=counters.reconnects,
        )

    def on_message(self, topic: str, frame: bytes) -> None:
        """The link heard a message."""
        self._subscriptions.on_message(topic, frame)

    def on_request(self, topic: str, frame: bytes) -> None:
        """The link was asked something."""
        self._request_reply.on_request(topic, frame)

    def on_reply(self, frame: bytes) -> None:
        """The link got an answer."""
        self._request_reply.on_reply(frame)

    def on_malformed(self) -> None:
        """The link got something it cannot read."""
        self._counters.malformed += 1

    def on_down(self, problem: str) -> None:
        """The link went down."""
        self._request_reply.on_down(problem)
