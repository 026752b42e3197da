"""How much of the log may those fill who need no rights to fill it?

Denials, failed handshakes and connections are recorded as they come, and anybody who reaches the port can cause them. A
log with a bound forgets its oldest segments, so a flood of them would be a way to make it forget the writes. They may
therefore take a quarter of the bound at once and another quarter each day. Past that they are counted until a sixteenth
of the first quarter has come back: a flood needs days to turn the log over, and it is an alarm from its first minutes.
"""

from __future__ import annotations

from sealbus.token_bucket import TokenBucket

__all__ = ["FloodAllowance"]

_SHARE_AT_ONCE = 4
_SHARE_A_DAY = 4
_COMES_BACK_AT = 16
_DAY_S = 86400.0


class FloodAllowance:
    """Counts bytes of ordinary records against their share of `bound_bytes`."""

    __slots__ = ("_bucket", "_full", "exhausted")

    def __init__(self, bound_bytes: int) -> None:
        self._full = bound_bytes / _SHARE_AT_ONCE
        self._bucket = TokenBucket(bound_bytes / _SHARE_A_DAY / _DAY_S, self._full)
        self.exhausted = False

    def spend(self, size_bytes: int) -> None:
        """An ordinary record of this size was stored."""
        self._bucket.spend(size_bytes)
        if self._bucket.left <= 0:
            self.exhausted = True

    def refill(self, now: float) -> None:
        """Time went by; `now` is monotonic, in seconds."""
        self._bucket.refill(now)
        if self._bucket.left >= self._full / _COMES_BACK_AT:
            self.exhausted = False
