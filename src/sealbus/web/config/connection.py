"""One connection to the site: what an HTTP server leaves open, with the public interfaces of asyncio only.

A `GuardedConnection` is the protocol of the transport. Behind it stands the protocol of uvicorn, as uvicorn offers it, with
a transport of ours (`_ServerTransport`) between them. The guard does not parse HTTP. The application tells it how far a
request has come; a connection of which the application hears nothing in time is closed, whatever uvicorn makes of its bytes.

| state | begins with | bound |
| --- | --- | --- |
| OPENING | the connect | its turn, then the TLS handshake: each `tls_handshake_s` |
| WAITING | the handshake, or the end of an answer | the head: 32 KiB, `head_s` from its first byte, at first from here |
| READING | the application has the head | the body: see `bodies` |
| SERVING | the application has the whole request | none of time; further bytes wait here, 64 KiB at most |
| SOCKET | the application has a WebSocket handshake | none while it runs (see `trends.socket`), then `socket_close_s` |
| CLOSING | we end the connection | `read_s` for the client to read what is left |

uvicorn closes a connection that is idle between two requests.
A client that does not read its answer has `read_s` once our buffer is full, then it is cut. `admission` may close a
connection that waits for its client at any time, to make room for another one.
"""

from __future__ import annotations

import asyncio
import contextlib
from enum import Enum, auto
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from sealbus.endpoints import address_group
from sealbus.web.config.allowances import Allowances

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Sequence

    from sealbus.web.config.admission import Admission
    from sealbus.web.config.limits import ServerLimits

__all__ = ["CONNECTION", "Door", "GuardedConnection", "State"]

CONNECTION = "sealbus.connection"
"""The key of the connection in the `state` of an ASGI scope."""
_MAX_HEAD = 32 * 1024
_PIECE = 8 * 1024
"""Bytes that uvicorn gets in one turn of the loop. It bounds the requests that it parses ahead of their answers."""
_MAX_HELD = 64 * 1024


class State(Enum):
    """How far the connection has come; see the table above."""

    OPENING = auto()
    WAITING = auto()
    READING = auto()
    SERVING = auto()
    SOCKET = auto()
    CLOSING = auto()


_NEXT = {
    State.OPENING: {State.WAITING},
    State.WAITING: {State.READING, State.SOCKET, State.CLOSING},
    State.READING: {State.SERVING, State.WAITING, State.CLOSING},
    State.SERVING: {State.WAITING, State.CLOSING},
    State.SOCKET: {State.CLOSING},
    State.CLOSING: {State.CLOSING},
}
_WAIT_FOR_CLIENT = frozenset({State.OPENING, State.WAITING, State.READING, State.CLOSING})
_FED = frozenset({State.WAITING, State.READING, State.SOCKET})


class Door:
    """What the connections of one listener share. `make_server` makes uvicorn's protocol for an ASGI `state`."""

    def __init__(
        self,
        make_server: Callable[[dict[str, Any]], asyncio.Protocol],
        admission: Admission,
        limits: ServerLimits,
        headers: Sequence[tuple[bytes, bytes]],
        context: ssl.SSLContext | None,
    ) -> None:
        self.make_server = make_server
        self.admission = admission
        self.limits = limits
        self.context = context
        self._headers = headers
        self._allowances = Allowances(limits.connections_per_s, limits.connection_burst)

    def wait_s(self, group: str, now: float) -> float | None:
        """How long a new connection of this address group waits: each costs us time, with TLS a signature. None: closed."""
        return self._allowances.wait_s(group, now, most_s=self.limits.tls_handshake_s)

    def refusal(self, status: HTTPStatus) -> bytes:
        """The answer to a request that is too slow, too long or not HTTP, with the headers of the site."""
        content = status.phrase.encode()
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(content)).encode()),
            (b"connection", b"close"),
            *self._headers,
        ]
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        return b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (status.value, content, lines, content)


class GuardedConnection(asyncio.Protocol):
    """One connection."""

    def __init__(self, door: Door, host: str) -> None:
        self.group = address_group(host)
        """The address of the client, an IPv6 one as its /64."""
        self._door = door
        self._loop = asyncio.get_running_loop()
        self._state = State.OPENING
        self._transport: Any = None  # asyncio.Transport from the end of the handshake on
        self._server: Any = None  # asyncio.Protocol from the end of the handshake on
        self._held = bytearray()
        self._head_bytes = 0
        self._server_paused = self._is_unread = False
        self._connecting: asyncio.Task[None] | None = None
        self._next_feed: asyncio.Handle | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._unread_deadline: asyncio.TimerHandle | None = None
        self._lost = self._loop.create_future()

    @property
    def waits_for_client(self) -> bool:
        """Whether the client has the next step. False while the site works on its request."""
        return self._state in _WAIT_FOR_CLIENT or self._is_unread

    def begin(self, accepted: socket.socket) -> None:
        """Take an accepted socket, or close it where there is no room."""
        if self._door.admission.admit(self):
            self._connecting = self._loop.create_task(self._connect(accepted))
            self._connecting.add_done_callback(lambda _: self._connected(accepted))
        else:
            accepted.close()

    def abort(self) -> None:
        """Close at once, to make room for another connection, or at the end of the process."""
        if self._transport is not None:
            self._transport.abort()
        elif self._connecting is not None:
            self._connecting.cancel()

    # ---- called by the application

    def begin_request(self) -> None:
        """The application has the head of a request."""
        if self._advance(State.READING):
            self._stop_deadline()

    def begin_answer(self) -> None:
        """The application has the whole request."""
        self._advance(State.SERVING)

    def end_answer(self) -> None:
        """The last byte of the answer is written."""
        if self._advance(State.WAITING):
            self._head_bytes = 0
            self._feed_soon()

    def begin_socket(self) -> None:
        """The application has the handshake of a WebSocket."""
        if self._advance(State.SOCKET):
            self._stop_deadline()

    async def end_socket(self) -> None:
        """The application is done with the WebSocket. Returns when the connection is closed."""
        if not self._lost.done():
            self._within(self._door.limits.socket_close_s, self._transport.abort)
            await asyncio.shield(self._lost)

    # ---- called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The TLS handshake is over: uvicorn's part begins."""
        self._transport = transport
        self._server = self._door.make_server({CONNECTION: self})
        self._advance(State.WAITING)
        self._within(self._door.limits.head_s)
        self._server.connection_made(_ServerTransport(self._transport, self))

    def data_received(self, data: bytes) -> None:
        """Hold the bytes, and pass a piece on if it is the turn of the client."""
        if self._state is State.CLOSING:
            return
        self._held += data
        if len(self._held) >= _MAX_HELD:
            self._transport.pause_reading()
        if self._next_feed is None:
            self._feed()

    def eof_received(self) -> None:
        """The client has sent its last byte; the transport closes."""

    def pause_writing(self) -> None:
        """Our buffer is full: the client has `read_s` to read."""
        self._is_unread = True
        self._door.admission.note(self)
        self._unread_deadline = self._loop.call_later(self._door.limits.read_s, self._transport.abort)
        self._server.pause_writing()

    def resume_writing(self) -> None:
        """The client has read."""
        self._has_read()
        self._door.admission.note(self)
        self._server.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers, free the place, and tell uvicorn."""
        self._end()
        self._server.connection_lost(exc)

    # ---- called by uvicorn, through its transport

    def write(self, data: bytes) -> None:
        """Bytes of an answer. Outside of a request of the application they are uvicorn's own refusal: ours replaces it."""
        if self._state is State.WAITING:
            self._refuse(HTTPStatus.BAD_REQUEST)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Close when everything is written."""
        self._transport.close()
        self._advance(State.CLOSING)
        self._held.clear()
        if not self._lost.done():
            self._within(self._door.limits.read_s, self._transport.abort)

    def pause_reading(self) -> None:
        """uvicorn takes no more bytes."""
        self._server_paused = True

    def resume_reading(self) -> None:
        """uvicorn takes bytes again."""
        self._server_paused = False
        self._feed_soon()

    def replace_server(self, protocol: asyncio.BaseProtocol) -> None:
        """uvicorn hands the connection to its protocol for WebSockets."""
        self._server = protocol

    # ---- steps

    async def _connect(self, accepted: socket.socket) -> None:
        """Wait for its turn; then TLS, where the site has it."""
        limits, context = self._door.limits, self._door.context
        wait_s = self._door.wait_s(self.group, self._loop.time())
        if wait_s is None:
            return
        if wait_s:
            await asyncio.sleep(wait_s)
        deadlines: dict[str, float] = {}
        if context is not None:
            deadlines = {"ssl_handshake_timeout": limits.tls_handshake_s, "ssl_shutdown_timeout": limits.tls_close_s}
        # Every failure of TLS and of the connection: strangers cause them, so there is no line in the log.
        with contextlib.suppress(OSError):
            await self._loop.connect_accepted_socket(lambda: self, accepted, ssl=context, **deadlines)

    def _connected(self, accepted: socket.socket) -> None:
        self._connecting = None
        if self._transport is None:  # failed, or cancelled to make room
            accepted.close()
            self._end()

    def _feed_soon(self) -> None:
        if self._next_feed is None and self._held and not self._lost.done():
            self._next_feed = self._loop.call_soon(self._feed)

    def _feed(self) -> None:
        """Pass one piece on. What follows waits for the next turn of the loop, in which the application starts."""
        self._next_feed = None
        if self._server_paused or not self._held or self._state not in _FED:
            return
        piece = bytes(self._held[:_PIECE])
        del self._held[:_PIECE]
        if self._state is State.WAITING:
            if self._head_bytes == 0 and self._deadline is None:
                self._within(self._door.limits.head_s)
            self._head_bytes += len(piece)
            if self._head_bytes > _MAX_HEAD:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
                return
        self._server.data_received(piece)
        if not self._transport.is_closing():
            if len(self._held) < _MAX_HELD:
                self._transport.resume_reading()
            self._feed_soon()

    def _advance(self, state: State) -> bool:
        """Change the state. False if the connection is closing: what the application does then does not matter."""
        if state not in _NEXT[self._state]:
            return False
        self._state = state
        self._door.admission.note(self)
        return state is not State.CLOSING

    def _refuse(self, status: HTTPStatus) -> None:
        self._advance(State.CLOSING)
        self._transport.write(self._door.refusal(status))
        self.close()

    def _within(self, seconds: float, then: Callable[[], None] | None = None) -> None:
        self._stop_deadline()
        self._deadline = self._loop.call_later(seconds, then or self._head_too_slow)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end(self) -> None:
        self._door.admission.remove(self)
        self._stop_deadline()
        self._has_read()
        self._held.clear()
        if self._next_feed is not None:
            self._next_feed.cancel()
        self._lost.set_result(None)

    def _has_read(self) -> None:
        self._is_unread = False
        if self._unread_deadline is not None:
            self._unread_deadline.cancel()
            self._unread_deadline = None

    def _head_too_slow(self) -> None:
        if self._head_bytes:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self._transport.abort()  # a connection that has sent nothing is closed without an answer


class _ServerTransport(asyncio.Transport):
    """The transport as uvicorn sees it: what changes the connection goes through the guard."""

    def __init__(self, transport: asyncio.Transport, guard: GuardedConnection) -> None:
        super().__init__()
        self._transport = transport
        self._guard = guard
        self._protocol: asyncio.BaseProtocol = guard

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        self._guard.close()

    def abort(self) -> None:
        self._transport.abort()

    def write(self, data: Any) -> None:
        self._guard.write(data)

    def writelines(self, list_of_data: Any) -> None:
        self._guard.write(b"".join(list_of_data))

    def pause_reading(self) -> None:
        self._guard.pause_reading()

    def resume_reading(self) -> None:
        self._guard.resume_reading()

    def is_reading(self) -> bool:
        return self._transport.is_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol
        self._guard.replace_server(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size()
