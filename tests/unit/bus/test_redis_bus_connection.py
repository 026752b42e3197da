"""The bus of several machines: which servers are accepted, and the effect of a faulty server."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from pki import make_leaf, make_root, save_trust
from redis_server import RedisServer
from sealbus.bus import open_bus
from sealbus.errors import ConfigError
from unit.bus.engines import KEY, PATIENCE_S, connected, meet, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

pytestmark = pytest.mark.needs("redis")

# 127.1 resolves to loopback but is not written as such, so it counts as a remote server
_FAR = "127.1"


async def _refused(url: str, folder: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        async with open_bus(url, folder=folder, key=KEY):
            pass
    return str(refused.value)


async def test_a_wrong_password_stops_the_start(tmp_path: Path) -> None:
    with RedisServer(tmp_path, password="right") as redis:
        message = await _refused(f"redis://:wrong@127.0.0.1:{redis.port}", tmp_path)
        assert "refuses our login" in message
        assert "wrong" not in message
        async with open_bus(redis.url, folder=tmp_path, key=KEY) as bus:
            assert bus.state().connected


async def test_a_remote_server_that_accepts_anyone_is_refused(tmp_path: Path) -> None:
    open_to_all = ("user default on nopass ~* &* +@all", "user sealbus on >right ~* &* +@all")
    with RedisServer(tmp_path, lines=open_to_all) as redis:
        far = f"redis://sealbus:right@{_FAR}:{redis.port}?unsafe_plain_redis=1"
        assert "accepts anyone without a password" in await _refused(far, tmp_path)
        async with open_bus(f"redis://sealbus:right@127.0.0.1:{redis.port}", folder=tmp_path, key=KEY) as bus:
            assert bus.state().connected  # on loopback this is accepted


async def test_a_remote_server_that_demands_a_password_is_used(tmp_path: Path) -> None:
    with RedisServer(tmp_path, password="right") as redis:
        async with open_bus(
            f"redis://:right@{_FAR}:{redis.port}?unsafe_plain_redis=1", folder=tmp_path, key=KEY
        ) as bus:
            assert bus.state().connected


async def test_a_server_that_later_accepts_anyone_is_no_longer_used(tmp_path: Path) -> None:
    redis = RedisServer(tmp_path, lines=("user default off", "user sealbus on >right ~* &* +@all"))
    with redis:
        url = f"redis://sealbus:right@{_FAR}:{redis.port}?unsafe_plain_redis=1"
        async with open_bus(url, folder=tmp_path, key=KEY) as bus:
            assert bus.state().connected
            redis.kill()
            redis.lines = ("user default on nopass ~* &* +@all", "user sealbus on >right ~* &* +@all")
            redis.start()
            await until(lambda: "accepts anyone" in bus.state().problem)
            assert not bus.state().connected


async def test_a_user_with_only_these_rights_can_use_the_bus(tmp_path: Path) -> None:
    rights = "resetchannels &sealbus:* +publish +subscribe +unsubscribe +ping"
    lines = ("user default off", f"user sealbus on >right {rights}", "user deaf on >right resetchannels +ping")
    with RedisServer(tmp_path, lines=lines) as redis:
        async with open_bus(f"redis://sealbus:right@127.0.0.1:{redis.port}", folder=tmp_path, key=KEY) as bus:
            subscription = bus.subscribe("live", depth=10)
            await meet(bus, subscription, "live")
        async with open_bus(f"redis://deaf:right@127.0.0.1:{redis.port}", folder=tmp_path, key=KEY) as bus:
            assert not bus.state().connected
            assert "permission" in bus.state().problem.lower()


async def test_tls_connects_only_to_a_trusted_server(tmp_path: Path) -> None:
    root, stranger = make_root(), make_root()
    certificate, key = make_leaf(root, hosts=["127.0.0.1"]).save(tmp_path, "redis")
    trust, wrong = save_trust(tmp_path / "ca.pem", root), save_trust(tmp_path / "wrong.pem", stranger)
    with RedisServer(tmp_path / "redis", password="right", certificate=certificate, key=key) as redis:
        async with open_bus(f"{redis.url}?trust={trust}", folder=tmp_path, key=KEY) as bus:
            subscription = bus.subscribe("live", depth=10)
            await meet(bus, subscription, "live")
        for url in (f"{redis.url}?trust={wrong}", redis.url, f"{redis.url}?trust={trust}".replace("127.0.0.1", _FAR)):
            async with open_bus(url, folder=tmp_path, key=KEY) as bus:  # the last: the certificate is for another name
                assert not bus.state().connected
                assert "certificate" in bus.state().problem.lower()


async def test_an_unreadable_trust_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    async with open_bus(f"rediss://:right@127.0.0.1:1?trust={tmp_path / 'ca.pem'}", folder=tmp_path, key=KEY) as bus:
        assert not bus.state().connected
        assert bus.state().problem


@asynccontextmanager
async def _server(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], AsyncGenerator[None]],
) -> AsyncGenerator[str]:
    """A server that is not Redis."""
    writers: list[asyncio.StreamWriter] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        async for _ in serve(reader, writer):
            pass

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.close()


@pytest.mark.parametrize(
    "garbage",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"*-7\r\n",
        b"*x\r\n",
        b"$99999999999999\r\n",
        b"\0" * 5000,
        b"-ERR\r\n",
        b"",
    ],
)
async def test_a_server_that_is_not_redis_is_reported(tmp_path: Path, garbage: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> AsyncGenerator[None]:
        yield
        await reader.read(1)
        writer.write(garbage)
        writer.close()

    async with _server(talk) as url, open_bus(url, folder=tmp_path, key=KEY) as bus:
        assert not bus.state().connected
        assert bus.state().problem
        bus.publish("live", b"x")
        assert bus.state().dropped == 1
        assert not await connected(bus, 0.3)


async def test_malformed_replies_end_the_session_and_the_next_one_continues(tmp_path: Path) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> AsyncGenerator[None]:
        yield
        on_request = await reader.read(1000)
        if b"SUBSCRIBE" in on_request:
            channel = on_request.split(b"\r\n")[4]
            writer.write(b"*3\r\n$9\r\nsubscribe\r\n$%d\r\n%b\r\n:1\r\n" % (len(channel), channel))
            writer.write(b"*2\r\n:1\r\n:2\r\n*3\r\n$7\r\nmessage\r\n$3\r\nabc\r\n$1\r\nx\r\n*x\r\n")

    async with _server(talk) as url, open_bus(url, folder=tmp_path, key=KEY) as bus:
        await until(lambda: bus.state().reconnects >= 2)
        assert bus.state().malformed >= 4


@pytest.mark.one_loop  # waits as long as a start does
async def test_a_silent_server_delays_the_start_only_briefly(tmp_path: Path) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> AsyncGenerator[None]:
        yield
        await reader.read()

    async with _server(say_nothing) as url, asyncio.timeout(PATIENCE_S), open_bus(url, folder=tmp_path, key=KEY) as bus:
        assert not bus.state().connected
        assert "does not answer" in bus.state().problem


async def test_a_server_that_wants_a_password_that_the_url_lacks_is_named_at_the_start(tmp_path: Path) -> None:
    with RedisServer(tmp_path, password="right") as redis:
        message = await _refused(f"redis://127.0.0.1:{redis.port}", tmp_path)
        assert f'"redis://127.0.0.1:{redis.port}/0" wants a password, and the bus URL has none' in message
        assert "SEALBUS_BUS" in message


async def test_a_port_without_a_server_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with open_bus("redis://127.0.0.1:1", folder=tmp_path, key=KEY) as bus:
        problem = bus.state().problem
        assert problem.startswith("nothing listens at redis://127.0.0.1:1/0: ")
        assert caplog.messages == [f"the bus is down: {problem}"]


async def test_an_outage_is_logged_once_however_often_it_is_tried(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tries = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> AsyncGenerator[None]:
        nonlocal tries
        tries += 1
        yield
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with _server(hang_up) as url, open_bus(url, folder=tmp_path, key=KEY):
        await until(lambda: tries >= 4)
    assert [line for line in caplog.messages if line.startswith("the bus is down")] == [
        f"the bus is down: what answers at {url}/0 is not Redis: write the port of Redis into SEALBUS_BUS"
    ]


async def test_a_server_that_comes_back_wanting_another_password_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    redis = RedisServer(tmp_path)
    with redis:
        async with open_bus(redis.url, folder=tmp_path, key=KEY) as bus:
            assert bus.state().connected
            redis.kill()
            redis.password = "right"
            redis.start()
            await until(lambda: "wants a password" in bus.state().problem)
            assert sum("wants a password" in line for line in caplog.messages) == 1
