"""TCP sockets to a host: every address of a name within one deadline, and detection of a dead peer.

A host name may have several addresses of which the first is a black hole. Trying one after the other would spend the
whole deadline on it, so attempts overlap: the next address is tried when the last one failed or has been silent for 250 ms
(RFC 8305, section 5, families in turn); the first to connect wins and the rest are closed. The event loops offer this under
different names or not at all, hence this module.

A peer that loses its power sends nothing. `tune` lets the kernel detect it: probes after 30 s of silence, every 10 s,
three of them; and data that is not acknowledged for 50 s ends the connection (TCP_USER_TIMEOUT, RFC 5482). It overrides the
number of probes, so it is set just below the 60 s that the probes take. These limits are the last resort: request deadlines
are shorter.
Platforms without an option go without it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["AddressInfo", "connect_first", "connect_socket", "tune"]

_NEXT_ATTEMPT_S = 0.25
_OPTIONS = (
    (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 30),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 10),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", 50_000),
)

_Address = tuple[Any, ...]
AddressInfo = tuple[int, int, int, str, _Address]
"""As `getaddrinfo` gives it: family, type, protocol, canonical name, address."""


def tune(sock: socket.socket) -> None:
    """No delay for small frames, and limits on how long a dead peer goes unnoticed. Accepted sockets inherit the options."""
    for level, name, value in _OPTIONS:
        if hasattr(socket, name):
            sock.setsockopt(level, getattr(socket, name), value)


async def connect_socket(host: str, port: int) -> socket.socket:
    """A connected, tuned, non-blocking socket. Raises OSError of the first address when none connects.

    The caller sets the deadline by cancelling; everything that was opened is closed then.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return await connect_first(_families_in_turn(found))


async def connect_first(addresses: Sequence[AddressInfo]) -> socket.socket:
    """The first of `addresses` to connect; earlier ones have a head start. As `connect_socket`."""
    waiting = list(addresses)
    attempts: list[asyncio.Task[socket.socket]] = []
    winner: asyncio.Task[socket.socket] | None = None
    try:
        while winner is None:
            if waiting:
                attempts.append(asyncio.create_task(_connect_one(waiting.pop(0))))
            running = [attempt for attempt in attempts if not attempt.done()]
            if running:
                timeout_s = _NEXT_ATTEMPT_S if waiting else None
                await asyncio.wait(running, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            winner = next((it for it in attempts if it.done() and it.exception() is None), None)
            if winner is None and not waiting and all(attempt.done() for attempt in attempts):
                raise attempts[0].exception() or OSError(errno.EHOSTUNREACH, "no address")
        return winner.result()
    finally:
        # No await from here on: a second cancellation would lose the winner.
        for attempt in attempts:
            if attempt is not winner:
                attempt.cancel()
                attempt.add_done_callback(_close)


def _families_in_turn(found: Sequence[AddressInfo]) -> list[AddressInfo]:
    """The addresses in their order, but the two families by turns, so that a broken one costs only one pause."""
    first = [info for info in found if info[0] == found[0][0]]
    second = [info for info in found if info[0] != found[0][0]]
    return [info for pair in itertools.zip_longest(first, second) for info in pair if info is not None]


async def _connect_one(info: AddressInfo) -> socket.socket:
    family, kind, protocol, _, address = info
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        tune(sock)
        await asyncio.get_running_loop().sock_connect(sock, address)
        # Linux lets a socket connect to itself when its own port is the one it dials: no server is there.
        if sock.getsockname() == sock.getpeername():
            raise ConnectionRefusedError(errno.ECONNREFUSED, "connected to itself")
    except BaseException:
        sock.close()
        raise
    return sock


def _close(attempt: asyncio.Task[socket.socket]) -> None:
    with contextlib.suppress(asyncio.CancelledError, OSError):
        attempt.result().close()
