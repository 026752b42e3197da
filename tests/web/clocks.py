"""The wall clock as a number that a test holds: `time.time`, on which one-time codes and limits of attempts depend.

It stands still but for a microsecond a reading, so that no code expires and no attempt is dropped because the machine
was busy. It begins where a one-time code begins. Rows of the database keep the time of the machine.
"""

from __future__ import annotations

import time

__all__ = ["Clock"]

_CODE_S = 30
_READING_S = 1e-6


class Clock:
    """Instead of `time.time`."""

    def __init__(self) -> None:
        self.now = float(time.time() // _CODE_S * _CODE_S)

    def __call__(self) -> float:
        self.now += _READING_S
        return self.now

    def pass_by(self, seconds: float) -> None:
        """Let so much time pass."""
        self.now += seconds
