"""The values of admission: the address of a client, the limits of a listener, its events, the reason of a refusal."""

from __future__ import annotations

from dataclasses import dataclass

from sealbus.endpoints import render_authority

__all__ = ["ListenerEvents", "ListenerLimits", "PeerAddress", "Refusal"]


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """The address of a client. An IPv4 address is written as such even on a socket for both families."""

    host: str
    port: int

    def __str__(self) -> str:
        return render_authority(self.host, self.port)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a connection may not stay."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerLimits:
    """The bounds of a listener: `pending` connections are in their handshake, `connections` are admitted."""

    handshake_timeout_s: float = 5.0
    pending_per_address: int = 32
    pending: int = 256
    connections: int = 1024
    unsafe_plain: bool = False
    """Offer plain Modbus to the network: no encryption, no identity; every host that reaches the port is admitted."""


class ListenerEvents:
    """The events of a listener. Override those of interest; each is called in the event loop and must not block."""

    def accepted_pending(self, address: PeerAddress) -> None:
        """A connection was accepted; its handshake has not begun."""

    def handshake_failed(self, address: PeerAddress, reason: str) -> None:
        """Its handshake failed or took too long, or it was dropped for a newer one."""

    def refused(self, address: PeerAddress, reason: str) -> None:
        """It was closed by the limit on connections or by `admit`."""

    def admitted(self, address: PeerAddress) -> None:
        """It was admitted."""

    def closed(self, address: PeerAddress) -> None:
        """An admitted connection ended."""

    def cannot_accept(self, delay_s: float, error: OSError) -> None:
        """No descriptors or no memory: nothing is accepted for `delay_s` seconds."""

    def accepts_again(self) -> None:
        """Accepting works again."""
