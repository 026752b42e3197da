"""Log lines about something that fails again and again: each reason at once, then once a minute while it lasts.

What fails is tried every second or so by several threads. A line for each try would fill the log; a line for the whole
outage is lost by the time when someone looks. Tests pass the clock.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

__all__ = ["OutageLog"]

_LOG_EVERY_S: Final = 60.0
_MAX_REASONS: Final = 8
_OTHER_REASONS: Final = ""


class OutageLog:
    """The lines of one thing on `log`. Thread-safe.

    A thing that fails and works in turns still causes one line a minute of each kind.
    """

    def __init__(self, log: logging.Logger, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._monotonic = monotonic_s
        self._logged_at: dict[str, float] = {}
        self._is_open = False
        self._lock = threading.Lock()

    def failed(self, text: str, reason: str = "") -> None:
        """It failed. `reason` is what must be new for a line at once, the whole text if left out."""
        with self._lock:
            is_due = self._is_due(reason or text)
            self._is_open |= is_due
        if is_due:
            self._log.error("%s", text)

    def works(self, text: str) -> None:
        """It works: a line if the failure was one."""
        with self._lock:
            was_open, self._is_open = self._is_open, False
        if was_open:
            self._log.info("%s", text)

    def _is_due(self, reason: str) -> bool:
        now = self._monotonic()
        self._logged_at = {each: at for each, at in self._logged_at.items() if now - at < _LOG_EVERY_S}
        # a peer that words each refusal in another way must not get a line for each
        key = reason if reason in self._logged_at or len(self._logged_at) < _MAX_REASONS else _OTHER_REASONS
        if key in self._logged_at:
            return False
        self._logged_at[key] = now
        return True
