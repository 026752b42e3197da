"""A rate limit: a bucket that holds a burst of tokens and fills at a rate. Pure: `now` is an argument, in seconds.

The bucket is full when it is made; time counts from the first `now` that it gets.
"""

from __future__ import annotations

__all__ = ["TokenBucket"]


class TokenBucket:
    """Holds up to `burst` tokens and gains `rate_per_s` a second. `left` is what it held at the last `now`."""

    __slots__ = ("_burst", "_rate_per_s", "_refilled_at", "left")

    def __init__(self, rate_per_s: float, burst: float) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._refilled_at: float | None = None
        self.left = burst

    def refill(self, now: float) -> None:
        """Add what was gained since the last `now`."""
        if self._refilled_at is not None:
            self.left = min(self._burst, self.left + (now - self._refilled_at) * self._rate_per_s)
        self._refilled_at = now

    def take(self, now: float) -> bool:
        """Take one token. False where there is none."""
        self.refill(now)
        if self.left < 1:
            return False
        self.left -= 1
        return True

    def spend(self, amount: float) -> None:
        """Take `amount` for what has happened already; `left` may fall below 0."""
        self.left -= amount
