"""A share of the log for records that any peer can cause.

Denials, failed handshakes and connections are recorded as they occur, and any client that reaches the port can cause
them. A bounded log removes its oldest segments, so a flood of such records could remove the writes. They may therefore
take a quarter of the bound immediately, and another quarter per day. Beyond that they are only counted, until a sixteenth
of the first quarter is available again. So a flood needs days to replace the log, and raises an alarm within minutes.
"""

from __future__ import annotations

from sealbus.token_bucket import TokenBucket

__all__ = ["FloodShare"]

_SHARE_AT_ONCE = 1 / 4
_SHARE_A_DAY = 1 / 4
_RESUME_SHARE = 1 / 16
_DAY_S = 86400.0


class FloodShare:
    """Counts bytes of ordinary records against their share of `bound_bytes`."""

    __slots__ = ("_bucket", "_full", "exhausted")

    def __init__(self, bound_bytes: int) -> None:
        self._full = bound_bytes * _SHARE_AT_ONCE
        self._bucket = TokenBucket(bound_bytes * _SHARE_A_DAY / _DAY_S, self._full)
        self.exhausted = False

    def spend(self, size_bytes: int) -> None:
        """An ordinary record of this size was stored."""
        self._bucket.spend(size_bytes)
        if self._bucket.left <= 0:
            self.exhausted = True

    def refill(self, now: float) -> None:
        """Add the share of the elapsed time; `now` is monotonic, in seconds."""
        self._bucket.refill(now)
        if self._bucket.left >= self._full * _RESUME_SHARE:
            self.exhausted = False
