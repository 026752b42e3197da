"""The bounds of every field that a user may set, and how a problem with a field is described.

Each bound is written here once. The collector checks plans with `bound_problems`, the site's forms take minimum and maximum
from the same tables, and so do the check constraints of its database.

Every rule of this package returns problems as values: the field, what is wrong, and what to write instead. All problems
of one row are found together, because a form or a table of ten thousand lines is corrected in one go.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sealbus.errors import ConfigError
from sealbus.protocol import MAX_COUNT_READ_BITS, MAX_COUNT_READ_REGISTERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = [
    "CONNECTION_BOUNDS",
    "DEVICE_BOUNDS",
    "RETENTION_BOUNDS",
    "TAG_BOUNDS",
    "Bounds",
    "FieldProblem",
    "bound_problems",
    "raise_first",
    "split_hint",
]

_SEPARATOR: Final = "; "
_QUOTED_OR_SEPARATOR: Final = re.compile(rf""""[^"]*"|(?<!\w)'[^']*'|{_SEPARATOR}""")
_WEEK_S: Final = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Bounds:
    """The lowest and the highest value, both allowed; `high` may be infinite, the value never is."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether the value is finite and within the bounds."""
        return self.low <= value <= self.high and math.isfinite(value)

    def __str__(self) -> str:
        return f"{self.low:g} or more" if math.isinf(self.high) else f"{self.low:g} to {self.high:g}"


TAG_BOUNDS: Final[Mapping[str, Bounds]] = {
    "decimals": Bounds(0, 12),
    "length": Bounds(0, MAX_COUNT_READ_REGISTERS),
    "bit": Bounds(0, 63),
    "bit_width": Bounds(1, 64),
    "interval_s": Bounds(0.05, _WEEK_S),
    "dead_band": Bounds(0, math.inf),
    "max_interval_s": Bounds(1, _WEEK_S),
    "stale_after_s": Bounds(0.1, 2 * _WEEK_S),
}
DEVICE_BOUNDS: Final[Mapping[str, Bounds]] = {
    "unit_id": Bounds(0, 255),
    "max_registers": Bounds(1, MAX_COUNT_READ_REGISTERS),
    "max_bits": Bounds(1, MAX_COUNT_READ_BITS),
    "gap_registers": Bounds(0, MAX_COUNT_READ_REGISTERS - 1),
    "gap_bits": Bounds(0, MAX_COUNT_READ_BITS - 1),
}
CONNECTION_BOUNDS: Final[Mapping[str, Bounds]] = {
    "timeout_s": Bounds(0.01, 60),
    "connect_timeout_s": Bounds(0.1, 60),
    "connect_delay_s": Bounds(0, 60),
    "gap_s": Bounds(0, 60),
    "turnaround_s": Bounds(0, 60),
    "in_flight": Bounds(1, 64),
    "connections": Bounds(1, 16),
}
RETENTION_BOUNDS: Final[Mapping[str, Bounds]] = {
    "raw_days": Bounds(1, 36_500),
    "minute_days": Bounds(1, 36_500),
    "hour_days": Bounds(1, 36_500),
    "day_days": Bounds(1, 36_500),
    "hold_s": Bounds(1, _WEEK_S),
}


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One problem of one field. As a string: the problem, a semicolon, and what to write instead."""

    key: str
    problem: str
    hint: str = ""

    @classmethod
    def of(cls, key: str, text: str) -> FieldProblem:
        """From a text of the form "problem; hint"."""
        return cls(key, *split_hint(text))

    def __str__(self) -> str:
        return f"{self.problem}; {self.hint}" if self.hint else self.problem

    def error(self) -> ConfigError:
        """The same as an error of the operator."""
        return ConfigError(self.problem, key=self.key, hint=self.hint)


def split_hint(text: str) -> tuple[str, str]:
    """The problem and the hint of a text "problem; hint". A semicolon in quotes belongs to what the user wrote."""
    for found in _QUOTED_OR_SEPARATOR.finditer(text):
        if found[0] == _SEPARATOR:
            return text[: found.start()], text[found.end() :]
    return text, ""


def bound_problems(plan: object, bounds: Mapping[str, Bounds]) -> Iterator[FieldProblem]:
    """The fields of this plan that are out of their bounds. A field that is None, or that the plan lacks, is passed over."""
    for key, allowed in bounds.items():
        value = getattr(plan, key, None)
        if value is not None and not allowed.holds(value):
            yield FieldProblem(key, f"{value:g} is out of range", f"write {allowed}")


def raise_first(problems: Sequence[FieldProblem]) -> None:
    """Raise the first of these problems, if there is one, as a ConfigError."""
    if problems:
        raise problems[0].error()
