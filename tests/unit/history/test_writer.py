"""Putting samples never blocks and never fails; acknowledged samples are stored once, in order, through every fault."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sealbus.errors import ConfigError
from sealbus.history import (
    Appended,
    History,
    HistoryRules,
    HistoryUnavailable,
    HistoryWriter,
    SampleBlock,
    WriterLimits,
    WriterState,
    open_history,
)
from sealbus.samples import Sample
from unit.history.stores import NOON, S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

QUICK = WriterLimits(store_every_s=0.0, first_retry_s=0.05, longest_retry_s=0.1)
DEADLINE_S = 20.0


class Switch:
    """Makes a store fail or hang as if its server did; records the times of stored samples in order."""

    def __init__(self, history: History, monkeypatch: pytest.MonkeyPatch) -> None:
        self.broken = False
        self.hung = threading.Event()
        self.hung.set()
        self.times: list[int] = []
        self.attempts = 0
        self._append = history.append_block
        monkeypatch.setattr(history, "append_block", self.append)

    def append(self, block: SampleBlock) -> Appended:
        self.hung.wait(DEADLINE_S)
        self.attempts += 1
        if self.broken:
            raise HistoryUnavailable("the server is gone")
        self.times += block.times_us.tolist()
        return self._append(block)


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    history = open_history(f"sqlite:///{tmp_path}/history.sqlite3", rules=HistoryRules(), now_us=lambda: NOON)
    yield history
    history.close()


@pytest.fixture
def switch(history: History, monkeypatch: pytest.MonkeyPatch) -> Switch:
    return Switch(history, monkeypatch)


@contextmanager
def writing(history: History, tmp_path: Path, limits: WriterLimits = QUICK) -> Iterator[HistoryWriter]:
    writer = HistoryWriter(history, tmp_path / "spool", limits=limits)
    try:
        yield writer
    finally:
        writer.close()


def samples(first: int, count: int) -> list[Sample]:
    return [Sample(1, NOON + each, float(each)) for each in range(first, first + count)]


def stored(history: History) -> list[int]:
    return [sample.time_us - NOON for sample in history.raw(1, NOON, NOON + S, limit=100_000).samples]


def until(writer: HistoryWriter, condition: Callable[[WriterState], bool]) -> WriterState:
    """Wait for a state of the writer."""
    pause = threading.Event()
    for _ in range(round(DEADLINE_S / 0.02)):
        if condition(state := writer.state()):
            return state
        pause.wait(0.02)
    raise AssertionError(writer.state())


def test_samples_that_are_put_are_stored(history: History, tmp_path: Path) -> None:
    with writing(history, tmp_path) as writer:
        writer.put([])
        for each in range(50):
            writer.put(samples(each * 10, 10))
        assert writer.drain(DEADLINE_S)
        state = writer.state()
    assert stored(history) == list(range(500))
    assert (state.stored, state.dropped, state.spooled, state.buffered) == (500, 0, 0, 0)
    assert state.down_since_us is None


def test_samples_put_during_an_outage_are_stored_in_order_afterwards(
    history: History, tmp_path: Path, switch: Switch
) -> None:
    switch.broken = True
    with writing(history, tmp_path) as writer:
        for each in range(20):
            writer.put(samples(each * 10, 10))
        assert writer.flush(DEADLINE_S)
        state = until(writer, lambda state: state.down_since_us is not None)
        assert (state.spooled, state.stored, state.dropped) == (200, 0, 0)
        assert "server is gone" in state.last_error
        switch.broken = False
        writer.put(samples(200, 1))
        assert writer.drain(DEADLINE_S)
        state = until(writer, lambda state: state.down_since_us is None)
        assert state.last_error == ""
    assert switch.times == [NOON + each for each in range(201)]


def test_an_outage_lasts_until_a_block_is_stored(
    history: History, tmp_path: Path, switch: Switch, caplog: pytest.LogCaptureFixture
) -> None:
    switch.broken = True
    with (
        caplog.at_level("INFO", "sealbus.history"),
        writing(history, tmp_path, WriterLimits(store_every_s=0.3, first_retry_s=0.1, longest_retry_s=0.1)) as writer,
    ):
        writer.put(samples(0, 10))
        down_since_us = until(writer, lambda state: state.down_since_us is not None).down_since_us
        failed = switch.attempts
        until(writer, lambda _: switch.attempts > failed + 2)  # with turns without a batch in between
        assert writer.state().down_since_us == down_since_us
        assert "server is gone" in writer.state().last_error
        switch.broken = False
        assert writer.drain(DEADLINE_S)
        until(writer, lambda state: state.down_since_us is None)
    lines = [record.message for record in caplog.records]
    assert [message.startswith("history: the store takes no samples") for message in lines] == [True, False]
    assert lines[1] == "history: the store takes samples again"


def test_failed_maintenance_is_reported_and_is_no_outage(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise HistoryUnavailable("no room")

    monkeypatch.setattr(history, "maintain", fail)
    with writing(history, tmp_path) as writer:
        writer.put(samples(0, 10))
        assert writer.drain(DEADLINE_S)
        state = until(writer, lambda state: bool(state.last_error))
        assert (state.down_since_us, state.last_error, state.stored) == (None, "no room", 10)


def test_a_store_that_hangs_delays_neither_put_nor_the_spool(history: History, tmp_path: Path, switch: Switch) -> None:
    switch.hung.clear()
    with writing(history, tmp_path) as writer:
        for each in range(10):
            writer.put(samples(each, 1))
            assert writer.flush(DEADLINE_S), "spooled and synced although the store hangs"
        assert writer.state().spooled == 10
        switch.hung.set()
        assert writer.drain(DEADLINE_S)
    assert stored(history) == list(range(10))


def test_the_next_run_stores_what_is_left_before_new_samples(history: History, tmp_path: Path, switch: Switch) -> None:
    switch.broken = True
    with writing(history, tmp_path) as writer:
        writer.put(samples(0, 100))
        assert writer.flush(DEADLINE_S)
    switch.broken = False
    with writing(history, tmp_path) as writer:
        writer.put(samples(100, 10))
        assert writer.drain(DEADLINE_S)
    assert switch.times == [NOON + each for each in range(110)]
    assert sorted(path.name for path in (tmp_path / "spool").iterdir()) in (["lock", "place"], ["lock"])


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_a_torn_end_costs_only_the_torn_frame(history: History, tmp_path: Path, switch: Switch, cut: int) -> None:
    switch.broken = True
    with writing(history, tmp_path) as writer:
        for each in range(3):
            writer.put(samples(each * 10, 10))
            assert writer.flush(DEADLINE_S)
    (segment,) = (tmp_path / "spool").glob("*.samples")
    segment.write_bytes(segment.read_bytes()[:-cut])
    switch.broken = False
    with writing(history, tmp_path) as writer:
        writer.put(samples(30, 10))
        assert writer.drain(DEADLINE_S)
        assert writer.state().damaged_segments == 1
    assert stored(history) == [*range(20), *range(30, 40)]


def test_damage_in_a_segment_is_counted_and_the_following_segments_are_stored(
    history: History, tmp_path: Path, switch: Switch
) -> None:
    switch.broken = True
    with writing(history, tmp_path, replace(QUICK, segment_bytes=1)) as writer:
        for each in range(4):
            writer.put(samples(each * 10, 10))
            assert writer.flush(DEADLINE_S)
    segments = sorted((tmp_path / "spool").glob("*.samples"))
    assert len(segments) == 4
    data = bytearray(segments[1].read_bytes())
    data[40] ^= 1
    segments[1].write_bytes(data)
    switch.broken = False
    with writing(history, tmp_path) as writer:
        assert writer.drain(DEADLINE_S)
        assert writer.state().damaged_segments == 1
    assert stored(history) == [*range(10), *range(20, 40)]


def test_beyond_the_bound_the_newest_samples_are_dropped_and_counted(
    history: History, tmp_path: Path, switch: Switch
) -> None:
    switch.broken = True
    limits = replace(QUICK, buffered_samples=100, spool_bytes=5_000)
    with writing(history, tmp_path, limits) as writer:
        for each in range(40):
            writer.put(samples(each * 10, 10))
            writer.flush(DEADLINE_S)
        state = writer.state()
        assert state.spooled_bytes <= 5_000
        assert state.buffered == 100
        assert state.spooled + state.buffered + state.dropped == 400
        assert state.dropped > 0
        assert (state.dropped_from_us, state.dropped_to_us) == (NOON + 400 - state.dropped, NOON + 399)
        switch.broken = False
        assert writer.drain(DEADLINE_S)
        writer.put(samples(400, 10))
        assert writer.drain(DEADLINE_S)
    assert stored(history) == [*range(400 - state.dropped), *range(400, 410)]


def test_samples_that_no_store_can_hold_are_counted_and_block_nothing(history: History, tmp_path: Path) -> None:
    with writing(history, tmp_path) as writer:
        writer.put([Sample(-1, NOON, 1.0), *samples(0, 3), Sample(1, -NOON, 1.0)])
        assert writer.drain(DEADLINE_S)
        assert writer.state().dropped == 2
    assert stored(history) == [0, 1, 2]


def test_one_folder_has_one_writer(history: History, tmp_path: Path) -> None:
    with writing(history, tmp_path), pytest.raises(ConfigError, match="another process"):
        HistoryWriter(history, tmp_path / "spool")


def test_after_close_samples_are_counted_as_dropped(history: History, tmp_path: Path) -> None:
    writer = HistoryWriter(history, tmp_path / "spool")
    writer.close()
    writer.put(samples(0, 5))
    assert writer.state().dropped == 5


_CHILD = """
import sys
from pathlib import Path
from sealbus.history import *
from sealbus.samples import Sample
history = open_history(sys.argv[1], rules=HistoryRules())
limits = WriterLimits(store_every_s=float(sys.argv[3]))
writer = HistoryWriter(history, Path(sys.argv[2]), limits=limits)
each = 0
while True:
    writer.put([Sample(1, {begin} + each + more, float(each)) for more in range(10)])
    each += 10
    if writer.flush(10):
        print(each, flush=True)
"""


@pytest.mark.parametrize("store_every_s", ["0", "1000"])
def test_acknowledged_samples_survive_a_kill(history: History, tmp_path: Path, store_every_s: str) -> None:
    """The child prints how many samples are acknowledged, and is killed while it works."""
    url, spool = f"sqlite:///{tmp_path}/history.sqlite3", tmp_path / "spool"
    begin = time.time_ns() // 1000 - 600 * S
    command = [sys.executable, "-c", _CHILD.format(begin=begin), url, str(spool), store_every_s]
    acknowledged = 0
    for _ in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(30)]
            process.send_signal(signal.SIGKILL)
            lines += process.stdout.read().splitlines(keepends=True)
        acknowledged = max(acknowledged, *(int(line) for line in lines if line.endswith("\n")))
    with writing(history, tmp_path) as writer:
        assert writer.drain(DEADLINE_S)
        assert writer.state().dropped == 0
    found = [sample.time_us - begin for sample in history.raw(1, begin, begin + S, limit=100_000).samples]
    assert found[:acknowledged] == list(range(acknowledged))
    assert len(found) == len(set(found))
