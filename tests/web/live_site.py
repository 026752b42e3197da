"""A site as it runs: `sealbus web serve` in a process of its own, a second one that works on its database, and this one
as its collector, on the real bus.

    site = start_site(folder)          # once for a module; sync
    async with site.collector() as collector:
        async with site.connect(session=site.do("session", user=anna)) as client:
            await client.ask("subscribe", tags=[1])
            collector.say(Sample(1, now_us(), 5))
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import websockets
from websockets.typing import Origin

from ports import free_ports
from sealbus.bus import (
    KEEPALIVE_S,
    LIVE_TOPIC,
    SNAPSHOT_TOPIC,
    decode_snapshot_request,
    encode_samples,
    encode_snapshot_page,
    open_bus,
)
from sealbus.plant import with_collector_id
from sealbus.web.config.environment import load_environment
from sealbus.web.config.limits import ServerLimits
from sealbus.web.trends.limits import LiveLimits
from web import site_with_limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from websockets.asyncio.client import ClientConnection

    from sealbus.bus import Bus
    from sealbus.samples import Sample

__all__ = ["PATIENCE_S", "SHORT", "Client", "Collector", "Site", "now_us", "running_site"]

PATIENCE_S = 30.0
_START_S = _END_S = 90.0
_TRIES = 5
SHORT = ServerLimits(
    live=LiveLimits(
        silence_s=3.0,
        tick_s=0.1,
        snapshot_every_s=0.2,
        history_every_s=0.2,
        collector_answer_s=1.0,
        slow_s=3.0,
        rights_every_s=0.1,
        accounts_every_s=0.2,
    )
)
"""Short intervals between checks; deadlines for peers that a busy machine can still meet."""
_TESTS = Path(__file__).resolve().parent.parent


def now_us() -> int:
    return time.time_ns() // 1000


@dataclass
class Client:
    """One client of `/ws/live`."""

    wire: ClientConnection
    received: list[dict[str, Any]] = field(default_factory=list)
    state: str = ""
    _next_id: int = 0

    async def send(self, kind: str, **members: Any) -> int:
        """Send a message, and return its id."""
        self._next_id += 1
        await self.wire.send(json.dumps({"type": kind, "id": self._next_id} | members))
        return self._next_id

    async def receive(self, kind: str) -> dict[str, Any]:
        """The next message of this type; the others are kept in `received`."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message: dict[str, Any] = json.loads(await self.wire.recv())
                if message["type"] == "state":
                    self.state = message["state"]
                if message["type"] == kind:
                    return message
                self.received.append(message)

    async def ask(self, kind: str, **members: Any) -> dict[str, Any]:
        """Send a message and wait for its usual answer."""
        await self.send(kind, **members)
        return await self.receive({"subscribe": "snapshot", "unsubscribe": "unsubscribed", "ping": "pong"}[kind])

    async def wait_for(self, tag_id: int, *expected: object) -> list[object]:
        """The first sample of the tag that has one of these values; any, where none is named."""
        while True:
            for sample in (await self.receive("values"))["samples"]:
                if sample[0] == tag_id and (not expected or sample[2] in expected):
                    return list(sample)

    async def wait_for_state(self, state: str) -> None:
        """Wait until the last state message has this state."""
        while self.state != state:
            await self.receive("state")

    async def closed(self) -> int:
        """The close code of the server; messages before it are kept in `received`."""
        with contextlib.suppress(websockets.ConnectionClosed):
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    self.received.append(json.loads(await self.wire.recv()))
        return self.wire.close_code or 0


@dataclass
class Collector:
    """This process as the collector: it publishes samples, and answers requests for a snapshot with them."""

    bus: Bus
    latest: dict[int, Sample] = field(default_factory=dict)
    asked: int = 0
    given: int = 0
    """How many signs of life."""
    signs: asyncio.Task[None] | None = None

    def stop_publishing(self) -> None:
        """Give no more signs of life."""
        if self.signs is not None:
            self.signs.cancel()

    def say(self, *samples: Sample) -> None:
        """Publish samples."""
        self.latest |= {sample.tag_id: sample for sample in samples}
        for payload in encode_samples(samples):
            self.bus.publish(with_collector_id(LIVE_TOPIC), payload)

    async def wait_for_signs(self, count: int) -> None:
        """Until so many more signs of life were given."""
        wanted = self.given + count
        async with asyncio.timeout(PATIENCE_S):
            while self.given < wanted:
                await asyncio.sleep(0.02)

    async def answer(self, payload: bytes) -> bytes:
        self.asked += 1
        return encode_snapshot_page(self.latest.values(), decode_snapshot_request(payload))

    async def live(self) -> None:
        """Give signs of life."""
        while True:
            self.say()
            self.given += 1
            await asyncio.sleep(KEEPALIVE_S / 4)


@dataclass
class Site:
    """A running site."""

    home: Path
    port: int
    process: subprocess.Popen[bytes]
    shell: subprocess.Popen[str]

    def do(self, operation: str, **members: Any) -> Any:
        """Do something in the database, by a function of `site_shell`."""
        assert self.shell.stdin is not None
        assert self.shell.stdout is not None
        self.shell.stdin.write(json.dumps({"do": operation, "with": members}) + "\n")
        self.shell.stdin.flush()
        answer = json.loads(self.shell.stdout.readline())
        assert "failed" not in answer, answer["failed"]
        return answer["is"]

    @property
    def bus_key(self) -> bytes:
        """The key that the processes of this site share."""
        return load_environment({"SEALBUS_HOME": str(self.home)}).bus_key

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def connect(
        self, *, session: str = "", token: str = "", origin: str | None = "", path: str = "/ws/live", **options: Any
    ) -> AsyncIterator[Client]:
        """A client; one with a session comes from a page of the site unless another origin is named (None: none)."""
        headers = {}
        if session:
            headers["Cookie"] = f"sealbus={session}"
        if token:
            headers["Authorization"] = f"Token {token}"
        if origin == "":
            origin = None if token else self.origin
        options.setdefault("compression", None)
        async with websockets.connect(
            f"ws://127.0.0.1:{self.port}{path}",
            additional_headers=headers,
            origin=Origin(origin) if origin is not None else None,
            **options,
        ) as wire:
            yield Client(wire)

    async def refused(self, **options: Any) -> int:
        """The HTTP status of a handshake that is refused."""
        with contextlib.suppress(websockets.InvalidStatus):
            try:
                async with self.connect(**options):
                    return 101
            except websockets.InvalidStatus as refusal:
                return refusal.response.status_code
        raise AssertionError

    @contextlib.asynccontextmanager
    async def collector(self, *latest: Sample) -> AsyncIterator[Collector]:
        """Act as the collector of this site from now on."""
        async with open_bus("local:", folder=self.home / "bus", key=self.bus_key, is_hub=True) as bus:
            collector = Collector(bus, {sample.tag_id: sample for sample in latest})
            bus.serve(with_collector_id(SNAPSHOT_TOPIC), collector.answer)
            collector.signs = asyncio.create_task(collector.live())
            try:
                async with asyncio.timeout(PATIENCE_S):
                    while not collector.asked:  # the site asks when all its sockets are connected
                        await asyncio.sleep(0.02)
                yield collector
            finally:
                collector.stop_publishing()

    def log(self) -> str:
        return (self.home / "log").read_text(errors="replace")


@contextlib.contextmanager
def running_site(home: Path, limits: ServerLimits | None = None) -> Iterator[Site]:
    """Start one, and end it. With `limits` it is the same site with these deadlines."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SEALBUS_", "DJANGO_"))}
    environment |= {"PYTHONPATH": os.pathsep.join([str(_TESTS.parent / "src"), str(_TESTS)])}
    shell = subprocess.Popen(
        [sys.executable, "-m", "web.site_shell", str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
        start_new_session=True,
    )
    assert shell.stdin is not None
    assert shell.stdout is not None
    try:
        shell.stdout.readline()
        site = next(filter(None, (_started(home, environment, shell, limits) for _ in range(_TRIES))), None)
        assert site is not None, (home / "log").read_text()
        try:
            yield site
        finally:
            site.process.send_signal(signal.SIGTERM)
            site.process.wait(_END_S)
    finally:
        shell.stdin.close()
        shell.wait(_END_S)
        shell.stdout.close()


def _started(
    home: Path, environment: dict[str, str], shell: subprocess.Popen[str], limits: ServerLimits | None
) -> Site | None:
    """A site that listens; None if another program has taken the port."""
    port = free_ports(1)
    command = [sys.executable, "-m", "sealbus", "web", "serve", "--home", str(home), "--listen", f"127.0.0.1:{port}"]
    if limits is not None:
        command = site_with_limits.command(home, f"127.0.0.1:{port}", limits)
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    site = Site(home, port, process, shell)
    end = time.monotonic() + _START_S
    while "listening on" not in site.log():
        if process.poll() is not None and "address already in use" in site.log():
            return None
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            raise RuntimeError(site.log()[-3000:])
        time.sleep(0.05)
    return site
