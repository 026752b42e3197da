"""The middle of a local bus: one process binds the sockets, all others connect.

Messages go through libzmq's own proxy in a thread of its own, which holds no Python lock: they cost the hub's event loop
nothing. Its sockets drop for whoever is slow, and only for him. Questions and answers are few and go through the loop:

| from a process | what the hub does |
| --- | --- |
| `serve` topic | remembers him as the one who answers; the newest wins |
| `ask` topic frame | passes it on to that one, or answers that there is nobody |
| `answer` to frame | passes it on to the one who asked |

The hub keeps nothing: after it was killed, a new one binds the same paths, and the others connect and say again what they
serve and listen to. A lock that dies with its process keeps a second hub from taking the paths of the first.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from typing import TYPE_CHECKING

import zmq

from sealbus.bus.message import (
    FRAME_LIMIT_BYTES,
    PAYLOAD_LIMIT_BYTES,
    Answer,
    AnswerStatus,
    decode_ask,
    encode_answer,
    is_topic,
)
from sealbus.bus.wire import Wire, prepare
from sealbus.durable_files import lock_file
from sealbus.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from sealbus.bus.state import Counters

__all__ = ["MESSAGE_LIMIT_BYTES", "Hub", "address", "identity_of"]

MESSAGE_LIMIT_BYTES = PAYLOAD_LIMIT_BYTES + 256
"""The longest message with its head and topic; libzmq cuts off who sends more."""

_MOST_SERVED = 1000
_HUB_SENDER = 0

_log = logging.getLogger("sealbus.bus")


def address(folder: Path, name: str) -> str:
    """The address of one of the three sockets: publish, subscribe, request."""
    return f"ipc://{folder / name}.ipc"


def identity_of(sender: int) -> bytes:
    """What the hub calls a process."""
    return f"{sender:016x}".encode()


class Hub:
    """Binds and forwards until it is closed."""

    def __init__(self, folder: Path, counters: Counters) -> None:
        self._folder = folder
        self._counters = counters
        self._served: dict[str, bytes] = {}
        self._lock = -1
        self._proxy = _Proxy(folder)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._router: Wire | None = None

    def open(self) -> None:
        """Raises ConfigError when there is another hub, or no room for the sockets. It is to be closed then, too."""
        self._lock = _take_lock(self._folder)
        router = self._context.socket(zmq.ROUTER)
        self._router = Wire(router, self._take)
        prepare(router, most_bytes=FRAME_LIMIT_BYTES)
        router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        router.setsockopt(zmq.ROUTER_HANDOVER, 1)  # who comes back under his name is the same process
        _bind(router, self._folder, "request")
        self._proxy.open()
        self._router.look()

    def _take(self, frames: list[bytes]) -> None:
        match frames:
            case [source, b"serve", topic] if is_topic(topic.decode("latin-1")):
                if topic.decode() in self._served or len(self._served) < _MOST_SERVED:
                    self._served[topic.decode()] = source
            case [source, b"ask", topic, frame]:
                self._pass_on(source, topic, frame)
            case [_, b"answer", target, frame]:
                if not self._send(target, b"answer", b"", frame):
                    self._counters.dropped += 1  # he has left
            case _:
                self._counters.malformed += 1

    def _pass_on(self, source: bytes, topic: bytes, frame: bytes) -> None:
        ask = decode_ask(frame)
        if ask is None:
            self._counters.malformed += 1
            return
        server = self._served.get(topic.decode("latin-1"))
        if server is None or not self._send(server, b"ask", topic, frame):
            nobody = encode_answer(_HUB_SENDER, Answer(ask.request_id, AnswerStatus.NOBODY, b""))
            self._send(source, b"answer", b"", nobody)

    def _send(self, *frames: bytes) -> bool:
        return self._router is not None and self._router.send(*frames)

    async def close(self) -> None:
        """Let go of the sockets, then of the lock."""
        if self._router is not None:
            self._router.close()
        await asyncio.to_thread(self._context.term)
        await asyncio.to_thread(self._proxy.close)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


class _Proxy:
    """Forwards messages in a thread. Its context is its own: to end it is what ends the thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        inward, outward = self._context.socket(zmq.XSUB), self._context.socket(zmq.XPUB)
        try:
            for socket, name in ((inward, "publish"), (outward, "subscribe")):
                prepare(socket, most_bytes=MESSAGE_LIMIT_BYTES)
                _bind(socket, self._folder, name)
        except ConfigError:
            inward.close(linger=0)
            outward.close(linger=0)
            raise
        self._thread = threading.Thread(target=_forward, args=(inward, outward), name="bus-proxy", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._context.term()
        if self._thread is not None:
            self._thread.join()


def _forward(inward: zmq.Socket[bytes], outward: zmq.Socket[bytes]) -> None:
    try:
        zmq.proxy(inward, outward)
    except zmq.ContextTerminated:
        pass
    except zmq.ZMQError:
        _log.exception("the bus forwards no more")
    finally:
        inward.close(linger=0)
        outward.close(linger=0)


def _bind(socket: zmq.Socket[bytes], folder: Path, name: str) -> None:
    try:
        socket.bind(address(folder, name))
        (folder / f"{name}.ipc").chmod(0o600)
    except OSError as error:  # zmq.ZMQError is one
        raise ConfigError(
            f"no socket {name}.ipc: {error.strerror}", file=str(folder), hint="make room, or name another folder"
        ) from None


def _take_lock(folder: Path) -> int:
    try:
        return lock_file(folder / "hub.lock")
    except BlockingIOError:
        raise ConfigError(
            "another process is the hub of this bus already", file=str(folder), hint="stop it: one collector a folder"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"no lock for the hub of the bus: {error.strerror}",
            file=str(folder),
            hint="make room, or name another folder",
        ) from None
