"""A disk that fails: what was acknowledged is written again, the rest is counted."""

from __future__ import annotations

import errno
import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sealbus.records import (
    Alarm,
    Outcome,
    RecordLog,
    RecordsFull,
    RecordsLost,
    RecordState,
    WriteOutcome,
    read,
    verify,
)
from unit.records.samples import SMALL, FakeDisk, denial, state_of, write

if TYPE_CHECKING:
    from pathlib import Path


def open_log(directory: Path, disk: FakeDisk) -> RecordLog:
    return RecordLog.open(directory, gateway="plant-7", limits=SMALL, host=disk.host())


def maintain_until(log: RecordLog, state: RecordState) -> None:
    for second in range(10):
        log.maintain(float(second))
        log.sync()
        if state_of(log) is state:
            return
    raise AssertionError(f"still {log.state}")


def test_a_failed_sync_is_detected_and_writes_are_refused(tmp_path: Path) -> None:
    disk = FakeDisk()
    log = open_log(tmp_path, disk)
    request = log.append(write())
    disk.sync_error = errno.EIO
    log.append(denial())
    log.sync()
    assert state_of(log) is RecordState.FAILED
    assert log.reason == "the disk with the records fails; writes are refused: Input/output error"
    with pytest.raises(RecordsFull):
        log.append(write())
    assert log.append(WriteOutcome(request=request, outcome=Outcome.DONE)) > 0
    log.close()


def test_bytes_that_a_failed_sync_may_have_lost_are_written_again(tmp_path: Path) -> None:
    disk = FakeDisk()
    log = open_log(tmp_path, disk)
    log.append(write(value=1))
    log.sync()
    disk.sync_error = errno.EIO
    log.append(write(value=4711))
    log.sync()
    segment = tmp_path / "records-00000001.jsonl"
    with segment.open("r+b") as file:  # the pages that were not written are lost from the cache too
        start = segment.read_bytes().index(b'{"sequence":2')
        file.seek(start)
        file.write(bytes(500))
    disk.sync_error = 0
    maintain_until(log, RecordState.OK)
    assert verify(tmp_path).breaks == ()
    assert b'"values":[4711]' in segment.read_bytes()
    log.close()


def test_a_disk_that_keeps_failing_stays_an_alarm_and_the_losses_are_recorded_afterwards(tmp_path: Path) -> None:
    disk = FakeDisk()
    log = open_log(tmp_path, disk)
    disk.sync_error = errno.EIO
    log.append(denial())
    log.sync()
    for second in range(5):
        log.append(denial())
        log.maintain(float(second))
        log.sync()
        assert state_of(log) is RecordState.FAILED
    disk.sync_error = 0
    maintain_until(log, RecordState.OK)
    (lost,) = [each.record for each in read(tmp_path) if isinstance(each.record, RecordsLost)]
    assert lost.by_kind == {"denied": 5}
    assert lost.reason == "the disk with the records fails; writes are refused"
    log.close()


def test_a_failed_sync_of_a_segment_that_was_closed_since_is_repaired_too(tmp_path: Path) -> None:
    disk = FakeDisk()
    log = open_log(tmp_path, disk)
    log.append(write())
    log.sync()
    disk.sync_error = errno.EIO
    with suppress(RecordsFull):  # the failed sync may be noticed before the segment is full
        while not (tmp_path / "records-00000002.jsonl").exists():
            log.append(write())
    log.sync()
    assert state_of(log) is RecordState.FAILED
    disk.sync_error = 0
    maintain_until(log, RecordState.OK)
    assert verify(tmp_path).breaks == ()
    log.close()


def test_a_line_that_was_written_in_part_leaves_no_trace(tmp_path: Path) -> None:
    disk = FakeDisk()
    log = open_log(tmp_path, disk)
    log.append(denial())
    disk.short_writes = True
    with pytest.raises(RecordsFull):
        log.append(write(device="x" * 900))
    disk.short_writes = False
    maintain_until(log, RecordState.OK)
    assert [type(each.record) for each in read(tmp_path)][1:] == [RecordsLost, Alarm]
    assert b"xxx" not in (tmp_path / "records-00000001.jsonl").read_bytes()
    assert verify(tmp_path).breaks == ()
    log.close()


def test_a_write_error_is_reported_until_writing_works_again(tmp_path: Path) -> None:
    disk = FakeDisk()
    states: list[RecordState] = []
    log = RecordLog.open(
        tmp_path,
        gateway="plant-7",
        limits=SMALL,
        host=disk.host(),
        on_change=lambda state, reason: states.append(state),
    )
    disk.write_error = errno.EIO
    assert log.append(denial()) == 0
    for second in range(5):
        log.maintain(float(second))
    assert states == [RecordState.FAILED]
    disk.write_error = 0
    maintain_until(log, RecordState.OK)
    assert states == [RecordState.FAILED, RecordState.OK]
    log.close()


def test_appending_does_not_wait_for_a_slow_disk_and_a_disk_that_hangs_is_an_alarm(tmp_path: Path) -> None:
    disk = FakeDisk()
    hangs, can_continue = threading.Event(), threading.Event()

    def hang(fd: int) -> None:
        hangs.set()
        can_continue.wait(30)

    log = RecordLog.open(tmp_path, gateway="plant-7", limits=SMALL, host=replace(disk.host(), sync=hang))
    log.append(write())
    assert hangs.wait(30)
    assert log.append(write()) == 2
    log.maintain(100.0)
    assert state_of(log) is RecordState.OK
    log.maintain(111.0)
    assert state_of(log) is RecordState.FAILED
    assert log.reason.endswith("the disk has not finished a sync for 10 s")
    can_continue.set()
    maintain_until(log, RecordState.OK)
    log.close()
