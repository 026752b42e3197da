"""A circuit breaker per unit id: requests to a unit that does not answer fail at once.

Each request that a unit leaves unanswered costs everyone behind the same line a time-out. After several in a row the
breaker trips: requests for the unit fail at once, and one in a while is sent as a probe. An answer closes the breaker, a
time-out doubles the wait. Pure: `now` is an argument, jitter comes with the constructor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["UnitBreaker"]

_TRIPS_AFTER = 3
_FIRST_WAIT_S = 1.0
_MAX_WAIT_S = 30.0


@dataclass(slots=True)
class _Silence:
    failures: int = 0
    is_probing: bool = False
    wait_s: float = 0.0
    next_probe: float = 0.0


class UnitBreaker:
    """Counts the time-outs of each unit. `jitter` returns a number in [0, 1)."""

    __slots__ = ("_jitter", "suspects")

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self.suspects: dict[int, _Silence] = {}
        """The units whose last request was not answered: empty on a normal day, so that most requests cost one check."""

    def allows(self, unit_id: int, now: float) -> bool:
        """Whether a request for this unit may be sent now. True for a tripped unit means that this request is the probe."""
        silence = self.suspects.get(unit_id)
        if silence is None or silence.failures < _TRIPS_AFTER:
            return True
        if now < silence.next_probe:
            return False
        silence.next_probe = now + silence.wait_s
        silence.is_probing = True
        return True

    def answered(self, unit_id: int) -> None:
        """The unit answered; an exception is an answer."""
        self.suspects.pop(unit_id, None)

    def silent(self, unit_id: int, now: float) -> bool:
        """The unit let a request time out. True when this trips the breaker."""
        silence = self.suspects.setdefault(unit_id, _Silence())
        silence.failures += 1
        if silence.failures < _TRIPS_AFTER or (silence.failures > _TRIPS_AFTER and not silence.is_probing):
            return False  # not yet, or a request that was on the wire when the breaker tripped
        silence.is_probing = False
        wait = min(silence.wait_s * 2, _MAX_WAIT_S) if silence.wait_s else _FIRST_WAIT_S
        silence.wait_s = wait
        silence.next_probe = now + wait * (0.75 + 0.5 * self._jitter())
        return silence.failures == _TRIPS_AFTER

    def tripped(self) -> list[int]:
        """The unit ids that are refused now, in order."""
        suspects = list(self.suspects.items())  # copied in one step: the thread that serves the metrics reads it too
        return sorted(unit for unit, silence in suspects if silence.failures >= _TRIPS_AFTER)
