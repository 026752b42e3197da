"""What the operator configures for history: the time zone of a day, and the retention of samples and rollups.

A tag belongs to a class, which says how long its samples are kept: `plant.retention`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealbus.errors import ConfigError
from sealbus.plant import RetentionClass
from sealbus.samples import US_PER_S
from sealbus.time_zones import rules_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DAY_US", "HistoryRules"]

DAY_US = 86_400 * US_PER_S


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
            rules_of(self.zone)
        except KeyError as error:
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
