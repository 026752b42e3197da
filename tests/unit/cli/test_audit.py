"""`sealbus audit`: its output and exit status."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from sealbus.cli.audit import app, follow
from sealbus.records import (
    Alarm,
    AlarmState,
    Denied,
    Host,
    Limits,
    Outcome,
    RecordLog,
    Started,
    Stopped,
    WriteOutcome,
    WriteRequested,
)

if TYPE_CHECKING:
    from pathlib import Path

NOON_NS = 1_740_830_400_000_000_000


def denial(subject: str) -> Denied:
    return Denied(
        connection=1, peer="203.0.113.7:50123", unit=1, function=6, reason="no rule allows it", subject=subject
    )


def open_log(directory: Path) -> RecordLog:
    limits = Limits(segment_bytes=65536, bound_bytes=5 * 65536)
    return RecordLog.open(directory, gateway="plant-7", limits=limits, host=Host(time_ns=lambda: NOON_NS))


@pytest.fixture
def records(tmp_path: Path) -> Path:
    log = open_log(tmp_path / "records")
    log.append(Started(version="1.0", listeners=("mbaps://0.0.0.0:802",), unsafe=("unsafe_plain",)))
    log.append(WriteRequested(connection=1, peer="203.0.113.7:50123", unit=1, function=16, device="d", values=(1, 2)))
    log.append(WriteOutcome(request=2, outcome=Outcome.DONE))
    log.append(denial("CN=\x1b[2Jevil\u202e\nname"))
    log.append(Stopped(reason="SIGTERM"))
    log.close()
    return tmp_path / "records"


def run(*words: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.stdout, result.stderr


def test_a_good_record_is_summarised_with_status_0(records: Path) -> None:
    status, out, err = run("verify", records)
    noon = "2025-03-01T12:00:00.000000Z"
    lines = out.splitlines()
    assert (status, err) == (0, "")
    assert lines[:2] == ["plant-7: good", f"5 good records in 1 segment, 1 to 5, from {noon} to {noon}"]
    assert lines[2].startswith("last record 5:")
    assert len(lines) == 3


def test_the_first_bad_record_is_reported_with_status_1(records: Path) -> None:
    segment = records / "records-00000001.jsonl"
    segment.write_bytes(segment.read_bytes().replace(b'"values":[1,2]', b'"values":[1,3]'))
    status, out, err = run("verify", records)
    assert status == 1
    assert out.startswith("plant-7: BAD, 1 break in the chain\n1 good record in 1 segment")
    assert err == (
        f"sealbus: {segment}, line 3 (record 2): changed: "
        "the record, or one before it, was changed: its hash does not match\n"
    )


def test_the_result_can_be_json(records: Path) -> None:
    status, out, _ = run("verify", records, "--json")
    found = json.loads(out)
    assert (status, found["good"], found["records"], found["breaks"]) == (0, True, 5, [])
    segment = records / "records-00000001.jsonl"
    segment.write_bytes(segment.read_bytes()[:-1])
    status, out, _ = run("verify", records, "--json")
    found = json.loads(out)
    assert (status, found["good"], found["breaks"][0]["fault"], found["breaks"][0]["sequence"]) == (1, False, "torn", 5)


def test_a_directory_without_records_ends_with_status_2_and_one_line(tmp_path: Path) -> None:
    status, out, err = run("verify", tmp_path)
    assert (status, out) == (2, "")
    assert err == f"sealbus: {tmp_path}: there are no records here; name a directory of records\n"
    assert run("show", tmp_path / "missing")[0] == 2


def test_a_record_that_was_noted_must_still_be_there(records: Path) -> None:
    noted = run("verify", records)[1].splitlines()[-1].removeprefix("last record ")
    assert run("verify", records, "--noted", noted)[0] == 0
    segment = records / "records-00000001.jsonl"
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:-1]))
    assert run("verify", records)[0] == 0
    status, _, err = run("verify", records, "--noted", noted)
    assert status == 1
    assert "record 5 was noted and is missing; the last good record is 4" in err
    assert run("verify", records, "--noted", "5")[0] == 2


def test_a_killed_run_and_a_write_without_outcome_are_reported(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append(WriteRequested(connection=1, peer="p", unit=1, function=6, device="d", values=(1,)))
    content = (tmp_path / "records-00000001.jsonl").read_bytes()
    log.close()
    (tmp_path / "records-00000001.jsonl").write_bytes(content)
    assert "1 write without an outcome (or still in progress)\n" in run("verify", tmp_path)[1]
    open_log(tmp_path).close()
    out = run("verify", tmp_path)[1]
    assert "without an outcome" not in out
    assert "the gateway was killed before record 2; the last second before it may be missing\n" in out


def test_records_are_shown_one_per_line_with_their_fields(records: Path) -> None:
    status, out, _ = run("show", records)
    lines = out.splitlines()
    noon = "2025-03-01T12:00:00.000000Z"
    assert status == 0
    assert lines[0] == (
        f"       1  {noon}  started             version=1.0  listeners=mbaps://0.0.0.0:802  unsafe=unsafe_plain"
    )
    assert lines[2] == f"       3  {noon}  write_outcome       request=2  outcome=done"
    assert lines[3].endswith('function=6  reason="no rule allows it"  subject=CN=\\u001b[2Jevil\\u202e\\u000aname')
    assert len(lines) == 5


def test_options_limit_the_output_to_the_last_records_and_to_some_kinds(records: Path) -> None:
    assert [line.split()[0] for line in run("show", records, "--last", "2")[1].splitlines()] == ["4", "5"]
    assert run("show", records, "--last", "0")[1] == ""
    assert [line.split()[0] for line in run("show", records, "--last", "99")[1].splitlines()] == list("12345")
    selected = run("show", records, "--kind", "denied", "--kind", "write_requested", "--last", "2")[1]
    assert [line.split()[2] for line in selected.splitlines()] == ["write_requested", "denied"]


def test_an_unknown_kind_is_wrong_usage(records: Path) -> None:
    status, out, err = run("show", records, "--kind", "denials")
    assert (status, out) == (2, "")
    assert err.startswith("sealbus: --kind: 'denials' is not a kind of record; give one of alarm, connected, denied,")


def test_records_as_json_contain_no_control_characters(records: Path) -> None:
    lines = run("show", records, "--json")[1].splitlines()
    assert json.loads(lines[3])["subject"] == "CN=\x1b[2Jevil\u202e\nname"
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert list(json.loads(lines[2])) == ["sequence", "time", "kind", "request", "outcome"]


def test_a_damaged_line_is_shown_as_such(records: Path) -> None:
    segment = records / "records-00000001.jsonl"
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join([*lines[:2], b"\x1b?\n", *lines[3:]]))
    status, out, _ = run("show", records)
    assert status == 0
    assert out.splitlines()[1].endswith("unreadable          file=records-00000001.jsonl  line=3  text=\\u001b?")


def test_following_returns_new_records_of_the_selected_kinds_only(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append(denial("CN=op"))
    waits = 0

    def wait() -> None:
        nonlocal waits
        waits += 1
        log.append(Alarm(name="tank", state=AlarmState.RAISED, text="high"))
        log.append(denial("CN=op"))

    followed = follow(tmp_path, after=1, kinds=("denied",), wait=wait)
    assert [next(followed).sequence for _ in range(3)] == [3, 5, 7]
    assert waits == 3
    log.close()
