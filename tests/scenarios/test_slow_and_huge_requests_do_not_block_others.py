"""Slow, silent or endless callers of the site are disconnected in time, and other callers are served meanwhile.

The deadlines of a request head and of unread output are one second here. That of a body is the production value, one
minute. The tests measure no time: they check the order of events, a caller is served while others are still open.
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

_HEAD = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n"
_ENDLESS_BODY = b"POST /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\nabc"
_LIMITS = ServerLimits(head_s=1.0, read_s=1.0, stranger_burst=10_000)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteProcess]:
    with open_site(tmp_path_factory.mktemp("slow"), limits=_LIMITS) as running:
        yield running


def _is_served(site: SiteProcess) -> bool:
    """Whether a request is answered within fifteen seconds, far less than the deadline of a body."""
    return site.get("/health/live").status_code == 200


def _is_open(wire: socket.socket) -> bool:
    """Whether the connection is open and without an answer."""
    wire.setblocking(False)
    try:
        wire.recv(1)
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False
    return False


@pytest.mark.parametrize("sent", [b"", b"GET /health/live HTT", _HEAD + b"X-Slow: "])
def test_an_incomplete_head_is_disconnected_in_time(sent: bytes, site: SiteProcess) -> None:
    with site.connect() as wire:
        wire.sendall(sent)
        received = read_to_the_end(wire)
    assert received == b"" if not sent else received.startswith(b"HTTP/1.1 408 ")


def test_a_head_that_comes_in_two_pieces_is_answered(site: SiteProcess) -> None:
    with site.connect() as wire:
        wire.sendall(_HEAD)
        assert _is_open(wire)
        wire.setblocking(True)
        wire.sendall(b"Connection: close\r\n\r\n")
        assert read_to_the_end(wire).startswith(b"HTTP/1.1 200 ")


def test_bytes_do_not_extend_the_deadline_of_a_head(site: SiteProcess) -> None:
    """One byte every tenth of a second is one head with one deadline: the connection ends long before its bytes do."""
    received = None
    with site.connect() as wire, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        wire.sendall(_HEAD)
        wire.settimeout(0.1)
        for _ in range(200):
            wire.sendall(b"X")
            with contextlib.suppress(TimeoutError):
                received = wire.recv(100)
                break
        else:
            pytest.fail("the head was still waited for after all its bytes")
    assert received is None or received.startswith(b"HTTP/1.1 408 ") or received == b""


def test_hundreds_of_slow_callers_delay_no_other(site: SiteProcess) -> None:
    with contextlib.ExitStack() as stack:
        wires = []
        for number in range(600):
            wires.append(stack.enter_context(site.connect()))
            if number % 3 == 0:
                wires[-1].sendall(_HEAD)
            elif number % 3 == 1:
                wires[-1].sendall(_ENDLESS_BODY % 60_000)
        assert all(_is_served(site) for _ in range(5))
        assert all(map(_is_open, wires[1::3])), "the five were served while the slow connections were open"


def test_connections_beyond_the_limit_replace_waiting_ones_and_not_served_ones(site: SiteProcess) -> None:
    with contextlib.ExitStack() as stack:
        wires = []
        for number in range(2_300):
            try:
                wires.append(stack.enter_context(site.connect()))
            except OSError:
                pytest.skip("this machine does not let a test open so many connections")
            if number % 8:  # the others send nothing
                wires[-1].sendall(_ENDLESS_BODY % 10)
        assert _is_served(site)
        assert _is_open(wires[-1]), "it was served while the others were open"
        assert not _is_open(wires[1]), "the oldest waiting ones made room for later ones"


@pytest.mark.parametrize(
    "head",
    [
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nAuthorization: Token sealbus_no\r\n",
    ],
)
def test_an_endless_body_is_refused_while_it_arrives(head: bytes, site: SiteProcess) -> None:
    sent = 0
    with site.connect() as wire, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        wire.sendall(b"POST /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\n" + head + b"\r\n")
        while sent < 64 << 20:
            wire.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            sent += 65536
    assert sent < 32 << 20
    assert _is_served(site)


def test_pipelined_requests_are_answered_one_after_the_other(site: SiteProcess) -> None:
    received = site.send((_HEAD + b"\r\n") * 999 + _HEAD + b"Connection: close\r\n\r\n")
    assert received.count(b"HTTP/1.1 200 ") == 1_000
    assert _is_served(site)


def test_a_caller_that_never_reads_is_disconnected(site: SiteProcess) -> None:
    """It sends request after request and reads nothing: the connection ends, so that its output does not grow."""
    with socket.socket() as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.settimeout(0.1)
        wire.connect(("127.0.0.1", site.port))
        path = b"GET /static/rest_framework/css/bootstrap.min.css HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        failed = select.poll()
        failed.register(wire, select.POLLERR | select.POLLHUP)
        with pytest.raises(OSError, match=r"Broken pipe|reset by peer"):
            for _ in range(600):
                failed.poll(50)
                with contextlib.suppress(TimeoutError):
                    wire.sendall(path)
    assert _is_served(site)


def test_a_slow_answer_delays_no_other(site: SiteProcess) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(64):
            wire = stack.enter_context(site.connect())
            wire.sendall(b"GET /health/ready HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert _is_served(site)
