"""What makes a tag that can be read: the rules that no column alone can hold, as a function of values.

Each problem names the member and the mend. All are found at once, because whoever fills in a form or a table of ten
thousand lines wants to mend all in one go. The words are those of `protocol`: what passes here is what the collector
decodes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sealbus.errors import LocalError
from sealbus.expressions import ExpressionError, check_expression
from sealbus.protocol import Place, Table, ValueType, parse_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["SUNSPEC_TYPES", "TYPES", "WRITABLE_TABLES", "tag_problems"]

TYPES = tuple(str(each) for each in ValueType)
_ONE, _TWO, _FOUR, _TEXT = ("uint16", "int16"), ("uint32", "int32"), ("uint64", "int64"), ("string",)
SUNSPEC_TYPES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("int16", "uint16", "count", "acc16", "enum16", "bitfield16", "pad", "sunssf"), _ONE),
    **dict.fromkeys(("int32", "uint32", "acc32", "enum32", "bitfield32"), _TWO),
    **dict.fromkeys(("int64", "uint64", "acc64", "bitfield64"), _FOUR),
    "float32": ("float32",), "float64": ("float64",), "string": _TEXT,
    "ipaddr": (*_TWO, *_TEXT), "ipv6addr": _TEXT, "eui48": _TEXT,
}  # fmt: skip
"""The types that each can be read as. The collector has the same table, which a test compares: the site imports nothing
that reaches a device.
"""
WRITABLE_TABLES = (Table.COILS, Table.HOLDING)

_BIT_TABLES = (Table.COILS, Table.DISCRETE)
_ADDRESSES = 65_536
_WITH_BITS = ("uint16", "uint32", "uint64")
_MOST = {
    "bcd16": 1e4,
    "bcd32": 1e8,
    **dict.fromkeys(_ONE, 2.0**16),
    **dict.fromkeys(_TWO, 2.0**32),
    **dict.fromkeys(_FOUR, 2.0**64),
}
"""What no whole number of a type goes beyond, in either direction."""
_TEXT_REGISTERS = {"ipaddr": 2, "ipv6addr": 8, "eui48": 4}
_RAW = ("place", "type", "length", "bit", "bit_width", "sunspec_type")
_LINEAR = ("raw_low", "raw_high", "scaled_low", "scaled_high")

_Problems = "Iterator[tuple[str, str]]"


def tag_problems(tag: Mapping[str, Any]) -> dict[str, list[str]]:
    """What is wrong with a tag: problems with their mends, by member. Takes the members of `Tag`, all of them."""
    found: dict[str, list[str]] = {}
    for rule in _RULES:
        for name, problem in rule(tag):
            found.setdefault(name, []).append(problem)
    return found


def _source(tag: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """A place or an expression."""
    if not tag["place"] and not tag["expression"]:
        yield "place", "there is neither a place nor an expression; write a place such as holding:20"
    if not tag["expression"]:
        if tag["inputs"]:
            yield "inputs", "only an expression has inputs; leave them out"
        if tag["interval_s"] is None:
            yield "interval_s", "a tag with a place needs an interval; write the seconds"
        return
    for name in _RAW:
        if tag[name]:
            yield name, f"a calculated tag has no {name}; leave it out, or leave out the expression"
    if tag["scale"] != 1 or tag["offset"] or tag["raw_low"] is not None:
        yield "scale", "a calculated tag is not scaled; write it into the expression"
    try:
        check_expression(tag["expression"], tuple(tag["inputs"]))
    except ExpressionError as error:
        yield "expression", str(error).removeprefix("expression: ")


def _place(tag: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The place exists, and its table bears this type."""
    if not tag["place"]:
        return
    place = _parsed(tag["place"])
    if isinstance(place, str):
        yield "place", place
        return
    if place.count != 1:
        yield "place", f"a place is one address here; write {place.table}:{place.address}"
        return
    if place.table in _BIT_TABLES:
        if tag["type"] not in ("", "bit"):
            yield "type", f"{place.table} are bits, not {tag['type']}; leave the type out"
        return
    if tag["type"] == "bit":
        yield "type", "a register holds no single bit; write uint16 and the number of the bit"
        return
    last = place.address + (_registers(tag) or 1) - 1
    if last >= _ADDRESSES:
        yield "place", f"the value would end at {last}, past the last address {_ADDRESSES - 1}"


def _shape(tag: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Type, length and bits fit together."""
    if not tag["place"]:
        return
    if tag["type"] and tag["type"] not in TYPES:
        yield "type", f'there is no type "{tag["type"]}"; the types are {", ".join(TYPES)}'
        return
    if (tag["type"] == "string") != bool(tag["length"]):
        hint = "write how many registers the text has" if tag["type"] == "string" else "leave it out"
        yield "length", f"a text has a length in registers and nothing else has; {hint}"
    yield from _sunspec(tag)
    yield from _bits(tag)


def _sunspec(tag: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    name = tag["sunspec_type"]
    if not name:
        return
    if name not in SUNSPEC_TYPES:
        yield "sunspec_type", f'there is no SunSpec type "{name}"; the types are {", ".join(SUNSPEC_TYPES)}'
    elif tag["place"].startswith(_BIT_TABLES):
        yield "sunspec_type", "a single bit has no SunSpec type; leave it out"
    elif (tag["type"] or "uint16") not in SUNSPEC_TYPES[name]:
        yield (
            "sunspec_type",
            f"{tag['type'] or 'uint16'} cannot hold it; make the type {' or '.join(SUNSPEC_TYPES[name])}",
        )
    elif tag["type"] == "string" and tag["length"] != (registers := _TEXT_REGISTERS.get(name, tag["length"])):
        yield "length", f"a text of {tag['length']} registers holds no {name}; write {registers}"


def _bits(tag: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    bit, width = tag["bit"], tag["bit_width"]
    if bit is None:
        if width is not None:
            yield "bit", "bit_width needs the bit that it begins at; write bit too"
        return
    whole = tag["type"] in _WITH_BITS or (tag["type"] == "" and not tag["place"].startswith(_BIT_TABLES))
    if not whole:
        yield "bit", "only whole numbers without a sign have bits; leave bit out, or write a type such as uint16"
        return
    size = 16 * (_registers(tag) or 1)
    if bit + (width or 1) > size:
        yield "bit", f"bits 0 to {size - 1} are there; {bit} with {width or 1} is past them"


def _scaling(tag: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    given = [name for name in _LINEAR if tag[name] is not None]
    if given and len(given) < len(_LINEAR):
        for name in _LINEAR:
            if tag[name] is None:
                yield name, f"a linear range needs all of {', '.join(_LINEAR)}"
    elif given:
        if tag["raw_low"] == tag["raw_high"]:
            yield "raw_high", "a linear range has two different ends; write another one than raw_low"
        if tag["scale"] != 1 or tag["offset"]:
            yield "scale", "a linear range stands instead of scale and offset; leave them out"
    if tag["scale"] == 0:
        yield "scale", "a scale of 0 makes every value 0; write another one"
    elif not math.isfinite(1 / tag["scale"]):
        yield "scale", f"{tag['scale']:g} is too near to 0; write one that is further from it"
    if _is_text(tag) and (given or tag["scale"] != 1 or tag["offset"]):
        yield "scale", "a text or a bit is not scaled; leave scale, offset and the linear range out"
    elif not tag["expression"]:
        yield from _overflow(tag, is_linear=len(given) == len(_LINEAR))


def _overflow(tag: Mapping[str, Any], *, is_linear: bool) -> Iterator[tuple[str, str]]:
    """What a register may hold becomes a number. Of floating point that may be any, and the collector looks at each."""
    most = _MOST.get(tag["type"] or "uint16", 0.0)
    if is_linear:
        rise, run = tag["scaled_high"] - tag["scaled_low"], tag["raw_high"] - tag["raw_low"]
        if not (math.isfinite(run) and math.isfinite((most + abs(tag["raw_low"])) * rise)):
            yield (
                "raw_high",
                "a linear range as long as that gives no numbers; write ends that are nearer to each other",
            )
    elif not math.isfinite(most * tag["scale"]):
        yield "scale", f"{tag['scale']:g} makes values larger than any number; write one that is nearer to 0"


def _is_text(tag: Mapping[str, Any]) -> bool:
    """No number comes out."""
    if tag["expression"]:
        return False
    one_bit = tag["bit"] is not None and tag["bit_width"] is None
    return one_bit or tag["type"] in ("string", "bit") or tag["place"].startswith(("coils", "discrete"))


def _ranges(tag: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("low", "high"):
        if tag[name] is not None and _is_text(tag):
            yield name, f"only numbers have limits; leave {name} out"
    for low, high in (("low", "high"), ("write_min", "write_max")):
        if tag[low] is not None and tag[high] is not None and tag[low] > tag[high]:
            yield high, f"{high} is below {low}; write one that is not"
    if tag["write_step"] is not None and tag["write_step"] <= 0:
        yield "write_step", "a step is more than 0; leave it out if any value may be written"
    if tag["sentinels"] and _is_text(tag):
        yield "sentinels", "only numbers have values that mean none; leave them out"
    if tag["expression"] and (tag["sentinels"] or tag["sunspec"]):
        yield "sentinels", "a calculated tag has none; its inputs have"


def _writing(tag: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if tag["writable"] and not tag["place"].startswith(WRITABLE_TABLES):
        yield "writable", "only coils and holding registers can be written; leave writable out"


def _refreshing(tag: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Nothing is stale before it is due."""
    after_s, interval_s = tag["stale_after_s"], tag["interval_s"]
    if tag["place"] and None not in (after_s, interval_s) and after_s < interval_s:
        yield "stale_after_s", f"it is read every {interval_s:g} s only; write as many or more, or leave it out"


def _keeping(tag: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The class of history holds a value longer than the longest silence of this tag."""
    hold_s = tag["retention"].hold_s
    for name in ("max_interval_s", "interval_s"):
        if tag[name] is not None and tag[name] >= hold_s:
            hint = "write less, or choose a class that holds longer"
            yield name, f'its class "{tag["retention"].name}" holds a value {hold_s:g} s, which must be more; {hint}'


_RULES: tuple[Callable[[Mapping[str, Any]], Iterator[tuple[str, str]]], ...] = (
    _source,
    _place,
    _shape,
    _scaling,
    _ranges,
    _writing,
    _refreshing,
    _keeping,
)


def _registers(tag: Mapping[str, Any]) -> int | None:
    if tag["type"] == "string":
        return int(tag["length"])
    return ValueType(tag["type"]).registers if tag["type"] in TYPES else 1


def _parsed(text: str) -> Place | str:
    try:
        return parse_place(text)
    except LocalError as error:
        return str(error)
