"""One client's connection: bytes in, requests judged one by one, answers out.

Every ADU is taken out of the stream and judged alone, whatever came with it in the same record: a write behind a read is
judged as a write. Nothing is guessed: bytes that cannot be MBAP end the session (MODBUS Messaging on TCP/IP
Implementation Guide V1.0b, 3.1.3). At most `in_flight` requests of one session are under way; one more is answered with
exception 06.

A client that does not read its answers is no longer read from, and is cut off when that lasts. A client that is denied
again and again is answered at a bounded rate, because each denial is recorded and nobody may flood the record. A client
that sends thousands of requests at once has a few of them judged each time; between two times everybody else is served.

Whoever is not read from is not timed either: a frame that began before the pause has its full time after it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from sealbus.protocol import ExceptionCode, MbapStream, exception_adu

if TYPE_CHECKING:
    from sealbus.endpoints import Endpoint
    from sealbus.security import Peer
    from sealbus.server.rulings import RoleRulings, Ruling
    from sealbus.transport import Accepted, Outbox

__all__ = ["Backend", "Session", "SessionLimits", "SessionOwner"]

_HIGH_WATER_BYTES = 16 * 1024
_DENIALS_PER_SECOND = 50
_REQUESTS_PER_TURN = 64
_GOODBYE_S = 3.0


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """The bounds of one session. Times in seconds; 0 switches the idle limit off."""

    in_flight: int = 16
    first_request_s: float = 30.0
    idle_s: float = 0.0
    frame_s: float = 5.0
    stalled_s: float = 15.0


class _Hold(Enum):
    """Why a session is not read from at the moment."""

    UNREAD = "its answers pile up"
    DENIED = "it was denied too often within a second"
    TURN = "it had its turn, and the others are next"


class _Denials:
    """How often a session was denied within the second: kept for those that are denied at all."""

    __slots__ = ("count", "since")

    def __init__(self) -> None:
        self.count = 0
        self.since = 0.0

    def is_too_many(self, now: float) -> bool:
        if now - self.since >= 1.0:
            self.since, self.count = now, 0
        self.count += 1
        return self.count >= _DENIALS_PER_SECOND


class Backend(Protocol):
    """Who answers. Must end each submitted request with exactly one of `session.answer`, `refuse` or `let_go`."""

    def submit(self, session: Session, adu: bytes, ruling: Ruling) -> None: ...

    def gone(self, session: Session) -> None:
        """The client is gone or has no rights any more: what still waits to be done for it must not be done."""


class SessionOwner(Protocol):
    """The service a session belongs to."""

    @property
    def limits(self) -> SessionLimits: ...
    @property
    def backend(self) -> Backend: ...
    @property
    def buffer(self) -> memoryview: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def endpoint(self) -> Endpoint: ...
    def session_closed(self, session: Session) -> None: ...
    def denied(self, session: Session, adu: bytes, ruling: Ruling) -> None: ...


class Session(asyncio.BufferedProtocol):
    """The protocol of one accepted connection. `peer` is None on a plain listener.

    It is read into one buffer of its service, shared by all and emptied at once; the loop's own are 256 KiB each time.
    """

    __slots__ = (
        "_accepted",
        "_backlog",
        "_buffer",
        "_closing_since",
        "_denials",
        "_heard",
        "_heard_at",
        "_holds",
        "_in_flight_limit",
        "_loop",
        "_outbox",
        "_owner",
        "_partial_since",
        "_stalled_since",
        "_stream",
        "_submit",
        "end_reason",
        "in_flight",
        "number",
        "opened_at",
        "peer",
        "requests",
        "rulings",
        "transport",
    )

    def __init__(self, owner: SessionOwner, accepted: Accepted, peer: Peer | None, *, number: int) -> None:
        self._owner = owner
        self._accepted = accepted
        self._loop = asyncio.get_running_loop()
        self._stream = MbapStream()
        self._buffer = owner.buffer
        self._outbox = owner.outbox
        self._submit = owner.backend.submit
        self._in_flight_limit = owner.limits.in_flight
        self._backlog: deque[bytes] | None = None
        self._denials: _Denials | None = None
        self._holds: set[_Hold] = set()
        self._closing_since: float | None = None
        self._partial_since: float | None = None
        self._stalled_since: float | None = None
        self.transport: asyncio.Transport | None = accepted.transport
        self.rulings: RoleRulings | None = None
        """None before the session is judged by a policy and after its end: then nothing is answered."""
        self.peer = peer
        self.number = number
        self.in_flight = 0
        self.requests = 0
        self.opened_at = self._heard_at = self._loop.time()
        self._heard = 0
        self.end_reason = ""

    # -- asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.set_write_buffer_limits(high=_HIGH_WATER_BYTES)  # type: ignore[attr-defined]

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        rulings = self.rulings
        if rulings is None:
            return
        data = self._buffer[:nbytes].tobytes()
        if not self._stream.partial and not self._holds:
            ruling = rulings.known.get(data[2:])
            if ruling is not None and self.in_flight < self._in_flight_limit:
                # One request, whole and known, as nearly always.
                self.requests += 1
                self.in_flight += 1
                self._submit(self, data, ruling)
                return
        self._take_apart(data)

    def _take_apart(self, data: bytes) -> None:
        """Whatever came: no request, one, or many."""
        stream = self._stream
        adus = stream.feed(data)
        if not stream.partial:
            self._partial_since = None
        elif adus or self._partial_since is None:
            self._partial_since = self._loop.time()
        if not self._holds and len(adus) <= _REQUESTS_PER_TURN:
            self._handle(adus)
        else:
            self._keep(adus)
            if not self._holds:
                self._let_others_go_first()
        if stream.fault is not None:
            self.end(f"not Modbus: {stream.fault}")

    def eof_received(self) -> None:
        self.end_reason = self.end_reason or "closed by the client"

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.hear_no_more()
        self.end_reason = self.end_reason or (f"lost: {exc}" if exc else "closed by the client")
        self._accepted.release()
        self._owner.backend.gone(self)
        self._owner.session_closed(self)

    def pause_writing(self) -> None:
        self._stalled_since = self._loop.time()
        self._hold(_Hold.UNREAD)

    def resume_writing(self) -> None:
        self._stalled_since = None
        self._release(_Hold.UNREAD)

    # -- for the backend

    def answer(self, adu: bytes, answer: bytes) -> None:
        """Answer the request `adu`: `answer` is the device's ADU without its transaction id."""
        self.in_flight -= 1
        transport = self.transport
        if transport is not None:
            self._outbox.write(transport, adu[:2] + answer)

    def refuse(self, adu: bytes, exception_code: int) -> None:
        """Answer the request `adu` with an exception."""
        self.in_flight -= 1
        self._write_exception(adu, exception_code)

    def let_go(self) -> None:
        """One request ends without an answer, as a broadcast does."""
        self.in_flight -= 1

    # -- for the service

    def hear_no_more(self) -> None:
        """Take no further request. What is under way is still answered."""
        self.rulings = self._backlog = None

    def end(self, reason: str) -> None:
        """Close it, for the first reason given; what is written still goes out, what waits for a device does not."""
        self.end_reason = self.end_reason or reason
        self.hear_no_more()
        self._owner.backend.gone(self)
        if self.transport is not None and self._closing_since is None:
            self._closing_since = self._loop.time()
            self._outbox.flush()
            self.transport.close()

    @property
    def role(self) -> str:
        """The role of the peer, "" for the NULL role; on a plain listener nobody has one."""
        return self.peer.role.value if self.peer is not None else ""

    @property
    def address(self) -> str:
        """Where it comes from: HOST:PORT."""
        return str(self._accepted.address)

    @property
    def listener(self) -> str:
        """The URL it came in by."""
        return str(self._owner.endpoint)

    @property
    def age_s(self) -> float:
        """Seconds since it was opened."""
        return self._loop.time() - self.opened_at

    def overdue(self, now: float) -> str | None:
        """Which deadline of the session has passed, if any. Asked every second, which is also how idleness is measured."""
        return _overdue(self, self._owner.limits, now)

    def abort(self, reason: str) -> None:
        """Cut the session off without waiting for the client to read."""
        self.end_reason = self.end_reason or reason
        if self.transport is not None:
            self.transport.abort()

    # -- machinery

    def _handle(self, adus: list[bytes]) -> None:
        rest = iter(adus)
        for adu in rest:
            rulings = self.rulings
            if rulings is None or self._holds:
                self._keep([adu, *rest], in_front=True)
                return
            self.requests += 1
            ruling = rulings.known.get(adu[2:])
            if ruling is None:
                ruling = rulings.judge(adu[6:])
                if ruling.refusal is not None:
                    self._turn_down(adu, ruling, ruling.refusal)
                    continue
            if self.in_flight >= self._in_flight_limit:
                self._write_exception(adu, ExceptionCode.SERVER_DEVICE_BUSY)
            else:
                self.in_flight += 1
                self._submit(self, adu, ruling)

    def _turn_down(self, adu: bytes, ruling: Ruling, exception_code: ExceptionCode) -> None:
        if not ruling.decision.allowed:
            self._owner.denied(self, adu, ruling)
            self._denials = self._denials or _Denials()
            if self._denials.is_too_many(self._loop.time()) and _Hold.DENIED not in self._holds:
                self._hold(_Hold.DENIED)
                self._loop.call_later(1.0, self._release, _Hold.DENIED)
        self._write_exception(adu, exception_code)

    def _write_exception(self, adu: bytes, exception_code: int) -> None:
        if self.transport is not None:
            self._outbox.write(self.transport, exception_adu(adu, exception_code))

    def _keep(self, adus: list[bytes], *, in_front: bool = False) -> None:
        if self.rulings is not None:
            kept = list(self._backlog or ())
            self._backlog = deque(adus + kept if in_front else kept + adus)

    def _let_others_go_first(self) -> None:
        self._hold(_Hold.TURN)
        self._loop.call_soon(self._release, _Hold.TURN)

    def _hold(self, why: _Hold) -> None:
        self._holds.add(why)
        if self.transport is not None:
            self.transport.pause_reading()

    def _release(self, why: _Hold) -> None:
        self._holds.discard(why)
        if self._holds or self.rulings is None or self.transport is None or self.transport.is_closing():
            return
        if backlog := self._backlog:
            self._handle([backlog.popleft() for _ in range(min(len(backlog), _REQUESTS_PER_TURN))])
        self._read_on()

    def _read_on(self) -> None:
        if self._holds or self.rulings is None or self.transport is None:
            return
        if self._backlog:
            self._let_others_go_first()
            return
        if self._partial_since is not None:
            self._partial_since = self._loop.time()
        self.transport.resume_reading()


def _overdue(session: Session, limits: SessionLimits, now: float) -> str | None:
    if session._closing_since is not None:
        return session.end_reason if now - session._closing_since > _GOODBYE_S else None
    if session._stalled_since is not None and now - session._stalled_since > limits.stalled_s:
        return "it does not read its answers"
    if session._partial_since is not None and not session._holds and now - session._partial_since > limits.frame_s:
        return "a frame was begun and not ended"
    if session.requests == 0:
        return "no request came" if now - session.opened_at > limits.first_request_s else None
    if session.in_flight or session.requests != session._heard:
        session._heard, session._heard_at = session.requests, now
    elif limits.idle_s and now - session._heard_at > limits.idle_s:
        return "idle"
    return None
