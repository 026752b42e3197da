"""The two ends of a connection, as tests want them: protocols that remember, and events that can be awaited."""

from __future__ import annotations

import asyncio
import os
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealbus.transport import Accepted, Listener, ListenerEvents, PeerAddress

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = [
    "PATIENCE_S",
    "Contexts",
    "Echo",
    "RecordedEvents",
    "Recorder",
    "admit_echo",
    "close_drained",
    "eventually",
    "no_certificate",
    "open_sockets",
]

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Contexts:
    server: ssl.SSLContext
    renewed: ssl.SSLContext
    client: ssl.SSLContext
    foreign: ssl.SSLContext
    trust_file: Path


def no_certificate(contexts: Contexts, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """A client that trusts the server and has nothing to show."""
    context = ssl.create_default_context(cafile=str(contexts.trust_file))
    context.maximum_version = version
    return context


class Recorder(asyncio.Protocol):
    """Keeps its callbacks. `wait` ends when the condition holds."""

    def __init__(self) -> None:
        self.received = b""
        self.made: asyncio.Transport | None = None
        self.lost: list[Exception | None] = []
        self.eof = False
        self.paused: list[bool] = []
        self._changed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.made = transport  # type: ignore[assignment]
        self._changed.set()

    def data_received(self, data: bytes) -> None:
        self.received += data
        self._changed.set()

    def eof_received(self) -> None:
        self.eof = True
        self._changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.append(exc)
        self._changed.set()

    def pause_writing(self) -> None:
        self.paused.append(True)
        self._changed.set()

    def resume_writing(self) -> None:
        self.paused.append(False)
        self._changed.set()

    async def wait(self, condition: Callable[[Recorder], object]) -> None:
        await eventually(self._changed, lambda: condition(self))

    async def wait_lost(self) -> Exception | None:
        await self.wait(lambda it: it.lost)
        assert len(self.lost) == 1
        return self.lost[0]


class Echo(Recorder):
    """A server's end: sends everything back, and gives its place back."""

    def __init__(self, accepted: Accepted) -> None:
        super().__init__()
        self.accepted = accepted

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.accepted.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.accepted.release()
        super().connection_lost(exc)


class RecordedEvents(ListenerEvents):
    """The events of the listener, in order: the name of the event and its text."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, str]] = []
        self.addresses: list[PeerAddress] = []
        self._changed = asyncio.Event()

    def count(self, event: str) -> int:
        return sum(entry[0] == event for entry in self.entries)

    def said(self, event: str) -> list[str]:
        return [text for name, text in self.entries if name == event]

    async def wait(self, event: str, times: int = 1) -> list[str]:
        await eventually(self._changed, lambda: self.count(event) >= times)
        return self.said(event)

    def _write(self, event: str, address: PeerAddress, text: str = "") -> None:
        self.entries.append((event, text))
        self.addresses.append(address)
        self._changed.set()

    def accepted_pending(self, address: PeerAddress) -> None:
        self._write("pending", address)

    def handshake_failed(self, address: PeerAddress, reason: str) -> None:
        self._write("failed", address, reason)

    def refused(self, address: PeerAddress, reason: str) -> None:
        self._write("refused", address, reason)

    def admitted(self, address: PeerAddress) -> None:
        self._write("admitted", address)

    def closed(self, address: PeerAddress) -> None:
        self._write("closed", address)


def admit_echo(accepted: Accepted) -> asyncio.Protocol:
    return Echo(accepted)


async def eventually(changed: asyncio.Event, condition: Callable[[], object]) -> None:
    """Wait until the condition holds, looking whenever something changed."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            changed.clear()
            await changed.wait()


async def close_drained(listener: Listener) -> None:
    """Close it, and wait until all admitted connections have ended."""
    await listener.close()
    async with asyncio.timeout(5):
        while listener.admitted:
            await asyncio.sleep(0.01)


def open_sockets() -> int:
    """How many sockets this process has open."""
    count = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
        except OSError:
            continue
    return count
