"""Regular maintenance of a store, between batches.

A failed maintenance does not mean that the store takes no samples, so it is reported separately: at once, and
once a minute until it succeeds again.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from sealbus.errors import SealbusError
from sealbus.outage_log import OutageLog

if TYPE_CHECKING:
    from sealbus.history.history import History

__all__ = ["MaintenanceSchedule"]

_log = logging.getLogger("sealbus.history")
_INTERVAL_S = 5.0


class MaintenanceSchedule:
    """The maintenance of one store, by one thread."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._next = 0.0
        self._outage = OutageLog(_log)
        self.error = ""
        """Why maintenance fails; empty when it works."""

    def step(self) -> bool:
        """Do a step if one is due. Returns whether more is due at once."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + _INTERVAL_S  # a failed step is retried no sooner
        try:
            more = self._history.maintain()
        except (SealbusError, OSError) as error:
            self._outage.failed(f"history: maintenance fails: {error}")
            self.error = str(error)
            return False
        self.error = ""
        self._outage.works("history: maintenance works again")
        if more:
            self._next = now
        return more
