"""Samples in. What a writer remembers between batches, so that a batch costs little more than its rows.

Remembered are the hours already marked, the tags already known, and from when on each is kept. All of it holds only as
long as nobody rolls or deletes: then the store's epoch moves, and it is read anew. What a failed transaction marked is
not remembered.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from sealbus.history.shapes import Appended
from sealbus.history.store import HOUR_US, Floors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sealbus.history.block import Block
    from sealbus.history.rules import HistoryRules
    from sealbus.history.store import Store

__all__ = ["Appender"]

_HOUR_BITS = 22  # hours until the year 2448
_MOST_REMEMBERED = 2_000_000
_NEW = Floors()


class Appender:
    """Stores batches, each in one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._epoch = -1
        self._marked: set[int] = set()
        self._floors: dict[int, Floors] = {}

    def append(self, block: Block, rules: HistoryRules) -> Appended:
        """Store what is not there yet. Raises HistoryUnavailable; then nothing was stored, or all."""
        if not len(block):
            return Appended(0)
        with self._store.appending() as statements:
            epoch = statements.meta().epoch
            with self._lock:
                if epoch != self._epoch or len(self._marked) > _MOST_REMEMBERED:
                    self._epoch, self._marked, self._floors = epoch, set(), statements.tags()
                marked, floors = self._marked, self._floors
            tags, places = np.unique(block.tag_ids, return_inverse=True)
            fresh = [tag_id for tag_id in tags.tolist() if tag_id not in floors]
            kept = block.times_us >= np.array([floors.get(tag, _NEW).raw for tag in tags.tolist()])[places]
            too_old = len(block) - int(kept.sum())
            if too_old:
                block, places = block.chosen(kept), places[kept]
            if fresh:
                statements.add_tags(fresh)
            if len(block):
                statements.raw.insert(block)
            holds = np.array([rules.of(tag_id).hold_us for tag_id in tags.tolist()])[places]
            marks = _hours(block, holds) - marked
            statements.mark(sorted(((key >> _HOUR_BITS), (key & ((1 << _HOUR_BITS) - 1)) * HOUR_US) for key in marks))
        with self._lock:
            if epoch == self._epoch:
                self._marked |= marks
                self._floors |= dict.fromkeys(fresh, _NEW)
        return Appended(too_old)


def _hours(block: Block, holds_us: NDArray[np.int64]) -> set[int]:
    """The hours whose rollups the samples may change: from the one each is in to the one in which it may hold last."""
    first, last = block.times_us // HOUR_US, (block.times_us + holds_us) // HOUR_US
    keys: set[int] = set()
    for turn in range(int((last - first).max(initial=-1)) + 1):
        reached = first + turn <= last
        keys |= set(np.unique(block.tag_ids[reached] << _HOUR_BITS | (first[reached] + turn)).tolist())
    return keys
