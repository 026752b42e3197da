"""The echo is removed however its bytes are cut, and never taken for an answer."""

from __future__ import annotations

import asyncio

import pytest

from sealbus.client import ChannelRules, Failure
from sealbus.client.line import LineState, Oddity
from sealbus.client.local_echo import LocalEcho
from sealbus.client.rtu_line import Framing, RtuLine
from sealbus.protocol import AnswerShape, WireRequest, encode_ascii, encode_rtu
from unit.client.fakes import FakeTransport, RecordedTransaction, read, turns, words, write
from unit.client.test_line import Owner, open_serial_line, sent

READ = encode_rtu(1, read(0x0300, 3))
ANSWER = encode_rtu(1, words(1, 2, 3))
FRAMINGS = pytest.mark.parametrize("framing", Framing)


def open_line(framing: Framing, **rules: float) -> tuple[RtuLine, FakeTransport, Owner]:
    owner = Owner()
    line = RtuLine(owner, ChannelRules(**rules), framing=framing, over_tcp=False)  # type: ignore[arg-type]
    transport = FakeTransport(line)
    line.state = LineState.CONNECTING
    line.connection_made(transport)
    line.opened()
    return line, transport, owner


@pytest.mark.parametrize("is_set", [False, True])
def test_the_echo_is_removed_however_the_bytes_are_cut(is_set: bool) -> None:
    data = READ + ANSWER
    for size in range(1, len(data) + 1):
        echo = LocalEcho(is_set=is_set)
        echo.begin(READ, is_ambiguous=False)
        chunks = [data[at : at + size] for at in range(0, len(data), size)]
        assert b"".join(echo.strip(chunk) for chunk in chunks) == ANSWER
        assert (echo.is_heard, echo.is_present) == (True, True)


def test_an_answer_without_an_echo_passes_and_tells_that_there_is_none() -> None:
    for size in range(1, len(ANSWER) + 1):
        echo = LocalEcho(is_set=False)
        echo.begin(READ, is_ambiguous=False)
        chunks = [ANSWER[at : at + size] for at in range(0, len(ANSWER), size)]
        assert b"".join(echo.strip(chunk) for chunk in chunks) == ANSWER
        assert echo.is_present is None
        echo.answered(len(ANSWER))
        assert not echo.is_heard
        assert echo.is_present is False


def test_a_stray_byte_is_no_echo_and_a_damaged_echo_is_no_proof_that_there_is_none() -> None:
    for before, is_present in ((b"\0", False), (READ[:-1] + b"\0", None)):
        echo = LocalEcho(is_set=False)
        echo.begin(READ, is_ambiguous=False)
        assert echo.strip(before + ANSWER) == before + ANSWER
        echo.answered(len(ANSWER))
        assert echo.is_present is is_present


@pytest.mark.parametrize(
    ("pdu", "expected"),
    [
        (read(0x0300, 3), False),
        (write(1, 2), True),
        (b"\x05\0\1\xff\0", True),
        (b"\x16\0\1\0\2\0\3", True),
        (b"\x08\0\0\xa5\x37", True),
        (b"\x10\0\1\0\1\2\0\7", False),
        (b"\x01\3\x12\0\x14", True),
        (b"\x01\3\x12\0\x01", False),
    ],
)
def test_which_requests_may_be_equal_to_their_answers(pdu: bytes, expected: bool) -> None:
    assert WireRequest(b"\1" + pdu).may_equal_its_answer is expected


async def test_what_may_equal_an_answer_is_found_out_once_however_often_a_request_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bytes] = []
    objection = AnswerShape.objection

    def counted(shape: AnswerShape, pdu: bytes) -> str | None:
        asked.append(pdu)
        return objection(shape, pdu)

    monkeypatch.setattr(AnswerShape, "objection", counted)
    line, transport, _ = open_line(Framing.RTU)
    request = WireRequest(b"\1" + write(100, 7))
    for number in range(3):
        transaction = RecordedTransaction(write(100, 7))
        transaction.request = request
        await sent(line, transaction)
        if number == 0:
            line.data_received(encode_rtu(1, words(5)))  # the answer to the read before it
        asked_until_sent = asked.count(write(100, 7))
        line.data_received(encode_rtu(1, write(100, 7)))
        assert transaction.end == write(100, 7)
        assert asked_until_sent == 1 + number  # each answer is one more
    assert len(transport.written) == 4


@FRAMINGS
async def test_a_write_waits_until_a_read_has_told_that_there_is_no_echo(framing: Framing) -> None:
    frame = encode_rtu if framing is Framing.RTU else encode_ascii
    line, transport, _ = open_line(framing)
    first, second = RecordedTransaction(write(100, 7)), RecordedTransaction(write(100, 8))
    await sent(line, first)
    assert transport.written == [frame(1, read(100))]
    line.data_received(frame(1, b"\x83\2"))  # an exception tells it too
    line.data_received(frame(1, write(100, 7)))
    await sent(line, second)
    line.data_received(frame(1, write(100, 8)))
    assert (first.end, second.end) == (write(100, 7), write(100, 8))
    assert transport.written[1:] == [frame(1, write(100, 7)), frame(1, write(100, 8))]


@FRAMINGS
async def test_the_echo_of_a_write_is_not_its_answer(framing: Framing) -> None:
    frame = encode_rtu if framing is Framing.RTU else encode_ascii
    line, _, owner = open_line(framing, timeout_s=1.0)
    answered, unanswered = RecordedTransaction(write(100, 7)), RecordedTransaction(write(100, 8))
    await sent(line, answered)
    line.data_received(frame(1, read(100)) + frame(1, words(5)))
    line.data_received(frame(1, write(100, 7)))
    assert (answered.end, owner.oddities) == (None, {Oddity.LOCAL_ECHO})
    line.data_received(frame(1, write(100, 7)))
    assert answered.end == write(100, 7)
    await sent(line, unanswered)
    line.data_received(frame(1, write(100, 8)))
    await asyncio.sleep(1.1)
    assert unanswered.end is Failure.NO_ANSWER


async def test_a_write_that_waits_for_the_read_is_not_sent_late() -> None:
    line, transport, owner = open_serial_line(timeout_s=1.0)
    late = RecordedTransaction(write(100, 7), send_by=owner.loop.time() + 0.5)
    await sent(line, late)
    await asyncio.sleep(0.6)
    line.data_received(encode_rtu(1, words(5)))
    assert (late.end, len(transport.written), line.is_free()) == (Failure.NOT_SENT_IN_TIME, 1, True)


async def test_a_write_that_waits_for_the_read_keeps_the_gap() -> None:
    line, transport, _ = open_serial_line(gap_s=0.5)
    transaction = RecordedTransaction(write(100, 7))
    await sent(line, transaction)
    line.data_received(encode_rtu(1, words(5)))
    assert (len(transport.written), line.is_free()) == (1, False)
    await asyncio.sleep(0.6)
    assert transport.written[1:] == [encode_rtu(1, write(100, 7))]


@pytest.mark.parametrize("how", ["abandoned", "closed", "lost", "silent"])
async def test_a_write_that_waits_for_the_read_ends_unsent(how: str) -> None:
    line, transport, owner = open_serial_line(timeout_s=1.0, turnaround_s=0.0)
    transaction = RecordedTransaction(write(100, 7), source="client")
    following = RecordedTransaction(read(1))
    owner.waiting = [following]
    await sent(line, transaction)
    match how:
        case "abandoned":
            line.abandon("another")
            assert transaction.end is None
            line.abandon("client")
            line.data_received(encode_rtu(1, words(5)))
        case "closed":
            line.close()
        case "lost":
            transport.lose()
        case "silent":
            await asyncio.sleep(1.1)
    await turns()
    assert isinstance(transaction.end, Failure)
    assert not transaction.end.was_sent
    is_open = how in ("abandoned", "silent")
    assert transport.written == [encode_rtu(1, read(100)), *([encode_rtu(1, read(1))] if is_open else [])]
