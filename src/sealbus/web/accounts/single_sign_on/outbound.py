"""Requests to an identity provider, and what they may cost.

All requests of one conversation share one deadline and one number of bytes, from the connection to the last byte of the
body: a provider that answers slowly, byte by byte or without end holds a worker for a bounded time. At most `MAX_AT_ONCE`
conversations run in a process, so that the workers of all other requests stay free. The deadline does not cover the name
server: a look-up ends by the time-outs of the system's resolver.

Certificates are checked with the authorities of the system (`SSL_CERT_FILE`), and HTTPS_PROXY is used where it is set.
Redirects are not followed and compressed bodies not read.
"""

from __future__ import annotations

import http.client
import io
import json
import re
import socket
import ssl
import threading
import time
import urllib.request
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from sealbus.endpoints import is_loopback_address
from sealbus.errors import PeerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

__all__ = ["MAX_AT_ONCE", "MAX_BYTES", "MAX_SECONDS", "Busy", "Conversation", "conversation", "is_safe"]

MAX_SECONDS = 5.0
MAX_BYTES = 256 * 1024
MAX_AT_ONCE = 4
_ERROR_WORD = re.compile(r"[a-z_]{1,40}")
_slots = threading.BoundedSemaphore(MAX_AT_ONCE)


class Busy(PeerError):
    """As many conversations as are allowed are running."""


def is_safe(url: str, *, allows_loopback: bool) -> bool:
    """Whether a request may be sent to this URL: https, or plain http on loopback where that is allowed."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    if not parts.hostname or parts.username is not None or parts.fragment or not url.isascii() or not url.isprintable():
        return False
    if parts.scheme == "http":
        return allows_loopback and (parts.hostname == "localhost" or is_loopback_address(parts.hostname))
    return parts.scheme == "https"


@contextmanager
def conversation() -> Iterator[Conversation]:
    """A conversation of the process. Raises Busy at once where no more may run."""
    if not _slots.acquire(blocking=False):
        raise Busy("too many people sign in by the provider at this moment")
    try:
        with Conversation() as talk:
            yield talk
    finally:
        _slots.release()


class Conversation:
    """Some requests with one deadline and one number of bytes for all of them. Every failure is a PeerError."""

    def __init__(self, *, most_seconds: float = MAX_SECONDS, most_bytes: int = MAX_BYTES) -> None:
        self._ends_at = time.monotonic() + most_seconds
        self._bytes_left = most_bytes
        self._most = f"{most_seconds:g} s", f"{most_bytes // 1024} KiB"
        self._sockets: list[socket.socket] = []
        self._opener = urllib.request.OpenerDirector()  # without the handlers that follow redirects
        for handler in (urllib.request.ProxyHandler(), _Handler(self)):
            self._opener.add_handler(handler)

    def __enter__(self) -> Conversation:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for each in self._sockets:
            with suppress(OSError):
                each.close()

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The JSON object at `url`."""
        return self._send(urllib.request.Request(url, headers=dict(headers or {})))  # noqa: S310 - checked by is_safe

    def post(self, url: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The JSON object that answers a form."""
        data = urlencode(fields).encode()
        return self._send(urllib.request.Request(url, data, dict(headers or {}), method="POST"))  # noqa: S310 - as above

    def connect(self, address: tuple[str, int], *_: Any) -> socket.socket:
        """A connected socket; `http.client` calls it. The addresses of the host share the deadline."""
        failure: OSError = OSError("no address")
        for family, kind, protocol, _name, place in socket.getaddrinfo(*address, type=socket.SOCK_STREAM):
            opened = socket.socket(family, kind, protocol)
            try:
                opened.settimeout(self.seconds_left())
                opened.connect(place)
                opened.settimeout(self.seconds_left())  # for the TLS handshake
            except OSError as error:
                opened.close()
                failure = error
            else:
                return opened
        raise failure

    def keep(self, opened: socket.socket) -> None:
        """Close the socket when the conversation ends."""
        self._sockets.append(opened)

    def seconds_left(self) -> float:
        """Raises PeerError at the deadline."""
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise PeerError(f"the provider did not answer within {self._most[0]}")
        return left

    def bytes_left(self) -> int:
        """Raises PeerError where none are left."""
        if self._bytes_left <= 0:
            raise PeerError(f"the provider sent more than {self._most[1]}")
        return self._bytes_left

    def spend(self, count: int) -> None:
        """So many bytes were received."""
        self._bytes_left -= count

    def _send(self, request: urllib.request.Request) -> dict[str, Any]:
        for name, value in (("Accept", "application/json"), ("Accept-Encoding", "identity"), ("User-agent", "Sealbus")):
            request.add_header(name, value)
        where = urlsplit(request.full_url).path
        try:
            answer = self._opener.open(request, timeout=self.seconds_left())
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                raise PeerError(f"the provider compressed its answer at {where}")
            body = answer.read()
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.seconds_left()  # a time-out of a socket is the deadline
            raise PeerError(f"the provider cannot be reached at {where}: {error}") from None
        content = _parsed(body)
        if answer.status != 200:
            word = content.get("error") if isinstance(content, dict) else None
            reason = f" ({word})" if isinstance(word, str) and _ERROR_WORD.fullmatch(word) else ""
            raise PeerError(f"the provider answered {answer.status}{reason} at {where}")
        if not isinstance(content, dict):
            raise PeerError(f"the provider's answer at {where} is not a JSON object")
        return content


class _Handler(urllib.request.AbstractHTTPHandler):
    """Opens `https://`, and `http://`, which `is_safe` has limited to loopback. The body of a response is not read yet."""

    def __init__(self, talk: Conversation) -> None:
        super().__init__()
        self._talk = talk

    http_request = https_request = urllib.request.AbstractHTTPHandler.do_request_

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        talk = self._talk
        return self.do_open(lambda host, **options: _Plain(host, talk, **options), request)

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        talk, context = self._talk, ssl.create_default_context()
        return self.do_open(lambda host, **options: _Tls(host, talk, context=context, **options), request)


class _Plain(http.client.HTTPConnection):
    """A connection within the bounds of a conversation."""

    def __init__(self, host: str, talk: Conversation, **options: Any) -> None:
        super().__init__(host, **options)
        self._talk = talk
        self._create_connection = talk.connect

    def connect(self) -> None:
        """Connect, and bound what is read from now on."""
        super().connect()
        self._talk.keep(self.sock)
        self.sock = _BoundedSocket(self.sock, self._talk)


class _Tls(_Plain, http.client.HTTPSConnection):
    """The same over TLS: `super().connect` of `_Plain` is that of HTTPSConnection here."""


class _BoundedSocket:
    """What `http.client` uses of a socket. The conversation closes the socket."""

    def __init__(self, opened: socket.socket, talk: Conversation) -> None:
        self._socket, self._talk = opened, talk

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(self._talk.seconds_left())
        self._socket.sendall(data)

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_BoundedReader(self._socket, self._talk))

    def close(self) -> None:
        """Nothing: the response is still to be read."""


class _BoundedReader(io.RawIOBase):
    """Reads a socket until the deadline, or until the bytes are used up: status line, headers and body alike."""

    def __init__(self, opened: socket.socket, talk: Conversation) -> None:
        self._socket, self._talk = opened, talk

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(self._talk.seconds_left())
        count = self._socket.recv_into(memoryview(buffer)[: self._talk.bytes_left()])
        self._talk.spend(count)
        return count


def _parsed(body: bytes) -> Any:
    """JSON; None for anything else."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
