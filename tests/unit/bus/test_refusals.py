"""Refused frames are counted; the log gets one line a minute for each reason, however many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealbus.bus.frame_seal import Refusal
from sealbus.bus.refusals import Refusals

if TYPE_CHECKING:
    import pytest


def test_a_flood_of_refused_frames_is_one_line_a_minute_for_each_reason(caplog: pytest.LogCaptureFixture) -> None:
    now = 100.0
    refusals = Refusals(lambda: now)
    for _ in range(1000):
        refusals.note(Refusal.NOT_OURS, "live/main")
    refusals.note(Refusal.OTHER_TIME, "")
    assert refusals.count == 1001
    assert [record.getMessage() for record in caplog.records] == [
        f"refused a message of the bus on live/main: {Refusal.NOT_OURS.value}",
        f"refused a message of the bus: {Refusal.OTHER_TIME.value}",
    ]
    now += 61
    refusals.note(Refusal.NOT_OURS, "live/main")
    refusals.note(Refusal.NOT_OURS, "live/main")
    assert len(caplog.records) == 3


def test_the_last_reason_is_shown_for_two_minutes() -> None:
    now = 100.0
    refusals = Refusals(lambda: now)
    assert refusals.recent == ""
    refusals.note(Refusal.NOT_OURS, "live")
    now += 120
    assert refusals.recent == Refusal.NOT_OURS.value
    now += 1
    assert refusals.recent == ""
