"""Every answer, of Django and of the server in front of it, has the headers that protect a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scenarios.site_process import SiteProcess, open_site

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOST = b"Host: 127.0.0.1\r\n"
_NEEDED = (
    "content-security-policy", "x-content-type-options", "referrer-policy", "x-frame-options", "permissions-policy",
    "cross-origin-opener-policy", "cross-origin-resource-policy", "strict-transport-security", "cache-control",
)  # fmt: skip
_UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteProcess]:
    with open_site(tmp_path_factory.mktemp("headers"), https=True) as running:
        yield running


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /health/live HTTP/1.1\r\n" + _HOST, 200),
        (b"HEAD /health/live HTTP/1.1\r\n" + _HOST, 200),
        (b"GET /health/ready HTTP/1.1\r\n" + _HOST, 503),
        (b"GET /api/v1/health HTTP/1.1\r\n" + _HOST, 401),
        (b"GET /api/v1/nothing HTTP/1.1\r\n" + _HOST, 404),
        (b"GET /nothing HTTP/1.1\r\n" + _HOST, 404),
        (b"GET /static/nothing.js HTTP/1.1\r\n" + _HOST, 404),
        (b"GET /static/rest_framework/css/default.css HTTP/1.1\r\n" + _HOST, 200),
        (b"POST /health/live HTTP/1.1\r\nContent-Length: 0\r\n" + _HOST, 403),
        (b"DELETE /api/v1/audit/entries HTTP/1.1\r\n" + _HOST, 405),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n" + _HOST, 400),
        (b"GET / HTTP/1.1\r\n", 400),
        (b"GET /static/rest_framework/css/default.css HTTP/1.1\r\nHost: evil.example\r\n", 400),
        (b"POST /api/v1/x HTTP/1.1\r\nContent-Length: 99999999\r\n" + _HOST, 413),
        (b"POST /api/v1/x HTTP/1.1\r\nContent-Length: 70000\r\n" + _HOST, 413),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + _HOST, 414),
        (b"GET / HTTP/1.1\r\nX-Long: " + b"a" * 40_000 + b"\r\n" + _HOST, 431),
        (b"GET / HTTP/1.1\r\n" + b"X-Many: a\r\n" * 150 + _HOST, 431),
        (b"nonsense\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n" + _HOST, 400),
        (b"GET /ws/live HTTP/1.1\r\n" + _UPGRADE + _HOST, 401),
        (b"GET /ws/nothing HTTP/1.1\r\n" + _UPGRADE + _HOST, 404),
        (b"GET /ws/live HTTP/1.1\r\nHost: evil.example\r\n" + _UPGRADE, 403),
    ],
)
def test_an_answer_has_all_headers_and_names_no_software(request_: bytes, status: int, site: SiteProcess) -> None:
    received = site.send(request_ + (b"" if b"Upgrade" in request_ else b"Connection: close\r\n") + b"\r\n")
    head = received.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    assert head[0].split()[:2] == ["HTTP/1.1", str(status)], received[:500]
    headers = dict(line.lower().split(": ", 1) for line in head[1:])
    assert [name for name in _NEEDED if name not in headers] == []
    assert headers["x-content-type-options"] == "nosniff"
    assert "unsafe" not in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers
    assert headers["cache-control"] == "no-store" or b"/static/rest" in request_
    assert "server" not in headers
    assert b"uvicorn" not in received.lower()
    assert b"django" not in received.lower().partition(b"\r\n\r\n")[0]
    assert len(headers) == len(head) - 1, "no header occurs twice"
