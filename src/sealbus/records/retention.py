"""When the directory reaches its bound, the oldest segment is removed, after a record has announced it.

The record must be on the disk before the segment is deleted. Otherwise a power failure could leave a log that begins in
the middle without an explanation, which looks like tampering. So a removal is recorded first, and done once that
record is synced. Until then the disk holds one segment more than the bound counts; the bound allows for it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from sealbus.records.kinds import SegmentRemoved
from sealbus.records.segments import list_segments, read_header, segment_path

if TYPE_CHECKING:
    from pathlib import Path

    from sealbus.records.host import Limits
    from sealbus.records.open_segment import OpenSegment

__all__ = ["Retention"]


class Retention:
    """The closed segments of a directory, oldest first, and those whose removal is recorded."""

    def __init__(self, directory: Path, limits: Limits) -> None:
        self._directory = directory
        self._kept: deque[tuple[int, int]] = deque()  # number, bytes
        self._recorded: deque[tuple[int, OpenSegment, int]] = deque()
        self._kept_bytes = 0
        # The bound also covers the current segment, the reserve, and one that is being removed.
        self._allowed_bytes = limits.bound_bytes - 3 * limits.segment_bytes

    def load(self, numbers_below: int) -> None:
        """Count the segments that earlier runs left."""
        for number in list_segments(self._directory):
            if number < numbers_below:
                self.add(number, segment_path(self._directory, number).stat().st_size)

    def add(self, number: int, size_bytes: int) -> None:
        """A segment was closed."""
        self._kept.append((number, size_bytes))
        self._kept_bytes += size_bytes

    def next_removal(self) -> SegmentRemoved | None:
        """The record to write about the oldest segment, if the bound is exceeded."""
        if self._kept_bytes <= self._allowed_bytes or len(self._kept) < 2:
            return None
        number, size_bytes = self._kept[0]
        oldest = read_header(self._directory, number)
        after = read_header(self._directory, self._kept[1][0])
        return SegmentRemoved(
            segment=number,
            first_sequence=oldest.first if oldest else 0,
            last_sequence=after.first - 1 if after else 0,
            last_hash=after.previous if after else "",
            size_bytes=size_bytes,
        )

    def mark_recorded(self, where: OpenSegment) -> None:
        """The record about the oldest segment is written, and ends where `where` ends now."""
        number, size_bytes = self._kept.popleft()
        self._kept_bytes -= size_bytes
        self._recorded.append((number, where, where.end))

    def remove_recorded(self) -> bool:
        """Remove the segments whose removal is recorded and synced. Returns whether there were any. Raises OSError."""
        removed = False
        while self._recorded and self._recorded[0][1].synced >= self._recorded[0][2]:
            segment_path(self._directory, self._recorded[0][0]).unlink(missing_ok=True)
            self._recorded.popleft()
            removed = True
        return removed
