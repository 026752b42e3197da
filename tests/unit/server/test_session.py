"""The life of one session, with a transport and a service that only note what is done to them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from sealbus.endpoints import parse_endpoint
from sealbus.policy import unsafe_allow_everything
from sealbus.server import PolicyRulings, Session, SessionLimits
from sealbus.transport import Accepted, PeerAddress, WriteCoalescer

if TYPE_CHECKING:
    from sealbus.endpoints import Endpoint
    from sealbus.server import Ruling

READ = bytes.fromhex("0001 0000 0006 01 03 0000 0001")
LIMITS = SessionLimits(frame_s=5.0, stalled_s=15.0, first_request_s=30.0)


@dataclass
class Transport:
    """Keeps what is written, and closes only when the test closes it."""

    written: list[bytes] = field(default_factory=list)
    pauses: int = 0
    resumptions: int = 0
    was_closed: bool = False
    was_aborted: bool = False

    def set_write_buffer_limits(self, high: int) -> None: ...

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def pause_reading(self) -> None:
        self.pauses += 1

    def resume_reading(self) -> None:
        self.resumptions += 1

    def is_closing(self) -> bool:
        return self.was_closed

    def close(self) -> None:
        self.was_closed = True

    def abort(self) -> None:
        self.was_aborted = True


@dataclass
class Backend:
    """Takes requests and never answers."""

    submitted: list[bytes] = field(default_factory=list)
    gone_sessions: int = 0

    def submit(self, session: Session, adu: bytes, ruling: Ruling) -> None:
        self.submitted.append(adu)

    def abandon(self, session: Session, *, only_writes: bool = False) -> None:
        self.gone_sessions += not only_writes


@dataclass
class Owner:
    backend: Backend = field(default_factory=Backend)
    limits: SessionLimits = LIMITS
    endpoint: Endpoint = field(default_factory=lambda: parse_endpoint("tcp://127.0.0.1:1502", listening=True))
    buffer: memoryview = field(default_factory=lambda: memoryview(bytearray(65536)))
    writer: WriteCoalescer = field(default_factory=lambda: WriteCoalescer(range(2)))

    def session_closed(self, session: Session) -> None: ...

    def denied(self, session: Session, adu: bytes, ruling: Ruling) -> None: ...


def session_of(owner: Owner, transport: Transport) -> Session:
    accepted = Accepted(cast("asyncio.Transport", transport), PeerAddress("127.0.0.1", 40000))
    session = Session(owner, accepted, None, number=1)
    session.rulings = PolicyRulings(unsafe_allow_everything()).rulings_of("")
    session.connection_made(cast("asyncio.BaseTransport", transport))
    return session


def receive(session: Session, data: bytes) -> None:
    session.get_buffer(len(data))[: len(data)] = data
    session.buffer_updated(len(data))


async def test_an_ended_session_handles_no_more_requests() -> None:
    owner, transport = Owner(), Transport()
    session = session_of(owner, transport)
    receive(session, READ)
    session.end("revoked")
    receive(session, READ)
    assert (owner.backend.submitted, owner.backend.gone_sessions) == ([READ], 1)
    assert (transport.was_closed, session.end_reason) == (True, "revoked")


async def test_answers_of_the_turn_in_which_a_session_ends_are_still_sent() -> None:
    owner, transport = Owner(), Transport()
    session = session_of(owner, transport)
    requests = [number.to_bytes(2, "big") + READ[2:] for number in range(2)]
    for request in requests:
        receive(session, request)
        session.answer(request, b"answer")
    session.end("revoked")
    assert (transport.written, transport.was_closed) == ([request[:2] + b"answer" for request in requests], True)


async def test_an_ended_session_that_its_client_does_not_close_is_aborted() -> None:
    session = session_of(Owner(), Transport())
    session.end("not Modbus")
    now = asyncio.get_running_loop().time()
    assert session.overdue(now + 1.0) is None
    assert session.overdue(now + 4.0) == "not Modbus"


async def test_the_first_reason_to_end_is_reported() -> None:
    session = session_of(Owner(), Transport())
    session.end("revoked")
    session.end("the service stopped")
    assert session.end_reason == "revoked"


async def test_a_frame_is_not_timed_while_we_do_not_read() -> None:
    transport = Transport()
    session = session_of(Owner(), transport)
    receive(session, READ + READ[:5])
    session.pause_writing()
    now = asyncio.get_running_loop().time()
    assert (transport.pauses, transport.resumptions) == (1, 0)
    assert session.overdue(now + 6.0) is None
    assert session.overdue(now + 16.0) == "it does not read its answers"
    session.resume_writing()
    assert transport.resumptions == 1
    assert session.overdue(now + 4.9) is None
    assert session.overdue(now + 6.0) == "a frame was begun and not ended"


async def test_of_many_requests_a_few_are_authorized_and_the_rest_wait_for_the_next_turn() -> None:
    owner = Owner(limits=SessionLimits(in_flight=1000))
    session = session_of(owner, Transport())
    receive(session, READ * 200)
    assert owner.backend.submitted == []
    judged = []
    while len(owner.backend.submitted) < 200:
        await asyncio.sleep(0)
        judged.append(len(owner.backend.submitted))
    assert judged == [64, 128, 192, 200]


async def test_requests_received_during_a_pause_are_handled_in_order() -> None:
    owner = Owner(limits=SessionLimits(in_flight=1000))
    session = session_of(owner, Transport())
    requests = [number.to_bytes(2, "big") + READ[2:] for number in range(90)]
    receive(session, b"".join(requests[:10]))
    session.pause_writing()
    receive(session, b"".join(requests[10:40]))
    receive(session, b"".join(requests[40:]))
    assert owner.backend.submitted == requests[:10]
    session.resume_writing()
    await asyncio.sleep(0)
    assert owner.backend.submitted == requests


async def test_a_client_that_sends_no_more_still_gets_its_answers() -> None:
    owner, transport = Owner(), Transport()
    session = session_of(owner, transport)
    requests = [number.to_bytes(2, "big") + READ[2:] for number in range(3)]
    for request in requests:
        receive(session, request)
    assert session.eof_received(), "the connection stays open"
    session.answer(requests[0], b"answer")
    session.answer_exception(requests[1], 11)
    assert not transport.was_closed
    session.finish_silently()
    assert (transport.was_closed, session.end_reason) == (True, "closed by the client")
    assert b"".join(transport.written) == requests[0][:2] + b"answer" + bytes.fromhex("000100000003 01830b")
    assert owner.backend.gone_sessions == 1


async def test_requests_that_wait_for_their_turn_are_answered_too() -> None:
    owner, transport = Owner(limits=SessionLimits(in_flight=200)), Transport()
    session = session_of(owner, transport)
    receive(session, b"".join(number.to_bytes(2, "big") + READ[2:] for number in range(100)))
    assert session.eof_received()
    while len(owner.backend.submitted) < 100:
        await asyncio.sleep(0)
    for request in owner.backend.submitted:
        assert not transport.was_closed
        session.answer(request, b"answer")
    assert transport.was_closed


async def test_a_client_that_ends_without_a_request_under_way_is_closed() -> None:
    for data in (b"", READ[:7]):
        session = session_of(Owner(), Transport())
        receive(session, data)
        assert not session.eof_received()
