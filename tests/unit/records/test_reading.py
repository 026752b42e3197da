"""Reading records: in order, once each, beside a writer, and past unreadable lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sealbus.errors import ConfigError
from sealbus.records import RecordLog, Unreadable, newest_sequence, read
from unit.records.samples import SMALL, FakeDisk, denial, write

if TYPE_CHECKING:
    from pathlib import Path


def open_log(directory: Path) -> RecordLog:
    return RecordLog.open(directory, gateway="plant-7", limits=SMALL, host=FakeDisk().host())


def test_a_reader_that_continues_after_its_last_number_sees_every_record_once(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    seen: list[int] = []
    for burst in (3, 0, 250, 1, 170):
        for _ in range(burst):
            log.append(write())
        seen += [each.sequence for each in read(tmp_path, after=seen[-1] if seen else 0)]
    log.close()
    assert seen == list(range(1, 425))


def test_the_newest_number_is_that_of_the_last_record(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    assert newest_sequence(tmp_path) == 0
    for _ in range(200):
        log.append(write())
    assert newest_sequence(tmp_path) == 200
    log.close()


def test_an_incomplete_line_is_not_read(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append(denial())
    log.append(denial())
    log.close()
    path = tmp_path / "records-00000001.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    assert [each.sequence for each in read(tmp_path)] == [1]


def test_a_read_during_a_write_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log(tmp_path)
    for _ in range(3):
        log.append(denial())
    whole = (tmp_path / "records-00000001.jsonl").read_bytes()
    begin = whole.index(b"\n", whole.index(b"\n") + 1) + 1  # of the second record
    torn = whole[:begin] + bytes(20) + whole[begin + 20 :]
    attempts = iter([torn, whole, whole])
    monkeypatch.setattr("sealbus.records.segments._read_from", lambda _, offset: next(attempts)[offset:])
    assert [(each.sequence, type(each.record).__name__) for each in read(tmp_path)] == [
        (1, "Denied"),
        (2, "Denied"),
        (3, "Denied"),
    ]
    log.close()


def test_a_damaged_line_is_returned_as_unreadable_at_its_position(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    for _ in range(3):
        log.append(denial())
    log.close()
    path = tmp_path / "records-00000001.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b"\xff?\n", lines[3]]))
    stored = list(read(tmp_path))
    assert [each.sequence for each in stored] == [1, 2, 3]
    assert stored[1].record == Unreadable(file="records-00000001.jsonl", line=3, text="\ufffd?")


def test_a_kind_of_a_later_version_is_returned_as_unreadable(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append(denial())
    log.close()
    path = tmp_path / "records-00000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"kind":"denied"', b'"kind":"dreamt"'))
    (stored,) = read(tmp_path)
    assert isinstance(stored.record, Unreadable)
    assert '"kind":"dreamt"' in stored.record.text


def test_a_directory_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the records cannot be read: No such file or directory"):
        list(read(tmp_path / "missing"))
    with pytest.raises(ConfigError, match="the records cannot be read"):
        newest_sequence(tmp_path / "missing")
