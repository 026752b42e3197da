"""What systemd is notified of, and that this never blocks."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from sealbus.gateway.notify import notify, watchdog_interval_s

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield manager


def test_a_state_is_one_datagram(manager: socket.socket) -> None:
    notify("READY=1")
    assert manager.recv(100) == b"READY=1"


def test_a_reload_carries_its_time(manager: socket.socket) -> None:
    before = time.monotonic_ns() // 1000
    notify("RELOADING=1")
    state, _, moment = manager.recv(100).decode().partition("\nMONOTONIC_USEC=")
    assert state == "RELOADING=1"
    assert before <= int(moment) <= time.monotonic_ns() // 1000


def test_a_manager_that_does_not_read_does_not_block(manager: socket.socket) -> None:
    manager.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as talker:
        talker.setblocking(False)
        talker.connect(manager.getsockname())
        with pytest.raises(BlockingIOError):
            while True:
                talker.send(b"x")
    notify("WATCHDOG=1")  # one that waited for the manager would never return


def test_without_a_manager_nothing_happens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify("READY=1")


@pytest.mark.parametrize(
    ("microseconds", "seconds"),
    [("30000000", 15.0), ("1", 5e-07), ("0", None), ("", None), ("soon", None), ("-5", None)],
)
def test_a_keep_alive_is_due_twice_per_watchdog_interval(
    monkeypatch: pytest.MonkeyPatch, microseconds: str, seconds: float | None
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", microseconds)
    assert watchdog_interval_s() == seconds
