"""An answer that is whole and right takes a short way through a line: it must end where the long one ends."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from sealbus.client import ChannelRules
from sealbus.client.line import LineState
from sealbus.client.mbap_line import MbapLine
from unit.client.fakes import FakeTransport, RecordedTransaction, adu, read, words
from unit.client.test_line import Owner

ANSWERS = st.builds(
    lambda number, pdu, unit, behind: adu(number, pdu, unit=unit) + behind,
    st.integers(1, 5),
    st.sampled_from([words(7), words(7), words(7), words(7, 8), b"\x83\x02", b"\x04\x02\x00\x01", b"\x03"]),
    st.sampled_from([1, 1, 1, 1, 2]),
    st.sampled_from([b"", b"", b"", b"\0", b"\0\1\0\0"]),
)
PIECES = st.lists(
    st.one_of(ANSWERS, ANSWERS, st.binary(max_size=3), st.lists(ANSWERS, max_size=3).map(b"".join)), max_size=8
)


async def results_of(pieces: list[bytes], in_flight: int, *, gap_s: float, has_head: bool) -> list[object]:
    owner = Owner()
    line = MbapLine(owner, ChannelRules(in_flight=in_flight, gap_s=gap_s, timeout_s=600.0))
    transport = FakeTransport(line)
    line.state = LineState.CONNECTING
    line.connection_made(transport)
    line.opened()
    transaction = [RecordedTransaction(read(address)) for address in range(6)]
    for each in transaction:
        if not has_head:
            each.request.answer_head, each.request.answer_bytes = None, 0
    owner.waiting = transaction[:]
    owner.line_free(line)
    seen: list[object] = []
    for piece in pieces:
        if line.state is LineState.CLOSED:
            break
        line.data_received(piece)
        await asyncio.sleep(0)
        seen.append(
            (line.state, line.is_free(), len(owner.waiting), owner.dropped, owner.proven, owner.counters.answered)
        )
    return [*seen, [each.ends for each in transaction], transport.adus, owner.lost, transport.is_open]


@settings(deadline=None)
@given(PIECES, st.sampled_from([1, 3]), st.sampled_from([0.0, 60.0]))
def test_the_short_path_has_the_result_of_the_long_path(pieces: list[bytes], in_flight: int, gap_s: float) -> None:
    short, long = (
        asyncio.run(results_of(pieces, in_flight, gap_s=gap_s, has_head=has_head)) for has_head in (True, False)
    )
    assert short == long
