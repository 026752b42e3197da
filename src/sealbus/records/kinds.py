"""The kinds of records. One frozen struct per kind.

A record may be read a year later without any other record, so each names its subject and its object: a denial names the
peer again, although its connection did. Two records refer to each other by number: a `WriteOutcome` names the sequence
number of its `WriteRequested`. `connection` counts from 1 in each run of the gateway, that is, between one `Started`
and the next. Fields that do not apply are left out of the stored line.

Names: `peer` is a network address ("203.0.113.7:50123"), `address` a 0-based address in a table as in the PDU,
`function` the function code, `pdu` raw bytes in hexadecimal. `rule` names the line of the policy that decided, None if
none did. Sequence number, time and hash belong to the stored line, not to the record.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations when it builds the decoder
from enum import IntEnum, StrEnum

import msgspec

__all__ = [
    "RANKS",
    "Alarm",
    "AlarmState",
    "Connected",
    "Denied",
    "Disconnected",
    "EntitlementLost",
    "FileRead",
    "HandshakeFailed",
    "Outcome",
    "Rank",
    "Record",
    "RecordsLost",
    "Recovered",
    "RefusedConnection",
    "ReloadFailed",
    "Reloaded",
    "SegmentRemoved",
    "Started",
    "Stopped",
    "WriteOutcome",
    "WriteRequested",
    "kind_of",
]


class Outcome(StrEnum):
    """The end of a write. UNKNOWN: it may have been executed. MISMATCH: the device echoed something else."""

    DONE = "done"
    EXCEPTION = "exception"
    UNKNOWN = "unknown"
    NOT_SENT = "not_sent"
    MISMATCH = "mismatch"


class AlarmState(StrEnum):
    """An alarm of one name lasts from RAISED to CLEARED."""

    RAISED = "raised"
    CLEARED = "cleared"


class FileRead(msgspec.Struct, frozen=True, gc=False):
    """A file in force: its path, and the SHA-256 of its bytes in hexadecimal."""

    file: str
    fingerprint: str


class _RecordKind(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, tag_field="kind"):
    """How all kinds are encoded."""


class Started(_RecordKind, frozen=True, kw_only=True, tag="started"):
    """The gateway began to serve: with which files, and which `unsafe_*` switches."""

    version: str
    listeners: tuple[str, ...]
    files: tuple[FileRead, ...] = ()
    unsafe: tuple[str, ...] = ()


class Stopped(_RecordKind, frozen=True, kw_only=True, tag="stopped"):
    """The gateway ended in order. The last record of a run; a run without it was interrupted."""

    reason: str


class Connected(_RecordKind, frozen=True, kw_only=True, tag="connected"):
    """A client connected. On a plain listener there is no identity: those fields are left out."""

    listener: str
    connection: int
    peer: str
    subject: str | None = None
    serial: str | None = None
    fingerprint: str | None = None
    role: str | None = None
    role_finding: str | None = None
    tls_version: str | None = None
    cipher: str | None = None
    resumed: bool | None = None


class Disconnected(_RecordKind, frozen=True, kw_only=True, tag="disconnected"):
    """A connection ended, after this number of requests."""

    connection: int
    reason: str
    requests: int
    duration_s: float


class HandshakeFailed(_RecordKind, frozen=True, kw_only=True, tag="handshake_failed"):
    """A client did not prove its identity, or did not speak TLS."""

    listener: str
    peer: str
    reason: str


class RefusedConnection(_RecordKind, frozen=True, kw_only=True, tag="refused_connection"):
    """Closed because of a limit: per address before the handshake, per identity after it."""

    listener: str
    peer: str
    reason: str
    subject: str | None = None
    serial: str | None = None


class EntitlementLost(_RecordKind, frozen=True, kw_only=True, tag="session_ended"):
    """A live session lost its entitlement: revoked, expired, or its authority no longer trusted."""

    connection: int
    peer: str
    subject: str
    serial: str
    reason: str


class Denied(_RecordKind, frozen=True, kw_only=True, tag="denied"):
    """A request that the policy did not allow. `pdu` is set if the request has no address in a table.

    `times` is for a record of several equal denials of one connection; it is always 1 today.
    """

    connection: int
    peer: str
    unit: int
    function: int
    reason: str
    subject: str | None = None
    serial: str | None = None
    role: str | None = None
    table: str | None = None
    address: int | None = None
    count: int | None = None
    pdu: str | None = None
    rule: str | None = None
    times: int = 1


class WriteRequested(_RecordKind, frozen=True, kw_only=True, tag="write_requested"):
    """A write was allowed and is about to be sent. `values` are registers, or coils as 0 and 1; otherwise `pdu` is set."""

    connection: int
    peer: str
    unit: int
    function: int
    device: str
    subject: str | None = None
    serial: str | None = None
    role: str | None = None
    table: str | None = None
    address: int | None = None
    count: int | None = None
    values: tuple[int, ...] | None = None
    pdu: str | None = None
    rule: str | None = None


class WriteOutcome(_RecordKind, frozen=True, kw_only=True, tag="write_outcome"):
    """The end of the write that was recorded under the sequence number `request`. Each write has exactly one."""

    request: int
    outcome: Outcome
    exception_code: int | None = None
    why: str | None = None


class Reloaded(_RecordKind, frozen=True, kw_only=True, tag="reloaded"):
    """These files are in force from here on. `grown`: the rights that a policy gives and the one before it did not."""

    files: tuple[FileRead, ...]
    grown: tuple[str, ...] = ()


class ReloadFailed(_RecordKind, frozen=True, kw_only=True, tag="reload_failed"):
    """This file cannot be used; the old state stays in force."""

    file: str
    problem: str


class Alarm(_RecordKind, frozen=True, kw_only=True, tag="alarm"):
    """A condition needs attention, or no longer does. The alarm of the log itself is called `records`."""

    name: str
    state: AlarmState
    text: str


class RecordsLost(_RecordKind, frozen=True, kw_only=True, tag="records_lost"):
    """Records that were counted but not stored, and why."""

    count: int
    since: datetime
    until: datetime
    by_kind: dict[str, int]
    reason: str


class SegmentRemoved(_RecordKind, frozen=True, kw_only=True, tag="segment_removed"):
    """The bound removes the oldest segment. `last_hash` is the previous hash of the next segment."""

    segment: int
    first_sequence: int
    last_sequence: int
    last_hash: str
    size_bytes: int


class Recovered(_RecordKind, frozen=True, kw_only=True, tag="recovered"):
    """The last run ended without closing the log. Up to a second of records before this may be missing.

    `dropped_bytes` of a torn line were dropped; `problem` is set when the segment was damaged and a new one was begun.
    """

    segment: int
    dropped_bytes: int
    problem: str | None = None


Record = (
    Started
    | Stopped
    | Connected
    | Disconnected
    | HandshakeFailed
    | RefusedConnection
    | EntitlementLost
    | Denied
    | WriteRequested
    | WriteOutcome
    | Reloaded
    | ReloadFailed
    | Alarm
    | RecordsLost
    | SegmentRemoved
    | Recovered
)


class Rank(IntEnum):
    """Which records may use the remaining space when the disk is full. A higher rank may use more of it."""

    ORDINARY = 0  # any peer can cause these: counted, not stored, once the disk is full
    ESSENTIAL = 1  # stored in the reserve
    SHUTDOWN = 2  # stored in the small part behind it, which is kept for alarms and the end of the run
    OUTCOME = 3  # its space is reserved when its write is recorded


RANKS: dict[type, Rank] = {
    Started: Rank.ESSENTIAL,
    Stopped: Rank.SHUTDOWN,
    Connected: Rank.ORDINARY,
    Disconnected: Rank.ORDINARY,
    HandshakeFailed: Rank.ORDINARY,
    RefusedConnection: Rank.ORDINARY,
    EntitlementLost: Rank.ORDINARY,
    Denied: Rank.ORDINARY,
    WriteRequested: Rank.ESSENTIAL,
    WriteOutcome: Rank.OUTCOME,
    Reloaded: Rank.ESSENTIAL,
    ReloadFailed: Rank.ESSENTIAL,
    Alarm: Rank.SHUTDOWN,
    RecordsLost: Rank.SHUTDOWN,
    SegmentRemoved: Rank.SHUTDOWN,
    Recovered: Rank.ESSENTIAL,
}
"""The rank of every kind."""


def kind_of(record: Record | type[Record]) -> str:
    """The name of the kind in the stored line."""
    return str(record.__struct_config__.tag)
