"""Opening after a crash: torn bytes are dropped and counted, damage is kept and named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealbus.records import (
    Denied,
    Fault,
    Outcome,
    RecordLog,
    Recovered,
    Stopped,
    Unreadable,
    WriteOutcome,
    read,
    verify,
)
from unit.records.samples import SMALL, FakeDisk, denial, write

if TYPE_CHECKING:
    from pathlib import Path

    from sealbus.records import Record


def open_log(directory: Path, disk: FakeDisk | None = None) -> RecordLog:
    return RecordLog.open(directory, gateway="plant-7", limits=SMALL, host=(disk or FakeDisk()).host())


def crash(directory: Path, records: list[Record]) -> bytes:
    """A run that is interrupted after these records. Returns the lines in the last segment."""
    log = open_log(directory)
    for record in records:
        log.append(record)
    last = newest(directory)
    content = last.read_bytes()
    log.close()
    last.write_bytes(content)  # closing returns the unused space; a crash does not
    return content.rstrip(b"\0")


def newest(directory: Path) -> Path:
    return max(directory.glob("records-*.jsonl"))


def records_of(directory: Path) -> list[object]:
    return [each.record for each in read(directory)]


def test_an_interrupted_run_is_recorded_by_the_next(tmp_path: Path) -> None:
    crash(tmp_path, [denial(), denial()])
    open_log(tmp_path).close()
    assert records_of(tmp_path)[2:] == [Recovered(segment=1, dropped_bytes=0)]
    found = verify(tmp_path)
    assert (found.breaks, found.recoveries) == ((), (3,))


def test_a_run_that_ended_in_order_leaves_no_recovery_record(tmp_path: Path) -> None:
    crash(tmp_path, [denial(), Stopped(reason="SIGTERM")])
    open_log(tmp_path).close()
    assert [type(each) for each in records_of(tmp_path)] == [Denied, Stopped]


def test_a_torn_line_is_dropped_and_its_bytes_are_counted(tmp_path: Path) -> None:
    lines = crash(tmp_path, [denial(), denial(), denial()])
    newest(tmp_path).write_bytes(lines[:-100] + bytes(65536 - len(lines) + 100))
    torn = len(lines) - 100 - lines.rindex(b'{"sequence":3')
    assert verify(tmp_path).breaks[0].fault is Fault.TORN
    open_log(tmp_path).close()
    assert records_of(tmp_path)[2:] == [Recovered(segment=1, dropped_bytes=torn)]
    assert verify(tmp_path).breaks == ()


def test_the_last_line_cut_anywhere_leaves_a_good_log(tmp_path: Path) -> None:
    lines = crash(tmp_path / "0", [denial(), denial()])
    start = lines.rindex(b'{"sequence":2')
    for end in range(start, len(lines), 7):
        directory = tmp_path / str(end)
        directory.mkdir(mode=0o700)
        (directory / "records-00000001.jsonl").write_bytes(lines[:end] + bytes(65536 - end))
        log = open_log(directory)
        assert log.append(denial()) == 3
        log.close()
        assert verify(directory).breaks == ()
        assert Recovered(segment=1, dropped_bytes=end - start) in records_of(directory)


def test_a_segment_without_a_header_is_dropped_and_the_one_before_continued(tmp_path: Path) -> None:
    crash(tmp_path, [denial(), denial()])
    for remains in (b"", b'{"format":1,"gate'):
        (tmp_path / "records-00000002.jsonl").write_bytes(remains + bytes(65536 - len(remains)))
        open_log(tmp_path).close()
        found = verify(tmp_path)
        assert (found.segments, found.breaks) == (1, ())
    assert isinstance(records_of(tmp_path)[-1], Recovered)
    assert records_of(tmp_path)[-1] == Recovered(segment=1, dropped_bytes=17)


def test_a_torn_header_of_the_only_segment_begins_a_new_log(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "records-00000001.jsonl").write_bytes(b'{"format":1,"gate' + bytes(65519))
    log = open_log(tmp_path)
    assert log.append(denial()) == 2
    log.close()
    assert records_of(tmp_path)[0] == Recovered(segment=0, dropped_bytes=17)
    assert verify(tmp_path).breaks == ()


def test_a_changed_record_is_neither_repaired_nor_lost_and_the_next_segment_names_it(tmp_path: Path) -> None:
    lines = crash(tmp_path, [denial(connection=number) for number in range(1, 6)])
    damaged = lines.replace(b'"connection":3', b'"connection":9')
    first = newest(tmp_path)
    first.write_bytes(damaged + bytes(65536 - len(damaged)))
    log = open_log(tmp_path)
    assert log.append(denial()) == 7
    log.close()
    assert first.read_bytes().rstrip(b"\0") == damaged
    found = verify(tmp_path)
    assert len(found.breaks) == 1
    assert (found.breaks[0].file, found.breaks[0].line, found.breaks[0].sequence) == ("records-00000001.jsonl", 4, 3)
    assert found.breaks[0].fault is Fault.CHANGED
    problem = "segment 1, line 4: the record, or one before it, was changed: its hash does not match"
    assert Recovered(segment=1, dropped_bytes=0, problem=problem) in records_of(tmp_path)
    header = newest(tmp_path).read_bytes().split(b"\n")[0]
    assert b'"broken":{"segment":1,"line":4,"problem":"the record, or one before it, was changed' in header


def test_a_hole_with_whole_lines_behind_it_is_damage_and_is_kept(tmp_path: Path) -> None:
    lines = crash(tmp_path, [denial() for _ in range(5)])
    hole = lines.index(b'{"sequence":3')
    holed = lines[:hole] + bytes(100) + lines[hole + 100 :]
    newest(tmp_path).write_bytes(holed + bytes(65536 - len(holed)))
    log = open_log(tmp_path)
    assert log.append(denial()) == 7
    log.close()
    found = verify(tmp_path)
    assert (found.breaks[0].fault, found.breaks[0].sequence) == (Fault.TORN, 3)
    assert len(found.breaks) == 1
    assert any(isinstance(each, Unreadable) for each in records_of(tmp_path))


def test_a_damaged_header_does_not_lose_the_number_of_records_behind_it(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    while newest(tmp_path).name != "records-00000002.jsonl":
        log.append(write())
    last = log.append(denial())
    log.close()
    second = newest(tmp_path)
    second.write_bytes(second.read_bytes().replace(b'"gateway":"plant-7"', b'"gateway":"plant-8"'))
    log = open_log(tmp_path)
    assert log.append(denial()) > last
    log.close()
    found = verify(tmp_path)
    assert [(each.file, each.line) for each in found.breaks] == [("records-00000002.jsonl", 1)]


def test_a_write_without_an_outcome_gets_the_outcome_unknown_once(tmp_path: Path) -> None:
    crash(
        tmp_path,
        [write(value=1), write(value=2), WriteOutcome(request=1, outcome=Outcome.DONE), write(value=3), denial()],
    )
    for _ in range(2):
        log = open_log(tmp_path)
        log.append(Stopped(reason="SIGTERM"))
        log.close()
    why = "the gateway ended before the outcome was recorded"
    assert [each for each in records_of(tmp_path) if isinstance(each, WriteOutcome)] == [
        WriteOutcome(request=1, outcome=Outcome.DONE),
        WriteOutcome(request=2, outcome=Outcome.UNKNOWN, why=why),
        WriteOutcome(request=4, outcome=Outcome.UNKNOWN, why=why),
    ]
    assert verify(tmp_path).writes_without_outcome == 0


def test_a_write_in_the_segment_before_is_found_too(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    request = log.append(write())
    while newest(tmp_path).name != "records-00000002.jsonl":
        log.append(denial())
    log.close()
    open_log(tmp_path).close()
    outcomes = [each for each in records_of(tmp_path) if isinstance(each, WriteOutcome)]
    assert [each.request for each in outcomes] == [request]


def test_a_crash_on_a_full_disk_leaves_the_allocated_space(tmp_path: Path) -> None:
    crash(tmp_path, [denial()])
    (tmp_path / "reserve").unlink()
    disk = FakeDisk()
    disk.full = True
    log = open_log(tmp_path, disk)
    assert log.append(write()) > 0
    log.close()


def test_a_reserve_with_remains_in_it_is_not_used_as_it_is(tmp_path: Path) -> None:
    crash(tmp_path, [denial()])
    (tmp_path / "reserve").write_bytes(b'{"format":1' + bytes(65525))
    open_log(tmp_path).close()
    assert (tmp_path / "reserve").read_bytes() == bytes(65536)
