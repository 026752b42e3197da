"""How long the values of a tag hold, and since when: a change does not apply to what is rolled up for long.

A changed hold applies to the samples of the last days, whose hours are rolled up again, and to later ones. Older samples
keep the hold that their rollups were folded with. So minutes, hours and days agree before and after the change.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sealbus.history.store import StoreConnection

__all__ = ["Holds", "StoredHolds"]

_TAGS_AT_ONCE = 500


@dataclass(frozen=True, slots=True, eq=False)
class Holds:
    """A sample holds for the last of `holds_us` whose `from_us` is not after its time. The first is from 0."""

    from_us: NDArray[np.int64]
    holds_us: NDArray[np.int64]

    @classmethod
    def always(cls, hold_us: int) -> Holds:
        return cls(np.zeros(1, np.int64), np.array([hold_us], np.int64))

    @property
    def longest_us(self) -> int:
        return int(self.holds_us.max())

    def at(self, times_us: NDArray[np.int64]) -> NDArray[np.int64]:
        """How long samples of these times hold."""
        return self.holds_us[np.searchsorted(self.from_us, times_us, "right") - 1]


class StoredHolds:
    """The holds of all tags, within one transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: StoreConnection) -> None:
        self._connection = connection

    def add(self, tag_holds: Sequence[tuple[int, int]]) -> None:
        """The holds of tags without samples so far, as (tag, hold in microseconds)."""
        sql = "insert into hold (tag_id, from_us, hold_us) values (?, 0, ?) on conflict do nothing"
        self._connection.run_many(sql, tag_holds)

    def of(self, tag_ids: Sequence[int]) -> dict[int, Holds]:
        """The holds of those tags that ever had a sample. One statement for each five hundred."""
        found: dict[int, Holds] = {}
        for start in range(0, len(tag_ids), _TAGS_AT_ONCE):
            part = tag_ids[start : start + _TAGS_AT_ONCE]
            places = ", ".join("?" * len(part))
            sql = f"select tag_id, from_us, hold_us from hold where tag_id in ({places}) order by tag_id, from_us"  # noqa: S608
            tags, begins, holds = self._connection.columns(sql, part, "iii")
            bounds = [*np.flatnonzero(np.diff(tags, prepend=-1)).tolist(), len(tags)]
            for first, last in itertools.pairwise(bounds):
                found[int(tags[first])] = Holds(begins[first:last], holds[first:last])
        return found

    def longest(self) -> dict[int, int]:
        """The longest hold of each tag."""
        tags, holds = self._connection.columns("select tag_id, max(hold_us) from hold group by tag_id", (), "ii")
        return dict(zip(tags.tolist(), holds.tolist(), strict=True))

    def newest(self) -> dict[int, int]:
        """The hold of each tag for samples from now on."""
        sql = "select tag_id, hold_us from hold as h where from_us = (select max(from_us) from hold where tag_id = h.tag_id)"
        tags, holds = self._connection.columns(sql, (), "ii")
        return dict(zip(tags.tolist(), holds.tolist(), strict=True))

    def change(self, tag_id: int, from_us: int, hold_us: int) -> None:
        """Samples from a full hour on hold for so long; their hours are marked."""
        self._connection.run("delete from hold where tag_id = ? and from_us >= ?", (tag_id, from_us))
        self._connection.run("insert into hold (tag_id, from_us, hold_us) values (?, ?, ?)", (tag_id, from_us, hold_us))
        sql = """insert into mark (tag_id, hour_us) select tag_id, start_us from hour where tag_id = ? and start_us >= ?
            on conflict do nothing"""
        self._connection.run(sql, (tag_id, from_us))
