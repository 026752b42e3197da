"""Which requests read these tags? As few as the device and its operator allow.

The tags of one device and one table are sorted by address. A block is extended to the next tag if the gap between them is
not longer than the limit, no forbidden place lies in between, and the block is not longer than what the device returns at
once. A tag is in one block as a whole, so no value consists of two answers. Extending each block as far as possible is
optimal: no other choice needs fewer blocks.

`LearnedSplits` is what was learnt from the device: places that it does not answer (no block reads over them to join two
tags), and addresses at which a block must begin because a request over them is not answered. A block is cut between
addresses, never between tags that begin at the same one: sixteen bits of a register are one request. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from sealbus.errors import ConfigError
from sealbus.plant.connection_rules import device_problems
from sealbus.plant.fields import raise_first
from sealbus.plant.tag_rules import BIT_TABLES
from sealbus.protocol import MAX_COUNT_READ_BITS, MAX_COUNT_READ_REGISTERS, Place, Table, parse_place

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sealbus.plant.plan import DevicePlan
    from sealbus.plant.tags import Tag

__all__ = ["DeviceLimits", "LearnedSplits", "PlannedBlock", "plan_blocks"]


@dataclass(frozen=True, slots=True)
class DeviceLimits:
    """How much a device returns in one request, and which places must not be read."""

    max_registers: int = MAX_COUNT_READ_REGISTERS
    max_bits: int = MAX_COUNT_READ_BITS
    gap_registers: int = 8
    gap_bits: int = 128
    forbidden: tuple[Place, ...] = ()

    @classmethod
    def of(cls, plan: DevicePlan) -> DeviceLimits:
        """The limits in the plan of a device. Raises ConfigError."""
        raise_first(device_problems(plan))
        forbidden = tuple(map(parse_place, plan.forbidden))
        return cls(plan.max_registers, plan.max_bits, plan.gap_registers, plan.gap_bits, forbidden)

    def objection(self, tag: Tag) -> ConfigError | None:
        """Why this tag cannot be read from the device at all."""
        most, _ = self.of_table(tag.place.table)
        if tag.place.count > most:
            limit = "max_bits" if tag.place.table in BIT_TABLES else "max_registers"
            return ConfigError(
                f"{tag.place} is longer than the device returns in one request, {most}",
                key="place",
                hint=f"raise {limit}",
            )
        return self.prohibition(tag.place)

    def prohibition(self, place: Place) -> ConfigError | None:
        """Why this place is never read from the device."""
        for each in self.forbidden:
            if _overlap(each, place):
                return ConfigError(
                    f"{place} lies in {each}, which is forbidden",
                    key="place",
                    hint="remove the tag or the forbidden place",
                )
        return None

    def split_off(self, place: Place) -> tuple[list[Place], list[Place]]:
        """The parts of a place that may be read, and those that are forbidden, both by address."""
        allowed, denied, at = list[Place](), list[Place](), place.address
        for each in sorted(self.forbidden, key=lambda each: each.address):
            first, last = max(at, each.address), min(place.last, each.last)
            if each.table is not place.table or first > last:
                continue
            if first > at:
                allowed.append(Place(place.table, at, first - at))
            denied.append(Place(place.table, first, last + 1 - first))
            at = last + 1
        if at <= place.last:
            allowed.append(Place(place.table, at, place.last + 1 - at))
        return allowed, denied

    def of_table(self, table: Table) -> tuple[int, int]:
        """The most places in a request, and the longest gap."""
        if table in BIT_TABLES:
            return self.max_bits, self.gap_bits
        return self.max_registers, self.gap_registers


@dataclass(frozen=True, slots=True)
class LearnedSplits:
    """No block reads over a place in `refused` to join two tags, and none reaches over an address in `barriers`."""

    refused: tuple[Place, ...] = ()
    barriers: frozenset[tuple[Table, int]] = frozenset()


_NONE: Final = LearnedSplits()


@dataclass(frozen=True, slots=True, eq=False)
class PlannedBlock:
    """One request and the tags that its answer serves, in the order of their addresses."""

    place: Place
    tags: tuple[Tag, ...]

    @property
    def is_divisible(self) -> bool:
        """Whether its tags have different places. Tags of one place, such as the bits of a register, stay together."""
        return self.tags[0].place != self.tags[-1].place

    def parts(self) -> list[PlannedBlock]:
        """The same tags in as many blocks as possible: one for each address at which tags begin.

        Where all begin at one address: one for each length.
        """
        starts = [index for index in range(1, len(self.tags)) if self._is_cut(index)]
        return [_block(self.tags[first:end]) for first, end in pairwise((0, *starts, len(self.tags)))]

    def halves(self) -> tuple[PlannedBlock, PlannedBlock]:
        """The same tags in two blocks of about the same length. Only where it is divisible."""
        middle = self.place.address + self.place.count / 2
        cuts = (index for index in range(1, len(self.tags)) if self._is_cut(index))
        cut = min(cuts, key=lambda index: abs(self.tags[index].place.address - middle))
        return _block(self.tags[:cut]), _block(self.tags[cut:])

    def _is_cut(self, index: int) -> bool:
        before, at = self.tags[index - 1].place, self.tags[index].place
        if self.tags[0].place.address == self.tags[-1].place.address:
            return before != at
        return before.address != at.address


def plan_blocks(tags: Iterable[Tag], limits: DeviceLimits, splits: LearnedSplits = _NONE) -> list[PlannedBlock]:
    """The requests that read these tags of one device, by table and address. None of the tags may be objected to."""
    of_table: dict[Table, list[Tag]] = {}
    for tag in tags:
        of_table.setdefault(tag.place.table, []).append(tag)
    return [
        block
        for table in sorted(of_table)
        for block in _plan_table(sorted(of_table[table], key=_by_place), limits, splits)
    ]


def _plan_table(tags: Sequence[Tag], limits: DeviceLimits, splits: LearnedSplits) -> list[PlannedBlock]:
    table = tags[0].place.table
    most, gap = limits.of_table(table)
    avoided = [each for each in (*limits.forbidden, *splits.refused) if each.table is table]
    blocks: list[PlannedBlock] = []
    members: list[Tag] = []
    first, last = 0, -1
    for tag in tags:
        begins, ends = tag.place.address, max(last, tag.place.last)
        merges = (
            bool(members)
            and ends - first < most
            and begins - last - 1 <= gap
            and (begins == members[-1].place.address or (table, begins) not in splits.barriers)
            and not any(each.address < begins and each.last > last for each in avoided)
        )
        if not merges:
            if members:
                blocks.append(PlannedBlock(Place(table, first, last - first + 1), tuple(members)))
            members, first, ends = [], begins, tag.place.last
        members.append(tag)
        last = ends
    blocks.append(PlannedBlock(Place(table, first, last - first + 1), tuple(members)))
    return blocks


def _block(tags: tuple[Tag, ...]) -> PlannedBlock:
    first = tags[0].place
    last = max(tag.place.last for tag in tags)
    return PlannedBlock(Place(first.table, first.address, last - first.address + 1), tags)


def _by_place(tag: Tag) -> tuple[int, int]:
    return tag.place.address, tag.place.last


def _overlap(one: Place, other: Place) -> bool:
    return one.table is other.table and one.address <= other.last and other.address <= one.last
