"""A disk whose faults a test sets, and records to write on it."""

from __future__ import annotations

import errno
import os
import threading

from sealbus.records import Denied, Host, Limits, RecordLog, RecordState, WriteRequested

__all__ = ["SMALL", "FakeDisk", "denial", "state_of", "write"]

SMALL = Limits(segment_bytes=65536, bound_bytes=6 * 65536)


class FakeDisk:
    """Real files; the test sets which calls fail. The clock advances by a millisecond per call."""

    def __init__(self) -> None:
        self.full = False
        self.write_error = 0
        self.short_writes = False
        self.sync_error = 0
        self.synced = threading.Event()
        self.now_ns = 1_740_830_400_000_000_000  # 2025-03-01T12:00:00Z

    def host(self) -> Host:
        return Host(
            allocate=self._allocate, write=self._write, sync=self._sync, time_ns=self._time_ns, sync_delay_s=0.0
        )

    def _allocate(self, fd: int, size_bytes: int) -> None:
        if self.full and os.fstat(fd).st_size < size_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.posix_fallocate(fd, 0, size_bytes)

    def _write(self, fd: int, data: bytes, offset: int) -> int:
        if self.write_error:
            raise OSError(self.write_error, os.strerror(self.write_error))
        return os.pwrite(fd, data[:-20] if self.short_writes else data, offset)

    def _sync(self, fd: int) -> None:
        if self.sync_error:
            raise OSError(self.sync_error, os.strerror(self.sync_error))
        self.synced.set()

    def _time_ns(self) -> int:
        self.now_ns += 1_000_000
        return self.now_ns


def denial(*, connection: int = 1, reason: str = "no rule of the role allows it") -> Denied:
    return Denied(connection=connection, peer="203.0.113.7:50123", unit=1, function=6, reason=reason)


def write(*, value: int = 7, device: str = "tcp://10.0.0.5:502") -> WriteRequested:
    return WriteRequested(
        connection=1,
        peer="203.0.113.7:50123",
        unit=1,
        function=6,
        device=device,
        subject="CN=op",
        serial="0a",
        role="Operator",
        table="holding",
        address=100,
        count=1,
        values=(value,),
        rule="Operator/2 at policy.toml:14",
    )


def state_of(log: RecordLog) -> RecordState:
    """The current state. A type checker assumes that an attribute keeps its last compared value."""
    return log.state
