"""One HTTP connection, with the deadlines (`limits`) and sizes that uvicorn leaves open.

| what | bound |
| --- | --- |
| from the connect, or the first byte of a further request, to the end of its head | `head_s` |
| from there to the end of its body | `body_s` |
| idle between requests | uvicorn's keep-alive time, `idle_s` |
| the head as a whole; the URL; the number of headers | 32 KiB; 8 KiB; 100 |
| requests sent ahead of their answers | 8 |
| a client that does not read its answer | `read_s` once our buffer is full, then the connection is cut |

The answers made here, to invalid or too slow requests, have the headers of the site like all others.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sealbus.web.config.socket_protocol import GuardedSocket

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from sealbus.web.config.admission import Admission
    from sealbus.web.config.limits import ServerLimits

__all__ = ["GuardedHttp"]

_LONGEST_HEAD = 32 * 1024
_LONGEST_URL = 8 * 1024
_MOST_HEADERS = 100
_MOST_AHEAD = 8


class _TooMuch(Exception):
    """Raised in a callback of the parser: a bound is exceeded."""


class GuardedHttp(HttpToolsProtocol):
    """uvicorn's protocol on httptools, with bounds."""

    def __init__(
        self,
        *args: Any,
        admission: Admission,
        site_headers: Sequence[tuple[bytes, bytes]],
        limits: ServerLimits,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self._limits = limits
        self._admission = admission
        self._site_headers = site_headers
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._is_in_head = True
        self._head_bytes = 0
        self._refusal = HTTPStatus.BAD_REQUEST

    # -- the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Admit the connection and start its first deadline."""
        super().connection_made(transport)
        if self._admission.admit(self):
            self._within(self._limits.head_s)
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers, and free the place."""
        self._admission.forget(self)
        self._stop_deadline()
        self._has_read()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The send buffer is full: the client has `read_s` to read it."""
        super().pause_writing()
        self._unread = self.loop.call_later(self._limits.read_s, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has read."""
        self._has_read()
        super().resume_writing()

    def leave(self) -> None:
        """Close, to make room for another connection."""
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Parse, and count the bytes of an incomplete head."""
        if self.transport.is_closing():  # bytes after a refused request
            return
        super().data_received(data)
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > _LONGEST_HEAD and not self.transport.is_closing():
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def handle_websocket_upgrade(self) -> None:
        """Upgraded to a WebSocket: HTTP deadlines stop; it counts as a connection until closed."""
        self._stop_deadline()
        self._admission.serve(self)
        gone = partial(self._admission.forget, self)
        self.ws_protocol_class = partial(  # type: ignore[assignment]
            GuardedSocket, gone=gone, close_s=self._limits.socket_close_s
        )
        super().handle_websocket_upgrade()

    # -- callbacks of the parser

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, 0
        self._admission.ask(self)
        self._within(self._limits.head_s)

    def on_url(self, url: bytes) -> None:
        """A part of the URL."""
        super().on_url(url)
        if len(self.url) > _LONGEST_URL:
            self._refusal = HTTPStatus.REQUEST_URI_TOO_LONG
            raise _TooMuch

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        super().on_header(name, value)
        if len(self.headers) > _MOST_HEADERS or len(name) + len(value) > _LONGEST_HEAD:
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise _TooMuch

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._is_in_head = False
        self._within(self._limits.body_s)
        if len(self.pipeline) >= _MOST_AHEAD:
            raise _TooMuch
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is complete; no deadline while it is answered."""
        self._stop_deadline()
        self._admission.serve(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is written; the client must read it in time."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._cut_within(self._limits.read_s)
        else:
            self._admission.ask(self)

    def timeout_keep_alive_handler(self) -> None:
        """The connection was idle for too long."""
        super().timeout_keep_alive_handler()
        self._cut_within(self._limits.read_s)

    # -- refusals

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that the parser cannot read, or that exceeds a bound."""
        self._refuse(self._refusal)

    def _refuse(self, status: HTTPStatus) -> None:
        content = status.phrase.encode()
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(content)).encode()),
            (b"connection", b"close"),
            *self._site_headers,
        ]
        lines = [b"%b: %b\r\n" % header for header in headers]
        self._stop_deadline()
        self.transport.write(b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (status.value, content, b"".join(lines), content))
        self.transport.close()
        self._cut_within(self._limits.read_s)

    # -- deadlines

    def _within(self, seconds: float) -> None:
        self._stop_deadline()
        self._deadline = self.loop.call_later(seconds, self._too_slow)

    def _cut_within(self, seconds: float) -> None:
        self._stop_deadline()
        self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    @property
    def _has_answered(self) -> bool:
        cycle: Any = self.cycle  # None before the first request, although its annotation excludes that
        return cycle is None or bool(cycle.response_complete)

    def _has_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _too_slow(self) -> None:
        if self._is_in_head and not self._head_bytes:
            self.transport.abort()  # a connection that has sent nothing is closed without an answer
        elif self._is_in_head or self._has_answered:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.abort()
