"""An outage is logged at once, then once a minute, whatever the number of tries."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sealbus.outage_log import OutageLog

if TYPE_CHECKING:
    import pytest

_log = logging.getLogger("sealbus.test")


class _Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_each_reason_is_a_line_at_once_and_then_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = _Clock()
    outage = OutageLog(_log, clock)
    for _ in range(1200):  # ten minutes, twice a second
        outage.failed("the store: connection refused")
        clock.now_s += 0.5
    assert caplog.messages == ["the store: connection refused"] * 10
    outage.failed("the store: wrong password")
    assert caplog.messages[10:] == ["the store: wrong password"]


def test_the_end_is_a_line_and_only_where_the_outage_was_one(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sealbus.test")
    clock = _Clock()
    outage = OutageLog(_log, clock)
    outage.works("it works again")
    assert caplog.messages == []
    for _ in range(100):  # it comes and goes within a minute
        outage.failed("down")
        outage.works("it works again")
        clock.now_s += 0.5
    assert caplog.messages == ["down", "it works again"]


def test_reasons_that_differ_each_time_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    clock = _Clock()
    outage = OutageLog(_log, clock)
    for number in range(1000):
        outage.failed(f"refused, error {number}")
    assert len(caplog.messages) == 9


def test_a_reason_can_be_less_than_the_text(caplog: pytest.LogCaptureFixture) -> None:
    outage = OutageLog(_log, _Clock())
    for number in range(10):
        outage.failed(f"request {number}: the database is down", "the database is down")
    assert caplog.messages == ["request 0: the database is down"]
