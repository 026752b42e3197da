"""The chain on disk: the current segment, the reserve after it, the closed segments before it, and the syncing thread.

The store manages bytes and space; the log decides which record may use which space. A disk error is not raised but kept
in `io_error`: `put` then returns 0, and `_repair` tries again.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from sealbus.records.chain import FORMAT, FRAME_BYTES, BrokenAt, Header, encode_record, render_time, seal_record
from sealbus.records.open_segment import OpenSegment, Reserve
from sealbus.records.recovery import find_tip
from sealbus.records.retention import Retention
from sealbus.records.segments import MAX_LINE
from sealbus.records.syncer import Syncer

if TYPE_CHECKING:
    from pathlib import Path

    from sealbus.records.host import Host, Limits

__all__ = ["SegmentStore"]

_MAX_NAME = 200
_SYNC_TIMEOUT_S = 10.0


class SegmentStore:
    """Appends encoded records to the chain. All methods are called by one thread."""

    def __init__(self, directory: Path, *, gateway: str, limits: Limits, host: Host) -> None:
        """Find the end of the chain and continue there. Raises OSError when the files cannot be read."""
        self.tip = find_tip(directory)
        self.sequence = self.tip.sequence
        self.digest = self.tip.digest
        self.io_error: OSError | None = None
        self.no_reserve_because: OSError | None = None
        self._directory = directory
        self._gateway = gateway[:_MAX_NAME].encode("utf-8", "replace").decode()
        self._limits = limits
        self._host = host
        self._broken: BrokenAt | None = self.tip.broken
        self._last_number = self.tip.segment
        self._segment: OpenSegment | None = None
        self._reserve: Reserve | None = None
        self._busy_since: float | None = None
        self._retention = Retention(directory, limits)
        self._retention.load(self.tip.segment if self.tip.can_continue else self.tip.segment + 1)
        if self.tip.can_continue:
            self._segment = OpenSegment.reopen(directory, self.tip, size_bytes=limits.segment_bytes, host=host)
        self._directory_fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        self._syncer = Syncer(self._directory_fd, sync=host.sync, delay_s=host.sync_delay_s)
        self._update_syncer()
        self.allocate_reserve()
        if self._segment is None:
            self.roll()

    @property
    def has_reserve(self) -> bool:
        return self._reserve is not None

    @property
    def room(self) -> int:
        """Bytes that can be written without allocating space."""
        room = self._segment.room if self._segment else 0
        return room + (self._reserve.capacity if self._reserve else 0)

    @property
    def failure(self) -> OSError | None:
        """The current error of the disk: of a write, or of a sync."""
        return self.io_error or self._syncer.failure

    def put(self, payload: bytes, *, floor: int) -> int:
        """Store an encoded record and return its sequence number.

        Returns 0 when it cannot be stored: it does not fit while leaving `floor` bytes free, or the disk fails.
        """
        segment = self._segment
        if segment is None or segment.room < len(payload) + FRAME_BYTES + floor:
            return 0
        sequence = self.sequence + 1
        line, digest = seal_record(self.digest, sequence, self._host.time_ns(), payload)
        try:
            segment.write(line)
        except OSError as error:
            self.io_error = error
            return 0
        self.sequence, self.digest = sequence, digest
        self._syncer.request()
        return sequence

    def fits(self, payload: bytes, *, floor: int) -> bool:
        """Whether the current segment has space for it."""
        return self._segment is not None and self._segment.room >= len(payload) + FRAME_BYTES + floor

    def roll(self) -> bool:
        """Continue in the reserve, and allocate the next one. False when there is no reserve, or the disk fails."""
        if self._reserve is None:
            return False
        header, digest = self._header().seal(self.digest)
        reserve, self._reserve = self._reserve, None
        try:
            segment = reserve.begin(self._directory, self._last_number + 1, header)
        except OSError as error:
            self.io_error = error
            return False
        self._retire_current()
        self.digest = digest
        self._last_number, self._broken = segment.number, None
        self._segment = segment
        self._update_syncer()
        self._record_removals()
        self.allocate_reserve()
        return True

    def allocate_reserve(self) -> None:
        """Allocate a reserve if there is none and the disk has space."""
        if self._reserve is None:
            try:
                self._reserve = Reserve.allocate(self._directory, self._limits.segment_bytes, self._host)
            except OSError as error:
                self.no_reserve_because = error
            else:
                self.no_reserve_because = None
                self._syncer.note_directory_change()

    def maintain(self, now: float) -> None:
        """Call once a second; `now` is monotonic, in seconds. Repairs, allocates, removes old segments, and detects a
        disk that hangs.
        """
        self._check_sync_time(now)
        if self.failure is not None:
            self._repair()
        else:
            self.allocate_reserve()
        try:
            if self._retention.remove_recorded():
                self._syncer.note_directory_change()
                self._syncer.request()
        except OSError as error:
            self.io_error = error

    def flush(self) -> None:
        """Wait until all that was written is synced, or the sync has failed."""
        self._syncer.flush()

    def close(self) -> None:
        """Sync, return the unused space if the next run can begin with a reserve, and close."""
        if self.failure is not None:
            self._repair()
        self._syncer.flush()
        self._syncer.stop()
        with suppress(OSError):
            self._retention.remove_recorded()
            if self._segment is not None and self._reserve is not None:
                self._segment.retire()
                self._host.sync(self._segment.fd)
        for segment in self._syncer.segments:
            if not segment.closed:
                os.close(segment.fd)
        if self._reserve is not None:
            os.close(self._reserve.fd)
        os.close(self._directory_fd)

    def _header(self) -> Header:
        return Header(
            format=FORMAT,
            gateway=self._gateway,
            segment=self._last_number + 1,
            first=self.sequence + 1,
            time=render_time(self._host.time_ns()),
            previous=self.digest.hex(),
            broken=self._broken,
        )

    def _retire_current(self) -> None:
        if self._segment is None:
            return
        try:
            self._segment.retire()
        except OSError as error:
            self.io_error = error
        self._retention.add(self._segment.number, self._segment.end)

    def _update_syncer(self) -> None:
        """Pass the open segments to the syncing thread."""
        alive = [segment for segment in self._syncer.segments if not segment.closed and segment is not self._segment]
        self._syncer.replace_segments((*alive, self._segment) if self._segment else ())

    def _record_removals(self) -> None:
        while (removal := self._retention.next_removal()) is not None:
            if self._segment is None or not self.put(encode_record(removal, MAX_LINE - FRAME_BYTES), floor=0):
                return
            self._retention.mark_recorded(self._segment)

    def _check_sync_time(self, now: float) -> None:
        if not self._syncer.busy:
            self._busy_since = None
        elif self._busy_since is None:
            self._busy_since = now
        elif now - self._busy_since > _SYNC_TIMEOUT_S and self.io_error is None:
            self.io_error = OSError(errno.ETIMEDOUT, f"the disk has not finished a sync for {_SYNC_TIMEOUT_S:.0f} s")

    def _repair(self) -> None:
        """Clear the error once everything is synced. What a failed sync may have lost is written again first.

        While there is a `failure` the syncing thread uses no descriptor, so none is closed during the rewrite.
        """
        if self._syncer.busy:
            return
        segments = [segment for segment in self._syncer.segments if not segment.closed]
        if self._syncer.failure is None:
            if all(segment.is_synced for segment in segments):
                self.io_error = None
                self.allocate_reserve()
            else:
                self._syncer.request()
            return
        self.io_error = self.io_error or self._syncer.failure
        try:
            for segment in segments:
                segment.rewrite()
        except OSError as error:
            self.io_error = error
            return
        self._syncer.retry()
