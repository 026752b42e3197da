"""What a tag may be: every rule, once, for the forms and imports of the site and for the collector.

A rule takes a plan and yields problems. `tag_problems` and `calculated_problems` find all of them; a plan without
problems compiles (`tags.compile_tag`) and can be decoded, and a plan with problems never does. The rules take any
values, also those that no form would store: a row may be written by a script.

`source_problems` is for a row that may have a place, an expression, or by mistake both: it decides which it is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from sealbus.expressions import ExpressionError, check_expression
from sealbus.plant.fields import TAG_BOUNDS, FieldProblem, bound_problems
from sealbus.plant.plan import CalculatedPlan, TagPlan
from sealbus.plant.sunspec_types import SUNSPEC_TYPES
from sealbus.protocol import ADDRESS_SPACE, PlaceError, Table, ValueType, WordOrder, parse_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealbus.protocol import Place

__all__ = ["BIT_TABLES", "MAX_SENTINELS", "WRITABLE_TABLES", "calculated_problems", "source_problems", "tag_problems"]

BIT_TABLES: Final = (Table.COILS, Table.DISCRETE)
WRITABLE_TABLES: Final = (Table.COILS, Table.HOLDING)
MAX_SENTINELS: Final = 16
_REGISTERS: Final[dict[str, int | None]] = {each.value: each.registers for each in ValueType}
_ORDERS: Final = frozenset(each.value for each in WordOrder)
_WRITABLE: Final = tuple(f"{table}:" for table in WRITABLE_TABLES)
_REGISTER_TYPES: Final = tuple(each for each in ValueType if each is not ValueType.BIT)
_WITH_BITS: Final = ("", ValueType.UINT16, ValueType.UINT32, ValueType.UINT64)
_MAX_RAW: Final[dict[str, float]] = {
    ValueType.BCD16: 1e4,
    ValueType.BCD32: 1e8,
    ValueType.UINT16: 2.0**16,
    ValueType.INT16: 2.0**16,
    ValueType.UINT32: 2.0**32,
    ValueType.INT32: 2.0**32,
    ValueType.UINT64: 2.0**64,
    ValueType.INT64: 2.0**64,
}
"""No whole number of the type goes beyond this, in either direction."""
_MAX_SENTINEL: Final = 2.0**64
_LINEAR: Final = ("raw_low", "raw_high", "scaled_low", "scaled_high")
_SCALING: Final = ("scale", "offset", *_LINEAR)
_FINITE: Final = (*_SCALING, "low", "high", "write_min", "write_max", "write_step")
_OF_PLACE_ONLY: Final = tuple(
    field
    for field in msgspec.structs.fields(TagPlan)
    if field.name not in {each.name for each in msgspec.structs.fields(CalculatedPlan)}
    # `writable` has a rule of its own; the others mean nothing without a place and do no harm
    and field.name not in ("place", "order", "stale_after_s", "writable", "write_min", "write_max", "write_step")
)

_Problems: TypeAlias = "Iterator[FieldProblem]"


def source_problems(tag: TagPlan, calculated: CalculatedPlan, *, has_interval: bool = True) -> list[FieldProblem]:
    """The problems of one row, read both as a tag with a place and as a calculated one. `has_interval`: the row has an
    interval, which only a calculated tag may lack; `tag` then has any other.
    """
    if calculated.expression:
        return [*_only_of_a_place(tag), *_writing(tag), *calculated_problems(calculated)]
    found: list[FieldProblem] = []
    if calculated.inputs:
        found.append(FieldProblem("inputs", "only a tag with an expression has inputs", "leave inputs out"))
    if not has_interval:
        found.append(FieldProblem("interval_s", "a tag with a place needs an interval", "write the seconds"))
    return found + tag_problems(tag)


def tag_problems(tag: TagPlan) -> list[FieldProblem]:
    """All that is wrong with a tag at a place."""
    found = [*bound_problems(tag, TAG_BOUNDS), *_finite(tag)]
    for rule in _RULES:
        found += rule(tag)
    return found


def calculated_problems(tag: CalculatedPlan) -> list[FieldProblem]:
    """All that is wrong with a calculated tag alone. Whether its inputs exist is for the caller to find out."""
    found = [*bound_problems(tag, TAG_BOUNDS), *_finite(tag), *_range(tag, "low", "high")]
    try:
        used = check_expression(tag.expression, tuple(tag.inputs))
    except ExpressionError as error:
        return [*found, FieldProblem("expression", error.problem, error.hint)]
    if not used and tag.interval_s is None:
        problem = "an expression without inputs never changes, so it needs an interval"
        found.append(FieldProblem("interval_s", problem, "write the seconds"))
    return found


def _only_of_a_place(tag: TagPlan) -> _Problems:
    if tag.place:
        yield FieldProblem("place", "a calculated tag has no place", "leave place out, or leave out the expression")
    for field in _OF_PLACE_ONLY:
        if getattr(tag, field.name) == field.default:
            continue
        hint = f"leave {field.name} out"
        if field.name in _SCALING:
            hint = "write the scaling into the expression"
        yield FieldProblem(field.name, f"a calculated tag has no {field.name}", hint)


def _finite(tag: TagPlan | CalculatedPlan) -> _Problems:
    for name in _FINITE:
        value = getattr(tag, name, None)
        if value is not None and not math.isfinite(value):
            yield FieldProblem(name, f"{value} is not a finite number", "write another number")


def _place(tag: TagPlan) -> _Problems:
    """The place exists, and its table can hold this type."""
    if not tag.place:
        yield FieldProblem("place", "there is neither a place nor an expression", "write a place such as holding:20")
        return
    place = _parsed(tag.place)
    if isinstance(place, PlaceError):
        yield FieldProblem("place", place.problem, place.hint)
        return
    if place.count != 1:
        problem = "the place of a tag is one address, not a range"
        yield FieldProblem("place", problem, f"write {place.table}:{place.address}")
        return
    if place.table in BIT_TABLES:
        if tag.type not in ("", ValueType.BIT):
            yield FieldProblem("type", f"{place.table} hold bits, not {tag.type}", "leave the type out")
        return
    if tag.type == ValueType.BIT:
        hint = "write uint16 as the type, and the number of the bit in bit"
        yield FieldProblem("type", "a register is not a single bit", hint)
        return
    last = place.address + (_registers(tag) or 1) - 1
    if last >= ADDRESS_SPACE:
        problem = f"the value would end at address {last}, beyond the last one, {ADDRESS_SPACE - 1}"
        yield FieldProblem("place", problem, "write a lower address, or a shorter type")


def _shape(tag: TagPlan) -> _Problems:
    """Type, order and length fit together."""
    if tag.type and tag.type not in _REGISTERS:
        yield FieldProblem("type", f'there is no type "{tag.type}"', f"write one of {', '.join(_REGISTER_TYPES)}")
        return
    if tag.order not in _ORDERS:
        yield FieldProblem("order", f'there is no word order "{tag.order}"', f"write one of {', '.join(WordOrder)}")
    is_string = tag.type == ValueType.STRING
    if is_string and not tag.length:
        yield FieldProblem("length", "a string needs a length", "write the number of its registers")
    if tag.length and not is_string:
        yield FieldProblem("length", "only a string has a length", "leave length out, or make the type string")


def _sunspec(tag: TagPlan) -> _Problems:
    name = tag.sunspec_type
    if not name:
        return
    known = SUNSPEC_TYPES.get(name)
    value_type = tag.type or ValueType.UINT16
    if known is None:
        problem = f'there is no SunSpec type "{name}"'
        yield FieldProblem("sunspec_type", problem, f"write one of {', '.join(SUNSPEC_TYPES)}")
    elif _is_in_bits(tag):
        yield FieldProblem("sunspec_type", "a coil or discrete input has no SunSpec type", "leave sunspec_type out")
    elif value_type not in known.fits:
        fitting = " or ".join(each for each in known.fits if each is not ValueType.BIT)
        problem = f"the type {value_type} cannot hold the SunSpec type {name}"
        yield FieldProblem("sunspec_type", problem, f"make the type {fitting}")
    elif value_type == ValueType.STRING and known.text_registers not in (0, tag.length):
        problem = f"a string of {tag.length} registers cannot hold the SunSpec type {name}"
        yield FieldProblem("length", problem, f"write {known.text_registers}")


def _bits(tag: TagPlan) -> _Problems:
    bit, width = tag.bit, tag.bit_width
    if bit is None:
        if width is not None:
            yield FieldProblem("bit", "bit_width needs the bit that it begins at", "write bit too")
        return
    if tag.type not in _WITH_BITS or _is_in_bits(tag):
        problem = "only unsigned whole numbers in registers have bits"
        yield FieldProblem("bit", problem, "leave bit out, or make the type uint16, uint32 or uint64")
        return
    size = 16 * (_registers(tag) or 1)
    count = 1 if width is None else width
    if bit + count > size:
        bits = f"bit {bit} is" if count == 1 else f"bits {bit} to {bit + count - 1} are"
        yield FieldProblem("bit", f"{bits} not in this type", f"write bits from 0 to {size - 1}")


def _scaling(tag: TagPlan) -> _Problems:
    given = [name for name in _LINEAR if getattr(tag, name) is not None]
    if given and len(given) < len(_LINEAR):
        for name in _LINEAR:
            if name not in given:
                yield FieldProblem(name, f"a linear range needs all of {', '.join(_LINEAR)}", f"write {name} too")
    elif given:
        if tag.raw_low == tag.raw_high:
            problem = "a linear range has two different ends"
            yield FieldProblem("raw_high", problem, "write another number than that of raw_low")
        if tag.scale != 1 or tag.offset:
            problem = "a linear range replaces scale and offset"
            yield FieldProblem("scale", problem, "leave scale and offset out")
    if tag.scale == 0:
        yield FieldProblem("scale", "a scale of 0 makes every value 0", "write another number")
    elif not math.isfinite(1 / tag.scale):
        yield FieldProblem("scale", f"{tag.scale:g} is too near to 0", "write a number further from 0")
    if not _is_number(tag):
        if given or tag.scale != 1 or tag.offset:
            problem = "a text or a single bit is not scaled"
            yield FieldProblem("scale", problem, "leave scale, offset and the linear range out")
    elif all(math.isfinite(getattr(tag, name)) for name in _SCALING if getattr(tag, name) is not None):
        yield from _overflow(tag)


def _overflow(tag: TagPlan) -> _Problems:
    """The largest raw value becomes a finite number. Registers of a float type may hold any: each is checked when read."""
    largest = _MAX_RAW.get(tag.type or ValueType.UINT16, 0.0)
    ends = (tag.raw_low, tag.raw_high, tag.scaled_low, tag.scaled_high)
    if None not in ends:
        raw_low, raw_high, low, high = (each or 0.0 for each in ends)
        rise, run = high - low, raw_high - raw_low
        if not (math.isfinite(run) and math.isfinite((largest + abs(raw_low)) * rise)):
            problem = "a linear range as long as this gives values larger than any number"
            yield FieldProblem("raw_high", problem, "write ends that are nearer to each other")
    elif not math.isfinite(largest * tag.scale):
        problem = f"a scale of {tag.scale:g} gives values larger than any number"
        yield FieldProblem("scale", problem, "write a number nearer to 0")


def _limits(tag: TagPlan) -> _Problems:
    if not _is_number(tag):
        for name in ("low", "high"):
            if getattr(tag, name) is not None:
                yield FieldProblem(name, "only numbers have limits", f"leave {name} out")
    yield from _range(tag, "low", "high")
    yield from _range(tag, "write_min", "write_max")
    if tag.write_step is not None and tag.write_step <= 0:
        problem = "a step is more than 0"
        yield FieldProblem("write_step", problem, "leave write_step out if any value may be written")


def _range(tag: TagPlan | CalculatedPlan, low: str, high: str) -> _Problems:
    lowest, highest = getattr(tag, low), getattr(tag, high)
    if lowest is not None and highest is not None and lowest > highest:
        yield FieldProblem(high, f"{high} is below {low}", f"write {lowest:g} or more, or leave one of them out")


def _sentinels(tag: TagPlan) -> _Problems:
    if tag.sentinels and not _is_number(tag):
        problem = 'only numbers have values that mean "not available"'
        yield FieldProblem("sentinels", problem, "leave sentinels out")
    if len(tag.sentinels) > MAX_SENTINELS:
        yield FieldProblem("sentinels", "there are too many", f"write up to {MAX_SENTINELS} numbers")
    for number in tag.sentinels:
        if not -_MAX_SENTINEL < number < _MAX_SENTINEL:
            yield FieldProblem("sentinels", f"no register holds {number}", "write numbers of up to 64 bits")


def _writing(tag: TagPlan) -> _Problems:
    if tag.writable and not tag.place.startswith(_WRITABLE):
        problem = "only coils and holding registers can be written"
        yield FieldProblem("writable", problem, "leave writable out")


def _refreshing(tag: TagPlan) -> _Problems:
    """A value is not stale before the next one is due."""
    if tag.stale_after_s is not None and tag.stale_after_s < tag.interval_s:
        problem = f"the tag is read every {tag.interval_s:g} s only"
        yield FieldProblem("stale_after_s", problem, "write as many seconds or more, or leave stale_after_s out")


_RULES: Final[tuple[Callable[[TagPlan], _Problems], ...]] = (
    _place,
    _shape,
    _sunspec,
    _bits,
    _scaling,
    _limits,
    _sentinels,
    _writing,
    _refreshing,
)


def _registers(tag: TagPlan) -> int | None:
    if tag.type == ValueType.STRING:
        return tag.length
    return _REGISTERS.get(tag.type, 1)


def _is_in_bits(tag: TagPlan) -> bool:
    return tag.place.strip().startswith(BIT_TABLES)


def _is_number(tag: TagPlan) -> bool:
    is_bit = (tag.bit is not None and tag.bit_width is None) or tag.type == ValueType.BIT or _is_in_bits(tag)
    return not is_bit and tag.type != ValueType.STRING


def _parsed(text: str) -> Place | PlaceError:
    try:
        return parse_place(text)
    except PlaceError as error:
        return error
