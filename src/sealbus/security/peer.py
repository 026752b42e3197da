"""A verified peer: what a handshake proved about the other end of a connection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from sealbus.security.roles import PeerRole

__all__ = ["Peer"]


@dataclass(frozen=True, slots=True)
class Peer:
    """A verified peer.

    `serial` is upper-case hexadecimal, `fingerprint` the SHA-256 of the leaf in lower-case hexadecimal, `chain` DER
    from the leaf to the root; `not_before` and `not_after` bound the time in which every certificate of the chain is
    valid (UTC). `subject` is for showing only, already escaped.
    """

    subject: str
    serial: str
    fingerprint: str
    role: PeerRole
    not_before: datetime
    not_after: datetime
    chain: tuple[bytes, ...] = field(repr=False)
