"""Which events end up in the record and among the alarms, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sealbus.client import Failure
from sealbus.gateway import GatewayTable
from sealbus.gateway.events import GatewayEvents
from sealbus.records import Alarm, Outcome, ReloadFailed, WriteOutcome, read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sealbus.records import Record


@pytest.fixture
def events(tmp_path: Path) -> Iterator[GatewayEvents]:
    events = GatewayEvents(GatewayTable(name="plant-7", records=str(tmp_path / "records"), records_mib=16))
    yield events
    events.records.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "records"


def kept(folder: Path, kind: type[Record]) -> list[Record]:
    return [each.record for each in read(folder) if isinstance(each.record, kind)]


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (Failure.NOT_SENT_IN_TIME, Outcome.NOT_SENT),
        (Failure.UNREACHABLE, Outcome.NOT_SENT),
        (Failure.BUSY, Outcome.NOT_SENT),
        (Failure.UNIT_SILENT, Outcome.NOT_SENT),
        (Failure.ABANDONED, Outcome.NOT_SENT),
        (Failure.BROADCAST_READ, Outcome.NOT_SENT),
        (Failure.NO_ANSWER, Outcome.UNKNOWN),
        (Failure.CONNECTION_LOST, Outcome.UNKNOWN),
        (Failure.BROADCAST, Outcome.UNKNOWN),
        (Failure.WRONG_ANSWER, Outcome.MISMATCH),
    ],
)
def test_a_failed_write_is_recorded_with_its_outcome(
    events: GatewayEvents, folder: Path, failure: Failure, outcome: Outcome
) -> None:
    events.failed(3, failure, "a detail")
    assert kept(folder, WriteOutcome) == [WriteOutcome(request=3, outcome=outcome, why=f"{failure.text}: a detail")]


def test_every_failure_has_a_row_above() -> None:
    assert len(Failure) == 10


def test_an_answer_is_recorded_as_done_and_an_exception_with_its_code(events: GatewayEvents, folder: Path) -> None:
    events.answered(3, bytes.fromhex("0000 0006 01 06 0064 0007"))
    events.answered(4, bytes.fromhex("0000 0003 01 86 02"))
    assert kept(folder, WriteOutcome) == [
        WriteOutcome(request=3, outcome=Outcome.DONE),
        WriteOutcome(request=4, outcome=Outcome.EXCEPTION, exception_code=2),
    ]


def test_an_alarm_is_recorded_once_until_it_is_cleared(events: GatewayEvents, folder: Path) -> None:
    events.raise_alarm("pump", "away")
    events.raise_alarm("pump", "still away")
    assert events.alarms == {"pump": "still away"}
    events.clear_alarm("pump")
    events.clear_alarm("pump")
    assert [(each.state, each.text) for each in kept(folder, Alarm) if isinstance(each, Alarm)] == [
        ("raised", "away"),
        ("cleared", ""),
    ]


def test_accepting_is_an_alarm_until_every_listener_accepts_again(events: GatewayEvents, folder: Path) -> None:
    events.cannot_accept("tcp://one", "no descriptors")
    events.cannot_accept("tcp://two", "no memory")
    assert events.alarms == {"accepting connections": "tcp://one: no descriptors; tcp://two: no memory"}
    events.accepts_again("tcp://one")
    assert events.alarms == {"accepting connections": "tcp://two: no memory"}
    events.accepts_again("tcp://two")
    assert events.alarms == {}
    assert [each.state for each in kept(folder, Alarm) if isinstance(each, Alarm)] == ["raised", "cleared"]


def test_a_reload_that_fails_repeatedly_with_the_same_error_is_recorded_once(
    events: GatewayEvents, folder: Path
) -> None:
    for problem in ("line 1", "line 1", "line 2", "line 2"):
        events.reload_failed("policy.toml", problem)
    assert len(kept(folder, ReloadFailed)) == events.counters.reload_failures == 2
    assert len(kept(folder, Alarm)) == 1
    events.mark_in_force("policy.toml")
    assert events.alarms == {}
