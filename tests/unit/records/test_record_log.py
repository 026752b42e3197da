"""Appending, numbering, new segments, the bound, and the single writer."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from sealbus.errors import ConfigError
from sealbus.records import (
    Limits,
    Outcome,
    Record,
    RecordLog,
    RecordState,
    SegmentRemoved,
    Started,
    Stopped,
    WriteOutcome,
    read,
    verify,
)
from unit.records.samples import SMALL, FakeDisk, denial, state_of, write

if TYPE_CHECKING:
    from pathlib import Path


def open_log(directory: Path, disk: FakeDisk | None = None, limits: Limits = SMALL) -> RecordLog:
    return RecordLog.open(directory, gateway="plant-7", limits=limits, host=(disk or FakeDisk()).host())


def test_records_are_numbered_from_one_and_read_back_as_they_were(tmp_path: Path) -> None:
    log = open_log(tmp_path / "records")
    records: list[Record] = [
        Started(version="1.0", listeners=("mbaps://0.0.0.0:802",)),
        write(),
        WriteOutcome(request=2, outcome=Outcome.EXCEPTION, exception_code=4),
        denial(),
        Stopped(reason="SIGTERM"),
    ]
    assert [log.append(record) for record in records] == [1, 2, 3, 4, 5]
    stored = list(read(tmp_path / "records"))
    assert [each.record for each in stored] == records
    assert [each.time for each in stored][:2] == ["2025-03-01T12:00:00.002000Z", "2025-03-01T12:00:00.003000Z"]
    log.close()
    assert verify(tmp_path / "records").records == 5


def test_a_record_is_in_the_file_when_append_returns(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append(write(value=4711))
    assert b'"values":[4711]' in (tmp_path / "records-00000001.jsonl").read_bytes()
    log.close()


def test_the_next_run_continues_the_chain(tmp_path: Path) -> None:
    for run in range(3):
        log = open_log(tmp_path)
        assert log.append(Started(version="1.0", listeners=())) == 2 * run + 1
        log.append(Stopped(reason="test"))
        log.close()
    found = verify(tmp_path)
    assert (found.records, found.segments, found.breaks, found.recoveries) == (6, 1, (), ())


def test_files_are_for_the_owner_only(tmp_path: Path) -> None:
    log = open_log(tmp_path / "records")
    log.append(denial())
    log.close()
    assert stat.S_IMODE((tmp_path / "records").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "records").iterdir()} == {0o600}


def test_segments_are_read_by_the_group_that_may_list_the_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    log = open_log(tmp_path)
    log.append(denial())
    log.close()
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("*.jsonl")} == {0o640}


def test_a_directory_that_other_users_may_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o770)
    with pytest.raises(ConfigError, match=r"other users than the owner may write to the records .mode 770.*chmod 700"):
        open_log(tmp_path)


def test_a_second_writer_is_refused_and_the_error_names_the_first(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    with pytest.raises(ConfigError, match=rf"another process writes its records here .process {os.getpid()}"):
        open_log(tmp_path)
    log.close()
    open_log(tmp_path).close()


def test_the_lock_does_not_outlive_its_process(tmp_path: Path) -> None:
    script = (
        "import sys, os; from sealbus.records import RecordLog; RecordLog.open(sys.argv[1], gateway='g'); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", script, tmp_path], check=False).returncode == 9
    open_log(tmp_path).close()


def test_too_small_limits_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least 65536 bytes, not 4096"):
        Limits(segment_bytes=4096)
    with pytest.raises(ConfigError, match="too small for 4 segments; allow at least 262144 bytes"):
        Limits(segment_bytes=65536, bound_bytes=3 * 65536)


def test_a_full_segment_is_closed_at_its_length_and_the_chain_continues_in_the_next(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    for _ in range(400):
        log.append(write())
    assert (tmp_path / "records-00000001.jsonl").stat().st_size < SMALL.segment_bytes
    assert (tmp_path / "records-00000001.jsonl").read_bytes().endswith(b'"}\n')
    assert (tmp_path / "reserve").stat().st_size == SMALL.segment_bytes
    found = verify(tmp_path)
    assert found.records == 400
    assert found.segments == 3
    assert found.breaks == ()
    log.close()


def test_the_bound_removes_the_oldest_segment_after_a_record_has_announced_it(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    while verify(tmp_path).segments < 5:
        log.append(write())
    assert (tmp_path / "records-00000001.jsonl").exists()
    (removal,) = [each for each in read(tmp_path) if isinstance(each.record, SegmentRemoved)]
    assert isinstance(removal.record, SegmentRemoved)
    assert removal.record.segment == 1
    assert removal.record.first_sequence == 1
    log.sync()
    log.maintain(1.0)
    assert not (tmp_path / "records-00000001.jsonl").exists()
    found = verify(tmp_path)
    assert found.breaks == ()
    assert found.first_segment == 2
    assert found.first is not None
    assert found.first[0] == removal.record.last_sequence + 1
    assert found.removal_recorded_by == removal.sequence
    log.close()


def test_the_directory_never_exceeds_its_bound(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    for turn in range(3000):
        log.append(write())
        if turn % 50 == 0:
            log.sync()
            log.maintain(float(turn))
            assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= SMALL.bound_bytes
    assert state_of(log) is RecordState.OK
    assert verify(tmp_path).breaks == ()
    log.close()


def test_the_bound_counts_what_earlier_runs_left(tmp_path: Path) -> None:
    for run in range(8):
        log = open_log(tmp_path)
        for _ in range(170):
            log.append(write())
        log.sync()
        log.maintain(float(run))
        log.close()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= SMALL.bound_bytes
    assert verify(tmp_path).breaks == ()


def test_appended_records_are_synced_without_a_call(tmp_path: Path) -> None:
    disk = FakeDisk()
    log = open_log(tmp_path, disk)
    log.sync()
    for _ in range(3):
        disk.synced.clear()
        log.append(write())
        assert disk.synced.wait(30)
    log.close()


def test_the_head_is_the_number_and_hash_of_the_last_line(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append(denial())
    log.append(denial())
    assert log.head == verify(tmp_path).head
    assert log.head[0] == 2
    log.close()
