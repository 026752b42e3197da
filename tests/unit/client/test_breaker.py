"""A unit that stays silent is left alone, tried now and then, and taken back with its first answer."""

from __future__ import annotations

from sealbus.client.breaker import UnitBreaker


def breaker(jitter: float = 0.5) -> UnitBreaker:
    """With this jitter the waits are 1, 2, 4 ... seconds."""
    return UnitBreaker(lambda: jitter)


def trip(of: UnitBreaker, unit_id: int, now: float = 0.0) -> None:
    assert [of.silent(unit_id, now) for _ in range(3)] == [False, False, True]


def test_two_time_outs_do_not_trip_the_breaker_and_the_third_does() -> None:
    one = breaker()
    assert not one.silent(5, 0.0)
    assert not one.silent(5, 0.0)
    assert one.allows(5, 0.0)
    assert one.silent(5, 0.0)
    assert not one.allows(5, 0.0)
    assert one.tripped() == [5]


def test_an_answer_between_time_outs_resets_the_count() -> None:
    one = breaker()
    for _ in range(10):
        assert not one.silent(5, 0.0)
        assert not one.silent(5, 0.0)
        one.answered(5)
    assert one.allows(5, 0.0)
    assert not one.suspects


def test_other_units_are_not_affected() -> None:
    one = breaker()
    trip(one, 5)
    assert one.allows(6, 0.0)
    assert one.tripped() == [5]


def test_after_the_wait_one_request_is_sent_as_a_probe() -> None:
    one = breaker()
    trip(one, 5)
    assert not one.allows(5, 0.99)
    assert one.allows(5, 1.0)
    assert not one.allows(5, 1.0), "the others wait for its outcome"


def test_an_answer_to_the_probe_closes_the_breaker() -> None:
    one = breaker()
    trip(one, 5)
    assert one.allows(5, 1.0)
    one.answered(5)
    assert one.allows(5, 1.0)
    assert one.tripped() == []


def test_a_time_out_of_the_probe_doubles_the_wait_up_to_half_a_minute() -> None:
    one = breaker()
    trip(one, 5)
    now, waits = 0.0, []
    for _ in range(7):
        tried = next(second for second in range(1, 200) if one.allows(5, now + second))
        waits.append(tried)
        now += tried
        assert not one.silent(5, now), "it has been reported"
    assert waits == [1, 2, 4, 8, 16, 30, 30]


def test_requests_in_flight_when_the_breaker_tripped_do_not_lengthen_the_wait() -> None:
    one = breaker()
    trip(one, 5)
    for _ in range(13):
        assert not one.silent(5, 0.0)
    assert one.allows(5, 1.0)


def test_a_probe_that_is_never_reported_is_followed_by_another() -> None:
    one = breaker()
    trip(one, 5)
    assert one.allows(5, 1.0)
    assert not one.allows(5, 1.5)
    assert one.allows(5, 2.0)


def test_jitter_spreads_the_first_probe_over_half_a_second() -> None:
    for jitter, first in ((0.0, 0.75), (0.999, 1.25)):
        one = breaker(jitter)
        trip(one, 5)
        assert not one.allows(5, first - 0.01)
        assert one.allows(5, first)
