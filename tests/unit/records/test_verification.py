"""Every change to the files is found, and named exactly."""

from __future__ import annotations

import shutil
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealbus.errors import ConfigError
from sealbus.records import Break, Fault, Limits, RecordLog, SegmentRemoved, Stopped, Verification, read, verify
from unit.records.samples import SMALL, FakeDisk, denial, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def open_log(directory: Path, disk: FakeDisk | None = None) -> RecordLog:
    return RecordLog.open(directory, gateway="plant-7", limits=SMALL, host=(disk or FakeDisk()).host())


def segment(directory: Path, number: int) -> Path:
    return directory / f"records-{number:08d}.jsonl"


def edit(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


def first_bad(directory: Path) -> Break:
    return verify(directory).breaks[0]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four segments, closed in order. The second begins after about record 168."""
    directory = tmp_path_factory.mktemp("pristine")
    log = open_log(directory)
    while not segment(directory, 4).exists():
        log.append(write())
    for number in range(5):
        log.append(denial(connection=number))
    log.append(Stopped(reason="SIGTERM"))
    log.close()
    return directory


@pytest.fixture
def records(pristine: Path, tmp_path: Path) -> Path:
    return shutil.copytree(pristine, tmp_path / "records")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One segment of a running gateway, with zero bytes behind the lines."""
    directory = tmp_path_factory.mktemp("tiny")
    log = open_log(directory)
    for number in range(6):
        log.append(denial(connection=number))
    log.sync()
    yield directory
    log.close()


def test_a_good_log_is_reported_as_good_with_its_figures(pristine: Path) -> None:
    found = verify(pristine)
    stored = list(read(pristine))
    assert found == Verification(
        gateway="plant-7",
        segments=4,
        records=len(stored),
        first_segment=1,
        first=(1, "2025-03-01T12:00:00.002000Z"),
        last=(len(stored), stored[-1].time),
        head=(len(stored), segment(pristine, 4).read_bytes()[-67:-3].decode()),
        removal_recorded_by=None,
        recoveries=(),
        writes_without_outcome=len(stored) - 6,
        clock_set_back=0,
        breaks=(),
    )


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_single_byte_that_is_changed_is_found(data: st.DataObject, tiny: Path) -> None:
    original = segment(tiny, 1).read_bytes()
    end = len(original.rstrip(b"\0"))
    position = data.draw(st.integers(0, end - 1))
    value = data.draw(st.integers(0, 255).filter(lambda byte: byte != original[position]))
    with segment(tiny, 1).open("r+b") as file:
        file.seek(position)
        file.write(bytes([value]))
    try:
        bad = first_bad(tiny)
        assert bad.file == "records-00000001.jsonl"
        assert bad.line == original.count(b"\n", 0, position) + 1
    finally:
        segment(tiny, 1).write_bytes(original)
    assert verify(tiny).breaks == ()


def test_bytes_after_the_end_are_found(tiny: Path) -> None:
    original = segment(tiny, 1).read_bytes()
    segment(tiny, 1).write_bytes(original[:-10] + b"?" + original[-9:])
    try:
        assert first_bad(tiny).fault is Fault.TORN
    finally:
        segment(tiny, 1).write_bytes(original)


def test_a_line_that_was_deleted_is_a_gap(records: Path) -> None:
    edit(segment(records, 2), lambda lines: lines[:10] + lines[11:])
    bad = first_bad(records)
    assert (bad.file, bad.line, bad.fault) == ("records-00000002.jsonl", 11, Fault.SEQUENCE)
    assert bad.detail == f"found record {(bad.sequence or 0) + 1}, expected {bad.sequence}"


def test_lines_that_were_swapped_are_found(records: Path) -> None:
    edit(segment(records, 2), lambda lines: lines[:10] + [lines[11], lines[10]] + lines[12:])
    assert (first_bad(records).line, first_bad(records).fault) == (11, Fault.SEQUENCE)


def test_a_line_that_was_inserted_is_found(records: Path) -> None:
    edit(segment(records, 2), lambda lines: [*lines[:10], lines[9], *lines[10:]])
    assert (first_bad(records).line, first_bad(records).fault) == (11, Fault.SEQUENCE)


def test_a_record_replaced_with_a_hash_of_its_own_breaks_the_next(records: Path) -> None:
    other = open_log(records.parent / "other")
    for _ in range(20):
        other.append(write(value=8))
    other.close()
    forged = segment(records.parent / "other", 1).read_bytes().splitlines(keepends=True)[10]
    edit(segment(records, 1), lambda lines: [*lines[:10], forged, *lines[11:]])
    assert (first_bad(records).line, first_bad(records).fault) == (11, Fault.CHANGED)


def test_a_line_that_is_not_json_is_reported_as_such(records: Path) -> None:
    edit(segment(records, 1), lambda lines: [*lines[:3], b"once upon a time\n", *lines[4:]])
    assert str(first_bad(records)) == (
        "records-00000001.jsonl, line 4 (record 3): not JSON: the line is not a record in JSON"
    )


def test_a_segment_in_the_middle_that_is_missing_is_named(records: Path) -> None:
    last_line = segment(records, 2).read_bytes().count(b"\n")
    segment(records, 3).unlink()
    bad = first_bad(records)
    assert (bad.file, bad.line, bad.fault) == ("records-00000002.jsonl", last_line, Fault.MISSING)
    assert bad.detail == "segment 3 should follow and cannot be found"
    segment(records, 2).unlink()
    assert first_bad(records).detail == "segments 2 to 3 should follow and cannot be found"


def test_a_missing_beginning_without_a_record_of_its_removal_is_found(records: Path) -> None:
    segment(records, 1).unlink()
    bad = first_bad(records)
    assert (bad.file, bad.line, bad.fault) == ("records-00000002.jsonl", 1, Fault.UNRECORDED)
    assert bad.detail == "the segments before this one are missing, and no record states that the bound removed them"


def test_more_missing_than_the_bound_removed_is_found(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    while not any(isinstance(each.record, SegmentRemoved) for each in read(tmp_path, after=600)):
        log.append(write())
    log.sync()
    log.maintain(1.0)
    log.close()
    assert verify(tmp_path).breaks == ()
    segment(tmp_path, verify(tmp_path).first_segment).unlink()
    assert first_bad(tmp_path).fault is Fault.UNRECORDED


def test_a_removal_that_is_recorded_and_not_yet_done_is_good(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    while not any(isinstance(each.record, SegmentRemoved) for each in read(tmp_path, after=600)):
        log.append(write())
    assert segment(tmp_path, 1).exists()
    assert verify(tmp_path).breaks == ()
    log.close()


def test_the_end_of_a_closed_segment_that_was_cut_off_is_found(records: Path) -> None:
    edit(segment(records, 2), lambda lines: lines[:-3])
    bad = first_bad(records)
    assert (bad.file, bad.line, bad.fault) == ("records-00000003.jsonl", 1, Fault.SEQUENCE)


def test_a_segment_under_another_name_is_found(records: Path) -> None:
    segment(records, 4).rename(segment(records, 5))
    segment(records, 3).rename(segment(records, 4))
    segment(records, 2).rename(segment(records, 3))
    shutil.copy(segment(records, 1), segment(records, 2))
    bad = first_bad(records)
    assert (bad.file, bad.line, bad.fault) == ("records-00000002.jsonl", 1, Fault.HEADER)
    assert bad.detail == "the header belongs to segment 1"


def test_a_segment_of_another_gateway_is_found(records: Path) -> None:
    other = open_log(records.parent / "other")
    while not segment(records.parent / "other", 3).exists():
        other.append(write(value=8))
    other.close()
    shutil.copy(segment(records.parent / "other", 2), segment(records, 2))
    assert (first_bad(records).file, first_bad(records).line) == ("records-00000002.jsonl", 1)


def test_one_damaged_segment_does_not_hide_the_others(records: Path) -> None:
    total = verify(records).records
    edit(segment(records, 1), lambda lines: [*lines[:3], b"?\n", *lines[4:]])
    edit(segment(records, 3), lambda lines: [*lines[:3], b"?\n", *lines[4:]])
    found = verify(records)
    assert [(each.file, each.line) for each in found.breaks] == [
        ("records-00000001.jsonl", 4),
        ("records-00000003.jsonl", 4),
    ]
    assert total / 4 < found.records < total


def test_a_format_of_a_later_version_is_not_reported_as_damage(records: Path) -> None:
    edit(segment(records, 1), lambda lines: [lines[0].replace(b'"format":1', b'"format":2'), *lines[1:]])
    assert first_bad(records).detail == "format 2 is unknown; use a newer Sealbus"


def test_an_end_that_was_cut_off_is_found_when_the_last_record_was_noted(records: Path) -> None:
    noted = verify(records).head
    assert verify(records, noted=noted).breaks == ()
    edit(segment(records, 4), lambda lines: lines[:-2])
    assert verify(records).breaks == ()
    bad = verify(records, noted=noted).breaks[0]
    assert bad.fault is Fault.HEAD_MISMATCH
    assert bad.detail == f"record {noted[0]} was noted and is missing; the last good record is {noted[0] - 2}"


def test_a_recomputed_chain_is_found_when_a_record_was_noted(records: Path) -> None:
    noted = (20, verify(records).head[1])
    bad = verify(records, noted=noted).breaks[0]
    assert bad.detail == "record 20 was noted with another hash"


def test_a_head_noted_at_the_beginning_of_a_segment_is_found_again(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    noted = log.head
    assert noted[0] == 0
    log.append(denial())
    assert verify(tmp_path, noted=noted).breaks == ()
    log.close()


def test_a_noted_record_that_the_bound_removed_cannot_be_checked(records: Path) -> None:
    log = open_log(records)
    while verify(records).first_segment == 1:
        log.append(write())
        log.sync()
        log.maintain(1.0)
    log.close()
    with pytest.raises(ConfigError, match=r"record 5 is no longer kept; the records begin at .*; use a newer one"):
        verify(records, noted=(5, "0" * 64))


def test_a_clock_that_was_set_back_is_counted(tmp_path: Path) -> None:
    disk = FakeDisk()
    log = open_log(tmp_path, disk)
    log.append(denial())
    disk.now_ns -= 3_600_000_000_000
    log.append(denial())
    log.append(denial())
    log.close()
    assert verify(tmp_path).clock_set_back == 1


def test_a_directory_without_records_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there are no records here"):
        verify(tmp_path)
    with pytest.raises(ConfigError, match="the records cannot be read: No such file or directory"):
        verify(tmp_path / "missing")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="the records cannot be read: Not a directory"):
        verify(tmp_path / "file")


def test_segments_that_come_and_go_while_they_are_read_are_no_break(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    while not segment(tmp_path, 4).exists():
        log.append(write())
    attempts: list[int] = []

    def gateway_goes_on(number: int, last: int) -> None:
        attempts.append(number)
        for _ in range(250 if len(attempts) < 9 else 0):
            log.append(write())
        log.sync()
        log.maintain(1.0)

    found = verify(tmp_path, progress=gateway_goes_on)
    assert found.breaks == ()
    assert found.first_segment > 1
    assert found.head == log.head
    log.close()


def test_records_that_are_written_while_they_are_read_are_no_break(tmp_path: Path) -> None:
    limits = Limits(segment_bytes=65536, bound_bytes=100 * 65536)
    log = RecordLog.open(tmp_path, gateway="plant-7", limits=limits, host=FakeDisk().host())

    def gateway() -> None:
        for _ in range(5000):
            log.append(write())

    writing = threading.Thread(target=gateway)
    writing.start()
    while writing.is_alive():
        assert verify(tmp_path).breaks == ()
        assert [each.sequence for each in read(tmp_path, after=50)][:2] in ([], [51], [51, 52])
    assert verify(tmp_path).records == 5000
    log.close()
