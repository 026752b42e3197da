"""One ZeroMQ socket in an asyncio or uvloop event loop: messages arrive by callback, sending never blocks.

The descriptor of a ZeroMQ socket is edge-triggered: it is signalled once, and reading the socket arms it again. Any
call on the socket may consume that signal. So every send or option change schedules a read in the next turn of the
loop. A long queue is read in portions, so that the loop serves others in between. pyzmq's own asyncio sockets create a
future per message, which costs several times as much.

The monitor of a socket reports whether it is connected. libzmq writes to the monitor from its own thread, under a lock,
and blocks there if the monitor is not read or its queue is full; stopping the monitor then waits for that lock for
ever. So the queue of the monitor is unbounded (only reconnects fill it, and they are slow), and the monitor is stopped
before its reader is closed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import zmq
from zmq.utils.monitor import parse_monitor_message

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["QUEUE_MESSAGES", "ZmqSocket", "prepare"]

QUEUE_MESSAGES = 1000
"""The queue of a socket for one peer, at either end. libzmq frees it by halves: a burst of 500 always fits."""

_AT_ONCE = 200
_LINGER_MS = 200  # to send the last messages of a process
_RECONNECT_MS = 20
_RECONNECT_MAX_MS = 500
_HEARTBEAT_MS = 2000  # finds a peer that is stopped: its socket stays open
_SILENCE_MS = 5000
_HANDSHAKE_MS = 5000


def prepare(socket: zmq.Socket[bytes], *, most_bytes: int) -> None:
    """Set the limits that all our sockets have."""
    socket.setsockopt(zmq.LINGER, _LINGER_MS)
    socket.setsockopt(zmq.SNDHWM, QUEUE_MESSAGES)
    socket.setsockopt(zmq.RCVHWM, QUEUE_MESSAGES)
    socket.setsockopt(zmq.MAXMSGSIZE, most_bytes)
    socket.setsockopt(zmq.RECONNECT_IVL, _RECONNECT_MS)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, _RECONNECT_MAX_MS)
    socket.setsockopt(zmq.HEARTBEAT_IVL, _HEARTBEAT_MS)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, _SILENCE_MS)
    socket.setsockopt(zmq.HANDSHAKE_IVL, _HANDSHAKE_MS)


class ZmqSocket:
    """Owns the socket: `close` closes it."""

    def __init__(self, socket: zmq.Socket[bytes], receive: Callable[[list[bytes]], None] | None) -> None:
        self.is_up = False
        """Whether the handshake with a peer is done. Set only after `watch`."""
        self._socket = socket
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._monitor: ZmqSocket | None = None
        self._on_change: Callable[[], None] | None = None
        self._read_scheduled = False
        self._closed = False
        if receive is not None:
            self._fd = int(socket.getsockopt(zmq.FD))
            self._loop.add_reader(self._fd, self._read)

    def watch(self, on_change: Callable[[], None]) -> None:
        """Call `on_change` when `is_up` changes. Must precede connecting."""
        self._on_change = on_change
        name = f"inproc://monitor-{id(self)}"
        self._socket.monitor(name, zmq.Event.HANDSHAKE_SUCCEEDED | zmq.Event.DISCONNECTED)
        reader = self._socket.context.socket(zmq.PAIR)
        reader.setsockopt(zmq.LINGER, 0)
        reader.setsockopt(zmq.RCVHWM, 0)
        reader.connect(name)
        self._monitor = ZmqSocket(reader, self._on_monitor_event)
        self._monitor.read_soon()

    def _on_monitor_event(self, frames: list[bytes]) -> None:
        event = parse_monitor_message(frames)["event"]
        self.is_up = event == zmq.Event.HANDSHAKE_SUCCEEDED
        if self._on_change is not None:
            self._on_change()

    def send(self, *frames: bytes) -> bool:
        """Queue a message; False when the queue is full. Never blocks."""
        if self._closed:
            return False
        try:
            self._socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.ZMQError:  # the queue is full, or there is no peer
            return False
        finally:
            self.read_soon()
        return True

    def set_option(self, option: int, value: bytes) -> None:
        """Set an option, such as a subscription."""
        self._socket.setsockopt(option, value)
        self.read_soon()

    def read_soon(self) -> None:
        """Read messages in the next turn of the loop."""
        if self._receive is not None and not self._read_scheduled and not self._closed:
            self._read_scheduled = True
            self._loop.call_soon(self._read)

    def _read(self) -> None:
        self._read_scheduled = False
        receive = self._receive
        for _ in range(_AT_ONCE):
            if self._closed or receive is None:
                return
            try:
                frames = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.ZMQError:  # empty, or the peer disconnected
                return
            receive(frames)
        self.read_soon()

    def close(self) -> None:
        """Close the socket; queued messages are sent for a moment longer."""
        if self._closed:
            return
        self._closed = True
        if self._receive is not None:
            self._loop.remove_reader(self._fd)
        if self._monitor is not None:
            self._socket.monitor(None, 0)
            self._monitor.close()
        self._socket.close()
