"""When a poll is due. The n-th time is start + n * interval, so nothing drifts, and nothing is due twice.

Polls that started together would stay in phase, so each gets a fixed phase offset within the second, from its id and the
golden ratio: the offsets of any consecutive ids are spread evenly, and a poll keeps its offset when others are added or
removed. Pure: `now` is an argument.
"""

from __future__ import annotations

from typing import Final

__all__ = ["PollPhase", "spread"]

_SPREAD_S: Final = 1.0
_GOLDEN_RATIO: Final = 0.618033988749895


def spread(number: int) -> float:
    """A fixed fraction from 0 to 1 for this number. Those of any consecutive numbers are spread evenly."""
    return number * _GOLDEN_RATIO % 1.0


class PollPhase:
    """A sequence of due times, `interval_s` apart, on the clock that `now` is read from."""

    __slots__ = ("_index", "_interval_s", "_start")

    def __init__(self, interval_s: float, number: int, now: float) -> None:
        spread_s = min(interval_s, _SPREAD_S)
        offset_s = spread(number) * spread_s
        self._interval_s = interval_s
        self._start = now + (offset_s - now) % spread_s
        self._index = 0

    @property
    def due(self) -> float:
        """The next time."""
        return self._start + self._index * self._interval_s

    def advance(self, now: float) -> int:
        """Go to the first due time after `now`; returns how many due times were missed in between.

        Call it when it is due, or a moment before: an event loop may round its timers down. Such a call must neither make
        it due a second time nor return a negative number.
        """
        now = max(now, self.due)
        index = int((now - self._start) / self._interval_s) + 1
        if self._start + index * self._interval_s <= now:  # the division was rounded down ...
            index += 1
        elif index > self._index + 1 and self._start + (index - 1) * self._interval_s > now:  # ... or up
            index -= 1
        missed = index - self._index - 1
        self._index = index
        return missed
