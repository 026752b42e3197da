"""The TLS object of every connection that an event loop carries: the alert of a failure is sent.

`EventLoopContext.sslobject_class` is the one place where the class is set.

asyncio and uvloop drop what OpenSSL wrote when a handshake or a read fails: the peer sees the connection end and gets no
reason. RFC 5246, 7.2.2, and RFC 8446, 6.2, require more (MODBUS/TCP Security v36, R-33), and so does R-10: a server that
gets no client certificate sends a fatal alert and terminates. OpenSSL leaves the alert in the outgoing buffer;
`do_handshake` and `read` send that buffer to the socket before they raise. The socket comes by a context variable
(`alerts_to`), because an event loop creates the object in the context of the task that began the handshake. It is one
send that never blocks: an alert is a few bytes. If they do not fit into the socket's buffer, the peer gets no reason, as
without this class. Bytes that the transport still holds are dropped with it, by asyncio and uvloop alike: a peer that
left them unread then gets the alert out of its order and cannot decrypt it, but it gets nothing false.

The other failures leave no alert: OpenSSL sends none after a close_notify, and a write fails only after a read did.

`read` is one Python function around OpenSSL's. uvloop calls it once for each record, which costs 30 to 40 ns of the 12 us or
more that a gateway needs for a transaction: below what its benchmark can show.
"""

from __future__ import annotations

import contextlib
import ssl
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from sealbus.security.peer_verifier import refuse_weak_chain
from sealbus.security.presented import wrong_host_error

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

__all__ = ["EventLoopContext", "SealedObject", "alerts_to"]

_alert_socket: ContextVar[socket.socket | None] = ContextVar("socket of the handshake", default=None)

# What `ssl` raises without an alert: nothing to read yet, or the peer has ended the connection.
_NO_FAILURE: Final = (ssl.SSLWantReadError, ssl.SSLWantWriteError, ssl.SSLZeroReturnError, ssl.SSLEOFError)

_WRONG_HOST_CODES: Final = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH


@contextlib.contextmanager
def alerts_to(sock: socket.socket) -> Iterator[None]:
    """Inside: a TLS object that is made sends its alert to `sock` when its handshake or a read fails."""
    token = _alert_socket.set(sock)
    try:
        yield
    finally:
        _alert_socket.reset(token)


class SealedObject(ssl.SSLObject):
    """An `SSLObject` that sends the alert of a failed handshake or read. Made by `EventLoopContext.wrap_bio`.

    A client's refuses a server by the keys and signatures of its chain, which OpenSSL checks in part (`peer_verifier`).
    OpenSSL has finished the handshake by then, so there is no alert for it: the connection is closed.
    """

    _send_alert: Callable[[], None] | None = None

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except _NO_FAILURE:
            raise
        except ssl.SSLError as error:
            if self._send_alert is not None:
                self._send_alert()
            if getattr(error, "verify_code", 0) in _WRONG_HOST_CODES:
                raise wrong_host_error(error, self) from error
            raise
        if not self.server_side:
            # Not left to the protocol: it could send a request in `connection_made`, before anyone else looks.
            refuse_weak_chain(self)

    def _prepare(self, outgoing: ssl.MemoryBIO, sock: socket.socket | None) -> None:
        """Set up what an event loop calls for each record. The methods of SSLObject only call OpenSSL's object, so skip
        them.
        """
        inner = self._sslobj  # type: ignore[attr-defined]
        self.read, self.write, self.pending = inner.read, inner.write, inner.pending  # type: ignore[method-assign]
        if sock is not None:
            self._send_alert = _alert_sender(outgoing, sock)
            self.read = _read_or_alert(inner.read, self._send_alert)  # type: ignore[method-assign]


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
        made = super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        if isinstance(made, SealedObject):
            made._prepare(outgoing, _alert_socket.get())
        return made


def _alert_sender(outgoing: ssl.MemoryBIO, sock: socket.socket) -> Callable[[], None]:
    def send_alert() -> None:
        # The loop closes the socket after a failure; from then on its descriptor is -1 and this raises OSError.
        with contextlib.suppress(OSError):
            if outgoing.pending:
                sock.send(outgoing.read())

    return send_alert


def _read_or_alert(read: Callable[..., bytes], send_alert: Callable[[], None]) -> Callable[..., bytes]:
    """OpenSSL's `read`, which sends the alert before it raises."""

    def read_or_alert(length: int = 1024, buffer: bytearray | memoryview | None = None) -> bytes:
        try:
            return read(length) if buffer is None else read(length, buffer)
        except _NO_FAILURE:
            raise
        except ssl.SSLError:
            send_alert()
            raise

    return read_or_alert
