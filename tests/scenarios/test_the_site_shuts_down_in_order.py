"""Told to end, the site ends: what is being answered is answered, sockets are told to come again, and nobody is waited for
longer than a few seconds (one, here; what is waited for would last a minute).
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
def test_it_ends_with_status_0_whoever_is_connected(number: signal.Signals, tmp_path: Path) -> None:
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


def test_what_is_being_answered_is_answered(tmp_path: Path) -> None:
    with open_site(tmp_path) as site:
        answers: list[bytes] = []

        def ask() -> None:
            with site.connect() as wire:
                wire.sendall(b"GET /health/ready HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                asked.set()
                answers.append(read_to_the_end(wire))

        asked = threading.Event()
        asker = threading.Thread(target=ask)
        asker.start()
        asked.wait(10)
        assert site.get("/health/live").status_code == 200  # by now the other one is in as well
        site.program.process.terminate()
        asker.join(15)
        assert answers[0].startswith(b"HTTP/1.1 503 ")
        assert answers[0].endswith(b"}")


async def test_sockets_are_told_to_come_again(tmp_path: Path) -> None:
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
