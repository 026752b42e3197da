"""From the SunSpec models that a discovery found to tags.

A SunSpec device describes itself: a chain of models, each a table of points that the SunSpec Alliance has fixed. The
tables of the common models are data files (`sunspec_models`); offsets count from the model's id register.

Scale factors. An integer point is worth raw * 10 ** factor, and the factor is a register that may change while the
device runs. So by default ("live") a scaled point becomes a calculated tag of the clean name over two others, the raw
value (`.raw`) and the factor, which stand in the same block and are read in one request. With "fixed" the factor that
was read in the discovery becomes the tag's scale: a third of the tags, wrong as soon as the device changes its factor.

A point that the device does not implement (its sentinel) becomes no tag; neither does one whose factor is not there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Discovery", "FoundModel", "LeftOut", "model_ids", "tags_of"]

_TYPES = {
    "int16": "int16", "uint16": "uint16", "count": "uint16", "acc16": "uint16", "enum16": "uint16", "bitfield16": "uint16",
    "int32": "int32", "uint32": "uint32", "acc32": "uint32", "enum32": "uint32", "bitfield32": "uint32",
    "int64": "int64", "uint64": "uint64", "acc64": "uint64", "bitfield64": "uint64",
    "float32": "float32", "float64": "float64", "string": "string", "sunssf": "int16",
}  # fmt: skip
_REGISTERS = {"16": 1, "32": 2, "64": 4}
_NONE = {
    "int16": 0x8000, "sunssf": 0x8000, "int32": 0x8000_0000, "int64": 0x8000_0000_0000_0000, "uint16": 0xFFFF,
    "count": 0xFFFF, "enum16": 0xFFFF, "bitfield16": 0xFFFF, "uint32": 0xFFFF_FFFF, "enum32": 0xFFFF_FFFF,
    "bitfield32": 0xFFFF_FFFF, "uint64": 0xFFFF_FFFF_FFFF_FFFF, "bitfield64": 0xFFFF_FFFF_FFFF_FFFF,
}  # fmt: skip
"""What a point reads where it is not implemented. Counters (acc) read 0 then, and also when nothing was counted yet:
they are kept. A float is not a number, a string is all zeros.
"""
_UNITS = {"Pct": "%", "C": "°C", "Secs": "s", "PF": "", "cos()": "", "AH": "Ah", "ohms": "Ω"}
_FACTORS = range(-10, 11)
_LIVE = "raw / 10 ** -factor if factor < 0 else raw * 10 ** factor"
_SLOW_S = 600.0


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


@dataclass(slots=True)
class Discovery:
    """The tags of a device, as an import takes them, and what was left out."""

    tags: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def model_ids() -> list[int]:
    """The models whose tables are here."""
    folder = resources.files("sealbus.web.devices") / "sunspec_models"
    names = (each.name for each in folder.iterdir() if each.name.endswith(".json"))
    return sorted(int(name.removeprefix("model_").removesuffix(".json")) for name in names)


def tags_of(models: Sequence[FoundModel], *, table: str = "holding", live: bool = True) -> Discovery:
    """Tags for all points that these models have. The second model of one id is told apart by a number."""
    found = Discovery()
    counts: dict[str, int] = {}
    for model in models:
        definition = _definition(model.model_id)
        if definition is None:
            found.left_out.append(LeftOut(model.model_id, "", "its table is not known here"))
            continue
        name = str(definition["name"])
        counts[name] = counts.get(name, 0) + 1
        prefix = name if counts[name] == 1 else f"{name}_{counts[name]}"
        _Builder(model, prefix, f"{table}:", live, found).build(definition)
    return found


@cache
def _definition(model_id: int) -> Mapping[str, Any] | None:
    path = resources.files("sealbus.web.devices") / "sunspec_models" / f"model_{model_id}.json"
    if not path.is_file():
        return None
    document: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


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

    def build(self, definition: Mapping[str, Any]) -> None:
        """All points, those of repeated blocks too."""
        self._factors = {point["name"]: point["offset"] for point in definition["points"] if point["type"] == "sunssf"}
        for point in definition["points"]:
            self._point(point, self._prefix, 0)
        repeated = definition.get("repeated")
        if repeated is None:
            return
        first = int(definition["length"]) + 2
        blocks = (len(self._model.registers) + 2 - first) // int(repeated["length"])
        for block in range(blocks):
            for point in repeated["points"]:
                start = first + block * int(repeated["length"])
                self._point(point, f"{self._prefix}.{repeated['name']}_{block + 1}", start)

    def _point(self, point: Mapping[str, Any], prefix: str, start: int) -> None:
        if point["type"] == "sunssf":
            return
        offset = start + int(point["offset"])
        words = self._words(offset, _size(point))
        name = f"{prefix}.{point['name']}"
        if words is None:
            self._leave_out(name, "it could not be read, or the model ends before it")
        elif _is_none(point["type"], words):
            self._leave_out(name, "the device does not implement it")
        elif "sf" in point:
            self._scaled(point, name, offset)
        else:
            self._found.tags.append(self._tag(point, name, offset) | _meaning(point))

    def _scaled(self, point: Mapping[str, Any], name: str, offset: int) -> None:
        factor = point["sf"] if isinstance(point["sf"], int) else self._factor(point["sf"])
        if factor is None:
            self._leave_out(name, f"its scale factor {point['sf']} is not there")
            return
        tag = self._tag(point, name, offset)
        if isinstance(point["sf"], int) or not self._live:
            text = f"{tag['text']} (factor 10^{factor} as read in the discovery)".strip()
            self._found.tags.append(tag | _meaning(point) | {"scale": float(f"1e{factor}"), "text": text})
            return
        factor_name = f"{self._prefix}.{point['sf']}"
        if factor_name not in self._with_tag:
            self._with_tag.add(factor_name)
            self._found.tags.append(self._factor_tag(factor_name, self._factors[point["sf"]]))
        self._found.tags.append(tag | {"name": f"{name}.raw", "text": f"{tag['text']}, unscaled".strip(", ")})
        inputs = {"raw": f"{name}.raw", "factor": factor_name}
        calculated = {"name": name, "text": tag["text"], "expression": _LIVE, "inputs": inputs, "interval_s": None}
        self._found.tags.append(calculated | _meaning(point))

    def _tag(self, point: Mapping[str, Any], name: str, offset: int) -> dict[str, Any]:
        tag: dict[str, Any] = {
            "name": name,
            "text": point.get("label", ""),
            "place": f"{self._table}{self._model.address + offset}",
            "type": _TYPES[point["type"]],
            "sunspec": True,
            "sunspec_type": point["type"],
        }
        if point["type"] == "string":
            tag["length"] = int(point["size"])
        if point.get("static") or point["type"] == "string":
            tag["interval_s"] = _SLOW_S
        return tag

    def _factor_tag(self, name: str, offset: int) -> dict[str, Any]:
        return self._tag({"type": "sunssf", "label": "scale factor"}, name, offset)

    def _factor(self, name: str) -> int | None:
        words = self._words(self._factors.get(name, -1), 1)
        if words is None or words[0] == _NONE["sunssf"]:
            return None
        factor = words[0] - 0x10000 if words[0] & 0x8000 else words[0]
        return factor if factor in _FACTORS else None

    def _words(self, offset: int, size: int) -> tuple[int, ...] | None:
        """Registers at an offset from the id register; what was found begins two behind it."""
        words = self._model.registers[offset - 2 : offset - 2 + size] if offset >= 2 else ()
        return words if len(words) == size else None

    def _leave_out(self, name: str, why: str) -> None:
        self._found.left_out.append(LeftOut(self._model.model_id, name, why))


def _meaning(point: Mapping[str, Any]) -> dict[str, Any]:
    """Unit and labels. The bits of a bit field have no place in an enumeration of numbers."""
    found: dict[str, Any] = {}
    if unit := point.get("unit", ""):
        found["unit"] = _UNITS.get(unit, unit.strip())
    if "symbols" in point and point["type"].startswith("enum"):
        found["enumeration"] = point["symbols"]
    return found


def _size(point: Mapping[str, Any]) -> int:
    return int(point["size"]) if point["type"] == "string" else _REGISTERS.get(str(point["type"])[-2:], 1)


def _is_none(kind: str, words: Sequence[int]) -> bool:
    value = 0
    for word in words:
        value = value << 16 | word
    if kind == "float32":
        return value & 0x7F80_0000 == 0x7F80_0000 and value & 0x007F_FFFF != 0
    return value == 0 if kind == "string" else value == _NONE.get(kind, -1)
