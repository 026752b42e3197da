"""How the collector is, told when somebody asks: the payload of the answer about `state`.

Reading takes any bytes and ends in a report or PeerError.
"""

from __future__ import annotations

import msgspec

from sealbus.errors import PeerError

__all__ = [
    "STATE_TOPIC",
    "CollectorReport",
    "ConnectionReport",
    "ProblemReport",
    "decode_report",
    "encode_report",
]

STATE_TOPIC = "state"


class ConnectionReport(msgspec.Struct, frozen=True, kw_only=True):
    """One connection. `status` is idle, up, down or refused, since `since_us`; `why` the reason of the last trouble."""

    id: int
    status: str
    why: str
    since_us: int
    last_answer_us: int | None
    sent: int
    answered: int
    silent: int
    silent_units: tuple[int, ...]
    identity_problem: str
    certificate_not_after_us: int | None


class ProblemReport(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the plan that cannot be used: `what` is connection, device, tag, calculated or networks."""

    what: str
    id: int
    text: str


class CollectorReport(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    connections: tuple[ConnectionReport, ...]
    problems: tuple[ProblemReport, ...]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(CollectorReport)


def encode_report(report: CollectorReport) -> bytes:
    """For the wire."""
    return _encoder.encode(report)


def decode_report(payload: bytes) -> CollectorReport:
    """Raises PeerError for what is no report."""
    try:
        return _decoder.decode(payload)
    except (msgspec.DecodeError, RecursionError) as error:
        raise PeerError(f"no report of the collector: {error}") from None
