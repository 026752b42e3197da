"""Strangers without an account hold connections, threads, memory and the log of the site, and others are served meanwhile.

The tests measure no time: they check the order of events, a caller is served while the connections of strangers are open.
"""

from __future__ import annotations

import contextlib
import select
import socket
from typing import TYPE_CHECKING

import pytest

from scenarios.site_process import SiteProcess, open_site, read_to_the_end
from sealbus.web.config.limits import ServerLimits

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOST = b"Host: 127.0.0.1\r\n"
_UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
_SOCKET = _UPGRADE + b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
_FILE = b"GET /static/rest_framework/css/bootstrap.min.css.map HTTP/1.1\r\n" + _HOST + b"\r\n"
_UNREADABLE = {
    "a long header": b"GET /ws/live HTTP/1.1\r\n" + _HOST + _SOCKET + b"X-Long: " + b"x" * 9_000 + b"\r\n\r\n",
    "chunked": b"GET /ws/live HTTP/1.1\r\n" + _HOST + _SOCKET + b"Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
    "a foreign host and a body": b"GET /ws/live HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 9\r\n"
    + _SOCKET
    + b"\r\nabc",
    "a long URL": b"GET /ws/live?" + b"x" * 8_180 + b" HTTP/1.1\r\n" + _HOST + _SOCKET + b"\r\n",
    "no key": b"GET /ws/live HTTP/1.1\r\n" + _HOST + _UPGRADE + b"\r\n",
    "another protocol": b"GET /ws/live HTTP/1.1\r\n" + _HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    "a POST": b"POST /ws/live HTTP/1.1\r\n" + _HOST + _SOCKET + b"Content-Length: 3\r\n\r\nab",
}


@pytest.fixture(scope="module", params=[False, True], ids=["http", "https"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteProcess]:
    # the strangers of all tests and the callers who are served share one address here
    limits = ServerLimits(
        head_s=2.0, body_grace_s=2.0, body_s=3.0, idle_s=2, stranger_burst=10_000, connection_burst=100_000
    )
    with open_site(tmp_path_factory.mktemp("door"), https=request.param, limits=limits) as running:
        yield running


def _is_served(site: SiteProcess) -> bool:
    return site.get("/health/live").status_code == 200


def _is_open(wire: socket.socket) -> bool:
    """Whether the site has not closed the connection."""
    ended = select.poll()
    ended.register(wire, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
    return not ended.poll(0)


@pytest.mark.parametrize("sent", _UNREADABLE.values(), ids=_UNREADABLE)
def test_a_handshake_that_the_server_cannot_read_ends_in_time(sent: bytes, site: SiteProcess) -> None:
    """The bytes are all there, or will never be: the connection gets an answer or is closed, and does not stay."""
    received = site.send(sent)
    assert not received.startswith(b"HTTP/1.1 101 ")
    assert _is_served(site)


def test_thousands_of_unreadable_handshakes_keep_nobody_out(site: SiteProcess) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(2_200):
            wire = stack.enter_context(socket.create_connection(("127.0.0.1", site.port), timeout=15))
            wire.sendall(_UNREADABLE["a long URL"])
        assert _is_served(site)


def test_thousands_of_silent_connections_keep_nobody_out(site: SiteProcess) -> None:
    """With HTTPS they never begin the handshake."""
    with contextlib.ExitStack() as stack:
        address = ("127.0.0.1", site.port)
        wires = [stack.enter_context(socket.create_connection(address, timeout=15)) for _ in range(2_300)]
        assert _is_served(site)
        assert not _is_open(wires[0]), "the oldest made room"


def test_slow_readers_of_a_static_file_hold_no_worker(site: SiteProcess) -> None:
    """They send request after request: the answers are longer than what the system keeps for a client that does not read."""
    with contextlib.ExitStack() as stack:
        wires = []
        for _ in range(64):
            wires.append(stack.enter_context(site.connect(receive_bytes=4096)))
            wires[-1].sendall(_FILE * 16)
        for _ in range(3):
            assert _is_served(site)
            assert site.get("/api/v1/me").status_code == 401
        assert all(map(_is_open, wires)), "they were served while all of the others were open"


@pytest.mark.parametrize("credential", [b"Cookie: sealbus=x; __Host-sealbus=x", b"Authorization: Token sealbus_x"])
def test_a_made_up_credential_gets_no_large_body(credential: bytes, site: SiteProcess) -> None:
    head = b"POST /api/v1/devices/import HTTP/1.1\r\n" + _HOST + credential + b"\r\n"
    announced = site.send(head + b"Content-Length: 8388607\r\n\r\n" + b"x" * 1000)
    assert announced.startswith(b"HTTP/1.1 413 ")
    with site.connect() as wire, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        wire.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            wire.sendall(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")
        assert read_to_the_end(wire).startswith(b"HTTP/1.1 413 ")
    assert _is_served(site)


def test_a_body_that_stops_is_refused_in_time(site: SiteProcess) -> None:
    received = site.send(b"POST /api/v1/x HTTP/1.1\r\n" + _HOST + b"Content-Length: 100\r\n\r\nabc")
    assert received.startswith(b"HTTP/1.1 408 ")
