"""Connections in their handshake: bounded in number and in time, and reported when they fail.

Each has a task of its own, which ends with the handshake. The deadline is for the whole handshake; a peer that sends slowly
does not extend it. A connection that is dropped for a newer one is cancelled, in any phase. During the handshake a
placeholder of four slots is all that is kept for a connection; its protocol is made when the peer is known.

Where the process may have few file descriptors, fewer handshakes are pending, whatever the limits say: silent connections
leave descriptors for newcomers, for devices and for files.
"""

from __future__ import annotations

import asyncio
import resource
import ssl
import sys
from typing import TYPE_CHECKING, cast

from sealbus.endpoints import address_group
from sealbus.security import alerts_to, explain_tls_error
from sealbus.transport.dialling import CLOSE_NOTIFY_S
from sealbus.transport.pending import PendingTable

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from sealbus.transport.admission import ListenerEvents, ListenerLimits, PeerAddress

__all__ = ["Handshakes"]

_SHARE_OF_DESCRIPTORS = 8
"""At most one in so many is for a connection in its handshake, at each listener."""


class Handshakes:
    """Begins handshakes; calls `on_done` with the transport of each that succeeds. Plain TCP succeeds at once."""

    __slots__ = ("_events", "_loop", "_on_done", "_pending", "_timeout_s")

    def __init__(
        self,
        limits: ListenerLimits,
        events: ListenerEvents,
        on_done: Callable[[asyncio.Transport, PeerAddress], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._events = events
        self._on_done = on_done
        self._timeout_s = limits.handshake_timeout_s
        self._pending: PendingTable[_PendingConnection] = PendingTable(
            per_address=limits.pending_per_address, in_all=min(limits.pending, _most_pending())
        )

    def __len__(self) -> int:
        return len(self._pending)

    def begin(self, sock: socket.socket, address: PeerAddress, tls: ssl.SSLContext | None) -> None:
        """Start the handshake of a new connection."""
        connection = _PendingConnection(self, sock, address)
        connection.task = self._loop.create_task(self._shake_hands(connection, tls))
        victim = self._pending.add(connection, address_group(address.host))
        if victim is not None:
            self._drop(victim, "dropped for a newer connection: too many are in their handshake")

    async def drop_all(self, reason: str) -> None:
        """Drop all that are pending, and wait until their tasks have ended."""
        dropped = self._pending.clear()
        for connection in dropped:
            self._drop(connection, reason)
        if dropped:
            await asyncio.wait([connection.task for connection in dropped])

    async def _shake_hands(self, connection: _PendingConnection, tls: ssl.SSLContext | None) -> None:
        # From here on asyncio owns the socket, and closes it when this task is cancelled.
        sock, connection.sock = connection.sock, None
        if sock is None:  # for the type checker: only a task that is cancelled before it begins leaves the socket
            return
        try:
            if tls is None:
                await self._loop.connect_accepted_socket(lambda: connection, sock)
                return
            with alerts_to(sock):
                await self._loop.connect_accepted_socket(
                    lambda: connection,
                    sock,
                    ssl=tls,
                    ssl_handshake_timeout=self._timeout_s,
                    ssl_shutdown_timeout=CLOSE_NOTIFY_S,
                )
        except OSError as error:
            if self._pending.discard(connection):
                self._events.handshake_failed(connection.address, self._reason(error))

    def _reason(self, error: OSError) -> str:
        # Both loops raise ConnectionAbortedError when the deadline has passed.
        if isinstance(error, ConnectionAbortedError):
            return f"it was not finished within {self._timeout_s:g} s"
        if isinstance(error, ssl.SSLError):
            return explain_tls_error(error)
        return "the peer closed the connection"

    def _drop(self, connection: _PendingConnection, reason: str) -> None:
        connection.task.cancel()
        if connection.sock is not None:  # its task has not begun and is cancelled
            connection.sock.close()
        self._events.handshake_failed(connection.address, reason)

    def _finish(self, connection: _PendingConnection, transport: asyncio.Transport) -> None:
        if self._pending.discard(connection):
            self._on_done(transport, connection.address)
        else:
            transport.abort()


class _PendingConnection(asyncio.Protocol):
    """The protocol of a connection until its real one is known."""

    __slots__ = ("_handshakes", "address", "sock", "task")

    task: asyncio.Task[None]

    def __init__(self, handshakes: Handshakes, sock: socket.socket, address: PeerAddress) -> None:
        self._handshakes = handshakes
        self.sock: socket.socket | None = sock
        self.address = address

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._handshakes._finish(self, cast("asyncio.Transport", transport))


def _most_pending() -> int:
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if descriptors == resource.RLIM_INFINITY else max(1, descriptors // _SHARE_OF_DESCRIPTORS)
