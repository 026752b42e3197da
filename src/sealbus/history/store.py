"""The interface of a storage engine, and the SQL statements that all engines share.

A `StoreConnection` runs SQL with `?` for a parameter and returns columns as arrays. `Statements` holds the SQL that
history needs; one object serves one transaction. Where the engines differ (bulk insertion, partitions, giving space back),
they implement `StoreConnection`, `Samples` and `Store`.

Marks: an hour of a tag is marked when it has samples that its rollups do not contain yet. The transaction that stores
the samples sets the mark. A query folds marked hours on the fly; maintenance stores the rollups of hours that are over
and removes the mark. Since a mark stays until then, a writer may cache which hours it has marked, as long as `epoch` is
the same: each rolling up increases it. Rolling up and appending exclude each other; neither excludes reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from sealbus.history.folding import Rows
from sealbus.history.results import Bucket, Extent, Source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from sealbus.history.sample_block import SampleBlock

__all__ = [
    "HOUR_US",
    "TABLES",
    "Floors",
    "Meta",
    "Samples",
    "Statements",
    "Store",
    "StoreConnection",
    "TaggedRows",
    "delete_oldest",
]

TaggedRows: TypeAlias = "tuple[NDArray[np.int64], Rows]"
HOUR_US = Bucket.HOUR.usual_us
TABLES = {Source.RAW: "sample", Source.MINUTE: "minute", Source.HOUR: "hour", Source.DAY: "day"}
_ROW = (
    "start_us, end_us, count, minimum, maximum, mean, last, last_us, known_us, bad_us, status, worst",
    "iiiffffiiiii",
)
_TAGS_AT_ONCE = 500
_NEVER_US = 1 << 62
# Every hour that has samples is either marked or rolled up, so neither samples nor minutes need to be looked at.
_WITH_HOURS = (("mark", "hour_us"), ("hour", "start_us"), ("day", "start_us"))
_EDGE = "coalesce((select {2} from {0} as t where t.tag_id = tag.tag_id order by t.{1} {3} limit 1), {4})"
_FIRSTS = ", ".join(_EDGE.format(*each, each[1], "asc", _NEVER_US) for each in _WITH_HOURS)
_LASTS = ", ".join(
    _EDGE.format(*each, told, "desc", -1)
    for each, told in zip(_WITH_HOURS, ("hour_us", "start_us", "end_us"), strict=True)
)
_NEXT = "coalesce((select {1} from {0} where tag_id = ? and {1} >= ? order by {1} limit 1), {2})"
_THINNED = """select g.first_us, r.end_us, g.low, g.high, r.last_us, r.last, r.status, g.ranked & 65535
    from (select min(start_us) as first_us, max(start_us) as final_us,
        min(nullif(minimum, 'NaN')) as low, max(nullif(maximum, 'NaN')) as high,
        max(case worst & 3 when 2 then 3 when 3 then 2 else worst & 3 end * 65536 + worst) as ranked
        from (select (start_us - ?) / ? as pixel, start_us, minimum, maximum, worst from {0}
            where tag_id = ? and start_us >= ? and start_us < ?) as found group by pixel) as g
    join {0} as r on r.tag_id = ? and r.start_us = g.final_us order by g.first_us"""


@dataclass(frozen=True, slots=True)
class Meta:
    """What holds for the whole store."""

    epoch: int
    zone: str


@dataclass(frozen=True, slots=True)
class Floors:
    """From when on a tag's samples and rollups are kept; what was before has been deleted. 0: nothing was."""

    raw: int = 0
    minute: int = 0
    hour: int = 0
    day: int = 0

    def of(self, source: Source) -> int:
        """That of one source."""
        return {Source.RAW: self.raw, Source.MINUTE: self.minute, Source.HOUR: self.hour, Source.DAY: self.day}[source]


class StoreConnection(Protocol):
    """One connection within a transaction. Raises what its driver raises."""

    def columns(self, sql: str, parameters: Sequence[object], kinds: str) -> tuple[NDArray[np.int64], ...]:
        """The result by columns; `kinds` has a letter for each: i for int64, f for float64."""
        ...

    def texts(self, sql: str, parameters: Sequence[object]) -> list[tuple[int, str]]:
        """A result of pairs."""
        ...

    def run(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """The number of rows that were touched."""
        ...

    def run_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """The same statement for each of the rows."""
        ...

    def insert_rows(self, table: str, tag_ids: NDArray[np.int64], rows: Rows) -> None:
        """Store rollups, each of its tag, where there are none."""
        ...


class Samples(Protocol):
    """Samples as an engine keeps them, within one transaction. Ranges are [start, end)."""

    def insert(self, block: SampleBlock) -> None:
        """Store samples. One of the same tag and time as one that is there changes nothing."""
        ...

    def samples(self, tag_id: int, start_us: int, end_us: int, limit: int | None = None) -> SampleBlock:
        """Those of one tag, in order of time."""
        ...

    def sample_before(self, tag_id: int, time_us: int) -> SampleBlock:
        """The last one before a time, if there is one."""
        ...

    def has_more_than(self, tag_id: int, start_us: int, end_us: int, count: int) -> bool:
        """Whether there are more than this."""
        ...

    def delete(self, tag_id: int, before_us: int, limit: int) -> int:
        """Delete the oldest, about `limit` of them; how many these were. What is within an hour of `before_us` may stay."""
        ...

    def pack_hours(self, tag_id: int, start_us: int, end_us: int) -> None:
        """These hours are over: keep them as they are read best."""
        ...


class Store(Protocol):
    """An engine. Each transaction is committed at the end of its block, undone when it ends by an error.

    Raises HistoryUnavailable for whatever the engine cannot do now.
    """

    def reading(self) -> AbstractContextManager[Statements]:
        """A steady view."""
        ...

    def appending(self) -> AbstractContextManager[Statements]:
        """May go on beside other appenders, not beside a changing one."""
        ...

    def changing(self) -> AbstractContextManager[Statements]:
        """Alone."""
        ...

    def compact(self, *, everything: bool) -> bool:
        """Arrange some of what was appended for reading, if much waits, or everything is to be. Whether there was some."""
        ...

    @property
    def partitioned(self) -> frozenset[Source]:
        """What it drops by the piece, so that it need not be deleted row by row."""
        ...

    def reclaim_space(self, cutoffs: dict[Source, int]) -> int:
        """Give space back to the system: drop what is wholly before the cutoffs, as far as that is cheap."""
        ...

    def size_bytes(self) -> int:
        """What the store takes on disk."""
        ...

    def close(self) -> None:
        """Let go of all connections."""
        ...


class Statements:
    """What history asks of a database, within one transaction."""

    __slots__ = ("_connection", "raw")

    def __init__(self, connection: StoreConnection, raw: Samples) -> None:
        self._connection = connection
        self.raw = raw

    def meta(self) -> Meta:
        """What holds for the whole store."""
        pairs = dict(self._connection.texts("select id, value from meta", ()))
        return Meta(epoch=int(pairs[1]), zone=pairs[2])

    def bump_epoch(self) -> None:
        """Make appenders forget what they remember."""
        self._connection.run("update meta set value = cast(cast(value as integer) + 1 as text) where id = 1")

    def set_zone(self, zone: str) -> None:
        """The zone that days are cut in."""
        self._connection.run("update meta set value = ? where id = 2", (zone,))

    def mark(self, tag_hours: Sequence[tuple[int, int]]) -> None:
        """Mark hours of tags; those that are marked stay so."""
        self._connection.run_many("insert into mark (tag_id, hour_us) values (?, ?) on conflict do nothing", tag_hours)

    def add_tags(self, tag_ids: Sequence[int]) -> None:
        """Know these tags."""
        rows = [(tag_id,) for tag_id in tag_ids]
        self._connection.run_many("insert into tag (tag_id) values (?) on conflict do nothing", rows)

    def tags(self) -> dict[int, Floors]:
        """All tags that ever had a sample."""
        sql = "select tag_id, raw_from, minute_from, hour_from, day_from from tag"
        columns = self._connection.columns(sql, (), "iiiii")
        return {row[0]: Floors(*row[1:]) for row in zip(*(column.tolist() for column in columns), strict=True)}

    def floors(self, tag_id: int) -> Floors:
        """From when on what is kept of one."""
        sql = "select raw_from, minute_from, hour_from, day_from from tag where tag_id = ?"
        columns = [column.tolist() for column in self._connection.columns(sql, (tag_id,), "iiii")]
        return Floors(*(column[0] for column in columns)) if columns[0] else Floors()

    def extents(self, tag_ids: Sequence[int], source: Source) -> dict[int, Extent]:
        """Those of the tags that have anything, to the hour. One statement for each five hundred."""
        found: dict[int, Extent] = {}
        for start in range(0, len(tag_ids), _TAGS_AT_ONCE):
            part = tag_ids[start : start + _TAGS_AT_ONCE]
            places = ", ".join("?" * len(part))
            sql = f"select tag_id, {source.value}_from, {_FIRSTS}, {_LASTS} from tag where tag_id in ({places})"  # noqa: S608
            columns = self._connection.columns(sql, part, "iiiiiiii")
            for tag_id, floor, *firsts, mark, hour, day in zip(*(each.tolist() for each in columns), strict=True):
                extent = Extent(max(min(firsts), floor), max(mark + HOUR_US, hour + HOUR_US, day))
                if extent.start_us < extent.end_us:
                    found[tag_id] = extent
        return found

    def next_hour(self, tag_id: int, time_us: int) -> int | None:
        """The first hour or day from a time on that has anything; None: there is none."""
        sql = f"select {', '.join(_NEXT.format(*each, _NEVER_US) for each in _WITH_HOURS)}"
        columns = self._connection.columns(sql, (tag_id, time_us) * len(_WITH_HOURS), "iii")
        first = min(int(each[0]) for each in columns)
        return None if first == _NEVER_US else first

    def set_floor(self, source: Source, tag_id: int, floor_us: int) -> None:
        """Nothing of this source is kept before."""
        self._connection.run(f"update tag set {source.value}_from = ? where tag_id = ?", (floor_us, tag_id))  # noqa: S608

    def marks(self, tag_id: int, start_us: int, end_us: int) -> list[int]:
        """The marked hours of a tag that begin in [start, end), in order."""
        sql = "select hour_us from mark where tag_id = ? and hour_us >= ? and hour_us < ? order by hour_us"
        found: list[int] = self._connection.columns(sql, (tag_id, start_us, end_us), "i")[0].tolist()
        return found

    def marks_before(self, hour_us: int, limit: int) -> list[tuple[int, int]]:
        """Marked hours of any tags before one: tag and hour, those of a tag together."""
        sql = "select tag_id, hour_us from mark where hour_us < ? order by tag_id, hour_us limit ?"
        tags, hours = self._connection.columns(sql, (hour_us, limit), "ii")
        return list(zip(tags.tolist(), hours.tolist(), strict=True))

    def unmark(self, tag_ids: Sequence[int], start_us: int, end_us: int) -> None:
        """Take the marks of these hours away."""
        sql = "delete from mark where tag_id = ? and hour_us >= ? and hour_us < ?"
        self._connection.run_many(sql, [(tag_id, start_us, end_us) for tag_id in tag_ids])

    def rows(self, source: Source, tag_id: int, start_us: int, end_us: int) -> Rows:
        """Rollups of one tag that begin in [start, end), in order."""
        sql = f"select {_ROW[0]} from {TABLES[source]} where tag_id = ? and start_us >= ? and start_us < ? order by start_us"  # noqa: S608
        return Rows(*self._connection.columns(sql, (tag_id, start_us, end_us), _ROW[1]))  # type: ignore[arg-type]

    def thinned(self, source: Source, tag_id: int, span: tuple[int, int], step_us: int) -> Rows:
        """Rollups that begin in the span, those of each `step_us` as one: its extremes, its last value, its worst status.

        The engine thins, so that a year of minutes need not leave it. Counts, means and times are not filled in.
        """
        sql = _THINNED.format(TABLES[source])
        found = self._connection.columns(sql, (span[0], step_us, tag_id, *span, tag_id), "iiffifii")
        starts, ends, low, high, last_times, lasts, statuses, worsts = found
        none = np.zeros_like(starts)
        columns = (starts, ends, none, low, high, lasts, lasts, last_times, none, none, statuses, worsts)
        return Rows(*columns)  # type: ignore[arg-type]

    def row_before(self, source: Source, tag_id: int, time_us: int) -> Rows:
        """The last rollup that begins before a time, if there is one."""
        sql = f"select {_ROW[0]} from {TABLES[source]} where tag_id = ? and start_us < ? order by start_us desc limit 1"  # noqa: S608
        return Rows(*self._connection.columns(sql, (tag_id, time_us), _ROW[1]))  # type: ignore[arg-type]

    def rows_of_tags(self, source: Source, tag_ids: Sequence[int], start_us: int, end_us: int) -> TaggedRows:
        """Rollups of some tags that begin in [start, end), and the last of each that begins before; by tag, in order."""
        table, places = TABLES[source], ", ".join("?" * len(tag_ids))
        last = f"(select max(start_us) from {table} where tag_id = tag.tag_id and start_us < ?)"  # noqa: S608
        sql = f"""select tag_id, {_ROW[0]} from {table} where tag_id in ({places}) and start_us >= ? and start_us < ?
            union all select t.tag_id, {", ".join("t." + name for name in _ROW[0].split(", "))} from tag join {table} as t
            on t.tag_id = tag.tag_id and t.start_us = {last} where tag.tag_id in ({places}) order by 1, 2"""  # noqa: S608
        parameters = (*tag_ids, start_us, end_us, start_us, *tag_ids)
        tags, *columns = self._connection.columns(sql, parameters, "i" + _ROW[1])
        return tags, Rows(*columns)  # type: ignore[arg-type]

    def first_row(self, source: Source, tag_id: int) -> int | None:
        """When the first rollup begins."""
        sql = f"select start_us from {TABLES[source]} where tag_id = ? order by start_us limit 1"  # noqa: S608
        found = self._connection.columns(sql, (tag_id,), "i")[0]
        return int(found[0]) if len(found) else None

    def replace(self, source: Source, span: tuple[int, int], tag_ids: Sequence[int], rows: TaggedRows) -> None:
        """Let these be the rollups of these tags that begin in the span; each row with its tag."""
        sql = f"delete from {TABLES[source]} where tag_id = ? and start_us >= ? and start_us < ?"  # noqa: S608
        self._connection.run_many(sql, [(tag_id, *span) for tag_id in tag_ids])
        if len(rows[1]):
            self._connection.insert_rows(TABLES[source], *rows)

    def delete(self, source: Source, tag_id: int, before_us: int, limit: int) -> int:
        """Delete the oldest, about `limit` of them; how many these were."""
        if source is Source.RAW:
            return self.raw.delete(tag_id, before_us, limit)
        return delete_oldest(self._connection, TABLES[source], tag_id, before_us, limit)

    def stale_days(self, limit: int) -> list[int]:
        """Tags whose days are cut in another zone than the store's."""
        sql = "select tag_id from tag where days_stale = 1 limit ?"
        found: list[int] = self._connection.columns(sql, (limit,), "i")[0].tolist()
        return found

    def make_days_stale(self) -> None:
        """The days of all tags are to be cut anew."""
        self._connection.run("update tag set days_stale = 1")

    def days_are_stale(self, tag_id: int) -> bool:
        """Whether those of this tag still are."""
        sql = "select tag_id from tag where tag_id = ? and days_stale = 1"
        return bool(len(self._connection.columns(sql, (tag_id,), "i")[0]))

    def days_are_done(self, tag_id: int) -> None:
        """They are cut in the store's zone."""
        self._connection.run("update tag set days_stale = 0 where tag_id = ?", (tag_id,))


def delete_oldest(connection: StoreConnection, table: str, tag_id: int, before_us: int, limit: int) -> int:
    """Delete the oldest rows of a tag from before a time, at most `limit`. Returns how many were deleted."""
    column = "time_us" if table == TABLES[Source.RAW] else "start_us"
    sql = f"select {column} from {table} where tag_id = ? and {column} < ? order by {column} limit 1 offset ?"  # noqa: S608
    found = connection.columns(sql, (tag_id, before_us, limit), "i")[0]
    end_us = int(found[0]) if len(found) else before_us
    return connection.run(f"delete from {table} where tag_id = ? and {column} < ?", (tag_id, end_us))  # noqa: S608
