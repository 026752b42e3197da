"""What the operator configures for history: the time zone of a day, and the retention of samples and rollups.

A tag belongs to a retention class. A class sets for how many days raw samples, minutes, hours and days are kept, and
for how long a value holds when no other sample follows. The collector stores a sample at least once per longest
interval, so a longer silence means that nothing was collected: it is shown as a gap, never as a line. Therefore
`hold_s` must be longer than that interval.

A coarser source is kept at least as long as a finer one, so that old data can still be drawn, at a lower resolution.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sealbus.errors import ConfigError
from sealbus.samples import US_PER_S

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DAY_US", "HistoryRules", "RetentionClass"]

DAY_US = 86_400 * US_PER_S
_LONGEST_HOLD_S = 7 * 86_400


@dataclass(frozen=True, slots=True)
class RetentionClass:
    """How long samples and rollups of its tags are kept. `day_days` None: days are kept for ever. Raises ConfigError."""

    name: str
    raw_days: int = 90
    minute_days: int = 400
    hour_days: int = 3650
    day_days: int | None = None
    hold_s: float = 3600.0

    def __post_init__(self) -> None:
        days = [self.raw_days, self.minute_days, self.hour_days]
        days += [] if self.day_days is None else [self.day_days]
        if days[0] < 1 or days != sorted(days):
            raise ConfigError(
                f"raw samples, minutes, hours and days are kept for {days} days",
                key=self.name,
                hint="keep raw samples for 1 day or more, and each coarser rollup at least as long as the finer one",
            )
        if not 1 <= self.hold_s <= _LONGEST_HOLD_S:
            raise ConfigError(
                f"a value cannot hold for {self.hold_s} s", key=self.name, hint="write hold_s from 1 to 604800 (7 days)"
            )

    @property
    def hold_us(self) -> int:
        return round(self.hold_s * US_PER_S)


@dataclass(frozen=True, slots=True)
class HistoryRules:
    """The rules of one store. A tag that is not in `class_of` belongs to the first class.

    Raises ConfigError: an unknown zone, no class, two classes of one name, or a tag in an unknown class.
    """

    zone: str = "UTC"
    classes: tuple[RetentionClass, ...] = (RetentionClass("standard"),)
    class_of: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.zone)
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(
                f"unknown time zone {self.zone!r}", key="zone", hint="write a name such as Europe/Berlin"
            ) from error
        names = [each.name for each in self.classes]
        if not names or len(set(names)) != len(names):
            raise ConfigError(
                "retention classes have the same name, or there is none",
                key="classes",
                hint="write one or more, with different names",
            )
        if unknown := sorted(set(self.class_of.values()) - set(names)):
            raise ConfigError(
                f"no retention class {', '.join(unknown)}", key="class_of", hint=f"use one of {', '.join(names)}"
            )

    def of(self, tag_id: int) -> RetentionClass:
        """The class of a tag."""
        name = self.class_of.get(tag_id)
        if name is None:
            return self.classes[0]
        return next(each for each in self.classes if each.name == name)
