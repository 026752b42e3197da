"""A token bucket that limits the messages of a client. No clock: `now` is an argument."""

from __future__ import annotations

__all__ = ["Allowance"]


class Allowance:
    """`rate` messages a second, `burst` at once."""

    __slots__ = ("_at", "_burst", "_left", "_rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate, self._burst = rate, burst
        self._left, self._at = burst, now

    def spend(self, now: float) -> bool:
        """Count one message; False if it is above the allowance."""
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
