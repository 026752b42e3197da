"""The hub of a local bus: one process binds the sockets, all others connect.

Messages pass through libzmq's proxy in a thread that holds no Python lock, so they cost the event loop of the hub
nothing. Its sockets drop messages for a slow process only. Requests and replies are few and pass through the loop,
unopened:

| from a process | what the hub does |
| --- | --- |
| `serve` topic | stores the process as the server of the topic; the newest wins |
| `request` topic frame | forwards it to the server, or returns it as `not-served` |
| `reply` to frame | forwards it to the process that sent the request |

The hub keeps no state: after a kill, a new hub binds the same paths, and the processes connect, serve and subscribe
again. A lock that ends with its process prevents a second hub from taking over the paths of the first.
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
    is_topic,
)
from sealbus.bus.zmq_socket import ZmqSocket, prepare
from sealbus.durable_files import lock_file
from sealbus.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from sealbus.bus.bus_state import Counters

__all__ = ["MESSAGE_LIMIT_BYTES", "Hub", "address", "routing_id_of"]

MESSAGE_LIMIT_BYTES = PAYLOAD_LIMIT_BYTES + 256
"""The longest message with its header and topic; libzmq disconnects a sender of longer ones."""

_MAX_SERVED = 1000

_log = logging.getLogger("sealbus.bus")


def address(folder: Path, name: str) -> str:
    """The address of one of the three sockets: publish, subscribe, request."""
    return f"ipc://{folder / name}.ipc"


def routing_id_of(sender: int) -> bytes:
    """The routing id of a process at the hub."""
    return f"{sender:016x}".encode()


class Hub:
    """Binds and forwards until it is closed."""

    def __init__(self, folder: Path, counters: Counters) -> None:
        self._folder = folder
        self._counters = counters
        self._servers: dict[str, bytes] = {}
        self._lock = -1
        self._proxy = _Proxy(folder)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._router: ZmqSocket | None = None

    def open(self) -> None:
        """Raises ConfigError when there is another hub, or a socket cannot be bound; call `close` then, too."""
        self._lock = _take_lock(self._folder)
        router = self._context.socket(zmq.ROUTER)
        self._router = ZmqSocket(router, self._on_frames)
        prepare(router, most_bytes=FRAME_LIMIT_BYTES)
        router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        router.setsockopt(zmq.ROUTER_HANDOVER, 1)  # a process that reconnects keeps its id
        _bind(router, self._folder, "request")
        self._proxy.open()
        self._router.read_soon()

    def _on_frames(self, frames: list[bytes]) -> None:
        match frames:
            case [source, b"serve", topic] if is_topic(topic.decode("latin-1")):
                if topic.decode() in self._servers or len(self._servers) < _MAX_SERVED:
                    self._servers[topic.decode()] = source
            case [source, b"request", topic, frame]:
                self._forward_request(source, topic, frame)
            case [_, b"reply", target, frame]:
                if not self._send(target, b"reply", b"", frame):
                    self._counters.dropped += 1  # the receiver is disconnected
            case _:
                self._counters.malformed += 1

    def _forward_request(self, source: bytes, topic: bytes, frame: bytes) -> None:
        server = self._servers.get(topic.decode("latin-1"))
        if server is None or not self._send(server, b"request", topic, frame):
            self._send(source, b"not-served", topic, frame)

    def _send(self, *frames: bytes) -> bool:
        return self._router is not None and self._router.send(*frames)

    async def close(self) -> None:
        """Close the sockets, then release the lock."""
        if self._router is not None:
            self._router.close()
        await asyncio.to_thread(self._context.term)
        await asyncio.to_thread(self._proxy.close)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


class _Proxy:
    """Forwards messages in a thread. It has its own context, because ending the context ends the thread."""

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
        _log.exception("the proxy of the bus has ended")
    finally:
        inward.close(linger=0)
        outward.close(linger=0)


def _bind(socket: zmq.Socket[bytes], folder: Path, name: str) -> None:
    try:
        socket.bind(address(folder, name))
        (folder / f"{name}.ipc").chmod(0o600)
    except OSError as error:  # zmq.ZMQError is one
        raise ConfigError(
            f"socket {name}.ipc cannot be bound: {error.strerror}",
            file=str(folder),
            hint="free disk space, or name another folder",
        ) from None


def _take_lock(folder: Path) -> int:
    try:
        return lock_file(folder / "hub.lock")
    except BlockingIOError:
        raise ConfigError(
            "another process is the hub of this bus already", file=str(folder), hint="stop it: one collector per folder"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"the lock of the hub cannot be created: {error.strerror}",
            file=str(folder),
            hint="free disk space, or name another folder",
        ) from None
