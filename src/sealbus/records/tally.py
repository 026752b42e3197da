"""The counts of a verification: records, writes without an outcome, removals, recoveries."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from sealbus.records.kinds import SegmentRemoved
from sealbus.records.segments import DECODE_ERRORS

if TYPE_CHECKING:
    from sealbus.records.chain import Header, Stamp

__all__ = ["Tally"]

_decode_removal = msgspec.json.Decoder(SegmentRemoved).decode


class Tally:
    """Counts good lines. `watched` is a sequence number whose hashes are kept in `watched_hashes`."""

    __slots__ = (
        "clock_set_back",
        "first",
        "last",
        "open_writes",
        "records",
        "recoveries",
        "removals",
        "watched",
        "watched_hashes",
    )

    def __init__(self, watched: int = 0) -> None:
        self.watched = watched
        self.watched_hashes: set[str] = set()
        self.records = 0
        self.first: tuple[int, str] | None = None
        self.last: tuple[int, str] | None = None
        self.removals: dict[int, tuple[int, str]] = {}  # segment: number of the record, last hash of the segment
        self.recoveries: list[int] = []
        self.open_writes: set[int] = set()
        self.clock_set_back = 0

    def count(self, stamp: Stamp, line: bytes) -> None:
        """Count a good record."""
        self.records += 1
        if self.last is None:
            self.first = (stamp.sequence, stamp.time)
        elif stamp.time < self.last[1]:
            self.clock_set_back += 1
        self.last = (stamp.sequence, stamp.time)
        if stamp.sequence == self.watched:
            self.watched_hashes.add(stamp.hash)
        match stamp.kind:
            case "write_requested":
                self.open_writes.add(stamp.sequence)
            case "write_outcome":
                self.open_writes.discard(stamp.request)
            case "segment_removed":
                with suppress(*DECODE_ERRORS):  # an unreadable removal explains no missing segment
                    removal = _decode_removal(line)
                    self.removals[removal.segment] = (stamp.sequence, removal.last_hash)
            case "recovered":
                self.recoveries.append(stamp.sequence)

    def count_header(self, header: Header, digest: bytes) -> None:
        """Count a good header: its hash is the head of the chain until the next record."""
        if header.first - 1 == self.watched:
            self.watched_hashes.add(digest.hex())
