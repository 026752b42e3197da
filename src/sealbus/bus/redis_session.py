"""One session with Redis, from both connections being up until one of them is lost.

One connection subscribes (in RESP2 it can do nothing else), the other publishes. Frames wait in a bounded queue that
drops the oldest, and are sent in batches: a whole batch is written before the first reply is read, so the round trip is
paid once per batch. Silence is not trusted: an idle connection is pinged, and one that does not answer ends the
session.

Channels are `sealbus:` and `topic:NAME` for messages, `request:NAME` for requests, `reply:SENDER` for the replies to
one process.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from redis.exceptions import ResponseError

from sealbus.bus.message import is_topic

if TYPE_CHECKING:
    from redis.asyncio import Connection

    from sealbus.bus.bus_connection import Receiver
    from sealbus.bus.bus_state import Counters

__all__ = ["Outgoing", "RedisSession", "reply_channel", "request_channel", "topic_channel"]

_PREFIX = b"sealbus:"
_TOPIC, _REQUEST, _REPLY = b"topic:", b"request:", b"reply:"
_MAX_WAITING = 2000
_MAX_WAITING_BYTES = 64 * 1024 * 1024
_BATCH = 100
_BATCH_BYTES = 4 * 1024 * 1024
_IDLE_S = 5.0
_SILENCE_S = 15.0
_ANSWER_S = 5.0


def topic_channel(topic: str) -> bytes:
    """The channel of the messages on a topic."""
    return _PREFIX + _TOPIC + topic.encode()


def request_channel(topic: str) -> bytes:
    """The channel of the requests on a topic."""
    return _PREFIX + _REQUEST + topic.encode()


def reply_channel(sender: int) -> bytes:
    """The channel of the replies to one process."""
    return _PREFIX + _REPLY + b"%016x" % sender


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A frame to send. `request_on` is the topic of a request, whose sender must learn whether any process received it."""

    channel: bytes
    frame: bytes
    request_on: str = ""


class RedisSession:
    """Owns both connections while it runs."""

    def __init__(
        self, subscriber: Connection, publisher: Connection, *, receiver: Receiver, counters: Counters
    ) -> None:
        self._subscriber = subscriber
        self._publisher = publisher
        self._receiver = receiver
        self._counters = counters
        self._waiting: deque[Outgoing] = deque()
        self._waiting_bytes = 0
        self._has_waiting = asyncio.Event()
        self._channels: set[bytes] = set()
        self._wanted: set[bytes] = set()
        self._channels_changed = asyncio.Event()
        self._received_at = 0.0

    async def begin(self, channels: set[bytes]) -> None:
        """Subscribe, and wait for the confirmations."""
        self._wanted, self._channels = set(channels), set(channels)
        async with asyncio.timeout(_ANSWER_S):
            await self._subscriber.send_command("SUBSCRIBE", *sorted(channels))
            confirmed = 0
            while confirmed < len(channels):
                reply = await self._subscriber.read_response(timeout=math.inf)
                self._on_reply(reply)  # messages may arrive between the confirmations
                confirmed += isinstance(reply, list) and reply[:1] == [b"subscribe"]

    async def run(self) -> None:
        """Transfer messages until something fails; raises that error."""
        self._received_at = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._receive(), name="redis receive")
            tasks.create_task(self._send_waiting(), name="redis send")
            tasks.create_task(self._follow_channels(), name="redis subscribe")

    def put(self, outgoing: Outgoing) -> None:
        """Queue a frame. When the queue is full the oldest frame is dropped and counted."""
        self._waiting.append(outgoing)
        self._waiting_bytes += len(outgoing.frame)
        while len(self._waiting) > _MAX_WAITING or self._waiting_bytes > _MAX_WAITING_BYTES:
            self._waiting_bytes -= len(self._waiting.popleft().frame)
            self._counters.dropped += 1
        self._has_waiting.set()

    def set_channels(self, channels: set[bytes]) -> None:
        """Subscribe to exactly these channels."""
        self._wanted = set(channels)
        self._channels_changed.set()

    def close(self) -> None:
        """Count what was not sent. The caller closes the connections."""
        self._counters.dropped += len(self._waiting)
        self._waiting.clear()

    async def _receive(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            reply = await self._subscriber.read_response(timeout=math.inf)
            self._received_at = loop.time()
            self._on_reply(reply)

    def _on_reply(self, reply: object) -> None:
        match reply:
            case [b"message", bytes(channel), bytes(frame)]:
                self._dispatch(channel.removeprefix(_PREFIX), frame)
            case [b"subscribe" | b"unsubscribe" | b"pong", *_]:
                pass
            case _:
                self._receiver.on_malformed()

    def _dispatch(self, channel: bytes, frame: bytes) -> None:
        kind, _, name = channel.partition(b":")
        topic = name.decode("latin-1")
        if kind + b":" == _REPLY:
            self._receiver.on_reply(frame)
        elif not is_topic(topic):
            self._receiver.on_malformed()
        elif kind + b":" == _TOPIC:
            self._receiver.on_message(topic, frame)
        else:
            self._receiver.on_request(topic, frame)

    async def _follow_channels(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(_IDLE_S):
                    await self._channels_changed.wait()
            except TimeoutError:
                if loop.time() - self._received_at > _SILENCE_S:
                    raise TimeoutError("the server does not answer") from None
                await self._send_subscriber_command("PING")
                continue
            self._channels_changed.clear()
            new, old = self._wanted - self._channels, self._channels - self._wanted
            self._channels = set(self._wanted)
            if new:
                await self._send_subscriber_command("SUBSCRIBE", *sorted(new))
            if old:
                await self._send_subscriber_command("UNSUBSCRIBE", *sorted(old))

    async def _send_subscriber_command(self, *command: str | bytes) -> None:
        async with asyncio.timeout(_ANSWER_S):
            await self._subscriber.send_command(*command)

    async def _send_waiting(self) -> None:
        while True:
            try:
                async with asyncio.timeout(_IDLE_S):
                    await self._has_waiting.wait()
            except TimeoutError:
                async with asyncio.timeout(_ANSWER_S):
                    await self._publisher.send_command("PING")
                    await self._publisher.read_response()
                continue
            await self._send(self._next_batch())

    def _next_batch(self) -> list[Outgoing]:
        batch: list[Outgoing] = []
        size = 0
        while self._waiting and len(batch) < _BATCH and size < _BATCH_BYTES:
            batch.append(self._waiting.popleft())
            size += len(batch[-1].frame)
        self._waiting_bytes -= size
        if not self._waiting:
            self._has_waiting.clear()
        return batch

    async def _send(self, batch: list[Outgoing]) -> None:
        commands = [("PUBLISH", outgoing.channel, outgoing.frame) for outgoing in batch]
        async with asyncio.timeout(_ANSWER_S):
            await self._publisher.send_packed_command(self._publisher.pack_commands(commands))
            for outgoing in batch:
                await self._confirm(outgoing)

    async def _confirm(self, outgoing: Outgoing) -> None:
        try:
            receivers = await self._publisher.read_response(timeout=math.inf)
        except ResponseError:
            self._counters.dropped += 1
            raise  # the server refuses to publish: the connection reports the reason
        if outgoing.request_on and receivers == 0:
            self._receiver.on_not_served(outgoing.request_on, outgoing.frame)
