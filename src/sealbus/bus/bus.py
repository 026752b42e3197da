"""The bus of one process: publish, subscribe, request and serve, over the engine that the URL names.

Everything runs in the event loop that opened the bus; only `publish` may be called from any thread. Nothing here waits
for a subscriber. A message may be lost, so nothing that is acknowledged may depend on one. A bus may be open and not
connected: then published messages are counted as dropped, a subscription receives messages once the bus connects, and a
request waits for the connection within its deadline.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sealbus.bus.bus_state import BusState, Counters
from sealbus.bus.bus_url import BusKind, BusUrl, parse_bus_url
from sealbus.bus.frame_seal import FrameSeal
from sealbus.bus.local_bus_connection import LocalBusConnection
from sealbus.bus.message import PAYLOAD_LIMIT_BYTES, check_topic, encode_published
from sealbus.bus.redis_bus_connection import RedisBusConnection
from sealbus.bus.refusals import Refusals
from sealbus.bus.request_reply import Handler, RequestReply
from sealbus.bus.sealed_connection import OpeningReceiver, SealingConnection
from sealbus.bus.subscriptions import Subscriptions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from sealbus.bus.bus_connection import BusConnection
    from sealbus.bus.subscription import Subscription

__all__ = ["Bus", "open_bus"]

_MAX_HANDED_OVER = 10_000  # messages of other threads that wait for the loop

_log = logging.getLogger("sealbus.bus")


@asynccontextmanager
async def open_bus(url: BusUrl | str, *, folder: Path, key: bytes, is_hub: bool = False) -> AsyncGenerator[Bus]:
    """Open the bus, and close it at the end. It connects in the background, and again after each loss.

    `folder` holds the sockets of a local bus; exactly one process of the machine is its hub (the collector). `key`, 32
    bytes, is the same in all processes of the site; messages without its MAC are refused. Raises ConfigError for a
    folder that others can use, for a second hub, and for a Redis off loopback that accepts anyone.
    """
    parsed = parse_bus_url(url) if isinstance(url, str) else url
    bus = Bus(parsed, folder=folder, seal=FrameSeal(key), is_hub=is_hub)
    await bus.open()
    try:
        yield bus
    finally:
        await bus.close()


class Bus:
    """One process on the bus. Created by `open_bus`."""

    def __init__(self, url: BusUrl, *, folder: Path, seal: FrameSeal, is_hub: bool) -> None:
        self._counters = Counters()
        self._refusals = Refusals()
        self._sender = secrets.randbits(64)
        self._sequences: dict[str, int] = {}
        receiver = OpeningReceiver(self, seal, self._refusals)
        engine: BusConnection
        if url.kind is BusKind.LOCAL:
            engine = LocalBusConnection(folder, self._sender, receiver=receiver, counters=self._counters, is_hub=is_hub)
        else:
            engine = RedisBusConnection(url, self._sender, receiver=receiver, counters=self._counters)
        self._connection = SealingConnection(engine, seal)
        self._subscriptions = Subscriptions(self._connection, self._counters, self._refusals)
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
        """Close everything: pending requests fail, subscriptions end after the messages that are queued."""
        self._is_open = False
        await self._request_reply.close()
        self._subscriptions.close()
        await self._connection.close()

    def publish(self, topic: str, payload: bytes) -> None:
        """Send to all subscribers of the topic. Never blocks; a message that cannot be sent is counted as dropped.
        Thread-safe.

        Raises LocalError for an invalid topic, which is a bug in the caller, and nothing else. A payload longer than 1
        MiB is dropped.
        """
        if topic not in self._sequences:
            check_topic(topic)
        if threading.get_ident() == self._thread:
            self._publish(topic, payload)
        elif self._is_open and self._handed_over < _MAX_HANDED_OVER:
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
                _log.warning("dropped a message on %s: %d bytes exceed the limit of the bus", topic, len(payload))
            self._counters.dropped += 1
            return
        count = self._sequences[topic] = self._sequences.get(topic, 0) + 1
        if self._connection.publish(topic, encode_published(self._sender, count, payload)):
            self._counters.published += 1
        else:
            self._counters.dropped += 1

    def subscribe(self, *topics: str, depth: int) -> Subscription:
        """Receive messages on these topics. At most `depth` messages are queued; then the oldest is dropped and
        counted.
        """
        return self._subscriptions.subscribe(topics, depth)

    async def request(self, topic: str, payload: bytes, *, timeout_s: float) -> bytes:
        """Send a request to the process that serves the topic, and return its reply (at most 16 MiB).

        Raises Unreachable when the bus is down until the deadline or goes down, or when no process serves the topic;
        ResponseTimeout when no reply came; RequestRefused with the text of a server that refused; LocalError for an
        invalid topic or more than 1 MiB.
        """
        return await self._request_reply.request(topic, payload, timeout_s)

    def serve(self, topic: str, handler: Handler) -> None:
        """Answer requests on the topic until the bus is closed. One process serves a topic, with one handler."""
        self._request_reply.serve(topic, handler)

    def state(self) -> BusState:
        counters, connectivity = self._counters, self._connection.connectivity
        return BusState(
            connected=connectivity.connected,
            since=connectivity.since,
            problem=connectivity.problem,
            published=counters.published,
            dropped=counters.dropped,
            lost=counters.lost,
            malformed=counters.malformed,
            refused=self._refusals.count,
            refusal=self._refusals.recent,
            reconnects=counters.reconnects,
        )

    def on_message(self, topic: str, frame: bytes) -> None:
        """For the connection: a message arrived."""
        self._subscriptions.on_message(topic, frame)

    def on_request(self, topic: str, frame: bytes) -> None:
        """For the connection: a request arrived."""
        self._request_reply.on_request(topic, frame)

    def on_not_served(self, topic: str, frame: bytes) -> None:
        """For the connection: no process serves the topic of this request."""
        self._request_reply.on_not_served(frame)

    def on_reply(self, frame: bytes) -> None:
        """For the connection: a reply arrived."""
        self._request_reply.on_reply(frame)

    def on_malformed(self) -> None:
        """For the connection: unreadable bytes arrived."""
        self._counters.malformed += 1

    def on_down(self, problem: str) -> None:
        """For the connection: it is lost."""
        self._request_reply.on_down(problem)
