"""The bus of one machine: ZeroMQ over sockets in a folder that only our user can enter.

Each process connects three sockets to the hub: PUB to tell, SUB to hear, DEALER to ask and answer. libzmq connects them,
now or when the hub comes, and again after it was killed; subscriptions it repeats by itself, what is served we say again.
The link counts as connected while all three are. A message is one frame, `topic NUL frame`; the NUL keeps a subscription
to `live` from hearing `lively`, since libzmq compares beginnings. Nobody listens: nothing is sent, PUB filters at the
source. PUB is told not to drop in silence when its queue is full, so that we can count.

What a process whose loop stands still loses is the newest, what comes when the sockets' queues are full; it is counted
by the holes in the senders' numbers when it goes on. One that is stopped altogether is cut off after some seconds, and
what waited for it is freed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import zmq

from sealbus.bus.folder import socket_folder
from sealbus.bus.hub import MESSAGE_LIMIT_BYTES, Hub, address, identity_of
from sealbus.bus.message import FRAME_LIMIT_BYTES
from sealbus.bus.state import Connectivity
from sealbus.bus.zmq_socket import ZmqSocket, prepare

if TYPE_CHECKING:
    from pathlib import Path

    from sealbus.bus.bus_connection import Receiver
    from sealbus.bus.state import Counters

__all__ = ["LocalBusConnection"]

_NO_HUB = "no process is the hub of the local bus (the collector is not running)"


class LocalBusConnection:
    """A process on the local bus; and its hub, for the one that is."""

    def __init__(self, folder: Path, sender: int, *, receiver: Receiver, counters: Counters, is_hub: bool) -> None:
        self.connectivity = Connectivity(counters)
        self._folder = folder
        self._sender = sender
        self._receiver = receiver
        self._counters = counters
        self._is_hub = is_hub
        self._hub: Hub | None = None
        self._served: list[str] = []
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._publisher: ZmqSocket | None = None
        self._subscriber: ZmqSocket | None = None
        self._requester: ZmqSocket | None = None

    async def open(self) -> None:
        """Raises ConfigError for a folder that is not ours, or that has a hub already when we are to be it."""
        folder = socket_folder(self._folder)
        if self._is_hub:
            self._hub = Hub(folder, self._counters)
            self._hub.open()
        publisher = self._context.socket(zmq.PUB)
        publisher.setsockopt(zmq.XPUB_NODROP, 1)
        subscriber = self._context.socket(zmq.SUB)
        requester = self._context.socket(zmq.DEALER)
        requester.setsockopt(zmq.ROUTING_ID, identity_of(self._sender))
        requester.setsockopt(zmq.IMMEDIATE, 1)  # a question is for the hub that is there now
        prepare(publisher, most_bytes=MESSAGE_LIMIT_BYTES)
        prepare(subscriber, most_bytes=MESSAGE_LIMIT_BYTES)
        prepare(requester, most_bytes=FRAME_LIMIT_BYTES)
        self._publisher = ZmqSocket(publisher, None)
        self._subscriber = ZmqSocket(subscriber, self._on_published)
        self._requester = ZmqSocket(requester, self._on_frames)
        for zmq_socket, socket, name in (
            (self._publisher, publisher, "publish"),
            (self._subscriber, subscriber, "subscribe"),
            (self._requester, requester, "request"),
        ):
            zmq_socket.watch(self._on_change)
            socket.connect(address(folder, name))
        self.connectivity.went_down(_NO_HUB)

    def _sockets(self) -> list[ZmqSocket]:
        return [
            zmq_socket for zmq_socket in (self._publisher, self._subscriber, self._requester) if zmq_socket is not None
        ]

    def _on_change(self) -> None:
        if all(zmq_socket.is_up for zmq_socket in self._sockets()):
            for topic in self._served:
                self._send(b"serve", topic.encode())
            self.connectivity.came_up()
        elif self.connectivity.connected:
            self.connectivity.went_down(_NO_HUB)
            self._receiver.on_down(_NO_HUB)

    def _send(self, *frames: bytes) -> bool:
        return self._requester is not None and self._requester.send(*frames)

    def publish(self, topic: str, frame: bytes) -> bool:
        """False when there is no hub, or too much waits for it."""
        if not self.connectivity.connected or self._publisher is None:
            return False
        return self._publisher.send(b"%b\0%b" % (topic.encode(), frame))

    def subscribe(self, topic: str) -> None:
        """Hear of the topic from now on."""
        if self._subscriber is not None:
            self._subscriber.set_option(zmq.SUBSCRIBE, topic.encode() + b"\0")

    def unsubscribe(self, topic: str) -> None:
        """Hear of it no more."""
        if self._subscriber is not None:
            self._subscriber.set_option(zmq.UNSUBSCRIBE, topic.encode() + b"\0")

    def serve(self, topic: str) -> None:
        """Tell the hub, now and whenever it comes, that we answer."""
        self._served.append(topic)
        if self.connectivity.connected:
            self._send(b"serve", topic.encode())

    def send_request(self, topic: str, frame: bytes) -> bool:
        """False when there is no hub, or too much waits for it."""
        return self._send(b"request", topic.encode(), frame)

    def send_reply(self, sender: int, frame: bytes) -> bool:
        """False when there is no hub, or too much waits for it."""
        return self._send(b"reply", identity_of(sender), frame)

    def _on_published(self, frames: list[bytes]) -> None:
        topic, mark, frame = frames[0].partition(b"\0")
        if len(frames) == 1 and mark and topic.isascii():
            self._receiver.on_message(topic.decode(), frame)
        else:
            self._receiver.on_malformed()

    def _on_frames(self, frames: list[bytes]) -> None:
        match frames:
            case [b"request", topic, frame] if topic.isascii():
                self._receiver.on_request(topic.decode(), frame)
            case [b"reply", _, frame]:
                self._receiver.on_reply(frame)
            case _:
                self._receiver.on_malformed()

    async def close(self) -> None:
        """Send for a moment longer what was handed over, then end."""
        for zmq_socket in self._sockets():
            zmq_socket.close()
        self._publisher = self._subscriber = self._requester = None
        await asyncio.to_thread(self._context.term)
        if self._hub is not None:
            await self._hub.close()
        self.connectivity.went_down("it was closed")
