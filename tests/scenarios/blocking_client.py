"""A client on a blocking TLS socket, for what asyncio hides: sessions to resume, and goodbyes left unanswered.

first = await talk(plant, context, adu(1, read_holding(0, 1)))
again = await talk(plant, context, adu(2, read_holding(0, 1)), resume=first.session)
assert again.resumed
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scenarios.plant import Plant

__all__ = ["Talked", "dial_blocking", "talk"]

_PATIENCE_S = 30.0


@dataclass(frozen=True)
class Talked:
    """One connection: the answer (b"" for none), whether it resumed a session, and the session to resume next time."""

    answer: bytes
    resumed: bool
    session: ssl.SSLSession | None


async def talk(
    plant: Plant, context: ssl.SSLContext, request: bytes, *, resume: ssl.SSLSession | None = None
) -> Talked:
    """Connect, ask once, read one answer, close."""
    return await asyncio.to_thread(_talk, plant.port, context, request, resume)


def dial_blocking(port: int, context: ssl.SSLContext, resume: ssl.SSLSession | None = None) -> ssl.SSLSocket:
    """A TLS socket to this port on loopback. Not for the event loop's thread."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S)
    try:
        return context.wrap_socket(sock, server_hostname="127.0.0.1", session=resume)
    except BaseException:
        sock.close()
        raise


def _talk(port: int, context: ssl.SSLContext, request: bytes, resume: ssl.SSLSession | None) -> Talked:
    try:
        tls = dial_blocking(port, context, resume)
    except (ssl.SSLError, ConnectionError):
        return Talked(b"", resumed=False, session=None)
    with contextlib.closing(tls):
        answer = b""
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            tls.sendall(request)
            answer = tls.recv(260)
        return Talked(answer, resumed=bool(tls.session_reused), session=tls.session)
