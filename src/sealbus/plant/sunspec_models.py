"""SunSpec models: their definitions, and where their points lie in a device.

The definitions are those of the SunSpec Alliance, as data files that the caller loads. Points follow each other without
gaps, so a definition needs no offsets. Groups follow the points of the group that they are in. Offsets count from the
id register of the model, which with the length register makes two.

A device may lie about numbers: groups are placed as long as they begin within the registers that were read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from sealbus.plant.sunspec_types import SUNSPEC_TYPES, is_implemented

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["HEAD_REGISTERS", "Layout", "ModelDefinition", "PlacedPoint", "PointDefinition", "PointGroup", "lay_out"]

HEAD_REGISTERS: Final = 2
"""Id and length of a model."""


class PointDefinition(Struct, frozen=True, kw_only=True):
    """A point of a model. `sf` is its scale factor: a number, or the name of the point that holds it."""

    name: str
    type: str
    size: int = 0
    """Registers, where the type does not give the number."""
    label: str = ""
    unit: str = ""
    sf: int | str | None = None
    static: bool = False
    symbols: dict[str, str] = {}

    @property
    def text(self) -> str:
        """Its label, or its name."""
        return self.label or self.name

    @property
    def registers(self) -> int:
        """How many registers it takes."""
        return self.size or SUNSPEC_TYPES[self.type].registers


class PointGroup(Struct, frozen=True, kw_only=True):
    """Points that belong together, and groups behind them."""

    name: str
    points: tuple[PointDefinition, ...]
    groups: tuple[PointGroup, ...] = ()
    count: int | str | None = None
    """How often it is there. None: once. A name: as the point of this name in the model says. 0: up to the model's end."""

    @property
    def registers(self) -> int:
        """How many registers it takes once, without the groups whose number a device decides."""
        inner = sum(group.registers for group in self.groups if group.count is None)
        return sum(point.registers for point in self.points) + inner


class ModelDefinition(PointGroup, frozen=True, kw_only=True):
    """A model. `registers` counts those behind id and length."""

    id: int
    label: str


@dataclass(frozen=True, slots=True)
class PlacedPoint:
    """A point where a device has it. `prefix`: the names of model and groups. `factors`: its possible scale factors."""

    point: PointDefinition
    prefix: str
    offset: int
    factors: Mapping[str, PlacedPoint]

    @property
    def name(self) -> str:
        """The name of its tag."""
        return f"{self.prefix}.{self.point.name}"


@dataclass(slots=True)
class Layout:
    """The points of a model in order, without scale factors and fillers; the groups that were not placed, and why."""

    points: list[PlacedPoint] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)


def lay_out(definition: ModelDefinition, prefix: str, registers: Sequence[int]) -> Layout:
    """Where the points are in a model with these registers behind id and length."""
    placing = _Placing(definition, registers)
    placing.place(definition, prefix, HEAD_REGISTERS, {})
    return placing.layout


class _Placing:
    def __init__(self, definition: ModelDefinition, registers: Sequence[int]) -> None:
        self.layout = Layout()
        self._registers = registers
        self._end = HEAD_REGISTERS + len(registers)
        self._numbers: dict[str, tuple[PointDefinition, int]] = {}
        at = HEAD_REGISTERS
        for point in definition.points:
            self._numbers[point.name] = (point, at)
            at += point.registers

    def place(self, group: PointGroup, prefix: str, at: int, outer: Mapping[str, PlacedPoint]) -> int:
        """Place a group at an offset. Returns the offset behind it."""
        placed = []
        for point in group.points:
            placed.append((point, at))
            at += point.registers
        own = {point.name: PlacedPoint(point, prefix, offset, {}) for point, offset in placed if point.type == "sunssf"}
        factors = {**outer, **own}
        self.layout.points += [
            PlacedPoint(point, prefix, offset, factors)
            for point, offset in placed
            if point.type not in ("sunssf", "pad")
        ]
        for inner in group.groups:
            if inner.count is None:
                at = self.place(inner, f"{prefix}.{inner.name}", at, factors)
            else:
                at = self._repeat(inner, f"{prefix}.{inner.name}", at, factors)
        return at

    def _repeat(self, group: PointGroup, prefix: str, at: int, factors: Mapping[str, PlacedPoint]) -> int:
        count = self._count(group, at)
        if count is None:
            self.layout.missing.append((prefix, f"the device does not tell their number, {group.count}"))
            return self._end
        for number in range(1, count + 1):
            # A device decides the number: what begins behind its registers is not placed.
            if at >= self._end:
                self.layout.missing.append((f"{prefix}_{number}", "the model ends before it, or was not read so far"))
                break
            at = self.place(group, f"{prefix}_{number}", at, factors)
        return at

    def _count(self, group: PointGroup, at: int) -> int | None:
        if not isinstance(group.count, str):
            return group.count or (self._end - at) // group.registers
        point, offset = self._numbers[group.count]
        start = offset - HEAD_REGISTERS
        words = self._registers[start : start + point.registers]
        if len(words) < point.registers or not is_implemented(point.type, words):
            return None
        return sum(word << 16 * place for place, word in enumerate(reversed(words)))
