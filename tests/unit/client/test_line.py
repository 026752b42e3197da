"""One connection to a device, byte by byte: whose answer is it, does it fit, and when is the line no longer to be used."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sealbus.client import ChannelCounters, ChannelRules, Failure
from sealbus.client.line import LineEnd, LineState, Oddity
from sealbus.client.mbap_line import MbapLine
from sealbus.client.rtu_line import Framing, RtuLine
from sealbus.protocol import encode_rtu
from sealbus.transport import WriteCoalescer
from unit.client.fakes import FakeTransport, RecordedTransaction, adu, read, turns, words, write

if TYPE_CHECKING:
    from sealbus.client import Transaction
    from sealbus.client.line import Line


class Owner:
    """Records the events of a line. `waiting` is sent when the line is free."""

    def __init__(self) -> None:
        self.counters = ChannelCounters()
        self.loop = asyncio.get_running_loop()
        self.writer = WriteCoalescer(range(2))
        self.suspects: dict[int, object] = {}
        self.waiting: list[RecordedTransaction] = []
        self.lost: list[tuple[str, LineEnd]] = []
        self.taken_back: list[Transaction] = []
        self.silent: list[int] = []
        self.ignored: set[object] = set()
        self.dropped = 0
        self.oddities: set[Oddity] = set()
        self.proven = 0

    def line_free(self, line: Line) -> None:
        assert line.is_free()
        while self.waiting and line.is_free():
            line.send(self.waiting.pop(0))

    def line_proven(self, line: Line) -> None:
        self.proven += 1

    def take_back(self, transaction: Transaction, sent_at: float) -> None:
        self.taken_back.append(transaction)

    def line_ending(self, line: Line) -> None: ...

    def line_lost(self, line: Line, reason: str, end: LineEnd) -> None:
        self.lost.append((reason, end))

    def unit_answered(self, transaction: Transaction) -> None: ...

    def unit_silent(self, transaction: Transaction) -> bool:
        self.silent.append(transaction.request.unit_id)
        return transaction.source not in self.ignored

    def answer_dropped(self, reason: str) -> None:
        self.dropped += 1

    def noticed(self, oddity: Oddity) -> None:
        self.oddities.add(oddity)


def open_line(**rules: float) -> tuple[MbapLine, FakeTransport, Owner]:
    """A line that is open; the rules are those of ChannelRules."""
    owner = Owner()
    line = MbapLine(owner, ChannelRules(**rules))  # type: ignore[arg-type]
    return line, _connect(line), owner


def open_serial_line(*, over_tcp: bool = False, **rules: float) -> tuple[RtuLine, FakeTransport, Owner]:
    owner = Owner()
    line = RtuLine(owner, ChannelRules(**rules), framing=Framing.RTU, over_tcp=over_tcp)  # type: ignore[arg-type]
    return line, _connect(line), owner


def _connect(line: Line) -> FakeTransport:
    transport = FakeTransport(line)
    line.state = LineState.CONNECTING
    line.connection_made(transport)
    line.opened()
    return transport


async def sent(line: Line, *transaction: RecordedTransaction) -> None:
    for each in transaction:
        assert line.is_free()
        line.send(each)
    await turns()


async def test_requests_get_ids_of_the_line_and_answers_are_matched_by_them() -> None:
    line, transport, _ = open_line(in_flight=3)
    first, second = RecordedTransaction(read(10)), RecordedTransaction(read(20), unit=2)
    await sent(line, first, second)
    assert transport.adus == [adu(1, read(10)), adu(2, read(20), unit=2)]
    line.data_received(adu(2, words(20), unit=2))
    line.data_received(adu(1, words(10)))
    assert (first.end, second.end) == (words(10), words(20))


async def test_a_line_is_free_until_its_limit_of_requests_in_flight() -> None:
    line, _, _ = open_line(in_flight=2)
    assert line.send(RecordedTransaction(read(1)))
    assert not line.send(RecordedTransaction(read(2)))
    assert not line.is_free()
    line.data_received(adu(1, words(1)))
    assert line.is_free()


async def test_an_answer_that_no_request_waits_for_is_dropped() -> None:
    line, _, owner = open_line()
    transaction = RecordedTransaction(read(1))
    await sent(line, transaction)
    line.data_received(adu(7, words(666)))
    assert (transaction.end, owner.dropped, line.state) == (None, 1, LineState.OPEN)
    line.data_received(adu(1, words(1)) + adu(1, words(1)))
    assert (transaction.end, owner.dropped) == (words(1), 2)


async def test_a_late_answer_is_dropped_and_its_id_is_not_reused_before_it_has_come() -> None:
    line, transport, owner = open_line(in_flight=2, timeout_s=1.0)
    late = RecordedTransaction(read(1))
    await sent(line, late)
    await asyncio.sleep(1.5)
    assert (late.end, owner.silent) == (Failure.NO_ANSWER, [1])
    for number in range(2, 65_538):
        transaction = RecordedTransaction(read(2))
        line.send(transaction)
        transaction_id = number & 0xFFFF
        if number == 65_537:  # it would be 1 again, which may still be answered
            transaction_id = 2
        line.data_received(adu(transaction_id, words(2)))
        assert transaction.end == words(2)
    line.data_received(adu(1, words(666)))
    assert owner.dropped == 1
    await turns()
    assert transport.is_open


@pytest.mark.parametrize(
    "answer",
    [adu(1, words(1), unit=2), adu(1, words(1, 2)), adu(1, b"\x04\x02\x00\x01"), adu(1, b"\x84\x02"), adu(1, b"\x83")],
    ids=["unit", "length", "function", "exception of another", "exception without code"],
)
@pytest.mark.parametrize("has_head", [False, True], ids=["by its shape", "by its head"])
async def test_an_answer_that_does_not_match_its_request_ends_the_connection(answer: bytes, *, has_head: bool) -> None:
    line, transport, owner = open_line(in_flight=2)
    transaction, other = RecordedTransaction(read(1)), RecordedTransaction(write(2, 2))
    if not has_head:
        transaction.request.answer_head, transaction.request.answer_bytes = None, 0
    await sent(line, transaction, other)
    line.data_received(answer)
    assert (transaction.end, other.end) == (Failure.WRONG_ANSWER, Failure.CONNECTION_LOST)
    assert not transport.is_open
    ((reason, end),) = owner.lost
    assert "does not fit its request" in reason
    assert end is LineEnd.BY_US


@pytest.mark.parametrize("pdu", [words(7), b"\x83\x02"], ids=["value", "exception"])
async def test_an_answer_with_the_expected_header_completes_its_request(pdu: bytes) -> None:
    line, _, _ = open_line()
    transaction = RecordedTransaction(read(1))
    assert transaction.request.answer_head == bytes.fromhex("0000 0005 01 03 02")
    line.send(transaction)
    line.data_received(adu(1, pdu))
    assert transaction.end == pdu


async def test_bytes_after_a_wrong_answer_in_the_same_chunk_are_dropped() -> None:
    line, _, _ = open_line(in_flight=2)
    transaction, other = RecordedTransaction(read(1)), RecordedTransaction(read(2))
    await sent(line, transaction, other)
    line.data_received(adu(1, words(1), unit=9) + adu(2, words(2)))
    assert (transaction.end, other.end) == (Failure.WRONG_ANSWER, Failure.CONNECTION_LOST)


async def test_bytes_that_are_not_modbus_end_the_connection() -> None:
    line, transport, owner = open_line()
    transaction = RecordedTransaction(read(1))
    await sent(line, transaction)
    line.data_received(b"HTTP/1.1 400 Bad Request\r\n")
    assert (transaction.end, transport.is_open) == (Failure.CONNECTION_LOST, False)
    assert "does not speak Modbus" in owner.lost[0][0]


async def test_surplus_bytes_after_an_answer_end_the_connection_before_the_next_request() -> None:
    line, transport, owner = open_line()
    transaction = RecordedTransaction(read(1))
    await sent(line, transaction)
    line.data_received(adu(1, words(1)) + b"\r\n")
    assert (transaction.end, transport.is_open, line.is_free()) == (words(1), False, False)
    assert "surplus bytes" in owner.lost[0][0]


async def test_the_start_of_another_answer_after_an_answer_is_kept() -> None:
    line, transport, _ = open_line(in_flight=2)
    first, second = RecordedTransaction(read(1)), RecordedTransaction(read(2))
    await sent(line, first, second)
    line.data_received(adu(1, words(1)) + adu(2, words(2))[:5])
    assert (first.end, second.end, transport.is_open) == (words(1), None, True)
    line.data_received(adu(2, words(2))[5:])
    assert second.end == words(2)


async def test_an_incomplete_answer_ends_the_connection_at_its_time_out() -> None:
    line, transport, owner = open_line(timeout_s=1.0)
    transaction = RecordedTransaction(read(1))
    await sent(line, transaction)
    line.data_received(adu(1, words(1))[:9])
    await asyncio.sleep(1.1)
    assert (transaction.end, transport.is_open) == (Failure.NO_ANSWER, False)
    assert "did not end it" in owner.lost[0][0]


async def test_with_others_in_flight_it_takes_two_time_outs() -> None:
    line, transport, _ = open_line(in_flight=3, timeout_s=1.0)
    await sent(line, RecordedTransaction(read(1)))
    line.data_received(adu(1, words(1))[:9])
    await asyncio.sleep(0.5)
    await sent(line, RecordedTransaction(read(2)))
    await asyncio.sleep(0.4)
    await sent(line, RecordedTransaction(read(3)))
    await asyncio.sleep(0.2)
    assert transport.is_open
    await asyncio.sleep(0.5)
    assert not transport.is_open


async def test_three_time_outs_in_a_row_end_the_connection_and_an_answer_resets_the_count() -> None:
    line, transport, _ = open_line(timeout_s=1.0)
    for number in range(1, 3):
        await sent(line, RecordedTransaction(read(number)))
        await asyncio.sleep(1.1)
    answered = RecordedTransaction(read(3))
    await sent(line, answered)
    line.data_received(adu(3, words(3)))
    for number in range(4, 7):
        assert transport.is_open
        await sent(line, RecordedTransaction(read(number)))
        await asyncio.sleep(1.1)
    assert not transport.is_open


async def test_time_outs_of_what_the_device_ignores_anyway_end_no_connection() -> None:
    line, transport, owner = open_line(timeout_s=1.0)
    owner.ignored.add("ignored")
    for source in (*["ignored"] * 5, "new", *["ignored"] * 5, "new"):
        await sent(line, RecordedTransaction(read(1), source=source))
        await asyncio.sleep(1.1)
    assert transport.is_open
    await sent(line, RecordedTransaction(read(1), source="new"))
    await asyncio.sleep(1.1)
    assert not transport.is_open


async def test_a_lost_connection_reports_whether_it_ever_answered() -> None:
    line, transport, owner = open_line()
    transaction = RecordedTransaction(write(1, 1))
    await sent(line, transaction)
    transport.lose(ConnectionResetError("reset"))
    assert transaction.end is Failure.CONNECTION_LOST
    assert owner.lost == [
        ("closed by the device: the peer closed the connection without giving a reason", LineEnd.BEFORE_ANY_ANSWER)
    ]

    line, transport, owner = open_line()
    await sent(line, RecordedTransaction(read(1)))
    line.data_received(adu(1, words(1)))
    transport.lose()
    assert owner.lost == [("closed by the device", LineEnd.WITHOUT_LOSS)]
    assert owner.proven == 1


async def test_a_closed_line_ignores_everything_that_still_arrives() -> None:
    line, transport, owner = open_line()
    line.close("enough")
    await turns()
    line.data_received(adu(1, words(1)))
    transport.lose()
    line.opened()
    assert (line.state, line.is_free(), owner.lost) == (LineState.CLOSED, False, [("enough", LineEnd.BY_US)])


async def test_a_gap_begins_with_the_answer() -> None:
    line, transport, owner = open_line(gap_s=2.0)
    await sent(line, RecordedTransaction(read(1)))
    await asyncio.sleep(0.5)
    line.data_received(adu(1, words(1)))
    owner.waiting.append(RecordedTransaction(read(2)))
    assert not line.is_free()
    await asyncio.sleep(1.9)
    assert len(transport.adus) == 1
    await asyncio.sleep(0.2)
    assert len(transport.adus) == 2


async def test_with_several_in_flight_a_gap_begins_with_the_request() -> None:
    line, transport, owner = open_line(gap_s=2.0, in_flight=4)
    await sent(line, RecordedTransaction(read(1)))
    owner.waiting.append(RecordedTransaction(read(2)))
    await asyncio.sleep(1.9)
    assert len(transport.adus) == 1
    await asyncio.sleep(0.2)
    assert len(transport.adus) == 2


async def test_an_unexpected_answer_does_not_shorten_a_gap() -> None:
    line, transport, owner = open_line(gap_s=2.0)
    await sent(line, RecordedTransaction(read(1)))
    line.data_received(adu(1, words(1)))
    owner.waiting.append(RecordedTransaction(read(2)))
    await asyncio.sleep(1.0)
    line.data_received(adu(1, words(1)))
    await asyncio.sleep(0.9)
    assert len(transport.adus) == 1


async def test_with_a_lenient_id_the_only_request_in_flight_gets_the_answer() -> None:
    line, _, owner = open_line(lenient_transaction_id=True)
    transaction = RecordedTransaction(read(1))
    await sent(line, transaction)
    line.data_received(adu(0, words(1)) + adu(0, words(1)))
    assert (transaction.end, owner.dropped) == (words(1), 1)


async def test_with_a_lenient_id_a_time_out_ends_the_connection() -> None:
    line, transport, _ = open_line(lenient_transaction_id=True, timeout_s=1.0)
    await sent(line, RecordedTransaction(read(1)))
    await asyncio.sleep(1.1)
    assert not transport.is_open


async def test_an_answer_that_fits_but_for_an_id_is_noticed() -> None:
    line, _, owner = open_line()
    await sent(line, RecordedTransaction(read(1)))
    line.data_received(adu(9, words(1, 2)))
    assert owner.oddities == set(), "it does not fit the request"
    line.data_received(adu(9, words(1)))
    assert owner.oddities == {Oddity.OTHER_TRANSACTION_ID}
    line.data_received(adu(1, words(1), unit=0))
    assert owner.oddities == {Oddity.OTHER_TRANSACTION_ID, Oddity.OTHER_UNIT_ID}
    assert line.state is LineState.CLOSED


async def test_with_a_lenient_unit_id_an_answer_of_another_unit_counts_if_it_fits() -> None:
    line, _, _ = open_line(lenient_unit_id=True)
    answered, wrong = RecordedTransaction(read(1), unit=5), RecordedTransaction(read(1), unit=5)
    await sent(line, answered)
    line.data_received(adu(1, words(1), unit=0))
    assert answered.end == words(1)
    await sent(line, wrong)
    line.data_received(adu(2, words(1, 2), unit=0))
    assert wrong.end is Failure.WRONG_ANSWER

    serial, _, _ = open_serial_line(lenient_unit_id=True)
    transaction = RecordedTransaction(read(1), unit=5)
    await sent(serial, transaction)
    serial.data_received(encode_rtu(1, words(1, 2)))
    assert transaction.end is None
    serial.data_received(encode_rtu(1, words(1)))
    assert transaction.end == words(1)


# -- RTU


async def test_a_serial_line_has_one_request_in_flight_with_any_rules() -> None:
    line, transport, _ = open_serial_line(in_flight=4)
    first, second = RecordedTransaction(read(1)), RecordedTransaction(read(2))
    await sent(line, first)
    assert not line.is_free()
    line.data_received(encode_rtu(1, words(1)))
    await sent(line, second)
    line.data_received(encode_rtu(1, words(2)))
    assert (first.end, second.end) == (words(1), words(2))
    assert transport.written == [encode_rtu(1, read(1)), encode_rtu(1, read(2))]


async def test_an_answer_of_another_unit_leaves_the_request_waiting() -> None:
    line, _, owner = open_serial_line()
    transaction = RecordedTransaction(read(1))
    await sent(line, transaction)
    line.data_received(encode_rtu(2, words(666)))
    assert (transaction.end, owner.dropped) == (None, 1)
    line.data_received(encode_rtu(1, words(1)))
    assert transaction.end == words(1)


GOOD = encode_rtu(1, words(1))
NOISY: dict[str, list[bytes]] = {
    "00 joined": [b"\0" + GOOD],
    "FF apart": [b"\xff", GOOD],
    "a damaged frame apart": [GOOD[:-1] + b"\0", GOOD],
    "a damaged frame joined": [GOOD[:-1] + b"\0" + GOOD],
    "a cut frame": [GOOD[:4], GOOD],
    "another unit's joined": [encode_rtu(7, words(666)) + GOOD],
    "a heartbeat": [b"PING\r\n", GOOD[:3], GOOD[3:]],
    "bytes behind": [GOOD + b"\0"],
}


@pytest.mark.parametrize("chunks", NOISY.values(), ids=NOISY.keys())
async def test_noise_on_an_rtu_line_costs_no_answer(chunks: list[bytes]) -> None:
    line, transport, _ = open_serial_line()
    for _ in range(2):
        transaction = RecordedTransaction(read(1))
        await sent(line, transaction)
        for chunk in chunks:
            line.data_received(chunk)
        await asyncio.sleep(0.1)  # some noise looks like the beginning of a frame until the line is quiet
        assert transaction.end == words(1)
    assert transport.is_open


async def test_an_answer_behind_what_looks_like_a_longer_frame_counts_when_the_line_is_quiet() -> None:
    line, _, _ = open_serial_line(timeout_s=1.0)
    transaction = RecordedTransaction(read(1))
    await sent(line, transaction)
    line.data_received(b"\0" + encode_rtu(1, b"\x83\2"))
    assert transaction.end is None
    await asyncio.sleep(0.1)
    assert transaction.end == b"\x83\2"


async def test_a_time_out_ends_a_tcp_connection_and_is_followed_by_silence_on_a_serial_line() -> None:
    line, transport, _ = open_serial_line(over_tcp=True, timeout_s=1.0)
    await sent(line, RecordedTransaction(read(1)))
    await asyncio.sleep(1.1)
    assert not transport.is_open

    line, transport, _ = open_serial_line(timeout_s=1.0, turnaround_s=0.5, gap_s=0.1)
    await sent(line, RecordedTransaction(read(1)))
    await asyncio.sleep(1.4)
    assert (transport.is_open, line.is_free()) == (True, False), "the shorter gap does not end the turn-around"
    await asyncio.sleep(0.2)
    assert line.is_free()


async def test_a_broadcast_is_sent_and_is_followed_by_a_pause() -> None:
    line, transport, _ = open_serial_line(turnaround_s=0.5)
    everybody = RecordedTransaction(write(1, 1), unit=0)
    await sent(line, everybody)
    assert (everybody.end, line.is_free()) == (Failure.BROADCAST, False)
    assert transport.written == [encode_rtu(0, write(1, 1))]
    await asyncio.sleep(0.6)
    assert line.is_free()
