"""Accept connections for as long as the process lives.

The accept loops of asyncio and uvloop log or drop what `accept` reports and have no bounds. This one uses `add_reader`
alone and so runs on both. Each turn takes at most 16 connections, so that a flood of new ones does not delay the existing
ones. When the process or the machine is out of descriptors or memory, the listening socket is not read for 5 ms, then 10
and so on up to a second: it would be readable all the time and the loop would spin. Connections wait in the backlog
during that time, and sessions continue. The first accept that works ends the back-off. An empty backlog ends it too: Linux
allocates the descriptor before it looks at the backlog, so EAGAIN proves that descriptors are available. An unknown error
is treated as a lack of descriptors: this loop must not end.
"""

from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from sealbus.transport.admission import ListenerEvents

__all__ = ["AcceptLoop"]

_ACCEPTS_PER_TURN = 16
_FIRST_PAUSE_S = 0.005
_MAX_PAUSE_S = 1.0
# accept(2): the connection died in the backlog, or a firewall refused it. The next one may be good.
_ONE_CONNECTION_FAILED = frozenset(
    {
        errno.ECONNABORTED,
        errno.EPROTO,
        errno.EPERM,
        errno.ENETDOWN,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.EHOSTDOWN,
    }
)


class AcceptLoop:
    """Calls `on_accept` with each new non-blocking socket and its raw address; reports back-offs to `events`."""

    __slots__ = ("_events", "_loop", "_on_accept", "_pause_s", "_resumption", "_sock")

    def __init__(
        self,
        sock: socket.socket,
        on_accept: Callable[[socket.socket, tuple[Any, ...]], None],
        events: ListenerEvents,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._on_accept = on_accept
        self._events = events
        self._pause_s = _FIRST_PAUSE_S
        self._resumption: asyncio.TimerHandle | None = None
        self._loop.add_reader(sock, self._readable)

    def close(self) -> None:
        """Stop accepting; the kernel resets the backlog."""
        if self._sock.fileno() < 0:
            return
        if self._resumption is not None:
            self._resumption.cancel()
        self._loop.remove_reader(self._sock)
        self._sock.close()

    def _readable(self) -> None:
        for _ in range(_ACCEPTS_PER_TURN):
            try:
                sock, address = self._sock.accept()
            except (BlockingIOError, InterruptedError):
                self._end_backoff()
                return
            except OSError as error:
                if error.errno in _ONE_CONNECTION_FAILED:
                    continue
                self._pause(error)
                return
            self._end_backoff()
            sock.setblocking(False)
            self._on_accept(sock, address)
            if self._sock.fileno() < 0:
                return

    def _pause(self, error: OSError) -> None:
        self._loop.remove_reader(self._sock)
        self._resumption = self._loop.call_later(self._pause_s, self._resume)
        paused_s, self._pause_s = self._pause_s, min(self._pause_s * 2, _MAX_PAUSE_S)
        self._events.cannot_accept(paused_s, error)

    def _resume(self) -> None:
        self._resumption = None
        self._loop.add_reader(self._sock, self._readable)
        self._readable()

    def _end_backoff(self) -> None:
        if self._pause_s != _FIRST_PAUSE_S:
            self._pause_s = _FIRST_PAUSE_S
            self._events.accepts_again()
