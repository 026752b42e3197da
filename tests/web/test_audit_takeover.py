"""The records of a gateway are in the audit, each once, and missing ones are recorded as a gap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sealbus.records import (
    Connected,
    Denied,
    Disconnected,
    HandshakeFailed,
    Limits,
    Outcome,
    RecordLog,
    Started,
    WriteOutcome,
    WriteRequested,
    newest_sequence,
    read,
)
from sealbus.records.chain import seal_record
from sealbus.web.audit import takeover
from sealbus.web.audit.models import Entry, Result, Source
from sealbus.web.audit.takeover import records_problem, take_records
from sealbus.web.audit.verification import verify_chain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sealbus.records import Record

pytestmark = pytest.mark.django_db

SMALL = Limits(segment_bytes=65536, bound_bytes=6 * 65536)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "records"


@pytest.fixture
def log(folder: Path) -> Iterator[RecordLog]:
    log = RecordLog.open(folder, gateway="plant-7", limits=SMALL)
    yield log
    log.close()


def _denial(reason: str = "no rule of the role allows it") -> Denied:
    return Denied(
        connection=1, peer="203.0.113.7:50123", unit=3, function=6, reason=reason, subject="CN=op", role="Operator",
        table="holding", address=100, count=1,
    )  # fmt: skip


def _write(values: tuple[int, ...] = (7, 8)) -> WriteRequested:
    return WriteRequested(
        connection=1, peer="[2001:db8::7]:50123", unit=3, function=16, device="tcp://10.0.0.5:502", subject="CN=op",
        role="Operator", table="holding", address=100, count=2, values=values, rule="Operator/2",
    )  # fmt: skip


def _take(folder: Path) -> int:
    return take_records(folder, name="plant-7")


def _actions() -> list[str]:
    return [entry.action for entry in Entry.objects.order_by("sequence")]


def _source() -> Source:
    return Source.objects.get(name="plant-7")


def test_a_denial_names_client_address_request_and_reason(log: RecordLog, folder: Path) -> None:
    log.append(_denial())
    assert _take(folder) == 1
    entry = Entry.objects.get()
    assert (entry.action, entry.result) == ("gateway.denied", Result.REFUSED)
    assert (entry.actor_kind, entry.actor_name, entry.address) == ("gateway", "CN=op", "203.0.113.7")
    assert (entry.target_kind, entry.target_name) == ("gateway-record", "plant-7")
    (stored,) = read(folder)
    assert entry.detail == {
        "at": stored.time, "record_hash": stored.hash, "connection": 1, "peer": "203.0.113.7:50123", "unit": 3,
        "function": 6, "reason": "no rule of the role allows it", "subject": "CN=op", "role": "Operator",
        "table": "holding", "address": 100, "count": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (Outcome.DONE, "done"),
        (Outcome.EXCEPTION, "failed"),
        (Outcome.UNKNOWN, "unknown"),
        (Outcome.NOT_SENT, "failed"),
        (Outcome.MISMATCH, "failed"),
    ],
)
def test_a_write_and_its_outcome_are_taken_and_the_outcome_repeats_the_write(
    outcome: Outcome, result: str, log: RecordLog, folder: Path
) -> None:
    request = log.append(_write())
    assert _take(folder) == 1, "the outcome comes in a later round"
    log.append(WriteOutcome(request=request, outcome=outcome, why="so"))
    assert _take(folder) == 1
    requested, ended = Entry.objects.order_by("sequence")
    assert (requested.action, requested.result) == ("gateway.write_requested", "unknown")
    assert (ended.action, ended.result) == ("gateway.write_outcome", result)
    assert (ended.actor_name, ended.address) == ("CN=op", "2001:db8::7")
    assert ended.detail["values"] == [7, 8]
    assert ended.detail["device"] == "tcp://10.0.0.5:502"
    assert (ended.detail["request"], ended.detail["why"]) == (request, "so")


def test_connection_records_are_skipped_and_counted(log: RecordLog, folder: Path) -> None:
    records: list[Record] = [
        Started(version="1", listeners=("mbaps://127.0.0.1",)),
        Connected(listener="l", connection=1, peer="203.0.113.7:1"),
        HandshakeFailed(listener="l", peer="203.0.113.8:1", reason="no certificate"),
        Disconnected(connection=1, reason="r", requests=1, duration_s=1.0),
    ]
    for record in records:
        log.append(record)
    assert _take(folder) == 4
    assert _actions() == ["gateway.started", "gateway.handshake_failed"]
    assert _source().sequence == 4
    assert _take(folder) == 0


def test_each_record_is_taken_once_over_many_rounds_and_segments(log: RecordLog, folder: Path) -> None:
    total = 0
    for _ in range(5):
        _write_many(log, 120)
        total += _take(folder)
        assert _take(folder) == 0
    assert total == newest_sequence(folder)
    assert len(list(folder.glob("records-*"))) > 2
    numbers = [int(entry.target_id.rpartition(":")[2]) for entry in Entry.objects.order_by("sequence")]
    assert numbers == list(range(1, total + 1))
    assert verify_chain().good


def test_records_removed_by_the_bound_before_they_were_taken_are_reported(folder: Path) -> None:
    log = RecordLog.open(folder, gateway="plant-7", limits=SMALL)
    log.append(_denial())
    assert _take(folder) == 1
    _write_many(log, 1000)
    log.close()  # which removes what the bound asks for
    first = next(read(folder)).sequence
    assert first > 2
    _take(folder)
    gap = Entry.objects.get(action="gateway.gap")
    assert (gap.detail["first"], gap.detail["last"], gap.result) == (2, first - 1, "unknown")
    assert Entry.objects.get(sequence=gap.sequence + 1).target_id.endswith(f":{first}")
    assert _source().sequence == newest_sequence(folder)
    assert _take(folder) == 0
    assert Entry.objects.filter(action="gateway.gap").count() == 1


def test_an_unreadable_line_becomes_an_entry_for_an_unreadable_line(folder: Path) -> None:
    log = RecordLog.open(folder, gateway="plant-7", limits=SMALL)
    for _ in range(3):
        log.append(_denial())
    log.close()
    (segment,) = folder.glob("records-*")
    lines = segment.read_bytes().split(b"\n")
    lines[2] = b'{"sequence":2,"garbage' + b"\0" * 20
    segment.write_bytes(b"\n".join(lines))
    assert _take(folder) == 3
    assert _actions() == ["gateway.denied", "gateway.chain_broken", "gateway.unreadable", "gateway.denied"]
    damaged = Entry.objects.get(action="gateway.unreadable")
    assert damaged.detail["line"] == 3
    assert damaged.detail["text"].startswith('{"sequence":2')
    assert _take(folder) == 0


def _change(folder: Path, number: int, old: bytes, new: bytes) -> None:
    """Change the line of this record, as somebody may who can write the file but has not computed the chain again."""
    (segment,) = folder.glob("records-*")
    lines = segment.read_bytes().split(b"\n")
    assert old in lines[number]
    lines[number] = lines[number].replace(old, new)
    segment.write_bytes(b"\n".join(lines))


def _unproven() -> list[int]:
    entries = Entry.objects.order_by("sequence")
    return [int(entry.target_id.rpartition(":")[2]) for entry in entries if entry.detail.get("unproven")]


def test_a_changed_record_is_a_break_and_what_follows_is_unproven(folder: Path) -> None:
    _write_log(folder, 2)
    assert _take(folder) == 2
    assert (_source().problem, records_problem()) == ("", "")
    _write_log(folder, 3)
    _change(folder, 4, b'"unit":3', b'"unit":4')
    assert _take(folder) == 3
    assert _actions() == [*["gateway.denied"] * 3, "gateway.chain_broken", *["gateway.denied"] * 2]
    broken = Entry.objects.get(action="gateway.chain_broken")
    assert (broken.result, broken.detail["record"], broken.actor_name) == ("failed", 4, "plant-7")
    assert broken.detail["where"].startswith("records-00000001.jsonl, line 5 (record 4): changed")
    assert _unproven() == [4, 5]
    assert "line 5 (record 4)" in _source().problem
    assert records_problem() == f"plant-7: {_source().problem}"


def test_a_broken_chain_is_recorded_once_and_stays_a_problem(folder: Path) -> None:
    _write_log(folder, 3)
    _change(folder, 2, b'"unit":3', b'"unit":4')
    _take(folder)
    problem = _source().problem
    assert _take(folder) == 0
    saved = {path: path.read_bytes() for path in folder.iterdir()}
    for path in saved:
        path.unlink()
    assert _take(folder) == 0
    assert _source().problem == "there are no records in its folder"
    for path, content in saved.items():
        path.write_bytes(content)
    assert _take(folder) == 0
    assert _source().problem == problem
    assert _actions().count("gateway.chain_broken") == 1


def test_an_invented_record_is_unproven(folder: Path) -> None:
    _write_log(folder, 2)
    (segment,) = folder.glob("records-*")
    invented, _ = seal_record(b"\1" * 32, 3, 0, b'{"kind":"stopped","reason":"x"}')
    segment.write_bytes(segment.read_bytes() + invented)
    _take(folder)
    assert _actions() == ["gateway.denied", "gateway.denied", "gateway.chain_broken", "gateway.stopped"]
    assert _unproven() == [3]


def test_an_invented_record_whose_hash_is_none_does_not_stop_the_takeover(folder: Path) -> None:
    """PostgreSQL stores neither this hash nor a longer one."""
    _write_log(folder, 1)
    (segment,) = folder.glob("records-*")
    line, _ = seal_record(b"\1" * 32, 2, 0, b'{"kind":"stopped","reason":"x"}')
    invented = [line[:-67] + odd + b'"}\n' for odd in (b"\\u0000" * 10, b"a" * 4000)]
    segment.write_bytes(segment.read_bytes() + b"".join(invented))
    assert _take(folder) == 3
    assert _actions() == ["gateway.denied", "gateway.chain_broken", *["gateway.unreadable"] * 2]
    assert _take(folder) == 0


def test_after_the_gateway_states_the_damage_its_records_are_proven_again(folder: Path) -> None:
    _write_log(folder, 3)
    _change(folder, 2, b'"unit":3', b'"unit":4')
    _take(folder)
    assert _unproven() == [2, 3]
    _write_log(folder, 2)
    _take(folder)
    assert _unproven() == [2, 3]
    assert _actions()[4:] == ["gateway.chain_continues", "gateway.recovered", "gateway.denied", "gateway.denied"]
    assert _source().problem == ""


def test_a_new_record_is_proven_after_one_with_a_broken_chain(folder: Path) -> None:
    _write_log(folder, 3)
    _change(folder, 2, b'"unit":3', b'"unit":4')
    _take(folder)
    for path in folder.iterdir():
        path.unlink()
    _write_log(folder, 2, reason="another life")
    _take(folder)
    assert _actions()[4:] == ["gateway.replaced", "gateway.denied", "gateway.denied"]
    assert _unproven() == [2, 3]
    assert _source().problem == ""


def test_the_outcome_of_an_unproven_write_is_unproven(folder: Path) -> None:
    log = RecordLog.open(folder, gateway="plant-7", limits=SMALL)
    log.append(_write())
    log.close()
    _change(folder, 1, b'"values":[7,8]', b'"values":[9,9]')
    _write_log(folder, 0)  # a start on the damage: the write gets the outcome unknown
    _take(folder)
    assert _actions() == [
        "gateway.chain_broken", "gateway.write_requested", "gateway.chain_continues", "gateway.recovered",
        "gateway.write_outcome",
    ]  # fmt: skip
    outcome = Entry.objects.get(action="gateway.write_outcome")
    assert (outcome.detail["values"], outcome.detail["unproven"]) == ([9, 9], True)


def test_the_outcome_of_a_write_repeats_the_write_of_the_same_record(folder: Path) -> None:
    """Numbers begin again with a new record, so two writes of one gateway may have the same number."""
    log = RecordLog.open(folder, gateway="plant-7", limits=SMALL)
    log.append(_write(values=(1, 1)))
    log.close()
    _take(folder)
    for path in folder.iterdir():
        path.unlink()
    log = RecordLog.open(folder, gateway="plant-7", limits=SMALL)
    request = log.append(_write(values=(2, 2)))
    _take(folder)
    log.append(WriteOutcome(request=request, outcome=Outcome.DONE))
    _take(folder)
    log.close()
    assert Entry.objects.get(action="gateway.write_outcome").detail["values"] == [2, 2]


def test_a_replaced_record_is_detected_and_taken_whole(folder: Path) -> None:
    _write_log(folder, 5)
    assert _take(folder) == 5
    for path in folder.iterdir():
        path.unlink()
    _write_log(folder, 8, reason="another life")
    assert _take(folder) == 8
    assert _actions() == ["gateway.denied"] * 5 + ["gateway.replaced"] + ["gateway.denied"] * 8
    assert Entry.objects.get(action="gateway.replaced").detail == {
        "was_at": 5, "newest_there": 8, "goes_on_behind": 0
    }  # fmt: skip
    assert _take(folder) == 0


def test_a_replaced_record_that_is_shorter_is_detected_too(folder: Path) -> None:
    _write_log(folder, 5)
    _take(folder)
    for path in folder.iterdir():
        path.unlink()
    _write_log(folder, 2, reason="another life")
    assert _take(folder) == 2
    assert _actions()[5:] == ["gateway.replaced", "gateway.denied", "gateway.denied"]


def test_a_record_that_lost_its_end_continues_after_the_last_common_line(folder: Path) -> None:
    _write_log(folder, 3)
    kept = {path.name: path.read_bytes() for path in folder.iterdir() if path.name.startswith("records")}
    _write_log(folder, 4)
    assert _take(folder) == 7
    for name, content in kept.items():
        (folder / name).write_bytes(content)
    _write_log(folder, 2, reason="after the power cut")
    assert _take(folder) == 2
    (rewound,) = Entry.objects.filter(action="gateway.rewound")
    assert rewound.detail["goes_on_behind"] == 3
    assert _take(folder) == 0


def test_a_missing_or_empty_folder_is_a_problem_until_it_is_back(folder: Path) -> None:
    assert _take(folder) == 0
    assert "cannot be read" in _source().problem
    folder.mkdir()
    _write_log(folder, 2)
    assert _take(folder) == 2
    assert _source().problem == ""
    saved = {path: path.read_bytes() for path in folder.iterdir()}
    for path in saved:
        path.unlink()
    assert _take(folder) == 0
    assert "no records" in _source().problem
    for path, content in saved.items():
        path.write_bytes(content)
    assert _take(folder) == 0
    assert _source().problem == ""
    assert _actions() == ["gateway.denied"] * 2


def test_of_two_takeovers_at_the_same_time_the_second_takes_nothing_twice(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_log(folder, 3)
    requests = takeover._requests

    def slower(source: Source, batch: list[object]) -> object:
        monkeypatch.setattr(takeover, "_requests", requests)
        assert _take(folder) == 3  # the other one, just before our transaction
        return requests(source, batch)  # type: ignore[arg-type]  # what it was given

    monkeypatch.setattr(takeover, "_requests", slower)
    assert _take(folder) == 0
    assert _actions() == ["gateway.denied"] * 3


def _write_many(log: RecordLog, count: int) -> None:
    for _ in range(count):
        log.append(WriteOutcome(request=log.append(_write()), outcome=Outcome.DONE))


def _write_log(folder: Path, count: int, reason: str = "no rule") -> None:
    """An interrupted run: it records neither its start nor its stop."""
    log = RecordLog.open(folder, gateway="plant-7", limits=SMALL)
    for _ in range(count):
        log.append(_denial(reason))
    log.close()
