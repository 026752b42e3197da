"""Which part of a block is it that the device does not answer? Pure: results of requests in, the next request out.

A block fails as a whole when one of its places does not exist, when a place between its tags does not, or when it is longer
than the device can answer. Devices show this with any exception, with a wrong or truncated answer, or with silence. The
block is halved, and each half that fails is halved again.

Exceptions 01 to 03 name the request as wrong, so halving begins at once. Any other failure may be one of the whole unit:
then halving would cost a request for each tag and find nothing. So a single part is asked first, and a second one if need
be. If neither is answered, the block stays whole.

What is learnt: parts that fail alone while others are answered are left out (`refused`). Where both halves of a block are
answered and the block is not, no block may reach over its middle (`barriers`). A refused part explains why all blocks
around it failed, so these teach no barriers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sealbus.acquisition.schedule import spread

if TYPE_CHECKING:
    from sealbus.acquisition.reasons import Miss
    from sealbus.plant import PlannedBlock
    from sealbus.protocol import Place, Table

__all__ = ["Ask", "BlockSearch", "Lessons"]

_ASKED_WHOLE: Final = 2
"""Parts: as many halves need no part to be asked before."""


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """A request of a search: a block, or one part of the block `part_of`, which failed with `miss`."""

    planned: PlannedBlock
    part_of: PlannedBlock | None = None
    miss: Miss | None = None
    other_part: PlannedBlock | None = None


@dataclass(frozen=True, slots=True)
class Lessons:
    """`refused` places are left out. `barriers`: no block reaches over these addresses, each with the block that failed."""

    refused: tuple[PlannedBlock, ...] = ()
    barriers: tuple[tuple[tuple[Table, int], Place], ...] = ()


class BlockSearch:
    """The search in one block that failed with `miss`. `number` differs from search to search: it chooses the parts."""

    def __init__(self, root: PlannedBlock, miss: Miss, number: int = 0) -> None:
        self.root = root
        self.has_answer = False
        """Whether any part was answered with data."""
        self._number = number
        self._todo: list[Ask] = []
        self._refused: list[tuple[PlannedBlock, Miss]] = []
        self.unexplained: list[PlannedBlock] = []
        """Blocks that failed, and both parts of them that were asked."""
        self._barriers: dict[tuple[Table, int], Place] = {}
        self._divide(root, miss)

    @property
    def is_done(self) -> bool:
        return not self._todo

    def next(self) -> Ask:
        """What to request now. Only while it is not done. Its result goes to `answered` or `missed`, or it to `put_back`."""
        return self._todo.pop()

    def put_back(self, ask: Ask) -> None:
        """It was not sent."""
        self._todo.append(ask)

    def answered(self, ask: Ask) -> None:
        """The device returned data."""
        self.has_answer = True
        if ask.part_of is not None:
            self._halve(ask.part_of)

    def missed(self, ask: Ask, miss: Miss) -> tuple[PlannedBlock, Miss] | None:
        """It did not. Returns the block of which nothing more will be found out, with the reason for its tags."""
        if ask.part_of is None:
            if ask.planned.is_divisible:
                self._divide(ask.planned, miss)
                return None
            self._refused.append((ask.planned, miss))
            return ask.planned, miss
        if ask.other_part is not None:
            self._todo.append(Ask(ask.other_part, ask.part_of, ask.miss))
            return None
        self.unexplained.append(ask.part_of)
        return ask.part_of, ask.miss or miss

    def lessons(self) -> Lessons:
        """What is learnt, when it is done. Nothing where no part was answered or refused: the unit may be switched off."""
        refused = tuple(part for part, miss in self._refused if miss.is_refusal or self.has_answer)
        if not self.has_answer:
            return Lessons(refused)
        explained = [
            place
            for place in self._barriers.values()
            if any(_lies_in(part.place, place) for part in refused)
            and not any(_lies_in(block.place, place) for block in self.unexplained)
        ]
        barriers = tuple(each for each in self._barriers.items() if each[1] not in explained)
        return Lessons(refused, barriers)

    def _divide(self, block: PlannedBlock, miss: Miss) -> None:
        parts = block.parts()
        if miss.is_refusal or len(parts) <= _ASKED_WHOLE:
            self._halve(block)
            return
        first, other = (parts[int(spread(self._number + step) * len(parts))] for step in (1, 2))
        if first is other:
            other = parts[0] if first is not parts[0] else parts[-1]
        self._todo.append(Ask(first, block, miss, other))

    def _halve(self, block: PlannedBlock) -> None:
        left, right = block.halves()
        if left.place.address < right.place.address:
            self._barriers[right.place.table, right.place.address] = block.place
        self._todo += (Ask(right), Ask(left))


def _lies_in(one: Place, other: Place) -> bool:
    return other.address <= one.address and one.last <= other.last
