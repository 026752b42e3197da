"""`python -m benchmarks.door_attacks ATTACK PORT CA|- SECONDS`: a stranger at 127.0.0.1 attacks the door of a site.

Each attack keeps a number of connections open, and opens another one for each that the site closes. CA is the root of the
site's certificate; `-` is plain HTTP. Prints how many connections were opened.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import resource
import socket
import ssl
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["ATTACKS", "main"]

_HOST = b"Host: 127.0.0.1\r\n"
_SOCKET = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
_FILE = b"GET /static/rest_framework/css/bootstrap.min.css.map HTTP/1.1\r\n" + _HOST + b"\r\n"
_numbers = itertools.count()


async def _unreadable(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET /ws/live HTTP/1.1\r\n" + _HOST + _SOCKET + b"X-Long: " + b"x" * 9_000 + b"\r\n\r\n")
    await reader.read()


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _slow_reader(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(_FILE * 16)  # more than the system keeps for a client that does not read
    while await reader.read(100):
        await asyncio.sleep(1.0)


async def _large_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(
        b"POST /api/v1/devices/import HTTP/1.1\r\n"
        + _HOST
        + b"Cookie: sealbus=made-up\r\nContent-Length: 8388607\r\n\r\n"
    )
    with contextlib.suppress(ConnectionError):
        for _ in range(127):
            writer.write(bytes(65_536))
            await writer.drain()
    await reader.read()


async def _requests(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    number = next(_numbers)
    path = (b"/api/v1/me", b"/_allauth/browser/v1/auth/webauthn/login", b"/nowhere")[number % 3]
    writer.write(b"GET " + path + b" HTTP/1.1\r\n" + _HOST + b"Cookie: sealbus=made-up-%d\r\n\r\n" % number)
    await reader.read(65_536)


ATTACKS: dict[str, tuple[int, bool, Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]]] = {
    "unreadable handshakes": (2_500, True, _unreadable),
    "silent connections": (2_500, False, _silent),
    "slow readers": (64, True, _slow_reader),
    "large bodies": (32, True, _large_body),
    "requests": (32, True, _requests),
}
"""By name: connections at one time, whether they use TLS where the site has it, and what each does."""


async def _open(port: int, context: ssl.SSLContext | None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection of which the system keeps few unread bytes, so that a slow reader is one for the site too."""
    sock = socket.socket()
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # before it connects
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        name = "127.0.0.1" if context is not None else None
        return await asyncio.open_connection(sock=sock, ssl=context, server_hostname=name, limit=4096)
    except BaseException:
        sock.close()
        raise


async def _attack(name: str, port: int, anchor: str, seconds: float) -> int:
    count, uses_tls, step = ATTACKS[name]
    context = ssl.create_default_context(cafile=anchor) if anchor != "-" and uses_tls else None
    opened = 0

    async def keep_one() -> None:
        nonlocal opened
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await _open(port, context)
                opened += 1
                try:
                    await step(reader, writer)
                finally:
                    writer.transport.abort()
            await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(keep_one()) for _ in range(count)]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return opened


def main() -> int:
    """Attack for the given time."""
    name, port, anchor, seconds = sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(asyncio.run(_attack(name, port, anchor, seconds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
