"""Consecutive free ports below the ephemeral range, for programs that need a fixed port.

Each test process reserves a range of ports for its lifetime and uses it in a circle. No other test run and no
outgoing connection can take a port between the moment it was found free and the moment its program listens.
"""

from __future__ import annotations

import itertools
import os
import socket

__all__ = ["free_ports"]

_LANES = 32
_FIRST, _LANE = 12_000, 240


class _Lane:
    def __init__(self) -> None:
        self._mark = socket.socket(socket.AF_UNIX)
        self._first = _FIRST + _LANE * self._take()
        self._next = 0

    def _take(self) -> int:
        for number in range(os.getpid(), os.getpid() + _LANES):
            try:  # a name in the abstract namespace is released when its process ends, in any way
                self._mark.bind(f"\0sealbus-tests-ports-{number % _LANES}")
            except OSError:
                continue
            return number % _LANES
        raise RuntimeError(f"{_LANES} other processes use ports for tests; wait until some have ended")

    def ports(self, count: int) -> int:
        for offset in itertools.islice(itertools.count(self._next), _LANE):
            first = self._first + offset % _LANE
            if offset % _LANE + count <= _LANE and all(_is_free(port) for port in range(first, first + count)):
                self._next = offset + count
                return first
        raise RuntimeError(f"no {count} free ports from {self._first} on")


def free_ports(count: int) -> int:
    """The first of `count` free ports on 127.0.0.1."""
    return _lane.ports(count)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


_lane = _Lane()  # created at collection: later, its socket would look like a leak of a test
