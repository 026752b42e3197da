"""A tag that can be read: its plan, checked by `tag_rules`, with its place and type as values.

Everything further down takes a `Tag` for granted.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealbus.plant.fields import raise_first
from sealbus.plant.staleness import stale_after_s
from sealbus.plant.tag_rules import BIT_TABLES, tag_problems
from sealbus.protocol import Place, ValueType, WordOrder, parse_place

if TYPE_CHECKING:
    from sealbus.plant.plan import TagPlan

__all__ = ["Tag", "compile_tag"]


@dataclass(frozen=True, slots=True, eq=False)
class Tag:
    """A tag whose plan has no problem. `place` spans all registers (or the one bit) of its value."""

    plan: TagPlan
    place: Place
    type: ValueType
    order: WordOrder
    stale_after_s: float

    @property
    def is_bit_of_table(self) -> bool:
        """Whether it is a coil or a discrete input, and not in a register."""
        return self.place.table in BIT_TABLES


def compile_tag(plan: TagPlan) -> Tag:
    """Check a plan. Raises ConfigError with its first problem."""
    raise_first(tag_problems(plan))
    place = parse_place(plan.place)
    value_type = _type(plan, place)
    if place.table not in BIT_TABLES:
        place = dataclasses.replace(place, count=value_type.registers or plan.length)
    return Tag(plan, place, value_type, WordOrder(plan.order), stale_after_s(plan.stale_after_s, plan.interval_s))


def _type(plan: TagPlan, place: Place) -> ValueType:
    if plan.type:
        return ValueType(plan.type)
    is_bit = place.table in BIT_TABLES or (plan.bit is not None and plan.bit_width is None)
    return ValueType.BIT if is_bit else ValueType.UINT16
