"""Whoever is slow, silent or endless at the site is let go in time, and while he is at it others are served as ever."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING

import pytest

from scenarios.site_process import SiteProcess, open_site, read_to_the_end

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n"
_HEAD_S, _SLACK_S = 10.0, 8.0
_HONEST_S = 2.0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteProcess]:
    with open_site(tmp_path_factory.mktemp("slow")) as running:
        yield running


def _is_served(site: SiteProcess) -> float:
    began = time.monotonic()
    assert site.get("/health/live").status_code == 200
    return time.monotonic() - began


@pytest.mark.parametrize("said", [b"", b"GET /health/live HTT", _HEAD + b"X-Slow: "])
def test_a_head_that_has_no_end_is_let_go_in_time(said: bytes, site: SiteProcess) -> None:
    began = time.monotonic()
    with site.connect() as wire:
        wire.settimeout(_HEAD_S + _SLACK_S)
        wire.sendall(said)
        heard = read_to_the_end(wire)
    assert _HEAD_S - 1 < time.monotonic() - began < _HEAD_S + _SLACK_S
    assert heard == b"" if not said else heard.startswith(b"HTTP/1.1 408 ")


def test_drops_do_not_buy_time(site: SiteProcess) -> None:
    """One byte each quarter of a second is still one head, with one deadline."""
    began = time.monotonic()
    with site.connect() as wire, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        wire.sendall(_HEAD)
        wire.settimeout(0.25)
        while time.monotonic() - began < _HEAD_S + _SLACK_S:
            wire.sendall(b"X")
            with contextlib.suppress(TimeoutError):
                if wire.recv(100):
                    break
    assert time.monotonic() - began < _HEAD_S + _SLACK_S


def test_hundreds_of_slow_ones_slow_nobody(site: SiteProcess) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(600):
            wire = stack.enter_context(site.connect())
            if number % 3 == 0:
                wire.sendall(_HEAD)
            elif number % 3 == 1:
                wire.sendall(b"POST /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60000\r\n\r\nabc")
        assert max(_is_served(site) for _ in range(5)) < _HONEST_S


def test_more_than_fit_push_out_each_other_and_not_who_is_served(site: SiteProcess) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(2_300):
            try:
                stack.enter_context(site.connect())
            except OSError:
                pytest.skip("this machine does not let a test open so many connections")
        assert _is_served(site) < _HONEST_S


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
    assert _is_served(site) < _HONEST_S


def test_requests_sent_ahead_have_a_bound(site: SiteProcess) -> None:
    heard = site.send((_HEAD + b"\r\n") * 2_000)
    assert heard.count(b"HTTP/1.1 200 ") <= 20
    assert _is_served(site) < _HONEST_S


def test_a_caller_who_never_reads_is_cut_off(site: SiteProcess) -> None:
    """He asks again and again and takes nothing: his connection ends, instead of what waits for him growing."""
    with socket.socket() as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.settimeout(1.0)
        wire.connect(("127.0.0.1", site.port))
        path = b"GET /static/rest_framework/css/bootstrap.min.css HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        end = time.monotonic() + 60
        with pytest.raises(OSError, match=r"Broken pipe|reset by peer"):
            while time.monotonic() < end:
                with contextlib.suppress(TimeoutError):
                    wire.sendall(path)
                    time.sleep(0.05)
    assert _is_served(site) < _HONEST_S


def test_a_slow_answer_holds_up_no_other(site: SiteProcess) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(64):
            wire = stack.enter_context(site.connect())
            wire.sendall(b"GET /health/ready HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert _is_served(site) < 3 * _HONEST_S
