"""Samples in. What a writer remembers between batches, so that a batch costs little more than its rows.

Remembered are the hours already marked, the tags already known, and from when on each is kept. All of it holds only as
long as nobody rolls or deletes: then the store's epoch moves, and it is read anew. What a failed transaction marked is
not remembered.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sealbus.history.results import Appended
from sealbus.history.store import HOUR_US

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sealbus.history.rules import HistoryRules
    from sealbus.history.sample_block import SampleBlock
    from sealbus.history.store import Statements, Store

__all__ = ["Appender"]

_HOUR_BITS = 22  # hours until the year 2448
_MOST_REMEMBERED = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class _WriterMemory:
    """What holds in an epoch, under rules. For each tag, in order: from when on it is kept, and how long a value holds."""

    epoch: int
    rules: HistoryRules
    marked: NDArray[np.int64]
    """Tag and hour in one number, in order."""
    tag_ids: NDArray[np.int64]
    kept_us: NDArray[np.int64]
    hold_us: NDArray[np.int64]


class Appender:
    """Stores batches, each in one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._last: _WriterMemory | None = None

    def append(self, block: SampleBlock, rules: HistoryRules) -> Appended:
        """Store what is not there yet. Raises HistoryUnavailable; then nothing was stored, or all."""
        if not len(block):
            return Appended(0)
        block = block.ordered()
        with self._store.appending() as statements:
            known = self._known(statements, rules)
            if len(fresh := np.setdiff1d(block.tag_ids, known.tag_ids)):
                statements.add_tags(fresh.tolist())
                known = _of_epoch(statements, known.epoch, rules, known.marked)
            places = np.searchsorted(known.tag_ids, block.tag_ids)
            kept = block.times_us >= known.kept_us[places]
            too_old = len(block) - int(kept.sum())
            if too_old:
                block, places = block.select(kept), places[kept]
            if len(block):
                statements.raw.insert(block)
            marks = np.setdiff1d(_hours(block, known.hold_us[places]), known.marked, assume_unique=True)
            if len(marks):
                hours = (marks & ((1 << _HOUR_BITS) - 1)) * HOUR_US
                statements.mark(list(zip((marks >> _HOUR_BITS).tolist(), hours.tolist(), strict=True)))
                known = replace(known, marked=np.union1d(known.marked, marks))
        with self._lock:
            self._last = known
        return Appended(too_old)

    def _known(self, statements: Statements, rules: HistoryRules) -> _WriterMemory:
        epoch = statements.meta().epoch
        with self._lock:
            last = self._last
        is_of_epoch = last is not None and last.epoch == epoch and len(last.marked) <= _MOST_REMEMBERED
        if last is not None and is_of_epoch and last.rules is rules:
            return last
        marked = last.marked if last is not None and is_of_epoch else np.empty(0, np.int64)
        return _of_epoch(statements, epoch, rules, marked)


def _of_epoch(statements: Statements, epoch: int, rules: HistoryRules, marked: NDArray[np.int64]) -> _WriterMemory:
    floors = sorted(statements.tags().items())
    tag_ids = np.array([tag_id for tag_id, _ in floors], np.int64)
    kept_us = np.array([each.raw for _, each in floors], np.int64)
    hold_us = np.array([rules.of(tag_id).hold_us for tag_id, _ in floors], np.int64)
    return _WriterMemory(epoch, rules, marked, tag_ids, kept_us, hold_us)


def _hours(block: SampleBlock, holds_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """The hours whose rollups the samples may change: from the one each is in to the one in which it may hold last."""
    first, last = block.times_us // HOUR_US, (block.times_us + holds_us) // HOUR_US
    keys = [np.empty(0, np.int64)]
    for turn in range(int((last - first).max(initial=-1)) + 1):
        reached = first + turn <= last
        keys.append(block.tag_ids[reached] << _HOUR_BITS | (first[reached] + turn))
    return np.unique(np.concatenate(keys))
