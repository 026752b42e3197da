"""A disk without space: first an alarm, much later a refusal, then the recovery."""

from __future__ import annotations

import errno
import subprocess
import sys
from itertools import count
from typing import TYPE_CHECKING

import pytest

from sealbus.records import (
    Alarm,
    AlarmState,
    Denied,
    Disconnected,
    Outcome,
    Record,
    RecordLog,
    RecordsFull,
    RecordsLost,
    RecordState,
    Stopped,
    WriteOutcome,
    read,
    verify,
)
from unit.records.samples import SMALL, FakeDisk, denial, state_of, write

if TYPE_CHECKING:
    from pathlib import Path


class Watched:
    """A log on a fake disk, and the states it reported."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.disk = FakeDisk()
        self.states: list[RecordState] = []
        self.log = RecordLog.open(
            directory,
            gateway="plant-7",
            limits=SMALL,
            host=self.disk.host(),
            on_change=lambda state, reason: self.states.append(state),
        )

    def fill_until(self, state: RecordState) -> int:
        """Record writes, each with its outcome, until the log is in that state. Returns how many."""
        for done in count():
            if state_of(self.log) is state:
                return done
            request = self.log.append(write())
            self.log.append(WriteOutcome(request=request, outcome=Outcome.DONE))
        raise AssertionError

    def records(self) -> list[Record]:
        return [each.record for each in read(self.directory)]  # type: ignore[misc]


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_a_full_disk_changes_nothing_while_there_is_a_reserve(watched: Watched) -> None:
    watched.disk.full = True
    watched.log.append(write())
    watched.log.maintain(1.0)
    assert state_of(watched.log) is RecordState.OK
    assert watched.states == []


def test_a_reserve_that_cannot_be_replaced_raises_an_alarm_and_writes_continue(watched: Watched) -> None:
    watched.disk.full = True
    watched.fill_until(RecordState.RESERVE)
    assert watched.states == [RecordState.RESERVE]
    assert watched.log.append(write()) > 0
    (alarm,) = [each for each in watched.records() if isinstance(each, Alarm)]
    assert alarm.state is AlarmState.RAISED
    assert alarm.text == (
        "there is no space for the next segment of records; connections and denials are only counted: "
        "No space left on device"
    )


def test_a_flood_of_denials_cannot_use_the_space_of_writes(watched: Watched) -> None:
    watched.disk.full = True
    watched.fill_until(RecordState.RESERVE)
    assert [watched.log.append(denial()) for _ in range(5000)] == [0] * 5000
    assert watched.log.lost == 5000
    assert watched.fill_until(RecordState.FULL) > 50


def test_when_the_reserve_is_used_up_writes_are_refused(watched: Watched) -> None:
    watched.disk.full = True
    watched.fill_until(RecordState.FULL)
    with pytest.raises(RecordsFull, match="the reserve for records is used up; writes are refused: No space left"):
        watched.log.append(write())
    assert watched.states == [RecordState.RESERVE, RecordState.FULL]


def test_writes_in_progress_when_the_space_ends_have_space_for_their_outcome(watched: Watched) -> None:
    watched.disk.full = True
    watched.fill_until(RecordState.RESERVE)
    under_way = []
    while state_of(watched.log) is RecordState.RESERVE:
        under_way.append(watched.log.append(write()))
    for _ in range(200):
        watched.log.append(Alarm(name="pump", state=AlarmState.RAISED, text="dry"))
    for request in under_way:
        assert watched.log.append(WriteOutcome(request=request, outcome=Outcome.UNKNOWN, why="\x00" * 5000)) > 0
    assert verify(watched.directory).writes_without_outcome == 0


def test_alarms_and_the_end_of_the_run_are_stored_when_writes_no_longer_are(watched: Watched) -> None:
    watched.disk.full = True
    watched.fill_until(RecordState.FULL)
    assert watched.log.append(Alarm(name="pump", state=AlarmState.RAISED, text="dry")) > 0
    assert watched.log.append(Stopped(reason="SIGTERM")) > 0


def test_when_there_is_space_again_the_log_first_records_what_was_lost(watched: Watched) -> None:
    watched.disk.full = True
    watched.fill_until(RecordState.FULL)
    before = len(watched.records())
    for _ in range(3):
        watched.log.append(denial())
    watched.log.append(Disconnected(connection=1, reason="closed by the client", requests=4, duration_s=1.5))
    with pytest.raises(RecordsFull):
        watched.log.append(write())
    watched.disk.full = False
    watched.log.maintain(1.0)
    assert state_of(watched.log) is RecordState.OK
    assert watched.states[-1] is RecordState.OK
    lost, cleared = watched.records()[before:]
    assert isinstance(lost, RecordsLost)
    assert lost.count == 5
    assert lost.by_kind == {"denied": 3, "disconnected": 1, "write_requested": 1}
    assert lost.reason == "the reserve for records is used up; writes are refused"
    assert lost.since < lost.until
    assert isinstance(cleared, Alarm)
    assert cleared.state is AlarmState.CLEARED
    assert watched.log.append(denial()) > 0
    assert verify(watched.directory).breaks == ()


def test_counts_are_recorded_once_a_minute_so_that_a_crash_loses_no_more(watched: Watched) -> None:
    watched.disk.full = True
    watched.fill_until(RecordState.RESERVE)
    for second in range(200, 320):
        watched.log.append(denial())
        watched.log.maintain(float(second))
    assert [each.count for each in watched.records() if isinstance(each, RecordsLost)] == [1, 60]


def test_the_end_of_a_run_is_recorded_after_what_was_lost(watched: Watched) -> None:
    watched.disk.full = True
    watched.fill_until(RecordState.RESERVE)
    watched.log.append(denial())
    watched.log.append(Stopped(reason="SIGTERM"))
    watched.log.close()
    lost, stopped = watched.records()[-2:]
    assert isinstance(lost, RecordsLost)
    assert isinstance(stopped, Stopped)


def test_a_run_that_ended_on_a_full_disk_leaves_its_space_to_the_next(watched: Watched) -> None:
    watched.disk.full = True
    watched.fill_until(RecordState.RESERVE)
    watched.log.append(Stopped(reason="SIGTERM"))
    watched.log.close()
    log = RecordLog.open(watched.directory, gateway="plant-7", limits=SMALL, host=watched.disk.host())
    assert state_of(log) is RecordState.RESERVE
    assert log.append(write()) > 0
    log.close()


def test_a_gateway_that_starts_on_a_full_disk_refuses_writes_and_recovers(tmp_path: Path) -> None:
    disk = FakeDisk()
    disk.full = True
    log = RecordLog.open(tmp_path, gateway="plant-7", limits=SMALL, host=disk.host())
    assert state_of(log) is RecordState.FULL
    assert log.append(denial()) == 0
    disk.full = False
    log.maintain(1.0)
    assert state_of(log) is RecordState.OK
    assert log.append(write()) > 0
    log.close()
    assert verify(tmp_path).breaks == ()
    assert next(type(each.record) for each in read(tmp_path)) is RecordsLost


def test_a_flood_is_only_counted_beyond_its_share_and_cannot_remove_the_writes(watched: Watched) -> None:
    first = watched.log.append(write())
    for turn in range(20_000):
        watched.log.append(denial(connection=turn))
    watched.log.maintain(1.0)
    assert state_of(watched.log) is RecordState.FLOODED
    assert watched.states == [RecordState.FLOODED]
    assert watched.log.append(write()) > 0
    assert verify(watched.directory).first == (first, "2025-03-01T12:00:00.002000Z")
    assert len([each for each in watched.records() if isinstance(each, Denied)]) < 500


def test_after_a_flood_its_count_is_recorded_and_denials_are_stored_again(watched: Watched) -> None:
    watched.log.maintain(0.0)
    while watched.log.append(denial()):
        pass
    assert state_of(watched.log) is RecordState.FLOODED
    watched.log.maintain(3600.0)
    assert state_of(watched.log) is RecordState.FLOODED
    watched.log.maintain(7200.0)
    assert state_of(watched.log) is RecordState.OK
    assert watched.log.append(denial()) > 0
    assert sum(each.count for each in watched.records() if isinstance(each, RecordsLost)) == 1


def test_a_file_system_without_the_space_it_allocated_refuses_writes(watched: Watched) -> None:
    watched.disk.write_error = errno.ENOSPC
    with pytest.raises(RecordsFull):
        watched.log.append(write())
    assert state_of(watched.log) is RecordState.FULL
    watched.disk.write_error = 0
    watched.log.sync()
    watched.log.maintain(1.0)
    assert state_of(watched.log) is RecordState.OK
    assert [type(each) for each in watched.records()] == [RecordsLost, Alarm]
    assert verify(watched.directory).breaks == ()


SMALL_DISK = """
import os, sys
from pathlib import Path
from sealbus.records import *
folder = Path(sys.argv[1]) / "records"
log = RecordLog.open(folder, gateway="plant-7", limits=Limits(segment_bytes=65536, bound_bytes=8 * 65536))
written = 0
def write():
    global written
    request = log.append(WriteRequested(connection=1, peer="p", unit=1, function=6, device="d", values=(written,)))
    log.append(WriteOutcome(request=request, outcome=Outcome.DONE))
    written += 1
ballast = Path(sys.argv[1]) / "ballast"
fd = os.open(ballast, os.O_WRONLY | os.O_CREAT)
try:
    while True:
        os.write(fd, b"x" * 4096)
except OSError:
    os.close(fd)
write()
assert log.state is RecordState.OK
while log.state is RecordState.OK:
    write()
assert log.state is RecordState.RESERVE, log.state
while log.state is RecordState.RESERVE:
    write()
assert log.state is RecordState.FULL
try:
    write()
except RecordsFull:
    pass
else:
    raise SystemExit("a write was recorded on a full disk")
ballast.unlink()
log.maintain(1.0)
assert log.state is RecordState.OK, log.reason
write()
log.append(Stopped(reason="done"))
log.close()
found = verify(folder)
assert found.breaks == (), found.breaks
values = [each.record.values[0] for each in read(folder) if isinstance(each.record, WriteRequested)]
assert values == list(range(written)), values
print("kept", written)
"""


def test_a_real_disk_of_256_kib_fills_up_and_recovers(tmp_path: Path) -> None:
    mount = f"mount -t tmpfs -o size=256k tmpfs {tmp_path} && exec {sys.executable} - {tmp_path}"
    unshared = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    try:
        can = subprocess.run([*unshared, f"mount -t tmpfs tmpfs {tmp_path}"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no unshare here")
    if can.returncode:
        pytest.skip(f"a small tmpfs cannot be mounted here: {can.stderr.decode().strip()}")
    done = subprocess.run([*unshared, mount], input=SMALL_DISK, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("kept "), done.stderr
