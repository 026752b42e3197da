"""A bucket gives a burst at once and a rate from then on."""

from __future__ import annotations

from sealbus.token_bucket import TokenBucket


def test_a_burst_is_there_at_once_and_then_the_rate() -> None:
    bucket = TokenBucket(2.0, 3)
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(now) for now in (100.4, 100.5, 100.6, 101.0)] == [False, True, False, True]


def test_it_never_holds_more_than_a_burst() -> None:
    bucket = TokenBucket(2.0, 3)
    bucket.refill(0.0)
    bucket.refill(1_000.0)
    assert bucket.left == 3


def test_what_has_happened_may_leave_a_debt() -> None:
    bucket = TokenBucket(1.0, 10)
    bucket.refill(0.0)
    bucket.spend(15)
    bucket.refill(4.0)
    assert bucket.left == -1
    assert not bucket.take(5.0)
    assert bucket.take(6.0)
