"""Looking after a store now and then, beside what is stored in it.

That upkeep fails does not mean that the store takes no samples, so it is told apart: once, until it has gone well again.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from sealbus.errors import SealbusError

if TYPE_CHECKING:
    from sealbus.history.history import History

__all__ = ["MaintenanceSchedule"]

_log = logging.getLogger("sealbus.history")
_INTERVAL_S = 5.0


class MaintenanceSchedule:
    """The upkeep of one store, by one thread."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._next = 0.0
        self.error = ""
        """Why it cannot be done now; empty when it can."""

    def step(self) -> bool:
        """A step, when it is time. Whether more waits."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + _INTERVAL_S  # also when it fails
        try:
            more = self._history.maintain().more
        except (SealbusError, OSError) as error:
            if not self.error:
                _log.error("history: it cannot be looked after: %s", error)
            self.error = str(error)
            return False
        self.error = ""
        if more:
            self._next = now
        return more
