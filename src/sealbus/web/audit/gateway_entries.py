"""How a record of a gateway becomes an entry of the audit: who, from where, what, with which result.

Every kind is taken over but `connected` and `disconnected`: a client that connects for each poll would drown the rest,
what it was refused or wrote names it again, and the gateway's own record keeps them. A write is two entries, as it is two
records: asked for (its result not known yet) and its outcome, which repeats what was asked for.

The entry's own time is when it was taken over; `detail.at` is the gateway's. `target` is the record: the gateway's name,
and its number there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from sealbus.records import (
    Connected,
    Denied,
    Disconnected,
    HandshakeFailed,
    Outcome,
    RecordsLost,
    RefusedConnection,
    ReloadFailed,
    SessionEnded,
    Unreadable,
    WriteOutcome,
    WriteRequested,
    kind_of,
)
from sealbus.web.access.subject import Actor, ActorKind
from sealbus.web.audit.models import Result, Source
from sealbus.web.audit.services import Event, Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealbus.records import Stored

__all__ = ["GAP", "RECORD", "REPLACED", "REWOUND", "event_of", "is_kept", "record_target", "told_by_us"]

RECORD = "gateway-record"
GAP = "gateway.gap"
REPLACED = "gateway.replaced"
REWOUND = "gateway.rewound"

_LEFT_OUT = (Connected, Disconnected)
_REFUSED = (Denied, HandshakeFailed, RefusedConnection, SessionEnded)
_FAILED = (ReloadFailed, RecordsLost)
_OUTCOMES = {
    Outcome.DONE: Result.DONE,
    Outcome.EXCEPTION: Result.FAILED,
    Outcome.NOT_SENT: Result.FAILED,
    Outcome.MISMATCH: Result.FAILED,
    Outcome.UNKNOWN: Result.UNKNOWN,
}
_LONGEST_LINE = 500
_OF_A_REQUEST = (
    "peer", "subject", "serial", "role", "unit", "function", "device", "table", "address", "count", "values", "pdu", "rule",
)  # fmt: skip


def is_kept(stored: Stored) -> bool:
    """Whether this record becomes an entry."""
    return not isinstance(stored.record, _LEFT_OUT)


def record_target(source: Source, sequence: int) -> Target:
    """One record of one gateway."""
    return Target(RECORD, f"{source.pk}:{sequence}", source.name)


def event_of(source: Source, stored: Stored, requests: Mapping[int, Mapping[str, Any]]) -> Event:
    """The entry to be made of a record. `requests` holds the details of the writes that outcomes belong to."""
    target = record_target(source, stored.sequence)
    record = stored.record
    if isinstance(record, Unreadable):
        detail = {"file": record.file, "line": record.line, "text": record.text[:_LONGEST_LINE]}
        return Event(_gateway(source), "gateway.unreadable", target, Result.FAILED, detail)
    detail = {"at": stored.time, "record_hash": stored.hash, **msgspec.to_builtins(record)}
    del detail["kind"]
    if isinstance(record, WriteOutcome):
        asked = requests.get(record.request, {})
        detail |= {name: asked[name] for name in _OF_A_REQUEST if name in asked}
    return Event(_actor(source, detail), f"gateway.{kind_of(record)}", target, _result(record), detail)


def told_by_us(source: Source, action: str, detail: Mapping[str, Any]) -> Event:
    """What the taking over itself found: a gap, a record that begins anew."""
    return Event(_gateway(source), action, record_target(source, source.sequence), Result.UNKNOWN, detail)


def _result(record: object) -> Result:
    if isinstance(record, WriteOutcome):
        return _OUTCOMES[record.outcome]
    if isinstance(record, WriteRequested):
        return Result.UNKNOWN
    if isinstance(record, _REFUSED):
        return Result.REFUSED
    return Result.FAILED if isinstance(record, _FAILED) else Result.DONE


def _gateway(source: Source) -> Actor:
    return Actor(ActorKind.GATEWAY, None, source.name)


def _actor(source: Source, detail: Mapping[str, Any]) -> Actor:
    """The peer where the record names one, by his certificate; else the gateway itself."""
    peer = detail.get("peer")
    if not isinstance(peer, str):
        return _gateway(source)
    address = peer.rpartition(":")[0].strip("[]")
    return Actor(ActorKind.GATEWAY, None, str(detail.get("subject") or ""), address)
