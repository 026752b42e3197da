"""A tag that can be read: its plan, checked, with its place and type as values.

Whatever is wrong with a tag is said here, once, as a ConfigError that names the key and the mend; everything further
down takes a `Tag` for granted. The limits are generous and finite: no interval that floods a device by a slip of the
finger, no width that no register has.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sealbus.errors import ConfigError, LocalError
from sealbus.plant.sunspec_types import sunspec_type_of
from sealbus.protocol import MAX_COUNT_READ_REGISTERS, Place, Table, ValueType, WordOrder, parse_place

if TYPE_CHECKING:
    from sealbus.plant.plan import CalculatedPlan, LinearRange, TagPlan

__all__ = ["LONGEST_INTERVAL_S", "SHORTEST_INTERVAL_S", "Tag", "check_pace", "compile_tag"]

SHORTEST_INTERVAL_S: Final = 0.05
LONGEST_INTERVAL_S: Final = 7 * 86400.0
_SHORTEST_HEARTBEAT_S: Final = 1.0
_BIT_TABLES: Final = (Table.COILS, Table.DISCRETE)
_WITH_BITS: Final = (ValueType.BIT, ValueType.UINT16, ValueType.UINT32, ValueType.UINT64)
_STALE_INTERVALS: Final = 3
_SHORTEST_STALE_S: Final = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Tag:
    """A tag whose plan makes sense. `place` spans all registers (or the one bit) of its value."""

    plan: TagPlan
    place: Place
    type: ValueType
    order: WordOrder
    stale_after_s: float

    @property
    def is_bit_of_table(self) -> bool:
        """Whether it stands in a table of bits, and not in a register."""
        return self.place.table in _BIT_TABLES


def compile_tag(plan: TagPlan) -> Tag:
    """Check a plan. Raises ConfigError that names the key and the mend."""
    where = _place(plan)
    value_type = _type(plan, where)
    order = _order(plan)
    if where.table not in _BIT_TABLES:
        where = dataclasses.replace(where, count=_registers(plan, where, value_type))
    _check_bits(plan, where, value_type)
    _check_scaling(plan, where, value_type)
    _check_sunspec(plan, where, value_type)
    check_pace(plan)
    interval_s = plan.interval_s
    if not SHORTEST_INTERVAL_S <= interval_s <= LONGEST_INTERVAL_S:
        raise _wrong(
            "interval_s", f"{interval_s:g} s", f"{SHORTEST_INTERVAL_S:g} s to {LONGEST_INTERVAL_S:g} s (a week)"
        )
    stale_after_s = plan.stale_after_s
    if stale_after_s is None:
        stale_after_s = max(_STALE_INTERVALS * interval_s, _SHORTEST_STALE_S)
    elif not interval_s <= stale_after_s < math.inf:
        raise _wrong("stale_after_s", f"{stale_after_s:g} s", f"no less than the interval, {interval_s:g} s")
    return Tag(plan, where, value_type, order, stale_after_s)


def check_pace(plan: TagPlan | CalculatedPlan) -> None:
    """What tags and calculated ones have in common. Raises ConfigError."""
    if not 0 <= plan.dead_band < math.inf:
        raise _wrong("dead_band", f"{plan.dead_band:g}", "0 or more")
    if not _SHORTEST_HEARTBEAT_S <= plan.max_interval_s < math.inf:
        raise _wrong("max_interval_s", f"{plan.max_interval_s:g} s", f"{_SHORTEST_HEARTBEAT_S:g} s or more")
    low, high = plan.low, plan.high
    if any(limit is not None and not math.isfinite(limit) for limit in (low, high)):
        raise _wrong("low", "a limit that is not finite", "numbers, or leave them out")
    if low is not None and high is not None and low > high:
        raise _wrong("low", f"{low:g} above high, {high:g}", "the lower limit as low")


def _wrong(key: str, given: str, hint: str) -> ConfigError:
    return ConfigError(f"{given} is not possible", key=key, hint=f"give {hint}")


def _place(plan: TagPlan) -> Place:
    try:
        return parse_place(plan.place)
    except LocalError as error:
        raise ConfigError(str(error), key="place") from None


def _type(plan: TagPlan, where: Place) -> ValueType:
    in_bits = where.table in _BIT_TABLES
    if not plan.type:
        return ValueType.BIT if in_bits or (plan.bit is not None and plan.bit_width is None) else ValueType.UINT16
    try:
        value_type = ValueType(plan.type)
    except ValueError:
        raise _wrong("type", f'"{plan.type}"', f"one of {', '.join(ValueType)}") from None
    if in_bits and value_type is not ValueType.BIT:
        raise _wrong("type", f"{value_type} in {where.table}", "bit, or leave it out")
    return value_type


def _order(plan: TagPlan) -> WordOrder:
    try:
        return WordOrder(plan.order)
    except ValueError:
        raise _wrong("order", f'"{plan.order}"', f"one of {', '.join(WordOrder)}") from None


def _registers(plan: TagPlan, where: Place, value_type: ValueType) -> int:
    count = value_type.registers
    if count is None:
        count = plan.length or where.count
        if not 1 <= count <= MAX_COUNT_READ_REGISTERS:
            raise _wrong("length", f"a string of {count} registers", f"1 to {MAX_COUNT_READ_REGISTERS}")
    elif plan.length not in (0, count):
        raise _wrong("length", f"{plan.length} registers of {value_type}", f"{count}, or leave it out")
    if "-" in plan.place and where.count != count:
        raise _wrong("place", f"{plan.place} for {count} registers of {value_type}", f"{where.table}:{where.address}")
    if where.address + count > 65536:
        raise _wrong("place", f"{plan.place} with {count} registers", "a place that ends at 65535 or before")
    return count


def _check_bits(plan: TagPlan, where: Place, value_type: ValueType) -> None:
    bit, width = plan.bit, plan.bit_width
    if where.table in _BIT_TABLES:
        if where.count != 1 or bit is not None or width is not None or plan.length:
            raise _wrong("place", f"more than one bit of {where.table}", "one tag for each bit")
        return
    if bit is None:
        if value_type is ValueType.BIT:
            raise _wrong("bit", "a bit of a register without its number", "bit=0 to 15, 0 the lowest")
        if width is not None:
            raise _wrong("bit_width", "a width without a bit", "the lowest bit too")
        return
    if value_type not in _WITH_BITS or (value_type is ValueType.BIT and width is not None):
        raise _wrong("bit", f"a bit of {value_type}", f"a type among {', '.join(_WITH_BITS[1:])}")
    bits = 16 * where.count
    if not (0 <= bit < bits and 1 <= (1 if width is None else width) <= bits - bit):
        raise _wrong("bit", f"bit {bit} and width {width or 1} of {bits} bits", f"bits from 0 to {bits - 1}")


def _check_scaling(plan: TagPlan, where: Place, value_type: ValueType) -> None:
    is_scaled = plan.scale != 1 or plan.offset != 0
    if not (math.isfinite(plan.scale) and math.isfinite(plan.offset)) or plan.scale == 0:
        raise _wrong(
            "scale", f"{plan.scale:g} with offset {plan.offset:g}", "finite numbers, and a scale that is not 0"
        )
    if not math.isfinite(1 / plan.scale):
        raise _wrong("scale", f"{plan.scale:g}", "one that is further from 0")
    if plan.linear is not None:
        _check_linear(plan.linear)
        if is_scaled:
            raise _wrong("linear", "a linear range beside a scale", "one of the two")
    is_number = not (
        value_type is ValueType.STRING
        or where.table in _BIT_TABLES
        or (plan.bit is not None and plan.bit_width is None)
    )
    if not is_number and (is_scaled or plan.linear or plan.low is not None or plan.high is not None):
        raise _wrong("scale", "a scale or a limit of what is no number", "none of both")


def _check_linear(linear: LinearRange) -> None:
    ends = (linear.raw_low, linear.raw_high, linear.low, linear.high)
    if not all(map(math.isfinite, ends)) or linear.raw_low == linear.raw_high:
        raise _wrong("linear", "a range without two ends", "two different raw values, and what they mean")
    if not (math.isfinite(linear.high - linear.low) and math.isfinite(linear.raw_high - linear.raw_low)):
        raise _wrong("linear", "a range as long as that", "two ends that are nearer to each other")


def _check_sunspec(plan: TagPlan, where: Place, value_type: ValueType) -> None:
    if not plan.sunspec_type:
        return
    if where.table in _BIT_TABLES:
        raise _wrong("sunspec_type", f"{plan.sunspec_type} in {where.table}", "a place in registers, or leave it out")
    sunspec_type_of(plan.sunspec_type, value_type, where.count)
