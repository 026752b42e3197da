"""The two engines for tests: a hub or server in another process that can be killed and started again."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

import zmq
from redis import Redis

from sealbus.bus import open_bus
from sealbus.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from redis_server import RedisServer
    from sealbus.bus import Bus, Subscription

__all__ = [
    "KEY",
    "PATIENCE_S",
    "Engine",
    "LocalEngine",
    "RedisEngine",
    "ask",
    "connected",
    "end_process",
    "meet",
    "start_process",
    "until",
]

PATIENCE_S = 30.0
KEY = bytes(range(32))
"""The bus key of the site of these tests."""
_MEETINGS = itertools.count(1)

_HUB = """
import asyncio, pathlib, sys
from sealbus.bus import open_bus

KEY = bytes(range(32))

async def main():
    async with open_bus("local:", folder=pathlib.Path(sys.argv[1]), key=KEY, is_hub=True):
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


class Engine(Protocol):
    """The engine of a test."""

    def start(self) -> None:
        """Start it unless it runs."""

    def kill(self) -> None:
        """Kill it with SIGKILL."""

    def open(self, key: bytes = KEY) -> AbstractAsyncContextManager[Bus]:
        """A process on this bus; it may not be connected yet. Another `key` is another site."""

    def send_raw(self, topic: str, data: bytes) -> None:
        """Send these bytes on the topic, as a stranger could who may write to the bus."""


def start_process(program: str, *words: object) -> subprocess.Popen[bytes]:
    """Start a Python program and wait until it prints "ready"."""
    process = subprocess.Popen([sys.executable, "-c", program, *map(str, words)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def end_process(process: subprocess.Popen[bytes]) -> None:
    """Kill it and close its pipe."""
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


class LocalEngine:
    """A hub in another process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hub: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if self.hub is None:
            self.hub = start_process(_HUB, self.folder)

    def kill(self) -> None:
        if self.hub is not None:
            end_process(self.hub)
            self.hub = None

    def open(self, key: bytes = KEY) -> AbstractAsyncContextManager[Bus]:
        return open_bus("local:", folder=self.folder, key=key)

    def send_raw(self, topic: str, data: bytes) -> None:
        with zmq.Context() as context, context.socket(zmq.XPUB) as publisher:
            publisher.connect(f"ipc://{self.folder}/publish.ipc")
            assert publisher.poll(int(PATIENCE_S * 1000)), "there is no subscriber"
            publisher.send(topic.encode() + b"\0" + data)


class RedisEngine:
    """A server with a password."""

    def __init__(self, server: RedisServer) -> None:
        self.server = server

    def start(self) -> None:
        self.server.start()

    def kill(self) -> None:
        self.server.kill()

    def open(self, key: bytes = KEY) -> AbstractAsyncContextManager[Bus]:
        url = f"redis://:{quote(self.server.password)}@127.0.0.1:{self.server.port}"
        return open_bus(url, folder=self.server.folder, key=key)

    def send_raw(self, topic: str, data: bytes) -> None:
        with Redis(port=self.server.port, password=self.server.password) as client:
            client.publish(f"sealbus:topic:{topic}", data)


async def ask(bus: Bus, topic: str, payload: bytes) -> bytes:
    """Send the request until a server is registered."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await bus.request(topic, payload, timeout_s=PATIENCE_S)
            except Unreachable:
                await asyncio.sleep(0.01)


async def meet(publisher: Bus, subscription: Subscription, topic: str) -> None:
    """Publish until the message arrives, then read all of them: from here on the queue is empty.

    Messages from before prove nothing, so each call sends its own.
    """
    number = next(_MEETINGS)
    first, last = b"first %d" % number, b"last %d" % number
    async with asyncio.timeout(PATIENCE_S):
        received = b""
        while received != first:
            publisher.publish(topic, first)
            with suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    while received != first:
                        received = (await anext(subscription)).payload
        publisher.publish(topic, last)
        while (await anext(subscription)).payload != last:
            pass


async def connected(bus: Bus, timeout_s: float = PATIENCE_S) -> bool:
    """Wait until the bus is connected; False when it is not by then."""
    try:
        async with asyncio.timeout(timeout_s):
            while not bus.state().connected:
                await asyncio.sleep(0.01)
    except TimeoutError:
        return False
    return True


async def until(condition: Callable[[], bool]) -> None:
    """Poll until the condition holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)
