"""Samples in SQLite: first in order of arrival, then by tag.

A batch becomes one row of `fresh`, sorted by tag and time. From time to time these rows are *compacted*: cut by tag and
hour and packed into rows of `packed`. A row per sample would write a page of the disk for nearly every sample, because
samples of neighbouring times are not neighbours in the file; packed, a minute of a tag costs one page. When an hour is
rolled up, its rows are merged into one.

The rows of a tag in `packed` do not overlap, none crosses a full hour, and no two begin in the same ten seconds: the
row id is made of the tag and that step of time. Of two samples of the same tag and time the first to arrive counts.

A row of `fresh` never changes and its id is never reused, so decoded rows are cached, several merged into one block.
"""

from __future__ import annotations

import itertools
import logging
import threading
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from sealbus.history.packing import is_compressed, pack_compressed, pack_plain, unpack, unpack_plain
from sealbus.history.sample_block import EMPTY_BLOCK, LAST_US, SampleBlock
from sealbus.history.store import HOUR_US
from sealbus.samples import US_PER_S

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["COMPACT_AT_ONCE", "FreshRows", "SQLiteSamples"]

COMPACT_AT_ONCE = 500_000

_CachedRows: TypeAlias = tuple[list[int], SampleBlock]  # ids of rows, and their samples
_log = logging.getLogger("sealbus.history")
_STEP_US = 10 * US_PER_S
_STEP_BITS = 30  # steps until the year 2310
_STEPS_OF_HOUR = HOUR_US // _STEP_US
_BACKWARDS = "select id, last_us from packed where id between ? and ? order by id desc"
_IN_RANGE = """select samples from packed where id between ? and ? and last_us >= ? and first_us < ? order by id"""
_COUNTS = """select first_us, last_us, count from packed where id between ? and ? and last_us >= ? and first_us < ?
    order by id limit ?"""
_BEFORE = "select samples from packed where id between ? and ? and first_us < ? order by id desc limit 1"
_INSERT = "insert into packed values (?, ?, ?, ?, ?)"
_HOUR = "select id, samples from packed where id between ? and ? order by id"


class FreshRows:
    """The cache of `fresh`, shared by all connections of a process. It holds few blocks, so that a lookup searches few."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[int, _CachedRows] = {}

    def of(self, connection: sqlite3.Connection) -> list[SampleBlock]:
        """All rows in order of arrival, merged into few blocks that are sorted by tag and time."""
        numbers = [number for (number,) in connection.execute("select id from fresh order by id")]
        with self._lock:
            known = self._known
        pieces: list[_CachedRows] = []
        done = 0
        while done < len(numbers):
            piece = known.get(numbers[done])
            if piece is None or piece[0] != numbers[done : done + len(piece[0])]:
                piece = ([numbers[done]], _read_fresh(connection, numbers[done]))
            pieces.append(piece)
            done += len(piece[0])
        pieces = _merge_last(pieces)
        with self._lock:
            self._known = {numbers_of[0]: (numbers_of, block) for numbers_of, block in pieces}
        return [block for _, block in pieces]


class SQLiteSamples:
    """The samples of a store, within one transaction."""

    __slots__ = ("_connection", "_rows", "_seen")

    def __init__(self, connection: sqlite3.Connection, rows: FreshRows) -> None:
        self._connection = connection
        self._rows = rows
        self._seen: list[SampleBlock] | None = None

    def insert(self, block: SampleBlock) -> None:
        block = block.ordered()
        self._connection.execute("insert into fresh (count, samples) values (?, ?)", (len(block), block.encode()))

    def samples(self, tag_id: int, start_us: int, end_us: int, limit: int | None = None) -> SampleBlock:
        parts: list[SampleBlock] = []
        found = 0
        for part in self._packed(tag_id, start_us, end_us):
            parts.append(part)
            found += len(part)
            if limit is not None and found >= limit:
                break
        parts += self._fresh(tag_id, start_us, end_us)
        block = SampleBlock.joined([EMPTY_BLOCK, *parts]).ordered()
        return block if limit is None else block.sliced(0, limit)

    def sample_before(self, tag_id: int, time_us: int) -> SampleBlock:
        rows = self._connection.execute(_BEFORE, (*_row_ids(tag_id, 0, time_us), time_us))
        parts = [_between(_unpacked(tag_id, data), 0, time_us) for (data,) in rows]
        parts += self._fresh(tag_id, 0, time_us)
        lasts = [part.sliced(len(part) - 1, len(part)) for part in parts if len(part)]
        return max(lasts, key=lambda last: int(last.times_us[0]), default=EMPTY_BLOCK)

    def has_more_than(self, tag_id: int, start_us: int, end_us: int, count: int) -> bool:
        found = 0
        span = (*_row_ids(tag_id, start_us, end_us), start_us, end_us)
        for first_us, last_us, held in self._connection.execute(_COUNTS, (*span, count + 1)):
            if first_us >= start_us and last_us < end_us:
                found += held
            else:
                edge = self._packed(tag_id, max(first_us, start_us), min(last_us + 1, end_us))
                found += sum(len(part) for part in edge)
            if found > count:
                return True
        if found + sum(len(part) for part in self._fresh(tag_id, start_us, end_us)) <= count:
            return False
        return len(self.samples(tag_id, start_us, end_us)) > count  # a sample may be stored in several rows

    def delete(self, tag_id: int, before_us: int, limit: int) -> int:
        """Deletes whole hours only."""
        hour_us = before_us - before_us % HOUR_US
        numbers = (_row_id(tag_id, 0), _row_id(tag_id, hour_us) - 1)
        counts = self._connection.execute("select id, count from packed where id between ? and ? order by id", numbers)
        deleted, last = 0, -1
        for number, count in counts:
            last, deleted = number, deleted + count
            if deleted >= limit:
                break
        self._connection.execute("delete from packed where id between ? and ?", (numbers[0], last))
        return deleted

    def pack_hours(self, tag_id: int, start_us: int, end_us: int) -> None:
        """Merge the rows of each hour into one compressed row."""
        rows = self._connection.execute(_HOUR, (_row_id(tag_id, start_us), _row_id(tag_id, end_us) - 1)).fetchall()
        for _, hour in itertools.groupby(rows, key=lambda row: (row[0] & ((1 << _STEP_BITS) - 1)) // _STEPS_OF_HOUR):
            old = list(hour)
            if len(old) > 1 or not is_compressed(old[0][1]):
                self._replace(tag_id, old, EMPTY_BLOCK, compressed=True)

    def compact(self, *, least: int) -> bool:
        """Pack the oldest rows of `fresh` by tag, if there are at least `least` samples. Returns whether there were."""
        counts = self._connection.execute("select id, count from fresh order by id").fetchall()
        sums = list(itertools.accumulate(count for _, count in counts))
        if not sums or sums[-1] < least:
            return False
        taken = sum(so_far < COMPACT_AT_ONCE for so_far in (0, *sums[:-1]))
        blocks = [_read_fresh(self._connection, number) for number, _ in counts[:taken]]
        fresh = SampleBlock.joined([EMPTY_BLOCK, *blocks]).ordered()
        blocks.clear()
        firsts = _firsts(fresh)
        lasts = np.append(firsts[1:], len(fresh)) - 1
        columns = (fresh.tag_ids[firsts], firsts, lasts, fresh.times_us[firsts], fresh.times_us[lasts])
        rows = zip(*(column.tolist() for column in columns), pack_plain(fresh, firsts.tolist()), strict=True)
        for tag_id, first, last, first_us, last_us, data in rows:
            if old := self._overlapping(tag_id, first_us, last_us):
                compressed = any(is_compressed(each) for _, each in old)
                self._replace(tag_id, old, fresh.sliced(first, last + 1), compressed=compressed)
            else:
                self._connection.execute(
                    _INSERT, (_row_id(tag_id, first_us), first_us, last_us, last - first + 1, data)
                )
        self._connection.execute("delete from fresh where id <= ?", (counts[taken - 1][0],))
        return True

    def _overlapping(self, tag_id: int, first_us: int, last_us: int) -> list[tuple[int, bytes]]:
        """Rows that cannot coexist with a row of these times."""
        found: list[tuple[int, bytes]] = []
        lowest = _row_id(tag_id, first_us)
        for number, row_last_us in self._connection.execute(_BACKWARDS, _row_ids(tag_id, first_us, last_us + 1)):
            if row_last_us < first_us and number < lowest:
                break
            found += self._connection.execute("select id, samples from packed where id = ?", (number,))
        return found[::-1]

    def _replace(self, tag_id: int, old: list[tuple[int, bytes]], new: SampleBlock, *, compressed: bool) -> None:
        """Merge neighbouring rows of one hour, and new samples of that hour, into one row."""
        held = unpack_plain(tag_id, [data for _, data in old])
        parts = [_unpacked(tag_id, data) for _, data in old] if held is None else [held]
        block = SampleBlock.joined([*parts, new]).ordered()
        self._connection.execute("delete from packed where id between ? and ?", (old[0][0], old[-1][0]))
        if len(block):
            first_us, last_us = int(block.times_us[0]), int(block.times_us[-1])
            data = pack_compressed(block) if compressed else next(pack_plain(block, [0]))
            self._connection.execute(_INSERT, (_row_id(tag_id, first_us), first_us, last_us, len(block), data))

    def _packed(self, tag_id: int, start_us: int, end_us: int) -> Iterator[SampleBlock]:
        """The compacted samples of one tag in [start, end), sorted, row by row."""
        span = (*_row_ids(tag_id, start_us, end_us), start_us, end_us)
        for (data,) in self._connection.execute(_IN_RANGE, span):
            yield _between(_unpacked(tag_id, data), start_us, end_us)

    def _fresh(self, tag_id: int, start_us: int, end_us: int) -> list[SampleBlock]:
        """The samples of one tag in [start, end) that are not compacted, in order of arrival."""
        if self._seen is None:
            self._seen = self._rows.of(self._connection)
        parts = []
        for block in self._seen:
            first, last = np.searchsorted(block.tag_ids, (tag_id, tag_id + 1)).tolist()
            if first < last:
                parts.append(_between(block, start_us, end_us, first, last))
        return [part for part in parts if len(part)]


def _merge_last(pieces: list[_CachedRows]) -> list[_CachedRows]:
    """Merge the last pieces while that is cheap: afterwards each piece has at most half the samples of the one before."""
    first, size = len(pieces) - 1, 0
    for place in reversed(range(len(pieces))):
        if len(pieces[place][1]) > 2 * size and size:
            break
        first, size = place, size + len(pieces[place][1])
    last = pieces[first:]
    if len(last) < 2:
        return pieces
    numbers = [number for numbers_of, _ in last for number in numbers_of]
    return [*pieces[:first], (numbers, SampleBlock.joined([block for _, block in last]).ordered())]


def _row_id(tag_id: int, time_us: int) -> int:
    return tag_id << _STEP_BITS | min(max(time_us, 0), LAST_US) // _STEP_US


def _row_ids(tag_id: int, start_us: int, end_us: int) -> tuple[int, int]:
    """Rows with samples in [start, end) have ids in this range: such a row begins in the hour of the start, or later."""
    return _row_id(tag_id, start_us - start_us % HOUR_US), _row_id(tag_id, end_us - 1)


def _between(block: SampleBlock, start_us: int, end_us: int, first: int = 0, last: int | None = None) -> SampleBlock:
    """The samples in [start, end) among those from index `first` to `last`, which belong to one tag."""
    times = block.times_us[first:last]
    low, high = np.searchsorted(times, (start_us, end_us)).tolist()
    return block.sliced(first + low, first + high)


def _firsts(block: SampleBlock) -> NDArray[np.intp]:
    """The indices at which a tag or an hour begins, in a sorted block that is not empty."""
    hours = block.tag_ids << _STEP_BITS | block.times_us // HOUR_US
    return np.append(0, np.flatnonzero(np.diff(hours)) + 1)


def _unpacked(tag_id: int, data: bytes) -> SampleBlock:
    """The samples of a row; none when it is damaged, which costs a minute or an hour of one tag."""
    try:
        return unpack(tag_id, data)
    except ValueError as error:
        _log.error("history: samples of tag %d are damaged: %s", tag_id, error)
        return EMPTY_BLOCK


def _read_fresh(connection: sqlite3.Connection, number: int) -> SampleBlock:
    ((data,),) = connection.execute("select samples from fresh where id = ?", (number,))
    try:
        return SampleBlock.decode(data)
    except ValueError as error:
        _log.error("history: the samples of row %d are damaged: %s", number, error)
        return EMPTY_BLOCK
