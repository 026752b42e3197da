"""When is the value of a tag stale? Defined once: the collector marks samples by it, the site judges stored ones by it."""

from __future__ import annotations

from typing import Final

__all__ = ["SHORTEST_STALE_S", "stale_after_s"]

SHORTEST_STALE_S: Final = 5.0
_INTERVALS: Final = 3


def stale_after_s(own_s: float | None, interval_s: float | None) -> float:
    """The tag's own setting; else three intervals, and no less than five seconds. `interval_s` None: no interval."""
    return max(SHORTEST_STALE_S, _INTERVALS * (interval_s or 0.0)) if own_s is None else own_s
