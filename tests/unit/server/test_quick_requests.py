"""A request that is whole and known takes a short way through a session: it must end where the long one ends.

The same bytes, in the same pieces, go to a session that caches its rulings and to one that does not.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from sealbus.policy import parse_policy
from sealbus.server import PolicyRulings, Session, SessionLimits
from unit.server.test_session import Owner, Transport, receive, session_of

if TYPE_CHECKING:
    from sealbus.server import Ruling

POLICY = """
[[role]]
name = "Viewer"
[[role.allow]]
units = "1"
read = ["holding:0-9"]
"""
TAILS = [
    bytes.fromhex("01 03 0000 0001"),  # allowed, and soon known
    bytes.fromhex("01 03 0005 0002"),
    bytes.fromhex("01 03 0009 0002"),  # denied
    bytes.fromhex("01 06 0000 0001"),
    bytes.fromhex("02 03 0000 0001"),
    bytes.fromhex("01 03 0000"),  # malformed
    bytes.fromhex("01 03"),
]


def request(number: int, tail: bytes, protocol_id: int, longer: int) -> bytes:
    return number.to_bytes(2, "big") + protocol_id.to_bytes(2, "big") + (len(tail) + longer).to_bytes(2, "big") + tail


REQUESTS = st.builds(
    request,
    st.integers(0, 3),
    st.sampled_from(TAILS),
    st.sampled_from([0] * 15 + [1]),
    st.sampled_from([0] * 12 + [1, -1, 256]),
)
ALLOWED = st.builds(request, st.integers(0, 3), st.sampled_from(TAILS[:2]), st.just(0), st.just(0))
BEGUN = st.tuples(ALLOWED, st.integers(1, 11)).map(lambda each: each[0][: each[1]])
PIECES = st.lists(
    st.one_of(ALLOWED, ALLOWED, REQUESTS, BEGUN, st.binary(max_size=3), st.lists(REQUESTS, max_size=4).map(b"".join)),
    min_size=4,
    max_size=12,
)


class NoCache(dict[bytes, "Ruling"]):
    def __setitem__(self, key: bytes, value: Ruling) -> None: ...


async def results_of(pieces: list[bytes], *, is_uncached: bool) -> list[object]:
    owner, transport = Owner(limits=SessionLimits(in_flight=2)), Transport()
    session = session_of(owner, transport)
    session.rulings = PolicyRulings(parse_policy(POLICY, file="policy.toml")).rulings_of("Viewer")
    if is_uncached:
        session.rulings.known = NoCache()
    seen: list[object] = []
    for place, piece in enumerate(pieces):
        receive(session, piece)
        await asyncio.sleep(0)
        seen.append((len(owner.backend.submitted), session.in_flight, session.requests, session.end_reason))
        seen.append(session.overdue(session.opened_at + 20.0))
        if place % 4 == 3 and session.in_flight:
            session.finish_silently()
        if place == 4:
            session.pause_writing()
        if place == 6:
            session.resume_writing()
    return [*seen, owner.backend.submitted, transport.written, transport.pauses, transport.was_closed]


@settings(deadline=None)
@given(PIECES)
def test_the_short_path_has_the_result_of_the_long_path(pieces: list[bytes]) -> None:
    short, long = (asyncio.run(results_of(pieces, is_uncached=is_uncached)) for is_uncached in (False, True))
    assert short == long


async def test_a_known_request_with_an_invalid_header_ends_the_session() -> None:
    for header in ("0002 0001 0006", "0002 0000 0106"):
        owner = Owner()
        session: Session = session_of(owner, Transport())
        receive(session, bytes.fromhex("0001 0000 0006") + TAILS[0])
        receive(session, bytes.fromhex("0001 0000 0006") + TAILS[0])
        assert len(owner.backend.submitted) == 2
        receive(session, bytes.fromhex(header) + TAILS[0])
        assert len(owner.backend.submitted) == 2
        assert "not Modbus" in session.end_reason
