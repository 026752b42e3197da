"""One stretch of time with Redis, from both connections being up to either being gone.

One connection hears (a subscribed RESP2 connection can do nothing else), the other tells. What is to be told waits in a
bounded queue that loses the oldest, and goes out in batches: a whole batch is written before the first reply is read, so
the way to the server is paid once for many. Silence is not trusted: each connection is pinged when idle, and one that
does not answer ends the session.

Channels are `sealbus:` and `topic:NAME` for messages, `request:NAME` for questions, `reply:SENDER` for the answers to one
process.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from redis.exceptions import ResponseError

from sealbus.bus.message import BusReply, ReplyStatus, encode_reply, is_topic

if TYPE_CHECKING:
    from redis.asyncio import Connection

    from sealbus.bus.bus_connection import Receiver
    from sealbus.bus.state import Counters

__all__ = ["Outgoing", "RedisSession", "reply_channel", "request_channel", "topic_channel"]

_PREFIX = b"sealbus:"
_TOPIC, _REQUEST, _REPLY = b"topic:", b"request:", b"reply:"
_MOST_WAITING = 2000
_MOST_WAITING_BYTES = 64 * 1024 * 1024
_BATCH = 100
_BATCH_BYTES = 4 * 1024 * 1024
_IDLE_S = 5.0
_SILENCE_S = 15.0
_ANSWER_S = 5.0
_NO_SENDER = 0


def topic_channel(topic: str) -> bytes:
    """Where the messages of a topic go."""
    return _PREFIX + _TOPIC + topic.encode()


def request_channel(topic: str) -> bytes:
    """Where the questions about a topic go."""
    return _PREFIX + _REQUEST + topic.encode()


def reply_channel(sender: int) -> bytes:
    """Where the answers to one process go."""
    return _PREFIX + _REPLY + b"%016x" % sender


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A frame on its way. `request_id` is that of a question, which wants to know whether anybody got it."""

    channel: bytes
    frame: bytes
    request_id: int | None = None


class RedisSession:
    """Owns both connections once it runs."""

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
        """Subscribe, and wait until the server says that it is so."""
        self._wanted, self._channels = set(channels), set(channels)
        async with asyncio.timeout(_ANSWER_S):
            await self._subscriber.send_command("SUBSCRIBE", *sorted(channels))
            confirmed = 0
            while confirmed < len(channels):
                reply = await self._subscriber.read_response(timeout=math.inf)
                self._on_reply(reply)  # messages come between the confirmations
                confirmed += isinstance(reply, list) and reply[:1] == [b"subscribe"]

    async def run(self) -> None:
        """Carry messages until something breaks; raises what broke."""
        self._received_at = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._receive(), name="redis hear")
            tasks.create_task(self._send_waiting(), name="redis tell")
            tasks.create_task(self._follow_channels(), name="redis subscribe")

    def put(self, outgoing: Outgoing) -> None:
        """Send it when its turn comes. When too much waits the oldest goes, counted."""
        self._waiting.append(outgoing)
        self._waiting_bytes += len(outgoing.frame)
        while len(self._waiting) > _MOST_WAITING or self._waiting_bytes > _MOST_WAITING_BYTES:
            self._waiting_bytes -= len(self._waiting.popleft().frame)
            self._counters.dropped += 1
        self._has_waiting.set()

    def set_channels(self, channels: set[bytes]) -> None:
        """Hear these channels from now on, and no others."""
        self._wanted = set(channels)
        self._channels_changed.set()

    def close(self) -> None:
        """Count what was never sent. The connections are the link's to close."""
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
                    raise TimeoutError("the server has fallen silent") from None
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
            raise  # the server does not let us publish: the link tells why it is down
        if outgoing.request_id is not None and receivers == 0:
            not_served = BusReply(outgoing.request_id, ReplyStatus.NOT_SERVED, b"")
            self._receiver.on_reply(encode_reply(_NO_SENDER, not_served))
