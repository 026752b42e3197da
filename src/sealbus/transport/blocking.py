"""One connection without an event loop: a socket that the calling thread waits on. For `sealbus.sync`.

`dial_blocking` checks, connects and reports errors as `dial` does, with the same functions and the same TLS context; only
the waiting differs. The socket is non-blocking and every wait is one `poll` with a time-out, so each call has a deadline.
TLS runs on memory buffers, as in an event loop: one system call sends a record and one receives it.

It carries tcp and mbaps on platforms with `poll`; `is_blocking_supported` tests that. Everything else needs an event loop.
"""

from __future__ import annotations

import asyncio
import select
import ssl
import time
from typing import TYPE_CHECKING, Any

from sealbus.endpoints import Scheme
from sealbus.security import alerts_to
from sealbus.transport.dialling import check_dialling, failures_explained
from sealbus.transport.sockets import connect_socket

if TYPE_CHECKING:
    import socket

    from sealbus.endpoints import Endpoint

__all__ = ["BlockingTransport", "dial_blocking", "is_blocking_supported"]

_READ_BYTES = 4096
_TLS_RECORD_BYTES = 16 * 1024 + 256 + 5


def is_blocking_supported(endpoint: Endpoint) -> bool:
    """Whether `dial_blocking` can connect to it on this platform."""
    return endpoint.scheme in (Scheme.TCP, Scheme.MBAPS) and hasattr(select, "poll")


def dial_blocking(endpoint: Endpoint, *, tls: ssl.SSLContext | None = None, timeout_s: float) -> BlockingTransport:
    """Connect to a tcp or mbaps endpoint within `timeout_s` seconds. Raises as `dial` does. Not inside an event loop."""
    check_dialling(endpoint, tls)
    deadline = time.monotonic() + timeout_s
    with failures_explained(endpoint, timeout_s):
        sock = _connect(endpoint, timeout_s)
        try:
            return BlockingTransport(sock, tls, endpoint.server_name, timeout_s, deadline)
        except BaseException:
            sock.close()
            raise


def _connect(endpoint: Endpoint, timeout_s: float) -> socket.socket:
    """All addresses of the name, overlapping, within the deadline: an event loop is made for this and thrown away."""

    async def connect() -> socket.socket:
        async with asyncio.timeout(timeout_s):
            return await connect_socket(endpoint.address or endpoint.host, endpoint.port)

    loop = asyncio.new_event_loop()
    try:
        task = loop.create_task(connect())
        try:
            return loop.run_until_complete(task)
        except BaseException:
            if not task.done():  # interrupted: the sockets that were begun are closed before the loop is
                task.cancel()
                loop.run_until_complete(asyncio.wait([task]))
            raise
    finally:
        loop.close()


class BlockingTransport(asyncio.WriteTransport):
    """A connection whose owner waits for bytes, receives and writes. Made by `dial_blocking`."""

    def __init__(
        self, sock: socket.socket, tls: ssl.SSLContext | None, server_name: str, timeout_s: float, deadline: float
    ) -> None:
        super().__init__()
        self._sock = sock
        self._timeout_s = timeout_s
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._has_ended = False
        self._tls: ssl.SSLObject | None = None
        if tls is not None:
            self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            with alerts_to(sock):
                self._tls = tls.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
            self._shake_hands(self._tls, deadline)

    def wait(self, timeout_s: float) -> bool:
        """Wait up to `timeout_s` seconds for something to receive. 0 or less does not wait."""
        return self._has_ended or bool(self._poll.poll(timeout_s * 1000 if timeout_s > 0 else 0))

    def receive(self) -> bytes | None:
        """The received bytes, without waiting: b"" where the peer has ended the connection, None where nothing can be read
        yet. Raises OSError; ssl.SSLError is one.
        """
        if self._has_ended:
            return b""
        try:
            data = self._sock.recv(_READ_BYTES if self._tls is None else _TLS_RECORD_BYTES)
        except BlockingIOError:
            return None
        if self._tls is None or not data:
            return data
        self._incoming.write(data)
        return self._decrypted(self._tls)

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Send all of it. Raises OSError; TimeoutError where the peer does not take it."""
        if self._tls is not None:
            self._tls.write(data)
            data = self._outgoing.read()
        try:
            sent = self._sock.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self._send_rest(memoryview(data)[sent:], time.monotonic() + self._timeout_s)

    def is_closing(self) -> bool:
        return self._sock.fileno() < 0

    def abort(self) -> None:
        self._sock.close()

    def close(self) -> None:
        self._sock.close()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """`"socket"`, and `"ssl_object"` where there is one."""
        return {"socket": self._sock, "ssl_object": self._tls}.get(name) or default

    def _decrypted(self, tls: ssl.SSLObject) -> bytes | None:
        found = b""
        try:
            while True:
                found += tls.read(_READ_BYTES)
                if not self._incoming.pending and not tls.pending():
                    return found
        except ssl.SSLWantReadError:
            return found or None
        except ssl.SSLZeroReturnError:  # close_notify
            self._has_ended = True
            return found

    def _shake_hands(self, tls: ssl.SSLObject, deadline: float) -> None:
        while True:
            is_done = True
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                is_done = False
            if self._outgoing.pending:
                self._send_rest(memoryview(self._outgoing.read()), deadline)
            if is_done:
                return
            if not self.wait(_left(deadline)):
                continue
            data = self._sock.recv(_TLS_RECORD_BYTES)
            if not data:
                raise ConnectionResetError  # as an event loop raises it: without errno
            self._incoming.write(data)

    def _send_rest(self, rest: memoryview, deadline: float) -> None:
        poll = select.poll()
        poll.register(self._sock, select.POLLOUT)
        while rest:
            poll.poll(_left(deadline) * 1000)
            try:
                rest = rest[self._sock.send(rest) :]
            except BlockingIOError:
                continue


def _left(deadline: float) -> float:
    """The seconds until `deadline`. Raises TimeoutError when there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the peer did not receive the request, or did not answer, in time")
    return left
