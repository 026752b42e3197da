"""A parsed `[[role.allow]]` block.

The reader only makes legal rules: their places exist, their limits fit their type. A rule keeps its file and line, so that
decisions can name it: "Operator/2" is the second block of the role Operator.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealbus.policy.decision import printable

if TYPE_CHECKING:
    from sealbus.protocol import Place, ValueType, WordOrder

__all__ = ["FunctionGrant", "Limit", "Range", "Role", "Rule", "render_place", "render_ranges"]

Range = tuple[int, int]
"""First and last number, both included."""


@dataclass(frozen=True, slots=True)
class FunctionGrant:
    """A function code named by a rule. Where the function has parts (sub-functions, MEI types, files, addresses of
    queues), `first` to `last` are the parts; else both are 0. `text` is how the policy spells it."""

    function_code: int
    first: int
    last: int
    text: str

    @property
    def range(self) -> Range:
        """First and last part."""
        return self.first, self.last

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Limit:
    """The values that may be written: minimum to maximum, both included; None: that side is open."""

    minimum: int | float | None
    maximum: int | float | None
    type: ValueType
    order: WordOrder

    def is_wider(self, other: Limit) -> bool:
        """Whether this limit allows every value of the other one, with the same type and order."""
        if (self.type, self.order) != (other.type, other.order):
            return False
        low = self.minimum is None or (other.minimum is not None and self.minimum <= other.minimum)
        high = self.maximum is None or (other.maximum is not None and self.maximum >= other.maximum)
        return low and high

    def render(self, value: float) -> str:
        """A bound or a written value in its shortest form: 0.1, also for the float32 nearest to it."""
        if self.type != "float32" or not math.isfinite(value):
            return str(value)
        texts = (f"{value:.{digits}g}" for digits in (6, 7, 8, 9))
        return next((text for text in texts if struct.pack(">f", float(text)) == struct.pack(">f", value)), str(value))

    def __str__(self) -> str:
        if self.minimum is None:
            bounds = "any value" if self.maximum is None else f"at most {self.render(self.maximum)}"
        elif self.maximum is None:
            bounds = f"at least {self.render(self.minimum)}"
        else:
            bounds = f"{self.render(self.minimum)} to {self.render(self.maximum)}"
        type_name = "" if self.type == "uint16" else f" {self.type}"
        order_name = "" if self.order == "ABCD" else f" {self.order}"
        return bounds + type_name + order_name


@dataclass(frozen=True, slots=True)
class Rule:
    """One allow block: its rights on each of its units. `number` counts the blocks of its role from 1."""

    role: str
    number: int
    file: str
    line: int | None
    units: tuple[int, ...]
    reads: tuple[Place, ...] = ()
    writes: tuple[Place, ...] = ()
    limit: Limit | None = None
    functions: tuple[FunctionGrant, ...] = ()

    @property
    def name(self) -> str:
        """Role and number: `Operator/2`. The NULL role shows as `""`."""
        return f"{printable(self.role) or _NULL_ROLE}/{self.number}"

    @property
    def where(self) -> str:
        """File and line: `policy.toml:14`."""
        return self.file if self.line is None else f"{self.file}:{self.line}"

    @property
    def title(self) -> str:
        """For the `rule` of a Decision: `Operator/2 at policy.toml:14`."""
        return f"{self.name} at {self.where}"

    @property
    def label(self) -> str:
        """For a sentence: `Operator/2 (policy.toml:14)`."""
        return f"{self.name} ({self.where})"


@dataclass(frozen=True, slots=True)
class Role:
    """One `[[role]]`: the exact string in the certificate, and its rules. Without rules it has no rights."""

    name: str
    description: str
    line: int | None
    rules: tuple[Rule, ...]


_NULL_ROLE = '""'
_WHOLE_TABLE = 65536  # addresses: MODBUS Application Protocol V1.1b3, 4.4


def render_place(place: Place) -> str:
    """A place in policy notation: a whole table by its name alone."""
    return str(place.table) if place.count == _WHOLE_TABLE else str(place)


def render_ranges(numbers: tuple[int, ...]) -> str:
    """Ascending numbers in policy notation: `1,3,7-9`."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and parts[-1][-1] + 1 == number:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    return ",".join("-".join(str(end) for end in part) for part in parts)
