"""At shutdown the site completes the answers under way, asks sockets to reconnect, and waits at most a few seconds.

The limit is one second here; the slow requests would last a minute.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import TYPE_CHECKING

import pytest
import websockets

from scenarios.site_process import open_site, read_to_the_end, read_until
from sealbus.web.config.limits import ServerLimits
from web.live_site import running_site

if TYPE_CHECKING:
    from pathlib import Path

_ENDS_WITHIN_S = 30.0
_LIMITS = ServerLimits(stop_s=1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_status_0_with_connections_open(number: signal.Signals, tmp_path: Path) -> None:
    with open_site(tmp_path, https=True, limits=_LIMITS) as site:
        silent, slow = site.connect(), site.connect()
        slow.sendall(b"POST /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60000\r\n\r\nabc")
        idle = site.connect()
        idle.sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        read_until(idle, b"alive")
        site.program.process.send_signal(number)
        assert site.program.process.wait(_ENDS_WITHIN_S) == 0
        for wire in (silent, slow, idle):
            wire.close()


def test_an_answer_under_way_is_completed(tmp_path: Path) -> None:
    with open_site(tmp_path) as site:
        answers: list[bytes] = []

        def send_request() -> None:
            with site.connect() as wire:
                wire.sendall(b"GET /health/ready HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                received.set()
                answers.append(read_to_the_end(wire))

        received = threading.Event()
        sender = threading.Thread(target=send_request)
        sender.start()
        received.wait(10)
        assert site.get("/health/live").status_code == 200  # by now the other request is under way as well
        site.program.process.terminate()
        sender.join(15)
        assert answers[0].startswith(b"HTTP/1.1 503 ")
        assert answers[0].endswith(b"}")


async def test_sockets_are_closed_with_a_request_to_reconnect(tmp_path: Path) -> None:
    with running_site(tmp_path / "site") as site:
        group = site.do("group", name="north")
        user = site.do("user", name="anna", actions=["view"], group=group)
        async with site.connect(session=site.do("session", user=user)) as client:
            site.process.terminate()
            with pytest.raises(websockets.ConnectionClosed):
                async with asyncio.timeout(_ENDS_WITHIN_S):
                    while True:
                        await client.wire.recv()
            assert client.wire.close_code == 1012
        assert site.process.wait(_ENDS_WITHIN_S) == 0
