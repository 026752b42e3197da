"""The segment that is being written, and the reserve that it is made from.

A line is in the log when `write` has returned: it was handed to the operating system whole, at its place. What has not
been synced yet is also kept in memory. After a failed sync Linux takes the pages for clean although they may never have
reached the disk, so the only honest second try is to write the same bytes again (`rewrite`) and sync then.

Two threads meet here on plain attributes, each with one writer: the log's thread sets `end` and `retired`, the syncing
thread `synced` and `closed`. The syncing thread closes a retired segment, so no descriptor is closed under a sync.
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
    """A segment with lines up to `end` and allocated room up to `capacity`, both offsets in bytes."""

    number: int
    fd: int
    capacity: int
    host: Host
    end: int = 0
    dirty_end: int = 0  # bytes of a line that failed may lie up to here
    synced: int = 0
    retired: bool = False
    closed: bool = False
    _unsynced: bytearray = field(default_factory=bytearray)
    _unsynced_from: int = 0

    @classmethod
    def reopen(cls, directory: Path, tip: Tip, *, size_bytes: int, host: Host) -> OpenSegment:
        """The last segment of an earlier run. Its room is allocated again if there is space. Raises OSError."""
        fd = os.open(segment_path(directory, tip.segment), _FLAGS)
        old_size = os.fstat(fd).st_size
        try:
            host.allocate(fd, size_bytes)
        except OSError:
            capacity = old_size  # what was allocated before stays ours
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
        """Put `line` behind the last one. Raises OSError; then nothing was added."""
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
        """Forget what has reached the disk."""
        done = self.synced - self._unsynced_from
        if done > 0:
            del self._unsynced[:done]
            self._unsynced_from = self.synced

    def retire(self) -> None:
        """Nothing more will be written: give back the room that was not used. Raises OSError.

        Once it is retired the descriptor is the syncing thread's, and may be closed and used for something else.
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
        """Take the one that an earlier run left, or make one. Raises OSError when the disk has no room for it."""
        path = directory / RESERVE_NAME
        fd = os.open(path, _FLAGS | os.O_CREAT, 0o600)
        try:
            # Whose group may list the folder may read what is in it, whatever the umask: as a collector of another user.
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
        """Make it segment `number`. The header is written before the name, so no segment is without one.

        Raises OSError; then the reserve is gone.
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
