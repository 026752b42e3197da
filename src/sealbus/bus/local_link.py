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
from sealbus.bus.wire import Wire, prepare

if TYPE_CHECKING:
    from pathlib import Path

    from sealbus.bus.link import Receiver
    from sealbus.bus.state import Counters

__all__ = ["LocalLink"]

_NO_HUB = "no process is the hub of the local bus (the collector is not running)"


class LocalLink:
    """A process on the local bus; and its hub, for the one that is."""

    def __init__(self, folder: Path, sender: int, *, receiver: Receiver, counters: Counters, is_hub: bool) -> None:
        self.connectivity = Connectivity(counters)
        self._folder = folder
        self._sender = sender
        self._receiver = receiver
        self._counters = counters
        self._is_hub = is_hub
        self._hub: Hub | None = None
        self._offered: list[str] = []
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._publisher: Wire | None = None
        self._listener: Wire | None = None
        self._asker: Wire | None = None

    async def open(self) -> None:
        """Raises ConfigError for a folder that is not ours, or that has a hub already when we are to be it."""
        folder = socket_folder(self._folder)
        if self._is_hub:
            self._hub = Hub(folder, self._counters)
            self._hub.open()
        publisher = self._context.socket(zmq.PUB)
        publisher.setsockopt(zmq.XPUB_NODROP, 1)
        listener = self._context.socket(zmq.SUB)
        asker = self._context.socket(zmq.DEALER)
        asker.setsockopt(zmq.ROUTING_ID, identity_of(self._sender))
        asker.setsockopt(zmq.IMMEDIATE, 1)  # a question is for the hub that is there now
        prepare(publisher, most_bytes=MESSAGE_LIMIT_BYTES)
        prepare(listener, most_bytes=MESSAGE_LIMIT_BYTES)
        prepare(asker, most_bytes=FRAME_LIMIT_BYTES)
        self._publisher = Wire(publisher, None)
        self._listener = Wire(listener, self._hear)
        self._asker = Wire(asker, self._take)
        for wire, socket, name in (
            (self._publisher, publisher, "publish"),
            (self._listener, listener, "subscribe"),
            (self._asker, asker, "request"),
        ):
            wire.watch(self._changed)
            socket.connect(address(folder, name))
        self.connectivity.went_down(_NO_HUB)

    def _wires(self) -> list[Wire]:
        return [wire for wire in (self._publisher, self._listener, self._asker) if wire is not None]

    def _changed(self) -> None:
        if all(wire.is_up for wire in self._wires()):
            for topic in self._offered:
                self._send(b"serve", topic.encode())
            self.connectivity.came_up()
        elif self.connectivity.connected:
            self.connectivity.went_down(_NO_HUB)
            self._receiver.cut_off(_NO_HUB)

    def _send(self, *frames: bytes) -> bool:
        return self._asker is not None and self._asker.send(*frames)

    def publish(self, topic: str, frame: bytes) -> bool:
        """False when there is no hub, or too much waits for it."""
        if not self.connectivity.connected or self._publisher is None:
            return False
        return self._publisher.send(b"%b\0%b" % (topic.encode(), frame))

    def listen(self, topic: str) -> None:
        """Hear of the topic from now on."""
        if self._listener is not None:
            self._listener.set(zmq.SUBSCRIBE, topic.encode() + b"\0")

    def unlisten(self, topic: str) -> None:
        """Hear of it no more."""
        if self._listener is not None:
            self._listener.set(zmq.UNSUBSCRIBE, topic.encode() + b"\0")

    def offer(self, topic: str) -> None:
        """Tell the hub, now and whenever it comes, that we answer."""
        self._offered.append(topic)
        if self.connectivity.connected:
            self._send(b"serve", topic.encode())

    def ask(self, topic: str, frame: bytes) -> bool:
        """False when there is no hub, or too much waits for it."""
        return self._send(b"ask", topic.encode(), frame)

    def answer(self, sender: int, frame: bytes) -> bool:
        """False when there is no hub, or too much waits for it."""
        return self._send(b"answer", identity_of(sender), frame)

    def _hear(self, frames: list[bytes]) -> None:
        topic, mark, frame = frames[0].partition(b"\0")
        if len(frames) == 1 and mark and topic.isascii():
            self._receiver.heard(topic.decode(), frame)
        else:
            self._receiver.garbled()

    def _take(self, frames: list[bytes]) -> None:
        match frames:
            case [b"ask", topic, frame] if topic.isascii():
                self._receiver.asked(topic.decode(), frame)
            case [b"answer", _, frame]:
                self._receiver.answered(frame)
            case _:
                self._receiver.garbled()

    async def close(self) -> None:
        """Send for a moment longer what was handed over, then end."""
        for wire in self._wires():
            wire.close()
        self._publisher = self._listener = self._asker = None
        await asyncio.to_thread(self._context.term)
        if self._hub is not None:
            await self._hub.close()
        self.connectivity.went_down("it was closed")
