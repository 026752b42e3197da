"""A database that is killed under load, frozen or out of room loses no acknowledged sample.

Samples keep arriving. When the database is back, the store has all of them once and in order.
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from databases import PostgresServer, postgres_server
from sealbus.history import HistoryRules, HistoryWriter, WriterLimits, WriterState, open_history
from sealbus.samples import US_PER_S, Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sealbus.history import History

TAGS = 200
START = (int(time.time()) - 600) * US_PER_S
DEADLINE_S = 60.0
LIMITS = WriterLimits(store_every_s=0.1, first_retry_s=0.05, longest_retry_s=0.3)


class Plant:
    """A source that puts one sample of each tag every few milliseconds until stopped."""

    def __init__(self, writer: HistoryWriter) -> None:
        self.turns = 0
        self._writer = writer
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.01):
            batch = [Sample(tag + 1, START + self.turns, float(self.turns)) for tag in range(TAGS)]
            self._writer.put(batch)
            self.turns += 1


def until(writer: HistoryWriter, condition: Callable[[WriterState], bool]) -> None:
    end, pause = time.monotonic() + DEADLINE_S, threading.Event()
    while not condition(writer.state()):
        assert time.monotonic() < end, writer.state()
        pause.wait(0.02)


def check_complete(history: History, turns: int) -> None:
    for tag in (1, TAGS // 2, TAGS):
        found = history.raw(tag, START, START + US_PER_S, limit=100_000).samples
        assert [sample.time_us - START for sample in found] == list(range(turns))
        assert [sample.value for sample in found] == [float(turn) for turn in range(turns)]


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


def note_order(history: History, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record the times of the samples in the order of their commits."""
    times: list[int] = []
    append = history.append_block

    def append_block(block):  # type: ignore[no-untyped-def]
        appended = append(block)
        times.extend(block.times_us.tolist())
        return appended

    monkeypatch.setattr(history, "append_block", append_block)
    return times


@pytest.mark.needs("postgres")
def test_postgresql_is_killed_under_load(
    server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = open_history(server.database(), rules=HistoryRules())
    order = note_order(history, monkeypatch)
    writer = HistoryWriter(history, tmp_path / "spool", limits=LIMITS)
    plant = Plant(writer)
    for _ in range(3):
        stored = writer.state().stored
        until(writer, lambda state, stored=stored: state.stored > stored + 20 * TAGS)  # type: ignore[misc]
        server.kill()
        until(writer, lambda state: state.down_since_us is not None and state.spooled > 20 * TAGS)
        server.start()
        until(writer, lambda state: state.down_since_us is None)
    plant.stop()
    assert writer.drain(DEADLINE_S)
    state = writer.state()
    writer.close()
    assert (state.dropped, state.spooled, state.buffered) == (0, 0, 0)
    check_complete(history, plant.turns)
    assert all(one <= other for one, other in itertools.pairwise(order)), (
        "committed in the order in which they were put"
    )
    history.close()


@pytest.mark.needs("postgres")
def test_postgresql_is_down_from_the_start_until_after_a_restart_of_the_collector(
    server: PostgresServer, tmp_path: Path
) -> None:
    url = server.database()
    server.kill()
    turns = 0
    for _ in range(2):
        history = open_history(url, rules=HistoryRules())
        writer = HistoryWriter(history, tmp_path / "spool", limits=LIMITS)
        for _ in range(20):
            writer.put([Sample(tag + 1, START + turns, float(turns)) for tag in range(TAGS)])
            turns += 1
        assert writer.flush(DEADLINE_S)
        until(writer, lambda state: state.down_since_us is not None)
        writer.close()
        history.close()
    server.start()
    history = open_history(url, rules=HistoryRules())
    writer = HistoryWriter(history, tmp_path / "spool", limits=LIMITS)
    assert writer.drain(DEADLINE_S)
    writer.close()
    check_complete(history, turns)
    history.close()


@pytest.mark.needs("postgres")
def test_a_frozen_postgresql_stops_neither_putting_nor_acknowledging(server: PostgresServer, tmp_path: Path) -> None:
    history = open_history(server.database(), rules=HistoryRules())
    writer = HistoryWriter(history, tmp_path / "spool", limits=LIMITS)
    plant = Plant(writer)
    until(writer, lambda state: state.stored > 20 * TAGS)
    server.freeze()
    spooled = writer.state().spooled
    until(writer, lambda state: state.spooled > spooled + 100 * TAGS)
    server.thaw()
    plant.stop()
    assert writer.drain(DEADLINE_S)
    assert writer.state().dropped == 0
    writer.close()
    check_complete(history, plant.turns)
    history.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    place = tmp_path / "disk"
    place.mkdir(mode=0o700)
    mount = shutil.which("mount")
    done = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", str(place)], capture_output=True, check=False
    )
    if not done or done.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_the_disk_of_the_store_is_full_and_the_spool_is_elsewhere(tmp_path: Path, small_disk: Path) -> None:
    ballast = small_disk / "something else"
    history = open_history(f"sqlite:///{small_disk}/history.sqlite3", rules=HistoryRules())
    history.append([Sample(1, START + US_PER_S * 9, 0.0)])
    writer = HistoryWriter(history, tmp_path / "spool", limits=LIMITS)
    ballast.write_bytes(bytes(7 * 1024 * 1024))
    plant = Plant(writer)
    until(writer, lambda state: state.down_since_us is not None and "full" in state.last_error)
    until(writer, lambda state: state.spooled > 50 * TAGS)
    ballast.unlink()
    plant.stop()
    assert writer.drain(DEADLINE_S)
    assert writer.state().dropped == 0
    writer.close()
    check_complete(history, plant.turns)
    history.close()


def test_store_and_spool_share_a_full_disk(small_disk: Path) -> None:
    """Samples then stay in memory; beyond its bound the newest are dropped and counted, with their time span."""
    ballast = small_disk / "something else"
    history = open_history(f"sqlite:///{small_disk}/history.sqlite3", rules=HistoryRules())
    history.append([Sample(1, START + US_PER_S * 9, 0.0)])
    limits = replace(LIMITS, buffered_samples=100 * TAGS)
    writer = HistoryWriter(history, small_disk / "spool", limits=limits)
    size = 7 * 1024 * 1024
    with ballast.open("wb", buffering=0) as file:
        while size > 4096:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2
    plant = Plant(writer)
    until(writer, lambda state: state.dropped > 5 * TAGS)
    plant.stop()
    state = writer.state()
    assert state.down_since_us is not None
    assert state.dropped_from_us is not None
    assert state.dropped_to_us == START + plant.turns - 1
    ballast.unlink()
    assert writer.drain(DEADLINE_S)
    writer.close()
    found = [sample.time_us - START for sample in history.raw(1, START, START + US_PER_S, limit=100_000).samples]
    assert len(found) == len(set(found)) == plant.turns - state.dropped // TAGS
    kept = plant.turns - state.dropped // TAGS
    assert found == list(range(kept)), "the oldest samples were kept"
    history.close()
