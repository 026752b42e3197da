"""The policy once more, as a slow and simple model: register by register, rule by rule.

Nothing here is compiled, bisected or shared with the code under test: a rule is a few lists, a value is decoded from its
bytes, and a write with limits is tried with every split into values.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

__all__ = ["NaiveLimit", "NaivePlace", "NaiveRule", "may_mask", "may_read", "may_write_coils", "may_write_registers"]

_FORMATS = {
    "uint16": "H",
    "int16": "h",
    "uint32": "I",
    "int32": "i",
    "uint64": "Q",
    "int64": "q",
    "float32": "f",
    "float64": "d",
}


@dataclass(frozen=True)
class NaivePlace:
    table: str
    first: int
    last: int

    def has(self, table: str, address: int) -> bool:
        return self.table == table and self.first <= address <= self.last

    def toml(self) -> str:
        return f'"{self.table}:{self.first}-{self.last}"'


@dataclass(frozen=True)
class NaiveLimit:
    minimum: float | None
    maximum: float | None
    type: str
    order: str

    @property
    def width(self) -> int:
        return struct.calcsize(_FORMATS[self.type]) // 2

    def allows(self, words: tuple[int, ...]) -> bool:
        sent = [word.to_bytes(2, "big") for word in words]
        if self.order in ("BADC", "DCBA"):
            sent = [pair[::-1] for pair in sent]
        if self.order in ("CDAB", "DCBA"):
            sent.reverse()
        (value,) = struct.unpack(">" + _FORMATS[self.type], b"".join(sent))
        if math.isnan(value) or math.isinf(value):
            return False
        return (self.minimum is None or value >= self.minimum) and (self.maximum is None or value <= self.maximum)


@dataclass(frozen=True)
class NaiveRule:
    units: tuple[int, ...]
    reads: tuple[NaivePlace, ...]
    writes: tuple[NaivePlace, ...]
    limit: NaiveLimit | None

    def toml(self) -> str:
        lines = ["[[role.allow]]", f"units = {list(self.units)}"]
        lines.append(f"read = [{', '.join(place.toml() for place in self.reads)}]")
        lines.append(f"write = [{', '.join(place.toml() for place in self.writes)}]")
        if self.limit is not None:
            bounds = {"min": self.limit.minimum, "max": self.limit.maximum}
            lines += [f"{key} = {bound}" for key, bound in bounds.items() if bound is not None]
            lines += [f'type = "{self.limit.type}"', f'order = "{self.limit.order}"']
        return "\n".join(lines)


def may_read(rules: list[NaiveRule], unit: int, table: str, address: int, count: int) -> bool:
    return all(
        any(unit in rule.units and place.has(table, number) for rule in rules for place in rule.reads)
        for number in range(address, address + count)
    )


def may_write_coils(rules: list[NaiveRule], unit: int, address: int, count: int) -> bool:
    return all(
        any(unit in rule.units and place.has("coils", number) for rule in rules for place in rule.writes)
        for number in range(address, address + count)
    )


def may_mask(rules: list[NaiveRule], unit: int, address: int) -> bool:
    return any(
        unit in rule.units and rule.limit is None and place.has("holding", address)
        for rule in rules
        for place in rule.writes
    )


def may_write_registers(rules: list[NaiveRule], unit: int, address: int, words: tuple[int, ...]) -> bool:
    if not words:
        return True
    for rule in rules:
        for place in rule.writes:
            if unit not in rule.units or not place.has("holding", address):
                continue
            if rule.limit is None:
                if may_write_registers(rules, unit, address + 1, words[1:]):
                    return True
                continue
            width = rule.limit.width
            value, rest = words[:width], words[width:]
            starts_here = address in range(place.first, place.last + 1, width)
            whole = len(value) == width and starts_here and place.has("holding", address + width - 1)
            if whole and rule.limit.allows(value) and may_write_registers(rules, unit, address + width, rest):
                return True
    return False
