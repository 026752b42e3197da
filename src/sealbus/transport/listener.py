"""Offer Modbus on TCP or mbaps: accept, bound what is pending, handshake, ask `admit`, hand over.

A connection is pending until its handshake is over; `Handshakes` bounds how many are and for how long. Then `admit` decides
on it, once and without waiting: it returns the protocol that takes over, or a Refusal. From then on the listener is not
involved: no bytes and no callbacks pass through it, no task is left, and no newer connection can evict an admitted one.
Beyond the limit on admitted connections new ones are closed.

`tls` is read for each new connection: assigning another context reloads certificates without disturbing sessions. A
handshake ends with the context that it began with, which is `Accepted.ssl_object.context`.

Plain TCP takes the same way without the handshake. Off loopback it needs the operator's `unsafe_plain`.
"""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sealbus.endpoints import Scheme, unmapped
from sealbus.errors import ConfigError, LocalError, PeerError
from sealbus.transport.accepting import AcceptLoop
from sealbus.transport.admission import ListenerEvents, ListenerLimits, PeerAddress, Refusal
from sealbus.transport.binding import bind_sockets
from sealbus.transport.handshakes import Handshakes

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Callable

    from sealbus.endpoints import Endpoint

__all__ = ["Accepted", "Listener"]

_LISTENING = (Scheme.MBAPS, Scheme.TCP, Scheme.RTU_TCP)


class Accepted:
    """A connection for `admit` to decide on. Its protocol calls `release` in `connection_lost` to free its place."""

    __slots__ = ("_listener", "address", "transport")

    def __init__(self, transport: asyncio.Transport, address: PeerAddress) -> None:
        # Set on admission, so that releasing a connection that was not admitted frees no place.
        self._listener: Listener | None = None
        self.transport = transport
        self.address = address

    @property
    def ssl_object(self) -> ssl.SSLObject | None:
        """The finished handshake; None on plain TCP."""
        found: ssl.SSLObject | None = self.transport.get_extra_info("ssl_object")
        return found

    def release(self) -> None:
        """Free the place. Does nothing for a connection that was not admitted, and at a second call."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener._release(self.address)


class Listener:
    """A listening endpoint. Made by `Listener.open`; `close` ends it, but not the connections that were admitted."""

    def __init__(
        self,
        endpoint: Endpoint,
        admit: Callable[[Accepted], asyncio.BaseProtocol | Refusal],
        *,
        tls: ssl.SSLContext | None,
        limits: ListenerLimits,
        events: ListenerEvents,
    ) -> None:
        self._endpoint = endpoint
        self._admit = admit
        self._limits = limits
        self._events = events
        self._handshakes = Handshakes(limits, events, self._on_handshake)
        self._admitted = 0
        self._accepting: list[AcceptLoop] = []
        self._port = endpoint.port
        self.tls = tls

    @classmethod
    async def open(
        cls,
        endpoint: Endpoint,
        admit: Callable[[Accepted], asyncio.BaseProtocol | Refusal],
        *,
        tls: ssl.SSLContext | None = None,
        limits: ListenerLimits | None = None,
        events: ListenerEvents | None = None,
    ) -> Listener:
        """Bind a `tcp`, `mbaps` or `rtu+tcp` endpoint and start to accept.

        `admit` is called with each connection whose handshake is over; instead of returning a Refusal it may raise
        PeerError. Raises ConfigError for an address that cannot be used, or must not be: plain Modbus off loopback.
        """
        if endpoint.scheme not in _LISTENING:
            raise ConfigError(f"{endpoint}: a listener cannot use the scheme {endpoint.scheme}", hint="use mbaps://")
        limits = limits or ListenerLimits()
        listener = cls(endpoint, admit, tls=tls, limits=limits, events=events or ListenerEvents())
        only_loopback = endpoint.scheme is not Scheme.MBAPS and not limits.unsafe_plain
        for sock in await bind_sockets(endpoint, only_loopback=only_loopback):
            listener._port = sock.getsockname()[1]
            listener._accepting.append(AcceptLoop(sock, listener._on_accept, listener._events))
        return listener

    @property
    def tls(self) -> ssl.SSLContext | None:
        """The context for the next connections; assign another to reload. None exactly where the endpoint is plain."""
        return self._tls

    @tls.setter
    def tls(self, context: ssl.SSLContext | None) -> None:
        if (context is not None) is not (self._endpoint.scheme is Scheme.MBAPS):
            hint = "give certificate, key and trust" if context is None else "use mbaps://"
            raise ConfigError(f"{self._endpoint} and its certificates do not fit together", hint=hint)
        if context is not None and context.verify_mode is not ssl.CERT_REQUIRED:
            raise LocalError("this TLS context does not ask for a client certificate; use build_server_context")
        self._tls = context

    @property
    def port(self) -> int:
        """The port that is listened on, also where the URL has port 0."""
        return self._port

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint that it listens on, with the real port."""
        return replace(self._endpoint, port=self._port)

    @property
    def pending(self) -> int:
        """How many connections have not finished their handshake."""
        return len(self._handshakes)

    @property
    def admitted(self) -> int:
        """How many admitted connections have not been released."""
        return self._admitted

    async def close(self) -> None:
        """Stop accepting and drop what is pending."""
        for accepting in self._accepting:
            accepting.close()
        await self._handshakes.drop_all("the listener was closed")

    def _on_accept(self, sock: socket.socket, raw_address: tuple[Any, ...]) -> None:
        address = _peer_address(raw_address)
        if self._is_full():
            sock.close()
            self._events.refused(address, self._full_reason())
            return
        self._events.accepted_pending(address)
        self._handshakes.begin(sock, address, self._tls)

    def _on_handshake(self, transport: asyncio.Transport, address: PeerAddress) -> None:
        if self._is_full():
            transport.abort()
            self._events.refused(address, self._full_reason())
            return
        accepted = Accepted(transport, address)
        verdict = self._call_admit(accepted)
        if isinstance(verdict, Refusal):
            transport.close()
            self._events.refused(address, verdict.reason)
            return
        self._admitted += 1
        accepted._listener = self
        transport.set_protocol(verdict)
        self._events.admitted(address)
        verdict.connection_made(transport)

    def _call_admit(self, accepted: Accepted) -> asyncio.BaseProtocol | Refusal:
        try:
            return self._admit(accepted)
        except PeerError as error:
            return Refusal(str(error))
        except BaseException:
            accepted.transport.abort()
            raise

    def _release(self, address: PeerAddress) -> None:
        self._admitted -= 1
        self._events.closed(address)

    def _is_full(self) -> bool:
        return self._admitted >= self._limits.connections

    def _full_reason(self) -> str:
        return f"there are already {self._limits.connections} connections"


def _peer_address(raw: tuple[Any, ...]) -> PeerAddress:
    host, port = raw[:2]
    if host.startswith("::ffff:"):
        host = str(unmapped(ipaddress.IPv6Address(host)))
    return PeerAddress(host, port)
