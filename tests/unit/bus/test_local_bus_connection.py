"""The bus of one machine: who may use its folder, and how one process can affect the others."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import zmq

from sealbus.bus import open_bus
from sealbus.errors import ConfigError
from unit.bus.engines import KEY, PATIENCE_S, LocalEngine, ask, connected, end_process, meet, start_process, until

if TYPE_CHECKING:
    from collections.abc import Iterator

_LISTENER = """
import asyncio, pathlib, sys
from sealbus.bus import open_bus

KEY = bytes(range(32))

async def main():
    async with open_bus("local:", folder=pathlib.Path(sys.argv[1]), key=KEY) as bus:
        while not bus.state().connected:
            await asyncio.sleep(0.01)
        async def lost(question):
            return b"%d" % bus.state().lost
        bus.serve("lost", lost)
        async for message in bus.subscribe("live", depth=20_000):
            if message.payload == b"first":
                print("ready", flush=True)

asyncio.run(main())
"""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LocalEngine]:
    engine = LocalEngine(tmp_path / "bus")
    engine.start()
    yield engine
    engine.kill()


async def _refused(folder: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        async with open_bus("local:", folder=folder, key=KEY):
            pass
    return str(refused.value)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


async def test_folder_and_sockets_are_private_to_our_user(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        async with open_bus("local:", folder=tmp_path / "deep" / "bus", key=KEY, is_hub=True):
            assert _mode(tmp_path / "deep" / "bus") == 0o700
            sockets = {path.name: _mode(path) for path in (tmp_path / "deep" / "bus").iterdir()}
    finally:
        os.umask(mask)
    names = ("publish.ipc", "subscribe.ipc", "request.ipc", "hub.lock")
    assert sockets == dict.fromkeys(names, 0o600)


@pytest.mark.parametrize("mode", [0o770, 0o750, 0o710, 0o707, 0o701])
async def test_a_folder_that_other_users_can_enter_is_refused_and_left_unchanged(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "bus"
    folder.mkdir()
    folder.chmod(mode)
    assert "other users can enter" in await _refused(folder)
    assert "chmod 700" in await _refused(folder)
    assert _mode(folder) == mode
    folder.chmod(0o700)
    async with open_bus("local:", folder=folder, key=KEY):
        pass


async def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bus"
    folder.mkdir(mode=0o700)
    if os.getuid() == 0:
        os.chown(folder, 65534, 65534)
    else:
        monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
    assert "belongs to another user" in await _refused(folder)


async def test_a_link_or_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    (tmp_path / "file").touch()
    assert "not a folder" in await _refused(tmp_path / "link")
    assert "not a folder" in await _refused(tmp_path / "file")
    assert "cannot be created" in await _refused(tmp_path / "file" / "bus")


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short path, used as the folder of temporary files."""
    with tempfile.TemporaryDirectory(prefix="b") as folder:
        Path(folder).chmod(0o1777)
        yield Path(folder)


def _long(folder: Path) -> Path:
    return folder / ("long-" * 20) / "bus"


async def test_a_path_too_long_for_sockets_gets_a_short_folder_that_all_processes_find(
    tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    async with (
        open_bus("local:", folder=_long(tmp_path), key=KEY, is_hub=True),
        open_bus("local:", folder=_long(tmp_path), key=KEY) as one,
        open_bus("local:", folder=_long(tmp_path / "other"), key=KEY) as other,
    ):
        assert await connected(one)
        assert not await connected(other, 0.1)
        assert {_mode(folder) for folder in short.iterdir()} == {0o700}
        assert len(list(short.iterdir())) == 2


async def test_a_short_folder_that_another_user_created_is_refused(
    tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    async with open_bus("local:", folder=_long(tmp_path), key=KEY):
        pass
    (expected,) = short.iterdir()
    expected.rmdir()
    (short / "trap").mkdir(mode=0o700)
    expected.symlink_to(short / "trap")
    assert "not a folder" in await _refused(_long(tmp_path))
    assert list((short / "trap").iterdir()) == []
    expected.unlink()
    expected.mkdir()
    expected.chmod(0o777)
    assert "other users can enter" in await _refused(_long(tmp_path))


async def test_a_short_folder_that_other_users_could_replace_is_refused(
    tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    short.chmod(0o777)
    assert "other users can replace" in await _refused(_long(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(_long(tmp_path)))
    assert "too long" in await _refused(_long(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short / "absent"))
    assert "the folder for temporary files cannot be read" in await _refused(_long(tmp_path))


async def test_a_second_hub_is_refused_and_the_first_continues(hub: LocalEngine) -> None:
    async with hub.open() as publisher, hub.open() as listener:
        subscription = listener.subscribe("live", depth=10)
        await meet(publisher, subscription, "live")
        with pytest.raises(ConfigError, match="hub of this bus already"):
            async with open_bus("local:", folder=hub.folder, key=KEY, is_hub=True):
                pass
        await meet(publisher, subscription, "live")
        assert publisher.state().reconnects == 0


async def test_a_stopped_process_does_not_affect_the_others_and_counts_what_it_missed(hub: LocalEngine) -> None:
    listener = None
    async with hub.open() as publisher, hub.open() as other:
        fast = other.subscribe("live", depth=20_000)
        await meet(publisher, fast, "live")
        try:
            starting = asyncio.create_task(asyncio.to_thread(start_process, _LISTENER, hub.folder))
            while not starting.done():
                publisher.publish("live", b"first")
                await asyncio.sleep(0.02)
            listener = await starting
            await meet(publisher, fast, "live")
            listener.send_signal(signal.SIGSTOP)
            before = len(fast)
            for number in range(8000):
                publisher.publish("live", bytes(2000))
                if number % 100 == 99:
                    await until(lambda so_far=number: len(fast) - before > so_far - 200)  # type: ignore[misc]
            await until(lambda: len(fast) - before == 8000)
            assert fast.lost == 0
            listener.send_signal(signal.SIGCONT)
            async with asyncio.timeout(PATIENCE_S):
                while int(await publisher.request("lost", b"", timeout_s=PATIENCE_S)) < 2000:
                    publisher.publish("live", b"go on")
                    await asyncio.sleep(0.02)
        finally:
            if listener is not None:
                end_process(listener)


@pytest.mark.one_loop  # ZeroMQ detects it after some seconds
async def test_a_stopped_hub_blocks_no_process_and_is_detected(hub: LocalEngine) -> None:
    assert hub.hub is not None
    async with hub.open() as publisher, hub.open() as listener:
        subscription = listener.subscribe("live", depth=10)
        await meet(publisher, subscription, "live")
        before = publisher.state()
        hub.hub.send_signal(signal.SIGSTOP)
        try:
            for _ in range(5000):  # one that waited for the hub would never return
                publisher.publish("live", bytes(1000))
            assert publisher.state().dropped - before.dropped >= 1000, "its queue holds less than this"
            await until(lambda: not publisher.state().connected)
        finally:
            hub.hub.send_signal(signal.SIGCONT)
        await meet(publisher, subscription, "live")


async def test_the_hub_survives_malformed_requests(hub: LocalEngine) -> None:
    async def answer(request: bytes) -> bytes:
        return request

    with zmq.Context() as context, context.socket(zmq.DEALER) as raw:
        raw.connect(f"ipc://{hub.folder}/request.ipc")
        for frames in (
            [b""],
            [b"serve"],
            [b"serve", b"\xff\x00"],
            [b"request", b"live", b"no frame"],
            [b"request", b"\xff", b"SB\x02" + bytes(20)],
            [b"reply", b"nobody", b""],
            [b"reply", b"", b""],
            [b"x"] * 100,
        ):
            await asyncio.to_thread(raw.send_multipart, frames)
        async with hub.open() as server, hub.open() as requester:
            assert await connected(server)
            server.serve("snapshot", answer)
            assert await ask(requester, "snapshot", b"still here") == b"still here"
