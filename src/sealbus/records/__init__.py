"""What happened, who caused it, and can it be proved?

An append-only log of audit records: hash-chained and bounded, with space allocated in advance, so that a write is
recorded before it is sent, and a full disk raises an alarm before it refuses a write. One process writes; any process
may read and verify at the same time.

The package does not repair: damage is left unchanged and reported. It neither logs nor prints; the caller that opens
the log gets its states. It does not interpret records: the gateway does.
"""

from sealbus.records.chained import Chained, Position, read_chained
from sealbus.records.host import Host, Limits
from sealbus.records.kinds import (
    Alarm,
    AlarmState,
    Connected,
    Denied,
    Disconnected,
    EntitlementLost,
    FileRead,
    HandshakeFailed,
    Outcome,
    Rank,
    Record,
    RecordsLost,
    Recovered,
    RefusedConnection,
    Reloaded,
    ReloadFailed,
    SegmentRemoved,
    Started,
    Stopped,
    WriteOutcome,
    WriteRequested,
    kind_of,
)
from sealbus.records.log import ALARM_NAME, RecordLog
from sealbus.records.reading import Stored, Unreadable, newest_sequence, read
from sealbus.records.segments import Fault
from sealbus.records.state import RecordsFull, RecordState
from sealbus.records.verification import Break, Verification, verify

__all__ = [
    "ALARM_NAME",
    "Alarm",
    "AlarmState",
    "Break",
    "Chained",
    "Connected",
    "Denied",
    "Disconnected",
    "EntitlementLost",
    "Fault",
    "FileRead",
    "HandshakeFailed",
    "Host",
    "Limits",
    "Outcome",
    "Position",
    "Rank",
    "Record",
    "RecordLog",
    "RecordState",
    "RecordsFull",
    "RecordsLost",
    "Recovered",
    "RefusedConnection",
    "ReloadFailed",
    "Reloaded",
    "SegmentRemoved",
    "Started",
    "Stopped",
    "Stored",
    "Unreadable",
    "Verification",
    "WriteOutcome",
    "WriteRequested",
    "kind_of",
    "newest_sequence",
    "read",
    "read_chained",
    "verify",
]
