"""The bus of one machine: ZeroMQ over sockets in a folder that only our user can enter.

Each process connects three sockets to the hub: PUB to publish, SUB to subscribe, DEALER for requests and replies.
libzmq connects them in the background, and again after the hub was killed; it repeats subscriptions, and this class
repeats which topics are served. The connection counts as up while all three sockets are. A message is one frame, `topic
NUL frame`; the NUL prevents a subscription to `live` from matching `lively`, because libzmq compares prefixes. Without
subscribers nothing is sent: PUB filters at the source. PUB is set to report a full queue instead of dropping silently,
so that drops are counted.

A process whose event loop is blocked loses the newest messages, those that arrive while the queues of its sockets are
full. It counts them when it continues, by the gaps in the sequences of the senders. A process that is stopped is
disconnected after some seconds, and what was queued for it is freed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import zmq

from sealbus.bus.bus_state import Connectivity
from sealbus.bus.folder import socket_folder
from sealbus.bus.hub import MESSAGE_LIMIT_BYTES, Hub, address, routing_id_of
from sealbus.bus.message import FRAME_LIMIT_BYTES
from sealbus.bus.zmq_socket import ZmqSocket, prepare

if TYPE_CHECKING:
    from pathlib import Path

    from sealbus.bus.bus_connection import Receiver
    from sealbus.bus.bus_state import Counters

__all__ = ["LocalBusConnection"]

_NO_HUB = "the local bus has no hub: the collector is not running"


class LocalBusConnection:
    """A process on the local bus, and the hub if it is the one."""

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
        """Raises ConfigError for a folder that is not ours alone, and for a second hub."""
        folder = socket_folder(self._folder)
        if self._is_hub:
            self._hub = Hub(folder, self._counters)
            self._hub.open()
        publisher = self._context.socket(zmq.PUB)
        publisher.setsockopt(zmq.XPUB_NODROP, 1)
        subscriber = self._context.socket(zmq.SUB)
        requester = self._context.socket(zmq.DEALER)
        requester.setsockopt(zmq.ROUTING_ID, routing_id_of(self._sender))
        requester.setsockopt(zmq.IMMEDIATE, 1)  # a request is only for a hub that is connected now
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
        self.connectivity.stopped(_NO_HUB)

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
        """False when there is no hub, or its queue is full."""
        if not self.connectivity.connected or self._publisher is None:
            return False
        return self._publisher.send(b"%b\0%b" % (topic.encode(), frame))

    def subscribe(self, topic: str) -> None:
        if self._subscriber is not None:
            self._subscriber.set_option(zmq.SUBSCRIBE, topic.encode() + b"\0")

    def unsubscribe(self, topic: str) -> None:
        if self._subscriber is not None:
            self._subscriber.set_option(zmq.UNSUBSCRIBE, topic.encode() + b"\0")

    def serve(self, topic: str) -> None:
        """Register the topic at the hub, now and after each reconnect."""
        self._served.append(topic)
        if self.connectivity.connected:
            self._send(b"serve", topic.encode())

    def send_request(self, topic: str, frame: bytes) -> bool:
        """False when there is no hub, or its queue is full."""
        return self._send(b"request", topic.encode(), frame)

    def send_reply(self, sender: int, frame: bytes) -> bool:
        """False when there is no hub, or its queue is full."""
        return self._send(b"reply", routing_id_of(sender), frame)

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
            case [b"not-served", topic, frame] if topic.isascii():
                self._receiver.on_not_served(topic.decode(), frame)
            case [b"reply", _, frame]:
                self._receiver.on_reply(frame)
            case _:
                self._receiver.on_malformed()

    async def close(self) -> None:
        """Keep sending queued messages for a moment, then close."""
        for zmq_socket in self._sockets():
            zmq_socket.close()
        self._publisher = self._subscriber = self._requester = None
        await asyncio.to_thread(self._context.term)
        if self._hub is not None:
            await self._hub.close()
        self.connectivity.stopped("it is closed")
