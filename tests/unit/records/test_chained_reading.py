"""A reader that takes records elsewhere is told for each whether the chain proves it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sealbus.records import Position, RecordLog, Unreadable, read_chained
from sealbus.records.chain import seal_record
from unit.records.samples import SMALL, FakeDisk, denial, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sealbus.records import Chained

BEGINNING = Position()


def _open(directory: Path) -> RecordLog:
    return RecordLog.open(directory, gateway="plant-7", limits=SMALL, host=FakeDisk().host())


def _log(directory: Path, count: int) -> None:
    log = _open(directory)
    for _ in range(count):
        log.append(write())
    log.close()


def _rest(directory: Path, position: Position = BEGINNING) -> list[Chained]:
    return list(read_chained(directory, position))


def _proven(found: list[Chained]) -> list[int]:
    return [each.stored.sequence for each in found if not each.position.broken]


def _unproven(found: list[Chained]) -> list[int]:
    return [each.stored.sequence for each in found if each.position.broken]


def _change(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change the lines of a segment; the first is its header."""
    path.write_bytes(b"".join(change(path.read_bytes().rstrip(b"\0").splitlines(keepends=True))))


def _segments(directory: Path) -> list[Path]:
    return sorted(directory.glob("records-*"))


def test_every_record_of_an_unchanged_log_is_proven_in_any_number_of_rounds(tmp_path: Path) -> None:
    log = _open(tmp_path)
    position, seen = BEGINNING, list[int]()
    for burst in (3, 0, 150, 1, 260, 2):
        for _ in range(burst):
            log.append(write())
        for each in read_chained(tmp_path, position):
            position = each.position
            seen.append(each.stored.sequence)
            assert not position.broken
    log.close()
    assert len(_segments(tmp_path)) > 2
    assert seen == list(range(1, 417))


def test_a_changed_record_and_all_after_it_are_unproven_and_the_place_is_named(tmp_path: Path) -> None:
    _log(tmp_path, 5)
    (path,) = _segments(tmp_path)
    _change(path, lambda lines: [*lines[:3], lines[3].replace(b'"values":[7]', b'"values":[8]'), *lines[4:]])
    found = _rest(tmp_path)
    assert (_proven(found), _unproven(found)) == ([1, 2], [3, 4, 5])
    assert found[2].position.broken == (
        "records-00000001.jsonl, line 4 (record 3): changed: the record, or one before it, was changed: its hash does not "
        "match"
    )
    assert found[4].position.broken == found[2].position.broken
    assert found[4].position.proven_hash == found[1].stored.hash


def test_an_invented_record_is_unproven_even_with_a_hash_of_its_own(tmp_path: Path) -> None:
    _log(tmp_path, 3)
    (path,) = _segments(tmp_path)
    invented, _ = seal_record(b"\1" * 32, 4, 0, json.dumps({"kind": "stopped", "reason": "x"}).encode())
    _change(path, lambda lines: [*lines, invented])
    assert (_proven(found := _rest(tmp_path)), _unproven(found)) == ([1, 2, 3], [4])


@pytest.mark.parametrize(
    ("change", "proven"),
    [
        pytest.param(lambda lines: [*lines[:3], *lines[4:]], [1, 2], id="removed"),
        pytest.param(lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]], [1, 2], id="moved"),
        pytest.param(lambda lines: [*lines[:3], lines[2], *lines[3:]], [1, 2], id="repeated"),
        pytest.param(lambda lines: [*lines[:3], b"\xff\n", *lines[4:]], [1, 2], id="overwritten"),
        pytest.param(lambda lines: [lines[0].replace(b"plant-7", b"plant-8"), *lines[1:]], [], id="header"),
        pytest.param(lambda lines: lines[1:], [], id="no header"),
    ],
)
def test_a_record_behind_any_change_is_unproven(
    change: Callable[[list[bytes]], list[bytes]], proven: list[int], tmp_path: Path
) -> None:
    _log(tmp_path, 5)
    (path,) = _segments(tmp_path)
    _change(path, change)
    found = _rest(tmp_path)
    assert _proven(found) == proven
    assert found[-1].stored.sequence >= 5
    assert found[-1].position.broken


def test_a_missing_segment_in_the_middle_breaks_the_chain(tmp_path: Path) -> None:
    _log(tmp_path, 400)
    first, missing, after, *_ = _segments(tmp_path)
    begin = json.loads(after.read_bytes().splitlines()[0])["first"]
    missing.unlink()
    found = _rest(tmp_path)
    assert _proven(found) == list(range(1, first.read_bytes().count(b"\n")))
    assert _unproven(found) == list(range(begin, 401))
    assert after.name in found[-1].position.broken


def test_segments_that_the_bound_removed_are_a_gap_and_no_break(tmp_path: Path) -> None:
    log = _open(tmp_path)
    log.append(write())
    (taken,) = _rest(tmp_path)
    for _ in range(1000):
        log.append(write())
    log.close()
    found = _rest(tmp_path, taken.position)
    assert found[0].stored.sequence > 2
    assert _proven(found) == list(range(found[0].stored.sequence, found[-1].stored.sequence + 1))


def test_a_segment_that_follows_what_was_taken_by_number_only_breaks_the_chain(tmp_path: Path) -> None:
    """The first segment kept begins with the next record, but not with the hash of the record that was taken."""
    _log(tmp_path, 400)
    first, second, *_ = _segments(tmp_path)
    begin = json.loads(second.read_bytes().splitlines()[0])["first"]
    taken = next(each for each in _rest(tmp_path) if each.stored.sequence == begin - 1)
    first.unlink()
    assert not _unproven(_rest(tmp_path, taken.position))
    other = Position(begin - 1, "ab" * 32, "ab" * 32)
    assert _unproven(_rest(tmp_path, other))[0] == begin


def test_a_change_before_the_position_does_not_matter_for_what_follows(tmp_path: Path) -> None:
    _log(tmp_path, 3)
    position = _rest(tmp_path)[-1].position
    (path,) = _segments(tmp_path)
    _change(path, lambda lines: [*lines[:2], lines[2].replace(b'"values":[7]', b'"values":[8]'), *lines[3:]])
    line, _ = seal_record(bytes.fromhex(position.hash), 4, 0, b'{"kind":"stopped","reason":"x"}')
    _change(path, lambda lines: [*lines, line])
    assert _proven(_rest(tmp_path, position)) == [4]


def test_a_kind_of_a_later_version_is_proven_though_it_cannot_be_decoded(tmp_path: Path) -> None:
    _log(tmp_path, 1)
    (path,) = _segments(tmp_path)
    digest = bytes.fromhex(_rest(tmp_path)[-1].stored.hash)
    line, _ = seal_record(digest, 2, 0, b'{"kind":"dreamt"}')
    _change(path, lambda lines: [*lines, line])
    found = _rest(tmp_path)[-1]
    assert isinstance(found.stored.record, Unreadable)
    assert (found.position.sequence, found.position.broken) == (2, "")


def test_the_chain_is_proven_again_by_a_segment_that_states_the_damage(tmp_path: Path) -> None:
    """A gateway that starts on a damaged record begins a segment that follows the last good line."""
    _log(tmp_path, 5)
    (path,) = _segments(tmp_path)
    _change(path, lambda lines: [*lines[:3], lines[3].replace(b'"values":[7]', b'"values":[8]'), *lines[4:]])
    _log(tmp_path, 2)
    found = _rest(tmp_path)
    assert (_proven(found), _unproven(found)) == ([1, 2, *range(6, found[-1].stored.sequence + 1)], [3, 4, 5])
    at_the_damage = found[3].position
    assert at_the_damage.broken
    assert _proven(_rest(tmp_path, at_the_damage)) == list(range(6, found[-1].stored.sequence + 1)), "in a later round"


def test_a_segment_that_states_damage_but_follows_another_line_proves_nothing(tmp_path: Path) -> None:
    _log(tmp_path, 5)
    (path,) = _segments(tmp_path)
    _change(path, lambda lines: [*lines[:3], lines[3].replace(b'"values":[7]', b'"values":[8]'), *lines[4:]])
    _log(tmp_path, 2)
    found = _rest(tmp_path)
    another = Position(5, found[4].position.hash, "ab" * 32, found[4].position.broken)
    assert _proven(_rest(tmp_path, another)) == []


def test_an_invented_number_cannot_hide_the_records_after_it(tmp_path: Path) -> None:
    log = _open(tmp_path)
    for _ in range(3):
        log.append(denial())
    path = tmp_path / "records-00000001.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'{"sequence":2,', b'{"sequence":9007199254740992,', 1)[: len(whole)])
    found = _rest(tmp_path)
    log.close()
    assert [each.stored.sequence for each in found] == [1, 2, 3]
    assert isinstance(found[1].stored.record, Unreadable)
