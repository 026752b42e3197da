"""What happened here, who asked for it, and can it still be proved?

An append-only log of audit records: hash-chained, bounded, with its space taken ahead, so that a write is on record
before it is on the wire and a full disk is an alarm before it is a refusal. One process writes, anyone may read and
verify beside it.

The package refuses to repair: what is damaged stays as it is and is reported. It logs and prints nothing; the one who
opens the log is told of its states. It does not know what a record is evidence for: that is the gateway's.
"""

from sealbus.records.host import Host, Limits
from sealbus.records.kinds import (
    Alarm,
    AlarmState,
    Connected,
    Denied,
    Disconnected,
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
    SessionEnded,
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
    "Connected",
    "Denied",
    "Disconnected",
    "Fault",
    "FileRead",
    "HandshakeFailed",
    "Host",
    "Limits",
    "Outcome",
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
    "SessionEnded",
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
    "verify",
]
