"""The TLS object of every connection that an event loop carries: the alert of a failed handshake is sent.

`EventLoopContext.sslobject_class` is the one place where the class is set.

asyncio and uvloop drop what OpenSSL wrote when a handshake fails: the peer sees the connection end and gets no reason.
MODBUS/TCP Security v36 requires more (R-10: a server that gets no client certificate sends a fatal alert and
terminates). OpenSSL leaves the alert in the outgoing buffer; `do_handshake` sends that buffer to the socket before it
raises. The socket comes by a context variable (`alerts_to`), because an event loop creates the object in the context
of the task that began the handshake. It is one send that never blocks: an alert is a few bytes. If they do not fit into
the socket's buffer, the peer gets no reason, as without this class.

Left out: a `read` that knows when OpenSSL has nothing left and so saves an event loop the second read of each record.
One Python function for each read costs more than the OpenSSL call that it saves: 26.0 against 27.6 thousand
transactions per CPU second on one connection (client and server in one process, uvloop, six windows by turns).
"""

from __future__ import annotations

import contextlib
import ssl
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

__all__ = ["EventLoopContext", "SealedObject", "alerts_to"]

_alert_socket: ContextVar[socket.socket | None] = ContextVar("socket of the handshake", default=None)


@contextlib.contextmanager
def alerts_to(sock: socket.socket) -> Iterator[None]:
    """Inside: a handshake that is begun sends its alert to `sock` when it fails."""
    token = _alert_socket.set(sock)
    try:
        yield
    finally:
        _alert_socket.reset(token)


class SealedObject(ssl.SSLObject):
    """An `SSLObject` that sends the alert of a failed handshake."""

    _outgoing: ssl.MemoryBIO | None
    _raw: socket.socket | None

    @classmethod
    def _create(cls, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *args: Any, **options: Any) -> SealedObject:
        made: SealedObject = super()._create(incoming, outgoing, *args, **options)  # type: ignore[misc]
        made._outgoing, made._raw = outgoing, _alert_socket.get()
        # The loop calls these for each record. The methods of SSLObject only call OpenSSL's object, so skip them.
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


class EventLoopContext(ssl.SSLContext):
    """A context for event loops, whose objects are `SealedObject`s.

    A context that checks host names refuses to dial without one: OpenSSL would then have nothing to compare the
    certificate with and would accept any. `wrap_socket` refuses that, `wrap_bio` does not.
    """

    sslobject_class = SealedObject

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        if self.check_hostname and not server_hostname:
            raise ValueError("server_hostname is needed: the name or address that the server's certificate must carry")
        return super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
