"""Who is known at the door, what the others may send, and how many lines they may cause."""

from __future__ import annotations

import logging

from sealbus.web.config.allowances import Allowances
from sealbus.web.config.callers import Callers, credential_of
from sealbus.web.config.log_allowance import LogAllowance


def test_an_address_has_an_allowance_and_its_neighbours_have_their_own() -> None:
    callers = Callers(1.0, 3.0)
    assert [callers.may_ask("192.0.2.7", 0.0) for _ in range(4)] == [True, True, True, False]
    assert callers.may_ask("192.0.2.8", 0.0)
    assert callers.may_ask("192.0.2.7", 1.0)
    assert not callers.may_ask("192.0.2.7", 1.0)


def test_handshakes_above_the_allowance_wait_for_their_turn() -> None:
    handshakes = Allowances(10.0, 2.0)
    assert [handshakes.wait_s("192.0.2.7", 0.0) for _ in range(4)] == [0.0, 0.0, 0.1, 0.2]
    assert handshakes.wait_s("192.0.2.8", 0.0) == 0.0
    assert handshakes.wait_s("192.0.2.7", 10.0) == 0.0


def test_only_what_django_accepted_is_known_and_only_for_a_while() -> None:
    callers = Callers(1.0, 3.0)
    made_up = credential_of([(b"cookie", b"sealbus=made-up")])
    assert made_up
    assert not callers.is_known(made_up, 0.0)
    callers.note(made_up, accepted=True, now=0.0)
    assert callers.is_known(made_up, 299.0)
    assert not callers.is_known(made_up, 300.0)
    callers.note(made_up, accepted=False, now=1.0)
    assert not callers.is_known(made_up, 2.0)


def test_no_credential_is_never_known() -> None:
    callers = Callers(1.0, 3.0)
    assert credential_of([(b"cookie", b"csrftoken=1"), (b"accept", b"*/*")]) == b""
    callers.note(b"", accepted=True, now=0.0)
    assert not callers.is_known(b"", 0.0)


def test_a_token_counts_before_a_cookie_as_in_django() -> None:
    cookie, token = (b"cookie", b"sealbus=one"), (b"authorization", b"Token two")
    assert credential_of([cookie, token]) == credential_of([token])
    assert credential_of([cookie]) != credential_of([token])


def test_what_strangers_send_is_forgotten_before_memory_grows() -> None:
    callers = Callers(1.0, 3.0)
    for number in range(20_000):
        callers.note(str(number).encode(), accepted=True, now=0.0)
        callers.may_ask(f"2001:db8:{number:x}::/64", 0.0)
    assert len(callers._known) == len(callers._allowances) == 10_000


def test_a_flood_of_lines_is_cut_and_the_next_line_says_so() -> None:
    allowance = LogAllowance(rate_per_s=0.0, burst=2.0)

    def line(logger: str) -> logging.LogRecord:
        return logging.LogRecord(logger, logging.WARNING, "", 0, "refused %s", ("x",), None)

    assert [allowance.filter(line("django.request")) for _ in range(4)] == [True, True, False, False]
    assert allowance.filter(line("sealbus"))
    allowance._allowances["django.request", logging.WARNING].left = 1.0
    last = line("django.request")
    assert allowance.filter(last)
    assert last.getMessage() == "refused x (2 lines before it were left out: too many)"
