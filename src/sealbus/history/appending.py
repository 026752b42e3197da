"""Storing samples. A writer caches state between batches, so that a batch costs little more than its rows.

Cached are the hours that are marked, the tags that exist, and from when on samples of each tag are kept. The cache is
valid until maintenance rolls up or deletes: then the epoch of the store changes, and the cache is read again. What a
failed transaction marked is not cached.
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
_MAX_CACHED_MARKS = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class _Cache:
    """The limits of one epoch under one set of rules. `tag_ids` is sorted; `kept_us` (from when on samples are kept)
    and `hold_us` (how long a value holds at most) are parallel to it.
    """

    epoch: int
    rules: HistoryRules
    marked: NDArray[np.int64]
    """Tag and hour in one number, sorted."""
    tag_ids: NDArray[np.int64]
    kept_us: NDArray[np.int64]
    hold_us: NDArray[np.int64]


class Appender:
    """Stores batches, each in one transaction. Thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._cache: _Cache | None = None

    def append(self, block: SampleBlock, rules: HistoryRules) -> Appended:
        """Store the samples that are not stored yet. Raises HistoryUnavailable; then either none or all of them are
        stored.
        """
        if not len(block):
            return Appended(0)
        block = block.ordered()
        with self._store.appending() as statements:
            known = self._cached(statements, rules)
            if len(fresh := np.setdiff1d(block.tag_ids, known.tag_ids)):
                statements.add_tags([(tag_id, rules.of(tag_id).hold_us) for tag_id in fresh.tolist()])
                known = _load_cache(statements, known.epoch, rules, known.marked)
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
            self._cache = known
        return Appended(too_old)

    def _cached(self, statements: Statements, rules: HistoryRules) -> _Cache:
        epoch = statements.meta().epoch
        with self._lock:
            cached = self._cache
        is_current = cached is not None and cached.epoch == epoch and len(cached.marked) <= _MAX_CACHED_MARKS
        if cached is not None and is_current and cached.rules is rules:
            return cached
        marked = cached.marked if cached is not None and is_current else np.empty(0, np.int64)
        return _load_cache(statements, epoch, rules, marked)


def _load_cache(statements: Statements, epoch: int, rules: HistoryRules, marked: NDArray[np.int64]) -> _Cache:
    floors = sorted(statements.tags().items())
    tag_ids = np.array([tag_id for tag_id, _ in floors], np.int64)
    kept_us = np.array([each.raw for _, each in floors], np.int64)
    longest = statements.holds.longest()
    hold_us = np.array([longest[tag_id] for tag_id, _ in floors], np.int64)
    return _Cache(epoch, rules, marked, tag_ids, kept_us, hold_us)


def _hours(block: SampleBlock, holds_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """The hours whose rollups these samples may change: from the hour of each sample to the last one into which its
    value may hold.
    """
    first, last = block.times_us // HOUR_US, (block.times_us + holds_us) // HOUR_US
    keys = [np.empty(0, np.int64)]
    for turn in range(int((last - first).max(initial=-1)) + 1):
        reached = first + turn <= last
        keys.append(block.tag_ids[reached] << _HOUR_BITS | (first[reached] + turn))
    return np.unique(np.concatenate(keys))
