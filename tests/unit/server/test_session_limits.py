"""What one session may take: so many requests under way, so much time for each thing, so many denials a second."""

from __future__ import annotations

import asyncio

import pytest

from sealbus.policy import parse_policy
from sealbus.protocol import encode_mbap
from sealbus.server import PolicyRulings, SessionLimits
from unit.server.test_session import READ, Owner, Transport, receive, session_of

BUSY = bytes.fromhex("0001 0000 0003 01 83 06")
DENIED_WRITE = bytes.fromhex("0002 0000 0006 01 06 0000 0007")
DENIAL = bytes.fromhex("0002 0000 0003 01 86 01")
POLICY = '[[role]]\nname = ""\n[[role.allow]]\nunits = "1"\nread = ["holding"]\n'


async def test_one_request_beyond_the_limit_is_busy_until_one_ends() -> None:
    owner, transport = Owner(limits=SessionLimits(in_flight=2)), Transport()
    session = session_of(owner, transport)
    receive(session, READ * 3)
    assert (owner.backend.submitted, transport.written, session.in_flight) == ([READ] * 2, [BUSY], 2)
    session.answer(READ, bytes.fromhex("0000 0005 01 03 02 002a"))
    receive(session, READ)
    session.answer_exception(READ, 11)
    session.finish_silently()
    assert (len(owner.backend.submitted), session.in_flight) == (3, 0)
    receive(session, READ * 2)
    assert (len(owner.backend.submitted), session.in_flight) == (5, 2)


async def test_answers_and_refusals_carry_the_id_of_their_request() -> None:
    transport = Transport()
    session = session_of(Owner(), transport)
    asked = encode_mbap(0xBEEF, 1, bytes.fromhex("03 0000 0001"))
    receive(session, asked * 2)
    session.answer(asked, bytes.fromhex("0000 0005 01 03 02 002a"))
    session.answer_exception(asked, 11)
    await asyncio.sleep(0)
    assert b"".join(transport.written) == bytes.fromhex("beef 0000 0005 01 03 02 002a beef 0000 0003 01 83 0b")


@pytest.mark.parametrize(
    ("limits", "data", "seconds", "reason"),
    [
        (SessionLimits(first_request_s=30.0), b"", 29.9, None),
        (SessionLimits(first_request_s=30.0), b"", 30.1, "no request came"),
        (SessionLimits(first_request_s=30.0, frame_s=5.0), READ[:5], 5.1, "a frame was begun and not ended"),
        (SessionLimits(frame_s=5.0), READ[:5], 4.9, None),
        (SessionLimits(frame_s=5.0), READ + READ[:1], 5.1, "a frame was begun and not ended"),
        (SessionLimits(frame_s=5.0), READ, 1000.0, None),
    ],
)
async def test_each_deadline_is_reported_when_it_has_passed_and_not_before(
    limits: SessionLimits, data: bytes, seconds: float, reason: str | None
) -> None:
    session = session_of(Owner(limits=limits), Transport())
    if data:
        receive(session, data)
    assert session.overdue(session.opened_at + seconds) == reason


async def test_a_session_is_idle_without_requests_and_with_none_in_flight() -> None:
    session = session_of(Owner(limits=SessionLimits(idle_s=10.0)), Transport())
    receive(session, READ)
    now = session.opened_at
    assert session.overdue(now + 100.0) is None, "it waits for an answer"
    session.finish_silently()
    assert session.overdue(now + 109.0) is None
    assert session.overdue(now + 111.0) == "idle"


async def test_no_session_is_idle_where_the_limit_is_off() -> None:
    session = session_of(Owner(limits=SessionLimits(idle_s=0.0)), Transport())
    receive(session, READ)
    session.finish_silently()
    assert session.overdue(session.opened_at + 86_400.0) is None


async def test_denials_are_answered_at_a_bounded_rate_and_allowed_requests_wait_behind_them() -> None:
    owner, transport = Owner(), Transport()
    session = session_of(owner, transport)
    session.rulings = PolicyRulings(parse_policy(POLICY, file="policy.toml")).rulings_of("")
    receive(session, DENIED_WRITE * 60 + READ)
    await asyncio.sleep(0)
    assert transport.written == [DENIAL] * 50
    assert (owner.backend.submitted, transport.pauses > 0, transport.resumptions) == ([], True, 0)


async def test_denials_take_no_place_from_requests_that_are_allowed() -> None:
    owner = Owner(limits=SessionLimits(in_flight=1))
    session = session_of(owner, Transport())
    session.rulings = PolicyRulings(parse_policy(POLICY, file="policy.toml")).rulings_of("")
    receive(session, DENIED_WRITE * 10 + READ)
    assert (owner.backend.submitted, session.in_flight) == ([READ], 1)


async def test_after_stop_accepting_requests_in_flight_are_still_answered() -> None:
    owner, transport = Owner(), Transport()
    session = session_of(owner, transport)
    receive(session, READ)
    session.stop_accepting()
    receive(session, READ)
    session.answer_exception(READ, 11)
    await asyncio.sleep(0)
    assert owner.backend.submitted == [READ]
    assert transport.written == [bytes.fromhex("0001 0000 0003 01 83 0b")]
    assert not transport.was_closed
