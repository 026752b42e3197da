"""The segment that is being written, and the reserve that the next one is made from.

A line is in the log when `write` has returned: it was handed to the operating system completely, at its offset. Bytes
that are not synced yet are also kept in memory. After a failed sync Linux marks the pages as clean although they may
not have reached the disk, so syncing again proves nothing: the same bytes are written again (`rewrite`) and synced
then.

Two threads share plain attributes, each with one writer: the thread of the log sets `end` and `retired`, the syncing
thread sets `synced` and `closed`. The syncing thread closes a retired segment, so no descriptor is closed during a
sync.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealbus.records.segments import RESERVE_NAME, segment_path

if TYPE_CHECKING:
    from pathlib import Path

    from sealbus.records.host import Host
    from sealbus.records.recovery import Tip

__all__ = ["OpenSegment", "Reserve"]

_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
_TRIM_BYTES = 65536


@dataclass(slots=True, eq=False)
class OpenSegment:
    """A segment with lines up to `end` and allocated space up to `capacity`; both are offsets in bytes."""

    number: int
    fd: int
    capacity: int
    host: Host
    end: int = 0
    dirty_end: int = 0  # a failed write may have left bytes up to here
    synced: int = 0
    retired: bool = False
    closed: bool = False
    _unsynced: bytearray = field(default_factory=bytearray)
    _unsynced_from: int = 0

    @classmethod
    def reopen(cls, directory: Path, tip: Tip, *, size_bytes: int, host: Host) -> OpenSegment:
        """The last segment of an earlier run. Its space is allocated again if possible. Raises OSError."""
        fd = os.open(segment_path(directory, tip.segment), _FLAGS)
        old_size = os.fstat(fd).st_size
        try:
            host.allocate(fd, size_bytes)
        except OSError:
            capacity = old_size  # the space allocated earlier remains
        else:
            capacity = max(old_size, size_bytes)
        segment = cls(tip.segment, fd, capacity, host, end=tip.end, dirty_end=tip.dirty_end)
        segment.synced = segment._unsynced_from = tip.end
        return segment

    @property
    def room(self) -> int:
        return self.capacity - self.end

    @property
    def is_synced(self) -> bool:
        return self.synced >= self.end

    def write(self, line: bytes) -> None:
        """Append `line`. Raises OSError; then nothing was added."""
        end = self.end + len(line)
        data = line
        if self.dirty_end > self.end:
            data = line.ljust(self.dirty_end - self.end, b"\0")
        self.dirty_end = max(self.dirty_end, end)
        self._put(data, self.end)
        self.end = self.dirty_end = end
        self._unsynced += line
        if len(self._unsynced) > _TRIM_BYTES:
            self.trim()

    def mark_synced(self, end: int) -> None:
        """All up to this offset is on the disk. For the syncing thread."""
        self.synced = end

    def close(self) -> None:
        """Close the descriptor of a retired segment. For the syncing thread, so that none is closed during a sync."""
        os.close(self.fd)
        self.closed = True

    def rewrite(self) -> None:
        """Write again what may not have reached the disk. Raises OSError."""
        self.trim()
        if self._unsynced:
            self._put(bytes(self._unsynced), self._unsynced_from)

    def trim(self) -> None:
        """Release the memory of what has reached the disk."""
        done = self.synced - self._unsynced_from
        if done > 0:
            del self._unsynced[:done]
            self._unsynced_from = self.synced

    def retire(self) -> None:
        """No more lines follow: return the unused space. Raises OSError.

        Once a segment is retired, its descriptor belongs to the syncing thread and may be closed and reused.
        """
        self.capacity = self.dirty_end = self.end
        try:
            os.ftruncate(self.fd, self.end)
        finally:
            self.retired = True

    def _put(self, data: bytes, offset: int) -> None:
        if self.host.write(self.fd, data, offset) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@dataclass(slots=True, eq=False)
class Reserve:
    """The next segment, allocated and empty."""

    path: Path
    fd: int
    capacity: int
    host: Host

    @classmethod
    def allocate(cls, directory: Path, size_bytes: int, host: Host) -> Reserve:
        """Use the reserve that an earlier run left, or create one. Raises OSError when the disk has no space for it."""
        path = directory / RESERVE_NAME
        fd = os.open(path, _FLAGS | os.O_CREAT, 0o600)
        try:
            # A group that may list the folder may read its files, with any umask: a collector may run as another user.
            os.fchmod(fd, 0o600 | (directory.stat().st_mode & stat.S_IRGRP))
            if os.fstat(fd).st_size and not _is_blank(fd, size_bytes):
                os.ftruncate(fd, 0)
            host.allocate(fd, size_bytes)
        except OSError:
            os.close(fd)
            path.unlink(missing_ok=True)
            raise
        return cls(path, fd, size_bytes, host)

    def begin(self, directory: Path, number: int, header_line: bytes) -> OpenSegment:
        """Turn it into segment `number`. The header is written before the file is renamed, so no segment lacks a
        header.

        Raises OSError; then the reserve no longer exists.
        """
        segment = OpenSegment(number, self.fd, self.capacity, self.host)
        try:
            segment.write(header_line)
            self.path.rename(segment_path(directory, number))
        except OSError:
            os.close(self.fd)
            self.path.unlink(missing_ok=True)
            raise
        return segment


def _is_blank(fd: int, size_bytes: int) -> bool:
    data = os.pread(fd, size_bytes + 1, 0)
    return len(data) == size_bytes and not data.strip(b"\0")
