"""The last word of a failed handshake: the TLS alert.

Both asyncio and uvloop drop what OpenSSL wrote when a handshake fails: the peer sees the connection end and never
learns why. MODBUS/TCP Security V36 asks for more: R-10, a server that gets no client certificate sends a fatal alert
and terminates. OpenSSL did make the alert; it lies in the outgoing buffer of the TLS object. So that object gets
a class of its own, by the hook that the `ssl` module has for this (`SSLContext.sslobject_class`), whose only addition
is to put that buffer on the socket before the error goes on. Which socket it is comes by a context variable: an
event loop makes the object in the context of whoever asked for the handshake.

One send, without waiting: an alert is a few bytes into a socket that has hardly been used. If it does not fit, the peer
learns no more than it would have without.
"""

from __future__ import annotations

import contextlib
import ssl
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

__all__ = ["alerting"]

_socket: ContextVar[socket.socket | None] = ContextVar("socket of the handshake", default=None)


@contextlib.contextmanager
def alerting(context: ssl.SSLContext, sock: socket.socket) -> Iterator[None]:
    """Inside: a handshake that is begun with `context` on `sock` sends its alert when it fails."""
    context.sslobject_class = _AlertingObject
    token = _socket.set(sock)
    try:
        yield
    finally:
        _socket.reset(token)


class _AlertingObject(ssl.SSLObject):
    _outgoing: ssl.MemoryBIO | None
    _raw: socket.socket | None

    @classmethod
    def _create(cls, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *args: Any, **options: Any) -> _AlertingObject:
        made: _AlertingObject = super()._create(incoming, outgoing, *args, **options)  # type: ignore[misc]
        made._outgoing, made._raw = outgoing, _socket.get()
        # What the loop calls for each record goes to OpenSSL's object: the methods of SSLObject only pass it on.
        inner = made._sslobj  # type: ignore[attr-defined]
        made.read, made.write, made.pending = inner.read, inner.write, inner.pending  # type: ignore[method-assign]
        return made

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            self._send_alert()
            raise
        self._outgoing = self._raw = None

    def _send_alert(self) -> None:
        if self._raw is not None and self._outgoing is not None:
            with contextlib.suppress(OSError):
                self._raw.send(self._outgoing.read())
