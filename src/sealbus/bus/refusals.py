"""Frames that were refused: counted, and logged once a minute for each reason."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealbus.bus.frame_seal import Refusal

__all__ = ["Refusals"]

_LOG_EVERY_S = 60.0
_RECENT_S = 120.0
_log = logging.getLogger("sealbus.bus")


class Refusals:
    """Anyone who may write to the bus can cause these, so they cost a counter and no more."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self.count = 0
        self._monotonic = monotonic_s
        self._last: Refusal | None = None
        self._last_at = float("-inf")
        self._logged_at: dict[Refusal, float] = {}

    def note(self, refusal: Refusal, topic: str) -> None:
        """Count one."""
        now = self._monotonic()
        self.count += 1
        self._last, self._last_at = refusal, now
        if now - self._logged_at.get(refusal, float("-inf")) >= _LOG_EVERY_S:
            self._logged_at[refusal] = now
            _log.warning("refused a message of the bus%s: %s", f" on {topic}" if topic else "", refusal.value)

    @property
    def recent(self) -> str:
        """The last reason, if there was one within two minutes."""
        if self._last is None or self._monotonic() - self._last_at > _RECENT_S:
            return ""
        return self._last.value
