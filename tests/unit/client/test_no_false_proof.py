"""Odd bytes at odd times never prove a write, send it late or after its caller has gone, or hold a line for ever."""

from __future__ import annotations

import asyncio
import functools
import struct
from typing import Any

import pytest

from scenarios.plant import until
from sealbus.client import ChannelRules, Failure
from sealbus.client.channel import Channel
from sealbus.client.connection import connect
from sealbus.endpoints import parse_endpoint
from sealbus.protocol import encode_rtu
from unit.client.fakes import Dialler, RecordedTransaction, adu, read, turns, words, write
from unit.client.test_line import open_serial_line

COIL_ON = struct.pack(">BHH", 5, 3, 0xFF00)


@pytest.fixture
def dialler(monkeypatch: pytest.MonkeyPatch) -> Dialler:
    dialler = Dialler()
    monkeypatch.setattr("sealbus.client.channel.dial", dialler)
    return dialler


def learn(line: Any, transport: Any, *, echoes: bool) -> None:
    """One read that shows whether the line echoes."""
    first = RecordedTransaction(read(0))
    line.send(first)
    line.data_received((transport.written[-1] if echoes else b"") + encode_rtu(1, words(1)))
    assert first.end == words(1)


async def test_noise_does_not_prolong_the_gap_before_a_held_write() -> None:
    line, transport, _ = open_serial_line(gap_s=0.05, timeout_s=60.0)
    held = RecordedTransaction(write(5, 7), send_by=asyncio.get_running_loop().time() + 3600)
    line.send(held)
    line.data_received(encode_rtu(1, words(0)))

    def sent() -> bool:
        line.data_received(b"\0")
        return len(transport.written) == 2

    await until(sent)
    assert transport.written[-1][1] == 6


async def test_a_write_that_has_waited_in_the_queue_keeps_its_deadline_behind_the_probe(dialler: Dialler) -> None:
    queued: list[float] = []

    class Queued(RecordedTransaction):
        def on_queued(self, now: float) -> None:
            queued.append(now)
            self.client, self.send_by = self.source, now + 3600

    channel = Channel(parse_endpoint("rtu+tcp://127.0.0.1:5"), ChannelRules(timeout_s=60.0))
    channel.submit(Queued(write(5, 7)))
    await turns()
    transport = dialler.attempts[0].succeed()
    await turns()
    assert [frame[1] for frame in transport.written] == [3]  # the probe
    assert len(queued) == 1


async def test_a_damaged_echo_does_not_unlearn_that_the_line_echoes() -> None:
    line, transport, _ = open_serial_line(timeout_s=0.3)
    learn(line, transport, echoes=True)
    damaged = RecordedTransaction(read(0))
    line.send(damaged)
    line.data_received(transport.written[-1][:3] + encode_rtu(1, words(1)))
    await until(lambda: damaged.end is not None)
    await until(line.is_free)
    coil = RecordedTransaction(COIL_ON)
    line.send(coil)
    line.data_received(transport.written[-1])  # the echo alone: the device is off
    await until(lambda: coil.end is not None)
    assert coil.end is Failure.NO_ANSWER


async def test_an_answer_inside_the_echo_of_its_request_proves_nothing() -> None:
    line, transport, _ = open_serial_line(timeout_s=0.3)
    learn(line, transport, echoes=True)
    inner = encode_rtu(1, struct.pack(">BHH", 16, 0, 4))
    registers = RecordedTransaction(struct.pack(">BHHB", 16, 0, 4, 8) + inner)
    line.send(registers)
    echo = transport.written[-1]
    line.data_received(b"\0" + echo[:16])
    line.data_received(echo[16:])
    await until(lambda: registers.end is not None)
    assert registers.end is Failure.NO_ANSWER


async def test_an_answer_that_is_the_beginning_of_its_request_counts() -> None:
    line, transport, _ = open_serial_line(timeout_s=60.0)
    learn(line, transport, echoes=False)
    registers = RecordedTransaction(struct.pack(">BHHB8H", 16, 25, 8, 16, 0x0812, *range(7)))
    line.send(registers)
    answer = struct.pack(">BHH", 16, 25, 8)
    assert transport.written[-1].startswith(encode_rtu(1, answer))
    line.data_received(encode_rtu(1, answer))
    assert registers.end == answer


async def test_a_frame_inside_the_data_of_a_delayed_answer_answers_nothing() -> None:
    line, transport, owner = open_serial_line(timeout_s=60.0)
    learn(line, transport, echoes=False)
    ten = RecordedTransaction(read(0, 10))
    line.send(ten)
    waiting = RecordedTransaction(write(5, 7))
    owner.waiting.append(waiting)
    refusal, proof = encode_rtu(1, bytes((0x83, 2))), encode_rtu(1, write(5, 7))
    pdu = bytes((3, 20)) + (b"\0" + refusal + proof).ljust(20, b"\0")
    frame = encode_rtu(1, pdu)
    line.data_received(frame[:9])
    await until(lambda: line._quiet_timer is None)
    assert ten.ends == []
    line.data_received(frame[9:])
    assert (ten.ends, waiting.ends) == ([pdu], [])


async def test_a_write_is_not_sent_after_its_caller_was_cancelled(dialler: Dialler) -> None:
    connection = connect("rtu+tcp://127.0.0.1:5", rules=ChannelRules(gap_s=0.05, timeout_s=60.0))
    task = asyncio.ensure_future(connection.write_coil(3, True))
    await turns()
    first = dialler.attempts[0].succeed()
    await turns()
    first.protocol.data_received(encode_rtu(1, bytes((1, 1, 0))))  # the probe is answered: the gap begins
    await turns()
    first.lose()  # a device that closes after each answer
    await turns()
    assert len(dialler.attempts) == 2
    task.cancel()
    await turns()
    second = dialler.attempts[1].succeed()
    await turns()
    later = asyncio.ensure_future(connection.read("holding:0"))
    await until(lambda: bool(second.written))
    while not any(frame[1] == 3 for frame in second.written):
        if second.written[-1][1] == 1:
            second.protocol.data_received(encode_rtu(1, bytes((1, 1, 0))))
        await asyncio.sleep(0.01)
    assert [frame[1] for frame in second.written if frame[1] == 5] == []
    later.cancel()
    await asyncio.gather(task, later, return_exceptions=True)


@pytest.mark.parametrize("way", ["lost", "closed"])
async def test_whoever_is_told_of_a_lost_connection_may_ask_at_once(dialler: Dialler, way: str) -> None:
    channel = Channel(parse_endpoint("tcp://127.0.0.1:5"), ChannelRules(in_flight=4))

    class Asking(RecordedTransaction):
        __slots__ = ()

        def fail(self, failure: Failure, detail: str = "") -> None:
            super().fail(failure, detail)
            channel.submit(RecordedTransaction(read(9)))

    asking, other = Asking(write(1, 1)), RecordedTransaction(write(2, 2))
    channel.submit(asking)
    await turns()
    transport = dialler.attempts[0].succeed()
    await turns()
    channel.submit(other)
    await turns()
    if way == "lost":
        transport.lose(ConnectionResetError())
    else:
        transport.protocol.close("closed")  # type: ignore[attr-defined]
    await turns()
    assert (asking.end, other.end) == (Failure.CONNECTION_LOST, Failure.CONNECTION_LOST)


async def test_a_probe_is_paid_for_by_the_client_of_the_write(dialler: Dialler) -> None:
    channel = Channel(parse_endpoint("rtu:///dev/x"), ChannelRules(timeout_s=0.05))

    class OfOneClient(RecordedTransaction):
        @property
        def payer(self) -> object:
            return "fingerprint"

    channel.submit(RecordedTransaction(read(0), unit=9, source="other"))
    await turns()
    dialler.attempts[0].succeed()
    await turns()
    ends = set()
    for number in range(20):
        asked = OfOneClient(write(5, 7), source=f"session {number}")
        channel.submit(asked)
        await until(functools.partial(bool, asked.ends))
        ends.add(asked.end)
    assert Failure.UNIT_SILENT in ends
    channel.close()


async def test_endless_noise_is_not_searched_for_ever() -> None:
    line, transport, _ = open_serial_line(timeout_s=60.0)
    learn(line, transport, echoes=False)
    asked = RecordedTransaction(read(0))
    line.send(asked)
    searched = 0

    def feed(data: bytes) -> list[bytes]:
        nonlocal searched
        searched += len(data)
        return []

    stream = line._stream
    line._stream = type("Counting", (), {"feed": staticmethod(feed), "partial": b"", "fault": None})()
    for _ in range(100):
        line.data_received(b"\x03\xfb" * 1024)
    assert searched <= 2048
    line._stream = stream


async def test_of_a_client_that_sends_no_more_the_reads_go_on_and_queued_writes_end(dialler: Dialler) -> None:
    channel = Channel(parse_endpoint("tcp://127.0.0.1:5"), ChannelRules(timeout_s=60.0))
    of_other, asked, written = (
        RecordedTransaction(pdu, source=source, name=source)
        for pdu, source in ((read(1), "other"), (read(2), "gone"), (write(3, 1), "gone"))
    )
    for each in (of_other, asked, written):
        channel.submit(each)
    await turns()
    transport = dialler.attempts[0].succeed()
    await turns()
    channel.abandon("gone", only_writes=True)
    assert written.ends == [Failure.ABANDONED]
    transport.protocol.data_received(adu(transport.adus[-1][1], words(1)))
    await turns()
    transport.protocol.data_received(adu(transport.adus[-1][1], words(2)))
    assert (of_other.end, asked.end) == (words(1), words(2))
    assert [each[7] for each in transport.adus] == [3, 3]
    channel.close()


async def test_a_device_that_closes_after_each_answer_is_written_to(dialler: Dialler) -> None:
    """What a read has shown on the connection before holds for the next one: the device would close behind a probe."""
    channel = Channel(parse_endpoint("rtu+tcp://127.0.0.1:5"), ChannelRules(timeout_s=60.0))
    for number, asked in enumerate((RecordedTransaction(read(0)), RecordedTransaction(write(5, 7)))):
        channel.submit(asked)
        while len(dialler.attempts) == number:
            await turns()
        transport = dialler.attempts[number].succeed()
        await turns()
        (frame,) = transport.written
        transport.protocol.data_received(encode_rtu(1, words(0)) if number == 0 else frame)
        await turns()
        transport.lose()
        await turns()
    assert asked.end == write(5, 7)
    channel.close()
