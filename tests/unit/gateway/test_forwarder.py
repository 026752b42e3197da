"""A write is recorded, then sent; its outcome is recorded, then answered; no request stays open."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from sealbus.client import Failure
from sealbus.gateway.forwarder import Forwarder, Route
from sealbus.policy import unsafe_allow_everything
from sealbus.server import PolicyRulings

if TYPE_CHECKING:
    from sealbus.client import Channel, Transaction
    from sealbus.security import Peer
    from sealbus.server import Ruling, Session

READ = bytes.fromhex("0007 0000 0006 01 03 0000 0001")
WRITE = bytes.fromhex("0008 0000 0006 01 06 0064 0007")
RULINGS = PolicyRulings(unsafe_allow_everything()).rulings_of("")


class RecordedCalls:
    """Fakes of channel, journal and session that record the order of calls."""

    def __init__(self, record: int | None = 5) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.record = record
        self.submitted: list[Transaction] = []
        self.peer: Peer | None = None
        self.endpoint = "tcp://device"
        self.forwarder = Forwarder({1: Route(cast("Channel", self), 2.0)}, self)

    # the channel

    def submit(self, transaction: Transaction) -> None:
        self.calls.append(("sent", transaction.request.unit_and_pdu))
        self.submitted.append(transaction)

    def abandon(self, source: object, *, only_writes: bool = False) -> None:
        self.calls.append(("abandoned", source))

    # the journal

    def requested(self, session: Session, adu: bytes, ruling: Ruling, device: str) -> int | None:
        self.calls.append(("recorded", device))
        return self.record

    def answered(self, record: int, answer: bytes) -> None:
        self.calls.append(("record answered", record))

    def failed(self, record: int, failure: Failure, detail: str) -> None:
        self.calls.append(("record failed", record, failure, detail))

    # the session

    def answer(self, adu: bytes, answer: bytes) -> None:
        self.calls.append(("answered", adu[:2] + answer))

    def answer_exception(self, adu: bytes, exception_code: int) -> None:
        self.calls.append(("refused", adu[:2], exception_code))

    def finish_silently(self) -> None:
        self.calls.append(("let go",))

    def forward(self, adu: bytes) -> None:
        self.forwarder.submit(cast("Session", self), adu, RULINGS.judge(adu[6:]))


async def test_a_read_is_sent_without_a_record() -> None:
    recorded = RecordedCalls()
    recorded.forward(READ)
    recorded.submitted[0].finish(bytes.fromhex("0000 0005 01 03 02 002a"))
    assert recorded.calls == [("sent", READ[6:]), ("answered", bytes.fromhex("0007 0000 0005 01 03 02 002a"))]


async def test_the_waiting_time_of_a_request_begins_when_it_is_queued() -> None:
    recorded = RecordedCalls()
    recorded.forward(READ)
    recorded.submitted[0].on_queued(100.0)
    assert recorded.submitted[0].send_by == 102.0


async def test_connections_of_one_certificate_share_a_turn_and_plain_ones_have_a_turn_each() -> None:
    one, other, plain, another_plain = (RecordedCalls() for _ in range(4))
    one.peer = other.peer = cast("Peer", SimpleNamespace(fingerprint="ab12"))
    waiting = []
    for recorded in (one, other, plain, another_plain):
        recorded.forward(READ)
        recorded.submitted[0].on_queued(100.0)
        waiting.append(recorded.submitted[0].client)
    assert waiting == ["ab12", "ab12", plain, another_plain]


async def test_a_request_carries_the_expected_header_of_its_answer() -> None:
    recorded = RecordedCalls()
    recorded.forward(READ)
    assert recorded.submitted[0].request.answer_head == bytes.fromhex("0000 0005 01 03 02")


async def test_a_write_is_recorded_before_it_is_sent_and_its_outcome_before_it_is_answered() -> None:
    recorded = RecordedCalls()
    recorded.forward(WRITE)
    recorded.submitted[0].finish(WRITE[2:])
    assert recorded.calls == [
        ("recorded", "tcp://device"),
        ("sent", WRITE[6:]),
        ("record answered", 5),
        ("answered", WRITE),
    ]


async def test_a_write_that_cannot_be_recorded_is_refused_as_busy_and_not_sent() -> None:
    recorded = RecordedCalls(record=None)
    recorded.forward(WRITE)
    assert recorded.calls == [("recorded", "tcp://device"), ("refused", b"\0\x08", 6)]


async def test_a_write_that_may_pass_without_a_record_is_sent() -> None:
    recorded = RecordedCalls(record=0)
    recorded.forward(WRITE)
    recorded.submitted[0].fail(Failure.NO_ANSWER)
    assert recorded.calls == [("recorded", "tcp://device"), ("sent", WRITE[6:]), ("refused", b"\0\x08", 11)]


@pytest.mark.parametrize("failure", [each for each in Failure if each is not Failure.BROADCAST])
async def test_every_failure_is_recorded_and_then_answered_with_its_exception(failure: Failure) -> None:
    recorded = RecordedCalls()
    recorded.forward(WRITE)
    recorded.submitted[0].fail(failure, "why")
    assert recorded.calls[2:] == [
        ("record failed", 5, failure, "why"),
        ("refused", b"\0\x08", int(failure.exception_code)),
    ]


async def test_a_broadcast_is_recorded_and_not_answered() -> None:
    recorded = RecordedCalls()
    recorded.forward(WRITE)
    recorded.submitted[0].fail(Failure.BROADCAST)
    assert recorded.calls[2:] == [("record failed", 5, Failure.BROADCAST, ""), ("let go",)]


async def test_a_unit_without_a_device_is_answered_0a_and_not_recorded() -> None:
    recorded = RecordedCalls()
    recorded.forward(WRITE[:6] + b"\x09" + WRITE[7:])
    assert recorded.calls == [("refused", b"\0\x08", 10)]


async def test_when_a_client_disconnects_each_channel_abandons_its_requests() -> None:
    recorded = RecordedCalls()
    recorded.forwarder.abandon(cast("Session", recorded))
    assert recorded.calls == [("abandoned", recorded)]


def test_failures_distinguish_requests_that_were_not_sent() -> None:
    assert {each for each in Failure if not each.was_sent} == {
        Failure.NOT_SENT_IN_TIME,
        Failure.UNREACHABLE,
        Failure.BUSY,
        Failure.UNIT_SILENT,
        Failure.ABANDONED,
        Failure.BROADCAST_READ,
    }
