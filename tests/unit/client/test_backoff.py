"""Connecting is tried again later each time it fails, and at once after it has worked."""

from __future__ import annotations

from sealbus.client.backoff import Backoff


def test_there_is_no_wait_before_the_first_failure() -> None:
    assert not Backoff(lambda: 0.0).waits(0.0)


def test_each_failure_doubles_the_wait_up_to_half_a_minute() -> None:
    backoff, now, waits = Backoff(lambda: 1.0), 0.0, []
    for _ in range(9):
        backoff.failed(now, "refused")
        halves = next(count for count in range(1, 100) if not backoff.waits(now + count / 2))
        waits.append(halves / 2)
        now += halves / 2
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert backoff.reason == "refused"


def test_jitter_shortens_the_wait_by_up_to_half() -> None:
    backoff = Backoff(lambda: 0.0)
    backoff.failed(0.0, "refused")
    assert backoff.waits(0.24)
    assert not backoff.waits(0.25)


def test_an_answer_ends_the_wait_and_resets_the_count_of_failures() -> None:
    backoff = Backoff(lambda: 1.0)
    for _ in range(5):
        backoff.failed(0.0, "refused")
    backoff.succeeded()
    assert not backoff.waits(0.0)
    backoff.failed(0.0, "refused")
    assert not backoff.waits(0.5)
