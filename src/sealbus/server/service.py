"""One listening endpoint, its sessions, and what applies to them: policy, trust, limits.

Policy and trust can change while a service runs. A new policy applies from the next request on. New trust means a new TLS
context, so that tickets of the old one become invalid (a resumed session would skip the check against the new revocation
list), and a check of every session: one that is no longer entitled is ended, the others stay. Every second a cheaper check
ends the sessions whose chain has expired and those that have passed a deadline. A revocation list that runs out refuses new
connections at once; open sessions end after a grace, in which the operator can install the next list.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from sealbus.security import PeerVerifier, build_server_context, wants_renewal
from sealbus.server.session import Session, SessionLimits
from sealbus.transport import Listener, ListenerEvents, ListenerLimits, Refusal, WriteCoalescer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from sealbus.endpoints import Endpoint
    from sealbus.security import Identity, Peer, TlsOptions, Trust
    from sealbus.server.rulings import PolicyRulings, Ruling
    from sealbus.server.session import Backend
    from sealbus.transport import Accepted, PeerAddress

__all__ = ["Observer", "ServerSecurity", "Service", "ServiceLimits"]

_BUFFER_BYTES = 64 * 1024
_CLOSE_S = 1.0

_numbers = itertools.count(1)  # unique in the process: the record identifies a connection by it, at any listener


class ServerSecurity:
    """The identity and trust of a server as one TLS context. Built again whenever any part changes."""

    def __init__(self, identity: Identity, trust: Trust, options: TlsOptions) -> None:
        self.identity = identity
        self.trust = trust
        self._options = options
        self.context: ssl.SSLContext = build_server_context(identity, trust, options)
        self.verifier = PeerVerifier(trust)

    def renewed(self) -> ServerSecurity:
        """The same with a new context, which has no sessions to resume."""
        return ServerSecurity(self.identity, self.trust, self._options)


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """The bounds of a service: for each session, for connections without an identity yet, and for each identity."""

    session: SessionLimits = field(default_factory=SessionLimits)
    listener: ListenerLimits = field(default_factory=ListenerLimits)
    sessions_per_identity: int = 32
    """An identity is one leaf certificate, by its fingerprint."""
    list_grace_s: float = 3600.0
    """How long open sessions go on after a revocation list above them ran out."""
    sweep_s: float = 1.0
    """Seconds between two checks of deadlines and expired certificates."""


class Observer(Protocol):
    """Gets the events of a service: `GatewayEvents` of a gateway, the log of a server."""

    def opened(self, session: Session) -> None: ...
    def closed(self, session: Session) -> None: ...
    def denied(self, session: Session, adu: bytes, ruling: Ruling) -> None: ...
    def lost_entitlement(self, session: Session, reason: str) -> None: ...
    def handshake_failed(self, listener: str, address: str, reason: str) -> None: ...
    def refused(self, listener: str, address: str, reason: str) -> None: ...
    def cannot_accept(self, listener: str, reason: str) -> None: ...
    def accepts_again(self, listener: str) -> None: ...


class Service(ListenerEvents):
    """Listens on one endpoint and answers from one backend. `security` is None on a plain endpoint."""

    def __init__(
        self,
        endpoint: Endpoint,
        policy_rulings: PolicyRulings,
        backend: Backend,
        *,
        observer: Observer,
        security: ServerSecurity | None = None,
        limits: ServiceLimits | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.backend = backend
        self.buffer = memoryview(bytearray(_BUFFER_BYTES))
        self.sessions: set[Session] = set()
        self.writer = WriteCoalescer(self.sessions)
        self._policy_rulings = policy_rulings
        self._observer = observer
        self._security = security
        self._limits = limits or ServiceLimits()
        self._per_certificate: dict[str, int] = {}
        self._listener: Listener | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._list_grace = timedelta(seconds=self._limits.list_grace_s)
        self._recheck_at: datetime | None = None

    # -- life

    async def start(self) -> None:
        """Listen. Raises ConfigError where that is not possible."""
        self._listener = await Listener.open(
            self.endpoint,
            self._admit,
            tls=self._security.context if self._security else None,
            limits=self._limits.listener,
            events=self,
        )
        self.endpoint = self._listener.endpoint
        if self._security is not None:
            self._use(self._security)
        self._sweep()

    @property
    def port(self) -> int:
        """The port that is listened on, also where the URL has port 0."""
        return self._listener.port if self._listener else 0

    async def stop(self, *, drain_s: float = 0.0) -> None:
        """Accept no connection and no request any more, wait up to `drain_s` seconds for those in flight, then end the
        sessions.
        """
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._listener is not None:
            await self._listener.close()
        for session in self.sessions:
            session.stop_accepting()
        await self._wait_until(lambda: not any(session.in_flight for session in self.sessions), within_s=drain_s)
        for session in list(self.sessions):
            session.end("the service stopped")
        await self._wait_until(lambda: not self.sessions, within_s=_CLOSE_S)
        for session in list(self.sessions):
            session.abort("the service stopped")
        await self._wait_until(lambda: not self.sessions, within_s=_CLOSE_S)

    # -- change

    @property
    def policy_rulings(self) -> PolicyRulings:
        return self._policy_rulings

    @property
    def security(self) -> ServerSecurity | None:
        return self._security

    def replace_policy(self, policy_rulings: PolicyRulings) -> None:
        """Apply this policy from the next request on."""
        self._policy_rulings = policy_rulings
        for session in self.sessions:
            if session.rulings is not None:
                session.rulings = policy_rulings.rulings_of(session.role)

    def replace_security(self, security: ServerSecurity) -> None:
        """Use this identity and trust from the next handshake on, and end the sessions they do not entitle."""
        self._use(security)
        self._end_unentitled()

    # -- for the sessions (SessionOwner)

    @property
    def limits(self) -> SessionLimits:
        return self._limits.session

    def session_closed(self, session: Session) -> None:
        self.sessions.discard(session)
        if session.peer is not None:
            left = self._per_certificate[session.peer.fingerprint] - 1
            if left:
                self._per_certificate[session.peer.fingerprint] = left
            else:
                del self._per_certificate[session.peer.fingerprint]
        self._observer.closed(session)

    def denied(self, session: Session, adu: bytes, ruling: Ruling) -> None:
        self._observer.denied(session, adu, ruling)

    # -- for the listener (ListenerEvents)

    def handshake_failed(self, address: PeerAddress, reason: str) -> None:
        self._observer.handshake_failed(str(self.endpoint), str(address), reason)

    def refused(self, address: PeerAddress, reason: str) -> None:
        self._observer.refused(str(self.endpoint), str(address), reason)

    def cannot_accept(self, delay_s: float, error: OSError) -> None:
        self._observer.cannot_accept(str(self.endpoint), error.strerror or str(error))

    def accepts_again(self) -> None:
        self._observer.accepts_again(str(self.endpoint))

    # -- machinery

    def _admit(self, accepted: Accepted) -> Session | Refusal:
        peer = None
        if self._security is not None:
            if accepted.ssl_object is None:
                return Refusal("it came without TLS")
            peer = self._security.verifier.peer(accepted.ssl_object, datetime.now(UTC))
            if not self._has_room_for(peer):
                return Refusal(f"{peer.subject} has {self._limits.sessions_per_identity} connections already")
            self._per_certificate[peer.fingerprint] = self._per_certificate.get(peer.fingerprint, 0) + 1
        session = Session(self, accepted, peer, number=next(_numbers))
        session.rulings = self._policy_rulings.rulings_of(session.role)
        self.sessions.add(session)
        self._observer.opened(session)
        return session

    def _has_room_for(self, peer: Peer) -> bool:
        return self._per_certificate.get(peer.fingerprint, 0) < self._limits.sessions_per_identity

    async def _wait_until(self, condition: Callable[[], bool], *, within_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not condition():  # noqa: ASYNC110 - happens once in the life of a process
                    await asyncio.sleep(0.01)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        # First, because an error below must not end the sweeps.
        self._sweeper = loop.call_later(self._limits.sweep_s, self._sweep)
        now = loop.time()
        for session in list(self.sessions):
            if (reason := session.overdue(now)) is not None:
                session.abort(reason)
        self._end_expired()
        if self._security is not None and wants_renewal(self._security.context):
            self._use(self._security.renewed())

    def _use(self, security: ServerSecurity) -> None:
        self._security = security
        if self._listener is not None:
            self._listener.tls = security.context
        self._recheck_at = security.trust.recheck_at(datetime.now(UTC), self._list_grace)

    def _end_expired(self) -> None:
        now = datetime.now(UTC)
        if self._recheck_at is not None and now > self._recheck_at and self._security is not None:
            self._recheck_at = self._security.trust.recheck_at(now, self._list_grace)
            self._end_unentitled()
        for session in list(self.sessions):
            if session.rulings is not None and session.peer is not None and session.peer.not_after < now:
                self._end(session, "its certificate has expired")

    def _end_unentitled(self) -> None:
        if self._security is None:
            return
        now = datetime.now(UTC)
        judged: dict[tuple[bytes, ...], str | None] = {}  # one leaf may come by two chains, one still trusted
        for session in list(self.sessions):
            peer = session.peer
            if peer is None or session.rulings is None:
                continue  # a plain session has no identity to lose; a session without rulings is ending already
            if peer.chain not in judged:
                judged[peer.chain] = self._security.trust.objection(peer, now, self._list_grace)
            if (objection := judged[peer.chain]) is not None:
                self._end(session, objection)

    def _end(self, session: Session, reason: str) -> None:
        self._observer.lost_entitlement(session, reason)
        session.end(reason)
