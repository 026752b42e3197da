"""Who asks what is not answered is held back, tried now and then, and taken back with the first answer."""

from __future__ import annotations

import itertools

from sealbus.client.breaker import UnitBreaker
from unit.client.fakes import RecordedTransaction, read, write


def breaker(jitter: float = 0.5) -> UnitBreaker:
    """With this jitter the waits are 1, 2, 4 ... seconds."""
    return UnitBreaker(lambda: jitter)


def ask(address: int = 0, *, unit: int = 5, client: str = "one") -> RecordedTransaction:
    return RecordedTransaction(read(address), unit=unit, source=client)


def trip(of: UnitBreaker, now: float = 0.0, **asked: str) -> None:
    """Three different questions of one client in a row are not answered."""
    assert [of.silent(ask(address, **asked), now) for address in (101, 102, 103)] == [False, False, True]  # type: ignore[arg-type]


# -- one client, and a unit that answers nothing


def test_two_time_outs_hold_nothing_back_and_the_third_does() -> None:
    one = breaker()
    assert not one.silent(ask(), 0.0)
    assert not one.silent(ask(), 0.0)
    assert one.allows(ask(), 0.0)
    assert one.silent(ask(), 0.0)
    assert not one.allows(ask(), 0.0)
    assert not one.allows(ask(7), 0.0), "nothing was answered in between, so this would not be either"
    assert one.tripped() == [5]


def test_an_answer_between_time_outs_resets_the_count() -> None:
    one = breaker()
    for address in range(10):
        assert not one.silent(ask(address), 0.0)
        assert not one.silent(ask(), 0.0)
        one.answered(ask(), 0.0)
        one.answered(ask(address), 0.0)
    assert one.allows(ask(), 0.0)
    assert not one.suspects


def test_other_units_are_not_affected() -> None:
    one = breaker()
    trip(one)
    assert one.allows(ask(unit=6), 0.0)
    assert one.tripped() == [5]


def test_after_the_wait_one_request_is_sent_as_a_probe() -> None:
    one = breaker()
    trip(one)
    assert not one.allows(ask(), 0.99)
    assert one.allows(ask(), 1.0)
    assert not one.allows(ask(), 1.0), "the others wait for its outcome"


def test_an_answer_to_the_probe_ends_the_wait_for_all_questions() -> None:
    one = breaker()
    trip(one)
    assert one.allows(ask(), 1.0)
    one.answered(ask(), 1.0)
    assert all(one.allows(ask(address), 1.0) for address in (0, 101, 102, 103))
    assert one.tripped() == []


def test_a_time_out_of_the_probe_doubles_the_wait_up_to_half_a_minute() -> None:
    one = breaker()
    for _ in range(3):
        one.silent(ask(), 0.0)
    now, waits = 0.0, []
    for _ in range(7):
        tried = next(second for second in range(1, 200) if one.allows(ask(), now + second))
        waits.append(tried)
        now += tried
        assert not one.silent(ask(), now), "it has been reported"
    assert waits == [1, 2, 4, 8, 16, 30, 30]


def test_requests_in_flight_when_the_breaker_tripped_do_not_lengthen_the_wait() -> None:
    one = breaker()
    for _ in range(16):
        one.silent(ask(), 0.0)
    assert one.allows(ask(), 1.0)


def test_a_probe_that_is_never_reported_is_followed_by_another() -> None:
    one = breaker()
    trip(one)
    assert one.allows(ask(), 1.0)
    assert not one.allows(ask(), 1.5)
    assert one.allows(ask(), 2.0)


def test_jitter_spreads_the_first_probe_over_half_a_second() -> None:
    for jitter, first in ((0.0, 0.75), (0.999, 1.25)):
        one = breaker(jitter)
        trip(one)
        assert not one.allows(ask(), first - 0.01)
        assert one.allows(ask(), first)


# -- a unit that answers some


def test_a_question_that_is_not_answered_is_held_back_and_the_others_of_its_client_are_not() -> None:
    one = breaker()
    for _ in range(3):
        assert not one.silent(ask(500), 0.0)
        one.answered(ask(0), 0.0)
    assert not one.allows(ask(500), 0.0)
    assert all(one.allows(ask(0), now / 10) for now in range(10))
    assert one.tripped() == []


def test_a_question_is_ignored_when_others_were_answered_between_its_time_outs() -> None:
    one = breaker()
    assert not one.is_ignored(ask(500)), "nothing has timed out"
    one.silent(ask(500), 0.0)
    assert not one.is_ignored(ask(500)), "the connection may be the reason"
    one.answered(ask(0), 0.0)
    one.silent(ask(500), 0.0)
    assert one.is_ignored(ask(500))
    assert not one.is_ignored(ask(500, client="two"))
    assert not one.is_ignored(ask(500, unit=6))
    one.silent(ask(0), 0.0)
    assert not one.is_ignored(ask(0)), "it was answered before"
    one.silent(ask(500), 0.0)
    assert not one.is_ignored(ask(500)), "nothing was answered since"


def test_questions_that_are_held_back_never_hold_back_the_others_again() -> None:
    one = breaker()
    silent, now = (500, 1000, 1500), 0.0
    for _ in range(3):
        for address in silent:
            one.silent(ask(address), now)
        now += 2
        one.answered(ask(0), now)
    for _ in range(20):
        now += 40
        for address in silent:
            assert one.allows(ask(address), now)
            assert not one.silent(ask(address), now)
        assert one.allows(ask(0), now)
        one.answered(ask(0), now)


def test_a_client_that_loops_a_question_without_an_answer_delays_nobody_else() -> None:
    one = breaker()
    for _ in range(3):
        one.silent(ask(client="looping"), 0.0)
    assert not one.allows(ask(client="looping"), 0.5)
    assert all(one.allows(ask(address, client="other"), 0.5) for address in range(20))
    one.answered(ask(client="other"), 0.5)
    assert one.tripped() == []
    assert one.allows(ask(client="looping"), 0.5), "the unit answered nobody before, so it is tried once"
    one.silent(ask(client="looping"), 0.6)
    assert not one.allows(ask(client="looping"), 1.5)


def test_a_client_whose_every_question_is_new_and_not_answered_is_held_back_alone() -> None:
    one = breaker()
    for address in range(3):
        one.silent(ask(address, client="scanning"), 0.0)
        one.answered(ask(client="other"), 0.0)
    assert not one.allows(ask(99, client="scanning"), 0.0)
    assert one.allows(ask(client="other"), 0.0)
    one.answered(ask(99, client="scanning"), 1.0)
    assert one.allows(ask(100, client="scanning"), 1.0)


def test_a_write_in_a_loop_is_one_question_whatever_its_value_is() -> None:
    one = breaker()
    for value in range(3):
        one.silent(RecordedTransaction(write(7, value), unit=5, source="one"), 0.0)
        one.answered(ask(), 0.0)
    assert not one.allows(RecordedTransaction(write(7, 99), unit=5, source="one"), 0.0)
    assert one.allows(RecordedTransaction(write(8, 99), unit=5, source="one"), 0.0)


# -- a unit that answers nobody


def test_a_second_client_of_a_dead_unit_costs_one_time_out_and_then_shares_the_probes() -> None:
    one = breaker()
    trip(one)
    assert one.allows(ask(client="second"), 0.5)
    one.silent(ask(client="second"), 0.6)
    assert not one.allows(ask(client="second"), 0.9)
    assert one.allows(ask(client="second"), 1.0)
    assert not one.allows(ask(client="one"), 1.5), "one probe at a time for all of them"


def test_a_client_cannot_keep_the_probes_of_a_dead_unit_for_itself() -> None:
    one = breaker()
    trip(one)
    one.silent(ask(client="second"), 0.0)
    now = 0.0
    for (
        step
    ) in itertools.count():  # the first asks all the time, always something new, and the second ten times a second
        now += 0.01
        if one.allows(ask(1000 + step % 3000), now):
            one.silent(ask(1000 + step % 3000), now)
        if now > 60 and not step % 10 and one.allows(ask(client="second"), now):
            break
    assert now < 70


def test_what_was_not_asked_for_two_minutes_is_forgotten() -> None:
    one = breaker()
    trip(one)
    one.silent(ask(unit=6), 121.0)
    assert list(one.suspects) == [6]
    one.silent(ask(1, unit=6), 121.0)
    one.answered(ask(1, unit=6), 242.0)
    assert not one.suspects


def test_what_is_remembered_of_a_client_is_bounded() -> None:
    one = breaker()
    for number in range(10_000):
        one.silent(ask(number, client=f"client {number}"), 0.0)
    suspect = one.suspects[5]
    assert len(suspect.clients) <= 256
    assert len(suspect.questions) <= 256
