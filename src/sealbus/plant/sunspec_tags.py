"""From the SunSpec models that a discovery found to tags.

A SunSpec device describes itself: a chain of models, each a table of points that the SunSpec Alliance has fixed. The
definitions of the common models are data files, which the caller loads; offsets count from the model's id register.

Scale factors. An integer point is worth raw * 10 ** factor, and the factor is a register that may change while the
device runs. By default ("live") a scaled point becomes a calculated tag of the clean name over two others, the raw
value (`.raw`) and the factor, which lie in the same block and are read in one request. With "fixed" the factor that
was read in the discovery becomes the tag's scale: a third of the tags, wrong as soon as the device changes its factor.

A point that the device does not implement becomes no tag; neither does one whose factor is missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from msgspec import UNSET, Struct, UnsetType

from sealbus.plant.sunspec_types import SUNSPEC_TYPES, is_implemented

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "Discovery",
    "FoundModel",
    "LeftOut",
    "ModelDefinition",
    "PointDefinition",
    "RepeatedBlock",
    "SunSpecTag",
    "tags_of",
]

_UNITS: Final = {"Pct": "%", "C": "°C", "Secs": "s", "PF": "", "cos()": "", "AH": "Ah", "ohms": "Ω"}
_FACTORS: Final = range(-10, 11)
_LIVE: Final = "raw / 10 ** -factor if factor < 0 else raw * 10 ** factor"
_SLOW_S: Final = 600.0


class PointDefinition(Struct, frozen=True, kw_only=True):
    """A point of a model. `sf` is its scale factor: a number, or the name of the point that holds it."""

    name: str
    type: str
    offset: int
    size: int = 0
    """Registers, where the type does not give the number."""
    label: str = ""
    unit: str = ""
    sf: int | str | None = None
    static: bool = False
    symbols: dict[str, str] = {}


class RepeatedBlock(Struct, frozen=True, kw_only=True):
    """Points that a model has several times, once for each module or string."""

    name: str
    length: int
    points: tuple[PointDefinition, ...]


class ModelDefinition(Struct, frozen=True, kw_only=True):
    """A model as the SunSpec Alliance defines it. `length` counts the registers behind id and length."""

    name: str
    length: int
    points: tuple[PointDefinition, ...]
    repeated: RepeatedBlock | None = None


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model as a discovery found it: `address` of its id register, and its registers behind id and length."""

    model_id: int
    address: int
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
    """The tags of a device and what was left out."""

    tags: list[SunSpecTag] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def tags_of(
    models: Sequence[FoundModel],
    definition_of: Callable[[int], ModelDefinition | None],
    *,
    table: str = "holding",
    live: bool = True,
) -> Discovery:
    """Tags for all points that these models have. A second model of the same id gets a number in its names."""
    found = Discovery()
    counts: dict[str, int] = {}
    for model in models:
        definition = definition_of(model.model_id)
        if definition is None:
            found.left_out.append(LeftOut(model.model_id, "", "its table is not known here"))
            continue
        counts[definition.name] = counts.get(definition.name, 0) + 1
        number = counts[definition.name]
        prefix = definition.name if number == 1 else f"{definition.name}_{number}"
        _Builder(model, prefix, f"{table}:", live, found).build(definition)
    return found


class _Builder:
    """The tags of one model."""

    def __init__(self, model: FoundModel, prefix: str, table: str, live: bool, found: Discovery) -> None:
        self._model = model
        self._prefix = prefix
        self._table = table
        self._live = live
        self._found = found
        self._factors: dict[str, int] = {}
        self._with_tag: set[str] = set()

    def build(self, definition: ModelDefinition) -> None:
        """All points, those of repeated blocks too."""
        self._factors = {point.name: point.offset for point in definition.points if point.type == "sunssf"}
        for point in definition.points:
            self._point(point, self._prefix, 0)
        repeated = definition.repeated
        if repeated is None:
            return
        first = definition.length + 2
        for block in range((len(self._model.registers) + 2 - first) // repeated.length):
            for point in repeated.points:
                self._point(point, f"{self._prefix}.{repeated.name}_{block + 1}", first + block * repeated.length)

    def _point(self, point: PointDefinition, prefix: str, start: int) -> None:
        if point.type == "sunssf":
            return
        offset = start + point.offset
        words = self._words(offset, point.size or SUNSPEC_TYPES[point.type].registers)
        name = f"{prefix}.{point.name}"
        if words is None:
            self._leave_out(name, "it could not be read, or the model ends before it")
        elif not is_implemented(point.type, words):
            self._leave_out(name, "the device does not implement it")
        elif point.sf is not None:
            self._scaled(point, point.sf, name, offset)
        else:
            self._found.tags.append(self._tag(point, name, point.label, offset, has_meaning=True))

    def _scaled(self, point: PointDefinition, sf: int | str, name: str, offset: int) -> None:
        factor = sf if isinstance(sf, int) else self._factor(sf)
        if factor is None:
            self._leave_out(name, f"its scale factor {sf} is missing")
            return
        if isinstance(sf, int) or not self._live:
            text = f"{point.label} (factor 10^{factor} as read in the discovery)".strip()
            scale = float(f"1e{factor}")
            self._found.tags.append(self._tag(point, name, text, offset, has_meaning=True, scale=scale))
            return
        factor_name = f"{self._prefix}.{sf}"
        if factor_name not in self._with_tag:
            self._with_tag.add(factor_name)
            definition = PointDefinition(name=sf, type="sunssf", offset=self._factors[sf], label="scale factor")
            self._found.tags.append(self._tag(definition, factor_name, definition.label, definition.offset))
        text = f"{point.label}, unscaled".strip(", ")
        self._found.tags.append(self._tag(point, f"{name}.raw", text, offset))
        self._found.tags.append(
            SunSpecTag(
                name=name,
                text=point.label,
                expression=_LIVE,
                inputs={"raw": f"{name}.raw", "factor": factor_name},
                interval_s=None,
                unit=_unit(point),
                enumeration=_labels(point),
            )
        )

    def _tag(
        self,
        point: PointDefinition,
        name: str,
        text: str,
        offset: int,
        *,
        has_meaning: bool = False,
        scale: float | UnsetType = UNSET,
    ) -> SunSpecTag:
        """A tag at a place. `has_meaning`: with unit and labels, which a raw value has not."""
        is_string = point.type == "string"
        return SunSpecTag(
            name=name,
            text=text,
            place=f"{self._table}{self._model.address + offset}",
            type=SUNSPEC_TYPES[point.type].fits[0].value,
            sunspec=True,
            sunspec_type=point.type,
            length=point.size if is_string else UNSET,
            interval_s=_SLOW_S if point.static or is_string else UNSET,
            scale=scale,
            unit=_unit(point) if has_meaning else UNSET,
            enumeration=_labels(point) if has_meaning else UNSET,
        )

    def _factor(self, name: str) -> int | None:
        words = self._words(self._factors.get(name, -1), 1)
        if words is None or not is_implemented("sunssf", words):
            return None
        factor = words[0] - 0x10000 if words[0] & 0x8000 else words[0]
        return factor if factor in _FACTORS else None

    def _words(self, offset: int, size: int) -> tuple[int, ...] | None:
        """Registers at an offset from the id register; the registers found begin two behind it."""
        words = self._model.registers[offset - 2 : offset - 2 + size] if offset >= 2 else ()
        return words if len(words) == size else None

    def _leave_out(self, name: str, why: str) -> None:
        self._found.left_out.append(LeftOut(self._model.model_id, name, why))


def _unit(point: PointDefinition) -> str | UnsetType:
    return _UNITS.get(point.unit, point.unit.strip()) if point.unit else UNSET


def _labels(point: PointDefinition) -> dict[str, str] | UnsetType:
    """The bits of a bit field have no place in an enumeration of numbers."""
    return point.symbols if point.symbols and SUNSPEC_TYPES[point.type].is_enumeration else UNSET
