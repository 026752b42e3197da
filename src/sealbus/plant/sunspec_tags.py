"""From the SunSpec models that a discovery found to tags.

A SunSpec device describes itself: a chain of models, each a table of points that the SunSpec Alliance has fixed.

Scale factors. An integer point is worth raw * 10 ** factor, and the factor is a register that may change while the
device runs. By default ("live") a scaled point becomes a calculated tag of the clean name over two others, the raw
value (`.raw`) and the factor, which lie in the same block and are read in one request. With "fixed" the factor that
was read in the discovery becomes the tag's scale: a third of the tags, wrong as soon as the device changes its factor.

A point without a value becomes a tag as well. One pattern means that a device does not implement a point and that it has
no value now: an inverter gives it for its power and for the factor of its power at night. The caller may leave such
points out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from msgspec import UNSET, Struct, UnsetType

from sealbus.plant.sunspec_models import HEAD_REGISTERS, lay_out
from sealbus.plant.sunspec_types import SUNSPEC_TYPES, is_implemented
from sealbus.protocol import ValueType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sealbus.plant.sunspec_models import ModelDefinition, PlacedPoint, PointDefinition

__all__ = [
    "Discovery",
    "FoundModel",
    "LeftOut",
    "SunSpecTag",
    "tags_of",
]

_UNITS: Final = {
    "Pct": "%",
    "C": "°C",
    "Secs": "s",
    "mSecs": "ms",
    "WH": "Wh",
    "PF": "",
    "cos()": "",
    "AH": "Ah",
    "ohms": "Ω",
}
_FACTORS: Final = range(-10, 11)
_LIVE: Final = "raw / 10 ** -factor if factor < 0 else raw * 10 ** factor"
_SLOW_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model as a discovery found it: `address` of its id register, its `length`, and its registers behind id and length.

    `registers` are fewer than `length` where the rest could not be read.
    """

    model_id: int
    address: int
    length: int
    registers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A model or a point that became no tag, and why."""

    model: int
    point: str
    why: str


class SunSpecTag(Struct, frozen=True, kw_only=True):
    """A tag as an import takes it, by the columns of the exchanged table. A column that is not set has its default."""

    name: str
    text: str
    place: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    length: int | UnsetType = UNSET
    sunspec: bool | UnsetType = UNSET
    sunspec_type: str | UnsetType = UNSET
    scale: float | UnsetType = UNSET
    unit: str | UnsetType = UNSET
    enumeration: dict[str, str] | UnsetType = UNSET
    expression: str | UnsetType = UNSET
    inputs: dict[str, str] | UnsetType = UNSET
    interval_s: float | UnsetType | None = UNSET


@dataclass(slots=True)
class Discovery:
    """The tags of a device, the names of those that had no value in the discovery, and what was left out."""

    tags: list[SunSpecTag] = field(default_factory=list)
    without_value: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def tags_of(
    models: Sequence[FoundModel],
    definition_of: Callable[[int], ModelDefinition | None],
    *,
    table: str = "holding",
    live: bool = True,
    with_value_only: bool = False,
) -> Discovery:
    """Tags for all points of these models. A second model of the same id gets a number in its names.

    `live`: scale factors are read with each value, else they are those of the discovery. `with_value_only`: none for points
    that had no value in the discovery.
    """
    found = Discovery()
    counts: dict[str, int] = {}
    for model in models:
        definition = definition_of(model.model_id)
        if definition is None:
            why = f"no table of this model is known here; it has {model.length} registers, from {table}:{model.address}"
            found.left_out.append(LeftOut(model.model_id, "", why))
            continue
        counts[definition.name] = counts.get(definition.name, 0) + 1
        number = counts[definition.name]
        prefix = definition.name if number == 1 else f"{definition.name}_{number}"
        _Builder(model, f"{table}:", found, live=live, with_value_only=with_value_only).build(definition, prefix)
    return found


class _Builder:
    """The tags of one model."""

    def __init__(self, model: FoundModel, table: str, found: Discovery, *, live: bool, with_value_only: bool) -> None:
        self._model = model
        self._table = table
        self._live = live
        self._with_value_only = with_value_only
        self._found = found
        self._with_tag: set[str] = set()

    def build(self, definition: ModelDefinition, prefix: str) -> None:
        """All points, those of groups too."""
        layout = lay_out(definition, prefix, self._model.registers)
        for placed in layout.points:
            self._point(placed)
        for name, why in layout.missing:
            self._leave_out(name, why)

    def _point(self, placed: PlacedPoint) -> None:
        point = placed.point
        words = self._words(placed)
        if words is None:
            self._leave_out(placed.name, "it could not be read, or the model ends before it")
            return
        has_value = is_implemented(point.type, words) and self._has_factor(placed)
        if not has_value and self._with_value_only:
            self._leave_out(placed.name, "it has no value: the device does not implement it, or has none now")
            return
        if point.sf is not None and (problem := self._scaled(placed, point.sf)):
            self._leave_out(placed.name, problem)
            return
        if point.sf is None:
            self._found.tags.append(self._tag(placed, placed.name, point.text, has_meaning=True))
        if not has_value:
            self._found.without_value.append(placed.name)

    def _has_factor(self, placed: PlacedPoint) -> bool:
        """Whether it can be scaled now; true also where it is not scaled, or its factor was not read."""
        source = placed.factors.get(str(placed.point.sf))
        words = self._words(source) if source is not None else None
        return words is None or is_implemented("sunssf", words)

    def _scaled(self, placed: PlacedPoint, sf: int | str) -> str:
        """Make the tags of a scaled point. Returns why there are none, or an empty text."""
        point = placed.point
        if isinstance(sf, int):
            self._fixed(placed, sf)
            return ""
        source = placed.factors.get(sf)
        words = self._words(source) if source is not None else None
        if source is None or words is None:
            return f"its scale factor {sf} is missing"
        factor = _signed(words[0]) if is_implemented("sunssf", words) else None
        if factor is not None and factor not in _FACTORS:
            return f"its scale factor {sf} is {factor}, which is not in {_FACTORS[0]} to {_FACTORS[-1]}"
        if not self._live:
            if factor is None:
                return f"its scale factor {sf} has no value now: let it be read with each value, or discover again"
            self._fixed(placed, factor)
            return ""
        if source.name not in self._with_tag:
            self._with_tag.add(source.name)
            self._found.tags.append(self._tag(source, source.name, "scale factor"))
        text = f"{point.text}, unscaled"
        self._found.tags.append(self._tag(placed, f"{placed.name}.raw", text))
        self._found.tags.append(
            SunSpecTag(
                name=placed.name,
                text=point.text,
                expression=_LIVE,
                inputs={"raw": f"{placed.name}.raw", "factor": source.name},
                interval_s=None,
                unit=_unit(point),
                enumeration=_labels(point),
            )
        )
        return ""

    def _fixed(self, placed: PlacedPoint, factor: int) -> None:
        text = f"{placed.point.text} (factor 10^{factor} as read in the discovery)"
        self._found.tags.append(self._tag(placed, placed.name, text, has_meaning=True, scale=float(f"1e{factor}")))

    def _tag(
        self,
        placed: PlacedPoint,
        name: str,
        text: str,
        *,
        has_meaning: bool = False,
        scale: float | UnsetType = UNSET,
    ) -> SunSpecTag:
        """A tag at a place. `has_meaning`: with unit and labels, which a raw value has not."""
        point = placed.point
        value_type = SUNSPEC_TYPES[point.type].fits[0]
        is_text = value_type is ValueType.STRING
        return SunSpecTag(
            name=name,
            text=text,
            place=f"{self._table}{self._model.address + placed.offset}",
            type=value_type.value,
            sunspec=True,
            sunspec_type=point.type,
            length=point.registers if is_text else UNSET,
            interval_s=_SLOW_S if point.static or is_text else UNSET,
            scale=scale,
            unit=_unit(point) if has_meaning else UNSET,
            enumeration=_labels(point) if has_meaning else UNSET,
        )

    def _words(self, placed: PlacedPoint) -> tuple[int, ...] | None:
        """Its registers; None where they were not read."""
        start, size = placed.offset - HEAD_REGISTERS, placed.point.registers
        words = self._model.registers[start : start + size]
        return words if len(words) == size else None

    def _leave_out(self, name: str, why: str) -> None:
        self._found.left_out.append(LeftOut(self._model.model_id, name, why))


def _signed(word: int) -> int:
    return word - 0x10000 if word & 0x8000 else word


def _unit(point: PointDefinition) -> str | UnsetType:
    return _UNITS.get(point.unit, point.unit.strip()) if point.unit else UNSET


def _labels(point: PointDefinition) -> dict[str, str] | UnsetType:
    """The bits of a bit field have no place in an enumeration of numbers."""
    return point.symbols if point.symbols and SUNSPEC_TYPES[point.type].is_enumeration else UNSET
