"""When to connect again after a failure: later after each one, with jitter, so that clients do not all connect together.

Pure: `now` is an argument, jitter comes with the constructor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Backoff"]

_FIRST_WAIT_S = 0.5
_MAX_WAIT_S = 30.0


class Backoff:
    """Counts failures to connect. `jitter` returns a number in [0, 1)."""

    __slots__ = ("_jitter", "_until", "_wait_s", "reason")

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._wait_s = 0.0
        self._until = 0.0
        self.reason = ""
        """Why the last attempt failed."""

    def waits(self, now: float) -> bool:
        """Whether it is too early to try again."""
        return now < self._until

    def failed(self, now: float, reason: str) -> None:
        """An attempt failed: wait twice as long as before, less up to half of it by chance."""
        self._wait_s = min(self._wait_s * 2, _MAX_WAIT_S) if self._wait_s else _FIRST_WAIT_S
        self._until = now + self._wait_s * (0.5 + 0.5 * self._jitter())
        self.reason = reason

    def succeeded(self) -> None:
        """The device answered: the next failure counts as the first."""
        self._wait_s = self._until = 0.0
