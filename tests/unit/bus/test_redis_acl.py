"""The users of deploy/redis/sealbus.conf, on a real server: each process can do its work, and nothing else."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError

from redis_server import RedisServer
from sealbus.bus import LIVE_TOPIC, SNAPSHOT_TOPIC, STATE_TOPIC, open_bus
from sealbus.plant import with_collector_id
from unit.bus.engines import KEY, PATIENCE_S, ask, connected, meet

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from sealbus.bus import Bus

pytestmark = pytest.mark.needs("redis")

_FILE = Path(__file__).resolve().parents[3] / "deploy" / "redis" / "sealbus.conf"
_COLLECTOR, _WEB = "sealbus-collector", "sealbus-web"
_HINTS = ("plan", "command", "rights")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server with these users; the password of each is its name."""
    folder = tmp_path_factory.mktemp("redis")
    text = _FILE.read_text(encoding="utf-8")
    for mark, user in (("HASH_OF_THE_COLLECTOR", _COLLECTOR), ("HASH_OF_THE_WEB_PROCESSES", _WEB)):
        text = text.replace(mark, hashlib.sha256(user.encode()).hexdigest())
    (folder / "sealbus.conf").write_text(text, encoding="utf-8")
    with RedisServer(folder / "run", lines=(f"include {folder / 'sealbus.conf'}",)) as running:
        yield running


@asynccontextmanager
async def _process(server: RedisServer, user: str) -> AsyncGenerator[Bus]:
    url = f"redis://{user}:{user}@127.0.0.1:{server.port}"
    async with open_bus(url, folder=server.folder, key=KEY) as bus:
        assert await connected(bus), bus.state()
        yield bus


async def test_collector_and_web_process_can_do_all_that_they_do(server: RedisServer) -> None:
    async def answer(request: bytes) -> bytes:
        return b"to " + request

    live, snapshot, state = (with_collector_id(topic) for topic in (LIVE_TOPIC, SNAPSHOT_TOPIC, STATE_TOPIC))
    async with (
        _process(server, _COLLECTOR) as collector,
        _process(server, _WEB) as web,
        _process(server, _WEB) as other,
    ):
        collector.serve(snapshot, answer)
        collector.serve(state, answer)
        values, to_collector = web.subscribe(live, depth=100), collector.subscribe("plan", "command", depth=100)
        to_web = other.subscribe("rights", "plan", depth=100)
        await meet(collector, values, live)
        for topic in ("plan", "command"):
            await meet(web, to_collector, topic)
        for topic in ("rights", "plan"):
            await meet(web, to_web, topic)
            await meet(collector, to_web, topic)
        for topic in (snapshot, state):
            assert await ask(web, topic, b"one") == b"to one"
            assert await ask(other, topic, b"two") == b"to two"
        to_web.close()
        values.close()
        for process in (collector, web, other):
            for topic in _HINTS:
                process.publish(topic, b"")
        assert await ask(web, snapshot, b"still") == b"to still"
        assert [process.state().reconnects for process in (collector, web, other)] == [0, 0, 0]
        assert [process.state().dropped for process in (collector, web, other)] == [0, 0, 0]


_REFUSED = {
    _WEB: [
        ("PUBLISH", "sealbus:topic:live/main", "x"),
        ("PUBLISH", "sealbus:reply:0000000000000001", "x"),
        ("PUBLISH", "another", "x"),
        ("SUBSCRIBE", "sealbus:request:snapshot/main"),
        ("SUBSCRIBE", "sealbus:topic:command"),
        ("SUBSCRIBE", "another"),
    ],
    _COLLECTOR: [
        ("PUBLISH", "sealbus:request:snapshot/main", "x"),
        ("PUBLISH", "another", "x"),
        ("SUBSCRIBE", "sealbus:topic:live/main"),
        ("SUBSCRIBE", "another"),
    ],
}
_REFUSED_TO_ALL = [
    ("PSUBSCRIBE", "*"),
    ("PSUBSCRIBE", "sealbus:*"),
    ("SPUBLISH", "sealbus:topic:plan", "x"),
    ("GET", "a"),
    ("SET", "a", "b"),
    ("SET", "sealbus:topic:plan", "b"),
    ("DEL", "a"),
    ("KEYS", "*"),
    ("EVAL", "return 1", "0"),
    ("CONFIG", "GET", "*"),
    ("ACL", "LIST"),
    ("CLIENT", "LIST"),
    ("PUBSUB", "CHANNELS"),
    ("FLUSHALL",),
    ("SHUTDOWN",),
    ("MONITOR",),
]


@pytest.mark.parametrize("user", [_COLLECTOR, _WEB])
async def test_what_a_process_does_not_need_is_refused(server: RedisServer, user: str) -> None:
    def refused() -> None:
        for command in [*_REFUSED[user], *_REFUSED_TO_ALL]:
            with Redis(port=server.port, username=user, password=user) as client, pytest.raises(NoPermissionError):
                client.execute_command(*command)
        with Redis(port=server.port, username=user, password=user) as client:
            assert client.ping()

    async with asyncio.timeout(PATIENCE_S):
        await asyncio.to_thread(refused)


@pytest.mark.one_loop
async def test_nobody_without_a_user_of_this_file_is_let_in(server: RedisServer) -> None:
    with Redis(port=server.port) as client, pytest.raises(AuthenticationError):
        client.ping()
    for name in ("default", _WEB):
        with Redis(port=server.port, username=name, password="guess") as client, pytest.raises(AuthenticationError):
            client.ping()
