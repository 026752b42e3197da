"""A client on a blocking TLS socket. It gives access to sessions and skips close_notify, which asyncio does not allow.

first = await request_once(plant, context, adu(1, read_holding(0, 1)))
again = await request_once(plant, context, adu(2, read_holding(0, 1)), resume=first.session)
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

__all__ = ["BlockingResult", "dial_blocking", "request_once"]

_PATIENCE_S = 30.0


@dataclass(frozen=True)
class BlockingResult:
    """One connection: the answer (b"" for none), whether it resumed a session, and the session to resume next time."""

    answer: bytes
    resumed: bool
    session: ssl.SSLSession | None


async def request_once(
    plant: Plant, context: ssl.SSLContext, request: bytes, *, resume: ssl.SSLSession | None = None
) -> BlockingResult:
    """Connect, send one request, read one answer and close."""
    return await asyncio.to_thread(_request_once, plant.port, context, request, resume)


def dial_blocking(port: int, context: ssl.SSLContext, resume: ssl.SSLSession | None = None) -> ssl.SSLSocket:
    """Open a TLS socket to this port on loopback. It blocks: do not call it in the thread of the event loop."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S)
    try:
        return context.wrap_socket(sock, server_hostname="127.0.0.1", session=resume)
    except BaseException:
        sock.close()
        raise


def _request_once(port: int, context: ssl.SSLContext, request: bytes, resume: ssl.SSLSession | None) -> BlockingResult:
    try:
        tls = dial_blocking(port, context, resume)
    except (ssl.SSLError, ConnectionError):
        return BlockingResult(b"", resumed=False, session=None)
    with contextlib.closing(tls):
        answer = b""
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            tls.sendall(request)
            answer = tls.recv(260)
        return BlockingResult(answer, resumed=bool(tls.session_reused), session=tls.session)
