"""Whoever is slow, silent or endless at the site is let go in time, and while he is at it others are served as ever.

The deadline of a head and of what is not read is a second here; that of a body is the one of production, a minute. No test
measures: that somebody is served while others are still being waited for is an order of events.
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
_LIMITS = ServerLimits(head_s=1.0, read_s=1.0)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteProcess]:
    with open_site(tmp_path_factory.mktemp("slow"), limits=_LIMITS) as running:
        yield running


def _is_served(site: SiteProcess) -> bool:
    """By a request that has fifteen seconds, far less than a body has."""
    return site.get("/health/live").status_code == 200


def _is_open(wire: socket.socket) -> bool:
    """Whether the site still waits for the rest: nothing came, and no end."""
    wire.setblocking(False)
    try:
        wire.recv(1)
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False
    return False


@pytest.mark.parametrize("said", [b"", b"GET /health/live HTT", _HEAD + b"X-Slow: "])
def test_a_head_that_has_no_end_is_let_go_in_time(said: bytes, site: SiteProcess) -> None:
    with site.connect() as wire:
        wire.sendall(said)
        heard = read_to_the_end(wire)
    assert heard == b"" if not said else heard.startswith(b"HTTP/1.1 408 ")


def test_a_head_that_comes_in_two_pieces_is_answered(site: SiteProcess) -> None:
    with site.connect() as wire:
        wire.sendall(_HEAD)
        assert _is_open(wire)
        wire.setblocking(True)
        wire.sendall(b"Connection: close\r\n\r\n")
        assert read_to_the_end(wire).startswith(b"HTTP/1.1 200 ")


def test_drops_do_not_buy_time(site: SiteProcess) -> None:
    """A byte every tenth of a second is still one head with one deadline: it ends long before its bytes do."""
    heard = None
    with site.connect() as wire, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        wire.sendall(_HEAD)
        wire.settimeout(0.1)
        for _ in range(200):
            wire.sendall(b"X")
            with contextlib.suppress(TimeoutError):
                heard = wire.recv(100)
                break
        else:
            pytest.fail("the head was still waited for after all its bytes")
    assert heard is None or heard.startswith(b"HTTP/1.1 408 ") or heard == b""


def test_hundreds_of_slow_ones_slow_nobody(site: SiteProcess) -> None:
    with contextlib.ExitStack() as stack:
        wires = []
        for number in range(600):
            wires.append(stack.enter_context(site.connect()))
            if number % 3 == 0:
                wires[-1].sendall(_HEAD)
            elif number % 3 == 1:
                wires[-1].sendall(_ENDLESS_BODY % 60_000)
        assert all(_is_served(site) for _ in range(5))
        assert all(map(_is_open, wires[1::3])), "the five were served while the slow ones were still waited for"


def test_more_than_fit_push_out_each_other_and_not_who_is_served(site: SiteProcess) -> None:
    with contextlib.ExitStack() as stack:
        wires = []
        for number in range(2_300):
            try:
                wires.append(stack.enter_context(site.connect()))
            except OSError:
                pytest.skip("this machine does not let a test open so many connections")
            if number % 8:  # the others say nothing at all
                wires[-1].sendall(_ENDLESS_BODY % 10)
        assert _is_served(site)
        assert _is_open(wires[-1]), "it was served while others were waited for"
        assert not _is_open(wires[1]), "which made room for those that came later"


@pytest.mark.parametrize(
    "head",
    [
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nAuthorization: Token sealbus_no\r\n",
    ],
)
def test_a_body_without_end_is_refused_while_it_comes(head: bytes, site: SiteProcess) -> None:
    sent = 0
    with site.connect() as wire, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        wire.sendall(b"POST /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\n" + head + b"\r\n")
        while sent < 64 << 20:
            wire.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            sent += 65536
    assert sent < 32 << 20
    assert _is_served(site)


def test_requests_sent_ahead_have_a_bound(site: SiteProcess) -> None:
    heard = site.send((_HEAD + b"\r\n") * 2_000)
    assert heard.count(b"HTTP/1.1 200 ") <= 20
    assert _is_served(site)


def test_a_caller_who_never_reads_is_cut_off(site: SiteProcess) -> None:
    """He asks again and again and takes nothing: his connection ends, instead of what waits for him growing."""
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


def test_a_slow_answer_holds_up_no_other(site: SiteProcess) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(64):
            wire = stack.enter_context(site.connect())
            wire.sendall(b"GET /health/ready HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert _is_served(site)
