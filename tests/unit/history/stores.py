"""A store that a test can open several times, on a clock that the test sets."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sealbus.history import History, HistoryRules, open_history
from sealbus.samples import US_PER_S, Quality, Reason, Sample

__all__ = ["DAY", "HOUR", "MINUTE", "NOON", "S", "Stores", "at", "roll_up", "wild_samples"]

S = US_PER_S
MINUTE, HOUR, DAY = 60 * S, 3600 * S, 86_400 * S


def at(text: str, zone: str = "UTC") -> int:
    """Microseconds of a local time."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).timestamp()) * S


NOON = at("2026-07-15 12:00")


@dataclass(slots=True)
class Stores:
    """Opens the same store with different rules."""

    url: str
    now_us: int
    _opened: list[History] = field(default_factory=list)

    def open(self, rules: HistoryRules | None = None, *, read_only: bool = False) -> History:
        history = open_history(self.url, rules=rules or HistoryRules(), read_only=read_only, now_us=lambda: self.now_us)
        self._opened.append(history)
        return history

    def close(self) -> None:
        for history in self._opened:
            history.close()


def roll_up(history: History) -> None:
    """Run all maintenance that is due."""
    while history.maintain():
        pass


def wild_samples(seed: int, start_us: int, end_us: int, count: int) -> list[Sample]:
    """Samples of tag 1 at irregular times, sorted, of all qualities."""
    chance = random.Random(seed)
    times = sorted({chance.randrange(start_us, end_us) for _ in range(count)})
    samples = []
    for time_us in times:
        quality = chance.choices(list(Quality), [12, 2, 2, 1])[0]
        reason = Reason.NONE if quality is Quality.GOOD else Reason.TIMEOUT
        value = None if quality is Quality.BAD else chance.uniform(-100, 100)
        samples.append(Sample(1, time_us, value, quality, reason))
    return samples
