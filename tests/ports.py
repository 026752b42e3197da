"""Free ports in a row, below those that the kernel gives out, for programs that must be told theirs.

Each worker of a parallel run looks in a lane of its own, so that two do not find the same.
"""

from __future__ import annotations

import os
import socket

__all__ = ["free_ports"]

_LANES = 32
_FIRST, _LANE = 20_000, 320


def free_ports(count: int) -> int:
    """The first of `count` free ports on 127.0.0.1."""
    lane = _FIRST + _LANE * (os.getpid() % _LANES)
    for first in range(lane, lane + _LANE - count):
        if all(_is_free(port) for port in range(first, first + count)):
            return first
    raise RuntimeError(f"no {count} free ports from {lane} on")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
