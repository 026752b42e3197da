"""What is read together, and what the words of a device can mean. Pure.

The blocks are those of `plant.plan_blocks`, as the collector plans them. What it has learnt about the device since (where
a block must begin) is not in its state, so the map shows the blocks without it, and marks the tags that are refused.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealbus.errors import ConfigError, SealbusError
from sealbus.plant import BIT_TABLES, DeviceLimits, LearnedSplits, compile_tag, plan_blocks
from sealbus.protocol import ValueType, WordOrder, decode_registers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sealbus.plant import DevicePlan, PlannedBlock, Tag, TagPlan
    from sealbus.protocol import Table

__all__ = ["ORDERS", "BlockShown", "Decoded", "MapLine", "RegisterMap", "decodings", "register_map", "words_of"]

ORDERS = tuple(WordOrder)
_TYPES = (
    ValueType.UINT16,
    ValueType.INT16,
    ValueType.UINT32,
    ValueType.INT32,
    ValueType.FLOAT32,
    ValueType.UINT64,
    ValueType.INT64,
    ValueType.FLOAT64,
    ValueType.BCD16,
    ValueType.BCD32,
)


@dataclass(frozen=True, slots=True)
class MapLine:
    """One tag in a block, or the addresses before the next one that no tag needs."""

    place: str
    tag_id: int | None
    count: int
    start: float
    width: float
    """Percentages of the block."""


@dataclass(frozen=True, slots=True)
class BlockShown:
    """One request."""

    place: str
    count: int
    lines: tuple[MapLine, ...]
    unused: int
    """Addresses that are read though no tag needs them."""

    @property
    def tags(self) -> int:
        """How many tags its answer serves."""
        return sum(line.tag_id is not None for line in self.lines)


@dataclass(frozen=True, slots=True)
class RegisterMap:
    """The requests of a device by interval, and the tags that cannot be read."""

    rounds: tuple[tuple[float, tuple[BlockShown, ...]], ...]
    refused: tuple[int, ...]
    unusable: tuple[tuple[int, str], ...]

    @property
    def requests(self) -> int:
        """Requests of a round of each interval together."""
        return sum(len(blocks) for _, blocks in self.rounds)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A type with the text of the value in each order; empty where the words are not of it."""

    type: ValueType
    values: tuple[tuple[WordOrder, str], ...]


def register_map(device: DevicePlan, tags: Iterable[TagPlan], refused: Collection[int]) -> RegisterMap:
    """The map of the enabled tags of a device."""
    try:
        limits = DeviceLimits.of(device)
    except ConfigError:
        limits = DeviceLimits()
    by_interval: defaultdict[float, list[Tag]] = defaultdict(list)
    unusable, not_answered = [], []
    for plan in tags:
        if not plan.enabled:
            continue
        try:
            tag = compile_tag(plan)
        except ConfigError as error:
            unusable.append((plan.id, str(error)))
            continue
        if objection := limits.objection(tag):
            unusable.append((plan.id, str(objection)))
        elif plan.id in refused:
            not_answered.append(tag)
        else:
            by_interval[plan.interval_s].append(tag)
    splits = LearnedSplits(refused=tuple(tag.place for tag in not_answered))
    rounds = tuple(
        (interval_s, tuple(_shown(block) for block in plan_blocks(by_interval[interval_s], limits, splits)))
        for interval_s in sorted(by_interval)
    )
    return RegisterMap(rounds, tuple(tag.plan.id for tag in not_answered), tuple(unusable))


def _shown(block: PlannedBlock) -> BlockShown:
    first, count = block.place.address, block.place.count
    lines: list[MapLine] = []
    at, unused = first, 0

    def line(tag_id: int | None, address: int, length: int, name: str) -> MapLine:
        start, width = 100 * (address - first) / count, 100 * length / count
        return MapLine(name, tag_id, length, round(start, 3), round(width, 3))

    for tag in block.tags:
        if tag.place.address > at:
            gap = tag.place.address - at
            unused += gap
            name = f"{tag.place.table}:{at}" + (f"-{at + gap - 1}" if gap > 1 else "")
            lines.append(line(None, at, gap, name))
        lines.append(line(tag.plan.id, tag.place.address, tag.place.count, str(tag.place)))
        at = max(at, tag.place.last + 1)
    return BlockShown(str(block.place), count, tuple(lines), unused)


def words_of(values: Iterable[tuple[TagPlan, str]]) -> dict[tuple[Table, int], int]:
    """The words that a reading returned, by table and address: each value with the hexadecimal bytes of its place."""
    words: dict[tuple[Table, int], int] = {}
    for plan, raw in values:
        try:
            place, data = compile_tag(plan).place, bytes.fromhex(raw)
        except (ConfigError, ValueError):
            continue
        if place.table in BIT_TABLES or len(data) % 2:
            continue
        for number in range(len(data) // 2):
            words[place.table, place.address + number] = int.from_bytes(data[2 * number : 2 * number + 2], "big")
    return words


def decodings(words: Mapping[tuple[Table, int], int], table: Table, address: int) -> list[Decoded]:
    """What the words from this address on mean in each type and order, as far as they are known."""
    found = []
    for kind in _TYPES:
        needed = kind.registers or 1
        here = [words[table, address + n] for n in range(needed) if (table, address + n) in words]
        if len(here) == needed:
            orders = ORDERS if needed > 1 else (WordOrder.ABCD, WordOrder.BADC)
            found.append(Decoded(kind, tuple((order, _text(here, kind, order)) for order in orders)))
    return found


def _text(words: Sequence[int], kind: ValueType, order: WordOrder) -> str:
    try:
        (value,) = decode_registers(words, kind, order)
    except SealbusError:
        return ""
    if isinstance(value, float):
        return f"{value:.7g}" if math.isfinite(value) else ""
    return str(value)
