"""The states of the log, and which records each state still stores."""

from __future__ import annotations

from enum import Enum

from sealbus.errors import LocalError
from sealbus.records.kinds import Rank

__all__ = ["LOWEST_STORED_RANK", "RecordState", "RecordsFull"]


class RecordState(Enum):
    """The states of `RecordLog`. The value is the text of the alarm."""

    OK = "records are kept"
    FLOODED = "connections and denials have used up their daily share of the records; they are only counted"
    RESERVE = "there is no space for the next segment of records; connections and denials are only counted"
    """The reserve, which is the space of the next segment, is used up: the segment in use is the last one."""
    FULL = "the reserve for records is used up; writes are refused"
    FAILED = "the disk with the records fails; writes are refused"


LOWEST_STORED_RANK = {
    RecordState.OK: Rank.ORDINARY,
    RecordState.FLOODED: Rank.ESSENTIAL,
    RecordState.RESERVE: Rank.ESSENTIAL,
    RecordState.FULL: Rank.SHUTDOWN,
    RecordState.FAILED: Rank.SHUTDOWN,
}
"""The lowest rank that is stored. Records of a lower rank are counted."""


class RecordsFull(LocalError):
    """A write cannot be recorded, so it must not be sent."""

    code = "records-full"
