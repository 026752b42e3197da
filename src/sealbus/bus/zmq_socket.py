"""One ZeroMQ socket in the event loop, asyncio's or uvloop's: whole messages come in by callback, sending never waits.

A ZeroMQ socket has a descriptor that says "look again", and looking is what arms it; any call on the socket may take that
word away. So whoever sends or subscribes also looks, within the same turn or the next. A long queue is emptied in
portions, so that the loop serves others in between. pyzmq's own asyncio sockets make a future for each message, which
costs several times what this does.

Whether a socket is connected, its monitor tells. libzmq's own thread writes to the monitor under a lock, and waits there
when nobody reads or too much is unread; whoever then stops the monitor waits for that lock, for ever. So the monitor's
queue has no bound (reconnecting, which is what fills it, is slow), and it is stopped before its reader is closed.
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
"""What may wait in a socket for one peer, at either end. libzmq makes room by halves: a burst of 500 always fits."""

_AT_ONCE = 200
_LINGER_MS = 200  # to send what a process said last
_RECONNECT_MS = 20
_RECONNECT_MOST_MS = 500
_HEARTBEAT_MS = 2000  # a peer that is stopped, not dead, keeps its socket open
_SILENCE_MS = 5000
_HANDSHAKE_MS = 5000


def prepare(socket: zmq.Socket[bytes], *, most_bytes: int) -> None:
    """Set the bounds that every socket of ours has."""
    socket.setsockopt(zmq.LINGER, _LINGER_MS)
    socket.setsockopt(zmq.SNDHWM, QUEUE_MESSAGES)
    socket.setsockopt(zmq.RCVHWM, QUEUE_MESSAGES)
    socket.setsockopt(zmq.MAXMSGSIZE, most_bytes)
    socket.setsockopt(zmq.RECONNECT_IVL, _RECONNECT_MS)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, _RECONNECT_MOST_MS)
    socket.setsockopt(zmq.HEARTBEAT_IVL, _HEARTBEAT_MS)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, _SILENCE_MS)
    socket.setsockopt(zmq.HANDSHAKE_IVL, _HANDSHAKE_MS)


class ZmqSocket:
    """Owns the socket: `close` closes it."""

    def __init__(self, socket: zmq.Socket[bytes], receive: Callable[[list[bytes]], None] | None) -> None:
        self.is_up = False
        """Whether a peer has shaken hands. Known only after `watch`."""
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
        """Have `changed` called when `is_up` changes. Before the socket connects."""
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
        """Hand a message to the socket; False when it cannot be taken now. Never waits."""
        if self._closed:
            return False
        try:
            self._socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.ZMQError:  # full, or nobody there
            return False
        finally:
            self.read_soon()
        return True

    def set_option(self, option: int, value: bytes) -> None:
        """Set an option: what to subscribe to."""
        self._socket.setsockopt(option, value)
        self.read_soon()

    def read_soon(self) -> None:
        """Look for messages in the next turn of the loop."""
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
            except zmq.ZMQError:  # empty, or the peer left in the middle
                return
            receive(frames)
        self.read_soon()

    def close(self) -> None:
        """Close the socket; what was handed to it is sent for a moment longer."""
        if self._closed:
            return
        self._closed = True
        if self._receive is not None:
            self._loop.remove_reader(self._fd)
        if self._monitor is not None:
            self._socket.monitor(None, 0)
            self._monitor.close()
        self._socket.close()
