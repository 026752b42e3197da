"""Reading TLS as event loops do it, without asking OpenSSL for what cannot be there.

An event loop reads after each arrival until there is no more, so each record costs two reads, and the second one always
ends in SSLWantReadError. To find that out OpenSSL is entered, the interpreter's lock is let go and taken again, and an
exception with its text is built: a fifth of what the reading of a small record takes. But when a read gave less than was
asked for and no byte waits in the incoming buffer, there is nothing that OpenSSL could decrypt: the answer is known.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["QuickContext"]

_NO_MORE = ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "no more at the moment")


class _QuickObject(ssl.SSLObject):
    """As its parent; `begin` makes it quick."""

    _incoming: ssl.MemoryBIO
    _read: Callable[..., int]
    _is_drained = False
    """Whether the last read gave less than was asked for, and left nothing in the incoming buffer."""

    def begin(self, incoming: ssl.MemoryBIO) -> None:
        """Know the buffer that it reads from, and spare its hot methods a call within the standard library."""
        inner = self._sslobj  # type: ignore[attr-defined]  # what the parent wraps
        self._incoming = incoming
        self._read = inner.read
        self.write = inner.write  # type: ignore[method-assign]  # the parent's does nothing else

    def read(self, size: int = 1024, buffer: bytearray | None = None) -> int:  # type: ignore[override]
        """Raises SSLWantReadError where there is no more at the moment, as its parent does."""
        incoming = self._incoming
        if self._is_drained:
            self._is_drained = False
            if not incoming.pending and not incoming.eof:
                _NO_MORE.__traceback__ = None  # it is one and the same, and would keep the frames of all who met it
                raise _NO_MORE
        if buffer is None:
            return self._read(size)
        count = self._read(size, buffer)
        self._is_drained = 0 < count < size and not incoming.pending
        return count


class QuickContext(ssl.SSLContext):
    """A context for event loops. One that checks host names will not dial nobody in particular: without a server name
    OpenSSL has nothing to compare the certificate with and accepts any; `wrap_socket` refuses that, `wrap_bio` does not.
    """

    sslobject_class = _QuickObject

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
        if isinstance(made, _QuickObject):
            made.begin(incoming)
        return made
