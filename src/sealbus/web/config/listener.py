"""The listening sockets of the site: accept, admit, and only then TLS.

`loop.create_server` would do the handshake before anybody could count the connection. So connections are accepted here,
counted (`admission`), and given to `loop.connect_accepted_socket` in a task that ends with the handshake.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from typing import TYPE_CHECKING

from sealbus.web.config.connection import GuardedConnection

if TYPE_CHECKING:
    from sealbus.web.config.connection import Door

__all__ = ["Listener", "open_sockets"]

_log = logging.getLogger(__name__)

_BACKLOG = 1024
_AT_ONCE = 64
"""Connections accepted in one turn of the loop, so that a flood of them delays no request."""
_PAUSE_S = 0.2
_NO_CONNECTION = frozenset({errno.EAGAIN, errno.EINTR, errno.ECONNABORTED, errno.EPROTO, errno.EPERM})


async def open_sockets(host: str, port: int) -> list[socket.socket]:
    """Listen on all addresses of the host. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    opened: list[socket.socket] = []
    try:
        for family, *_, address in dict.fromkeys(found):
            listening = socket.create_server((address[0], port), family=family, backlog=_BACKLOG)
            listening.setblocking(False)
            opened.append(listening)
    except BaseException:
        for listening in opened:
            listening.close()
        raise
    return opened


class Listener:
    """Accepts connections from `start` until `close`. It has the two methods that uvicorn needs of a server."""

    def __init__(self, door: Door, sockets: list[socket.socket]) -> None:
        self._door = door
        self._sockets = sockets
        self._loop = asyncio.get_running_loop()
        self._is_closed = False

    def start(self) -> None:
        """Begin to accept."""
        for listening in self._sockets:
            self._loop.add_reader(listening, self._accept, listening)

    def close(self) -> None:
        """Accept no more; open connections stay."""
        self._is_closed = True
        for listening in self._sockets:
            self._loop.remove_reader(listening)
            listening.close()

    async def wait_closed(self) -> None:
        """Nothing is left to wait for."""

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                accepted, address = listening.accept()
            except OSError as error:
                if error.errno not in _NO_CONNECTION:
                    self._pause(listening, error)
                return
            accepted.setblocking(False)
            GuardedConnection(self._door, str(address[0])).begin(accepted)

    def _pause(self, listening: socket.socket, error: OSError) -> None:
        """The system has no descriptor or memory: the socket would be reported as readable again at once."""
        _log.error("cannot accept a connection: %s", error.strerror)
        self._loop.remove_reader(listening)
        self._loop.call_later(_PAUSE_S, self._resume, listening)

    def _resume(self, listening: socket.socket) -> None:
        if not self._is_closed:
            self._loop.add_reader(listening, self._accept, listening)
