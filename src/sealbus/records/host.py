"""The system calls of the log, in one place, so that a test can replace them by a full disk."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealbus.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Host", "Limits"]

_SMALLEST_SEGMENT = 65536  # bytes: several of the longest lines and the space reserved behind them
_FEWEST_SEGMENTS = 4  # one closed, one being removed, the current one, the reserve


def _allocate(fd: int, size_bytes: int) -> None:
    os.posix_fallocate(fd, 0, size_bytes)


@dataclass(frozen=True, slots=True)
class Host:
    """Each function raises OSError like the system call. `time_ns` is the wall clock, in nanoseconds since 1970.

    `sync_delay_s` is the time from a record to its sync, so that one sync serves many records.
    """

    allocate: Callable[[int, int], None] = _allocate
    write: Callable[[int, bytes, int], int] = os.pwrite
    sync: Callable[[int], None] = os.fdatasync
    time_ns: Callable[[], int] = time.time_ns
    sync_delay_s: float = 0.25


@dataclass(frozen=True, slots=True)
class Limits:
    """The size of one segment, and the bound on all files of the log together."""

    segment_bytes: int = 4 * 1024 * 1024
    bound_bytes: int = 512 * 1024 * 1024

    def __post_init__(self) -> None:
        """Raises ConfigError when they leave no space to work in."""
        if self.segment_bytes < _SMALLEST_SEGMENT:
            raise ConfigError(f"a segment of records has at least {_SMALLEST_SEGMENT} bytes, not {self.segment_bytes}")
        if self.bound_bytes < _FEWEST_SEGMENTS * self.segment_bytes:
            raise ConfigError(
                f"the bound on records is too small for {_FEWEST_SEGMENTS} segments",
                hint=f"allow at least {_FEWEST_SEGMENTS * self.segment_bytes} bytes",
            )
