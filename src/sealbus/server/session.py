"""One client's connection: bytes in, requests authorized one by one, answers out.

Every ADU is taken out of the stream and authorized alone, even if others came in the same record: a write behind a read is
authorized as a write. Nothing is guessed: bytes that cannot be MBAP end the session (MODBUS Messaging on TCP/IP
Implementation Guide V1.0b, 3.1.3). At most `in_flight` requests of one session are in flight; one more is answered with
exception 06.

Three things pause reading. A client that does not read its answers is no longer read from, and is disconnected when that
lasts. A client that is denied again and again is answered at a bounded rate, because each denial is recorded and no client
may flood the record. A client that sends thousands of requests together has a few handled in each turn of the loop, so that
the other sessions are served between.

While a session is paused the deadline of a frame does not run: a frame that began before the pause has its full time after
it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from sealbus.protocol import UNIT_AT, ExceptionCode, MbapStream, exception_adu
from sealbus.security import explain_tls_error
from sealbus.token_bucket import TokenBucket

if TYPE_CHECKING:
    from sealbus.endpoints import Endpoint
    from sealbus.security import Peer
    from sealbus.server.rulings import RoleRulings, Ruling
    from sealbus.transport import Accepted, WriteCoalescer

__all__ = ["Backend", "Session", "SessionLimits", "SessionOwner"]

_HIGH_WATER_BYTES = 16 * 1024
_DENIALS_PER_SECOND = 50
_REQUESTS_PER_TURN = 64
_CLOSE_S = 3.0


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """The bounds of one session. Times in seconds; 0 switches the idle limit off."""

    in_flight: int = 16
    first_request_s: float = 30.0
    idle_s: float = 0.0
    frame_s: float = 5.0
    stalled_s: float = 15.0


class _PauseReason(Enum):
    """Why a session is not read from at the moment."""

    UNREAD = "it does not read its answers"
    DENIED = "it was denied too often within a second"
    TURN = "the other sessions are served first"


class Backend(Protocol):
    """Answers requests. Must end each with exactly one of `session.answer`, `answer_exception` and `finish_silently`."""

    def submit(self, session: Session, adu: bytes, ruling: Ruling) -> None: ...

    def abandon(self, session: Session, *, only_writes: bool = False) -> None:
        """The client has disconnected or lost its rights: its queued requests must not be sent."""


class SessionOwner(Protocol):
    """The service of a session."""

    @property
    def limits(self) -> SessionLimits: ...
    @property
    def backend(self) -> Backend: ...
    @property
    def buffer(self) -> memoryview: ...
    @property
    def writer(self) -> WriteCoalescer: ...
    @property
    def endpoint(self) -> Endpoint: ...
    def session_closed(self, session: Session) -> None: ...
    def denied(self, session: Session, adu: bytes, ruling: Ruling) -> None: ...


class Session(asyncio.BufferedProtocol):
    """The protocol of one accepted connection. `peer` is None on a plain listener.

    All sessions of a service are read into one buffer, which is emptied immediately: the event loop would give each read 256
    KiB.
    """

    __slots__ = (
        "_accepted",
        "_active_at",
        "_backlog",
        "_buffer",
        "_closing_since",
        "_denials",
        "_has_ended",
        "_in_flight_limit",
        "_loop",
        "_owner",
        "_partial_since",
        "_pauses",
        "_requests_seen",
        "_stalled_since",
        "_stream",
        "_submit",
        "_writer",
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
        self._writer = owner.writer
        self._submit = owner.backend.submit
        self._in_flight_limit = owner.limits.in_flight
        self._backlog: deque[bytes] | None = None
        self._denials: TokenBucket | None = None
        self._pauses: set[_PauseReason] = set()
        self._closing_since: float | None = None
        self._has_ended = False  # the client sends no more, and still reads
        self._partial_since: float | None = None
        self._stalled_since: float | None = None
        self.transport: asyncio.Transport | None = accepted.transport
        self.rulings: RoleRulings | None = None
        """None before a policy applies to the session, and from `stop_accepting` on: then no further request is taken."""
        self.peer = peer
        self.number = number
        self.in_flight = 0
        self.requests = 0
        self.opened_at = self._active_at = self._loop.time()
        self._requests_seen = 0
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
        if not self._stream.partial and not self._pauses:
            ruling = rulings.known.get(data[2:])
            if ruling is not None and self.in_flight < self._in_flight_limit:
                # The usual case: exactly one request, with a cached ruling.
                self.requests += 1
                self.in_flight += 1
                self._submit(self, data, ruling)
                return
        self._take_chunk(data)

    def _take_chunk(self, data: bytes) -> None:
        """Handle any bytes: no whole request, one, or many."""
        stream = self._stream
        adus = stream.feed(data)
        if not stream.partial:
            self._partial_since = None
        elif adus or self._partial_since is None:
            self._partial_since = self._loop.time()
        if not self._pauses and len(adus) <= _REQUESTS_PER_TURN:
            self._handle(adus)
        else:
            self._push_backlog(adus)
            if not self._pauses:
                self._yield_turn()
        if stream.fault is not None:
            self.end(f"not Modbus: {stream.fault}")

    def eof_received(self) -> bool:
        """The client sends no more. Returns whether the connection stays open for the answers that it still gets.

        TLS connections end with the first close_notify: asyncio and uvloop close them whatever this returns.
        """
        self.end_reason = self.end_reason or "closed by the client"
        self._partial_since = None
        self._has_ended = self.peer is None and self.rulings is not None and bool(self.in_flight or self._backlog)
        self._writer.flush()
        if self._has_ended:
            self._owner.backend.abandon(self, only_writes=True)  # a client that has gone looks the same
        return self._has_ended

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.stop_accepting()
        self.end_reason = self.end_reason or _end_reason(exc)
        self._accepted.release()
        self._owner.backend.abandon(self)
        self._owner.session_closed(self)

    def pause_writing(self) -> None:
        self._stalled_since = self._loop.time()
        self._pause(_PauseReason.UNREAD)

    def resume_writing(self) -> None:
        self._stalled_since = None
        self._resume(_PauseReason.UNREAD)

    # -- for the backend

    def answer(self, adu: bytes, answer: bytes) -> None:
        """Answer the request `adu`: `answer` is the device's ADU without its transaction id."""
        self.in_flight -= 1
        transport = self.transport
        if transport is not None:
            self._writer.write(transport, adu[:2] + answer)
        if self._has_ended:
            self._end_when_answered()

    def answer_exception(self, adu: bytes, exception_code: int) -> None:
        """Answer the request `adu` with an exception."""
        self.in_flight -= 1
        self._write_exception(adu, exception_code)
        if self._has_ended:
            self._end_when_answered()

    def finish_silently(self) -> None:
        """End one request without an answer, as a broadcast ends."""
        self.in_flight -= 1
        if self._has_ended:
            self._end_when_answered()

    # -- for the service

    def stop_accepting(self) -> None:
        """Accept no further request. Requests in flight are still answered."""
        self.rulings = self._backlog = None

    def end(self, reason: str) -> None:
        """Close it, for the first reason given. Written answers still go out; queued requests are not sent."""
        self.end_reason = self.end_reason or reason
        self.stop_accepting()
        self._owner.backend.abandon(self)
        if self.transport is not None and self._closing_since is None:
            self._closing_since = self._loop.time()
            self._writer.flush()
            self.transport.close()

    @property
    def role(self) -> str:
        """The role of the peer, "" for the NULL role and on a plain listener."""
        return self.peer.role.value if self.peer is not None else ""

    @property
    def address(self) -> str:
        """The client: HOST:PORT."""
        return str(self._accepted.address)

    @property
    def listener(self) -> str:
        """The URL of its listener."""
        return str(self._owner.endpoint)

    @property
    def age_s(self) -> float:
        """Seconds since it was opened."""
        return self._loop.time() - self.opened_at

    def overdue(self, now: float) -> str | None:
        """The deadline of the session that has passed, or None. Called every second, which also measures idleness."""
        limits = self._owner.limits
        if self._closing_since is not None:
            return self.end_reason if now - self._closing_since > _CLOSE_S else None
        if self._stalled_since is not None and now - self._stalled_since > limits.stalled_s:
            return "it does not read its answers"
        if self._partial_since is not None and not self._pauses and now - self._partial_since > limits.frame_s:
            return "a frame was begun and not ended"
        if self.requests == 0:
            return "no request came" if now - self.opened_at > limits.first_request_s else None
        if self.in_flight or self.requests != self._requests_seen:
            self._requests_seen, self._active_at = self.requests, now
        elif limits.idle_s and now - self._active_at > limits.idle_s:
            return "idle"
        return None

    def abort(self, reason: str) -> None:
        """Disconnect at once, without waiting for the client to read."""
        self.end_reason = self.end_reason or reason
        if self.transport is not None:
            self.transport.abort()

    # -- machinery

    def _end_when_answered(self) -> None:
        if not self.in_flight and not self._backlog:
            self.end("closed by the client")

    def _handle(self, adus: list[bytes]) -> None:
        rest = iter(adus)
        for adu in rest:
            rulings = self.rulings
            if rulings is None or self._pauses:
                self._push_backlog([adu, *rest], in_front=True)
                return
            self.requests += 1
            ruling = rulings.known.get(adu[2:])
            if ruling is None:
                ruling = rulings.judge(adu[UNIT_AT:])
                if ruling.exception_code is not None:
                    self._answer_unforwarded(adu, ruling, ruling.exception_code)
                    continue
            if self.in_flight >= self._in_flight_limit:
                self._write_exception(adu, ExceptionCode.SERVER_DEVICE_BUSY)
            else:
                self.in_flight += 1
                self._submit(self, adu, ruling)

    def _answer_unforwarded(self, adu: bytes, ruling: Ruling, exception_code: ExceptionCode) -> None:
        if not ruling.decision.allowed:
            self._owner.denied(self, adu, ruling)
            if self._denials is None:  # made at the first denial: an idle session must cost little memory
                self._denials = TokenBucket(_DENIALS_PER_SECOND, _DENIALS_PER_SECOND)
            self._denials.take(self._loop.time())
            if self._denials.left < 1 and _PauseReason.DENIED not in self._pauses:
                self._pause(_PauseReason.DENIED)
                self._loop.call_later(1.0, self._resume, _PauseReason.DENIED)
        self._write_exception(adu, exception_code)

    def _write_exception(self, adu: bytes, exception_code: int) -> None:
        if self.transport is not None:
            self._writer.write(self.transport, exception_adu(adu, exception_code))

    def _push_backlog(self, adus: list[bytes], *, in_front: bool = False) -> None:
        if self.rulings is not None:
            kept = list(self._backlog or ())
            self._backlog = deque(adus + kept if in_front else kept + adus)

    def _yield_turn(self) -> None:
        self._pause(_PauseReason.TURN)
        self._loop.call_soon(self._resume, _PauseReason.TURN)

    def _pause(self, why: _PauseReason) -> None:
        self._pauses.add(why)
        if self.transport is not None:
            self.transport.pause_reading()

    def _resume(self, why: _PauseReason) -> None:
        self._pauses.discard(why)
        if self._pauses or self.rulings is None or self.transport is None or self.transport.is_closing():
            return
        if backlog := self._backlog:
            self._handle([backlog.popleft() for _ in range(min(len(backlog), _REQUESTS_PER_TURN))])
        self._resume_reading()
        if self._has_ended:
            self._end_when_answered()

    def _resume_reading(self) -> None:
        if self._pauses or self.rulings is None or self.transport is None:
            return
        if self._backlog:
            self._yield_turn()
            return
        if self._partial_since is not None:
            self._partial_since = self._loop.time()
        if not self._has_ended:
            self.transport.resume_reading()


def _end_reason(error: Exception | None) -> str:
    if error is None:
        return "closed by the client"
    return explain_tls_error(error) if isinstance(error, ssl.SSLError) else f"lost: {error}"
