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
from sealbus.history.holds import StoredHolds
from sealbus.history.results import Bucket, Extent, Source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from sealbus.history.sample_block import SampleBlock

__all__ = [
    "HOUR_US",
    "ROW_COLUMNS",
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
ROW_COLUMNS = (
    "start_us, end_us, count, minimum, maximum, mean, last, last_us, known_us, bad_us, no_number_us, status, worst"
)
"""The columns of a rollup behind the tag, in the order of the fields of `Rows`."""
_ROW_KINDS = "iiiffffiiiiii"  # see `StoreConnection.columns`
_TAGS_AT_ONCE = 500
_NEVER_US = 1 << 62
# The rows of the table `meta`; 0 is the version of the schema, see the schemas.
_EPOCH_ID = 1
_ZONE_ID = 2
# The parts of the statements that look for the first or last hour with data of a tag. Every hour with samples is marked or
# rolled up, so neither samples nor minutes are searched. The first of the _FIRSTS is
#   coalesce((select hour_us from mark as t where t.tag_id = tag.tag_id order by t.hour_us asc limit 1), 1 << 62)
_WITH_HOURS = (("mark", "hour_us"), ("hour", "start_us"), ("day", "start_us"))
_EDGE = "coalesce((select {2} from {0} as t where t.tag_id = tag.tag_id order by t.{1} {3} limit 1), {4})"
_FIRSTS = ", ".join(_EDGE.format(*each, each[1], "asc", _NEVER_US) for each in _WITH_HOURS)
_LASTS = ", ".join(
    _EDGE.format(*each, column, "desc", -1)
    for each, column in zip(_WITH_HOURS, ("hour_us", "start_us", "end_us"), strict=True)
)
_NEXT = "coalesce((select {1} from {0} where tag_id = ? and {1} >= ? order by {1} limit 1), {2})"
# The worst status of each pixel: the `case` gives the rank of a quality, as `folding._RANK` does.
_THINNED = """select g.first_us, r.end_us, g.low, g.high, r.last_us, r.last, r.status, g.ranked & 65535
    from (select min(start_us) as first_us, max(start_us) as final_us,
        min(nullif(minimum, 'NaN')) as low, max(nullif(maximum, 'NaN')) as high,
        max(case worst & 3 when 2 then 3 when 3 then 2 else worst & 3 end * 65536 + worst) as ranked
        from (select (start_us - ?) / ? as pixel, start_us, minimum, maximum, worst from {0}
            where tag_id = ? and start_us >= ? and start_us < ?) as found group by pixel) as g
    join {0} as r on r.tag_id = ? and r.start_us = g.final_us order by g.first_us"""


@dataclass(frozen=True, slots=True)
class Meta:
    """The settings of the whole store."""

    epoch: int
    zone: str
    """The zone in which days are cut, with its rules: a text of `time_zones`."""


@dataclass(frozen=True, slots=True)
class Floors:
    """From when on samples and rollups of a tag are kept; earlier ones were deleted. 0: none was."""

    raw: int = 0
    minute: int = 0
    hour: int = 0
    day: int = 0

    def of(self, source: Source) -> int:
        return {Source.RAW: self.raw, Source.MINUTE: self.minute, Source.HOUR: self.hour, Source.DAY: self.day}[source]


class StoreConnection(Protocol):
    """One connection within a transaction. Raises the errors of its driver."""

    def columns(self, sql: str, parameters: Sequence[object], kinds: str) -> tuple[NDArray[np.int64], ...]:
        """The result by columns. `kinds` has one letter per column: i for int64, f for float64."""
        ...

    def texts(self, sql: str, parameters: Sequence[object]) -> list[tuple[int, str]]:
        """A result of pairs."""
        ...

    def run(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Returns the number of affected rows."""
        ...

    def run_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Run the statement for each row of parameters."""
        ...

    def insert_rows(self, table: str, tag_ids: NDArray[np.int64], rows: Rows) -> None:
        """Insert new rollups. `tag_ids` is parallel to `rows`."""
        ...


class Samples(Protocol):
    """The samples of an engine, within one transaction. Ranges are [start, end)."""

    def insert(self, block: SampleBlock) -> None:
        """Store samples. A sample with the tag and time of a stored one is ignored."""
        ...

    def samples(self, tag_id: int, start_us: int, end_us: int, limit: int | None = None) -> SampleBlock:
        """The samples of one tag, sorted by time."""
        ...

    def sample_before(self, tag_id: int, time_us: int) -> SampleBlock:
        """The last sample before a time, or an empty block."""
        ...

    def has_more_than(self, tag_id: int, start_us: int, end_us: int, count: int) -> bool:
        """Whether the range has more than `count` samples."""
        ...

    def delete(self, tag_id: int, before_us: int, limit: int) -> int:
        """Delete about `limit` of the oldest samples; returns how many. Samples within an hour of `before_us` may stay."""
        ...

    def pack_hours(self, tag_id: int, start_us: int, end_us: int) -> None:
        """These hours are over: store them in the form that is fastest to read."""
        ...


class Store(Protocol):
    """An engine. Each transaction commits at the end of its block, and rolls back on an error.

    Raises HistoryUnavailable whenever the engine cannot do what was asked.
    """

    def reading(self) -> AbstractContextManager[Statements]:
        """A consistent snapshot."""
        ...

    def appending(self) -> AbstractContextManager[Statements]:
        """Runs beside other appending transactions, not beside a changing one."""
        ...

    def changing(self) -> AbstractContextManager[Statements]:
        """Exclusive, except for readers."""
        ...

    def compact(self, *, everything: bool) -> bool:
        """Arrange appended samples for reading: a part of them if many wait, or all with `everything`. Returns whether
        there were any.
        """
        ...

    @property
    def partitioned(self) -> frozenset[Source]:
        """Sources that are dropped by partition instead of being deleted row by row."""
        ...

    def reclaim_space(self, cutoffs: dict[Source, int]) -> int:
        """Return space to the system: drop what lies entirely before the cutoffs, where that is cheap."""
        ...

    def size_bytes(self) -> int: ...

    def close(self) -> None:
        """Close all connections."""
        ...


class Statements:
    """The SQL statements of history, within one transaction."""

    __slots__ = ("_connection", "holds", "raw")

    def __init__(self, connection: StoreConnection, raw: Samples) -> None:
        self._connection = connection
        self.raw = raw
        self.holds = StoredHolds(connection)

    def meta(self) -> Meta:
        pairs = dict(self._connection.texts("select id, value from meta", ()))
        return Meta(epoch=int(pairs[_EPOCH_ID]), zone=pairs[_ZONE_ID])

    def bump_epoch(self) -> None:
        """Invalidate the caches of appenders."""
        sql = "update meta set value = cast(cast(value as integer) + 1 as text) where id = ?"
        self._connection.run(sql, (_EPOCH_ID,))

    def set_zone(self, zone: str) -> None:
        """The zone in which days are cut, with its rules."""
        self._connection.run("update meta set value = ? where id = ?", (zone, _ZONE_ID))

    def mark(self, tag_hours: Sequence[tuple[int, int]]) -> None:
        """Mark hours of tags."""
        self._connection.run_many("insert into mark (tag_id, hour_us) values (?, ?) on conflict do nothing", tag_hours)

    def add_tags(self, tag_holds: Sequence[tuple[int, int]]) -> None:
        """New tags, each with how long its values hold, in microseconds."""
        self.holds.add(tag_holds)
        rows = [(tag_id,) for tag_id, _ in tag_holds]
        self._connection.run_many("insert into tag (tag_id) values (?) on conflict do nothing", rows)

    def tags(self) -> dict[int, Floors]:
        """All tags that ever had a sample."""
        sql = "select tag_id, raw_from, minute_from, hour_from, day_from from tag"
        columns = self._connection.columns(sql, (), "iiiii")
        return {row[0]: Floors(*row[1:]) for row in zip(*(column.tolist() for column in columns), strict=True)}

    def floors(self, tag_id: int) -> Floors:
        """From when on samples and rollups of one tag are kept."""
        sql = "select raw_from, minute_from, hour_from, day_from from tag where tag_id = ?"
        columns = [column.tolist() for column in self._connection.columns(sql, (tag_id,), "iiii")]
        return Floors(*(column[0] for column in columns)) if columns[0] else Floors()

    def extents(self, tag_ids: Sequence[int], source: Source) -> dict[int, Extent]:
        """The extents of the tags that have data, to the hour and without the hold. The part of them that is kept may be
        empty. One statement for each five hundred tags."""
        found: dict[int, Extent] = {}
        for start in range(0, len(tag_ids), _TAGS_AT_ONCE):
            part = tag_ids[start : start + _TAGS_AT_ONCE]
            places = ", ".join("?" * len(part))
            sql = f"select tag_id, {source.value}_from, {_FIRSTS}, {_LASTS} from tag where tag_id in ({places})"  # noqa: S608
            columns = self._connection.columns(sql, part, "iiiiiiii")
            for tag_id, floor, *firsts, mark, hour, day in zip(*(each.tolist() for each in columns), strict=True):
                if min(firsts) < _NEVER_US:
                    found[tag_id] = Extent(max(min(firsts), floor), max(mark + HOUR_US, hour + HOUR_US, day))
        return found

    def next_hour(self, tag_id: int, time_us: int) -> int | None:
        """The first hour or day at or after a time that has data; None if there is none."""
        sql = f"select {', '.join(_NEXT.format(*each, _NEVER_US) for each in _WITH_HOURS)}"
        columns = self._connection.columns(sql, (tag_id, time_us) * len(_WITH_HOURS), "iii")
        first = min(int(each[0]) for each in columns)
        return None if first == _NEVER_US else first

    def set_floors(self, tag_id: int, floors: Floors) -> None:
        """What is from before its floor is no longer kept."""
        sql = "update tag set raw_from = ?, minute_from = ?, hour_from = ?, day_from = ? where tag_id = ?"
        self._connection.run(sql, (floors.raw, floors.minute, floors.hour, floors.day, tag_id))

    def marks(self, tag_id: int, start_us: int, end_us: int) -> list[int]:
        """The marked hours of a tag that begin in [start, end), sorted."""
        sql = "select hour_us from mark where tag_id = ? and hour_us >= ? and hour_us < ? order by hour_us"
        found: list[int] = self._connection.columns(sql, (tag_id, start_us, end_us), "i")[0].tolist()
        return found

    def marks_before(self, hour_us: int, limit: int) -> list[tuple[int, int]]:
        """Marked hours of all tags before one, as (tag, hour), sorted."""
        sql = "select tag_id, hour_us from mark where hour_us < ? order by tag_id, hour_us limit ?"
        tags, hours = self._connection.columns(sql, (hour_us, limit), "ii")
        return list(zip(tags.tolist(), hours.tolist(), strict=True))

    def unmark(self, tag_ids: Sequence[int], start_us: int, end_us: int) -> None:
        """Remove the marks of these hours."""
        sql = "delete from mark where tag_id = ? and hour_us >= ? and hour_us < ?"
        self._connection.run_many(sql, [(tag_id, start_us, end_us) for tag_id in tag_ids])

    def rows(self, source: Source, tag_id: int, start_us: int, end_us: int) -> Rows:
        """Rollups of one tag that begin in [start, end), sorted."""
        where = "tag_id = ? and start_us >= ? and start_us < ?"
        sql = f"select {ROW_COLUMNS} from {TABLES[source]} where {where} order by start_us"  # noqa: S608
        return Rows(*self._connection.columns(sql, (tag_id, start_us, end_us), _ROW_KINDS))  # type: ignore[arg-type]

    def thinned(self, source: Source, tag_id: int, span: tuple[int, int], step_us: int) -> Rows:
        """Rollups that begin in the span, merged by `step_us`: extremes, last value and worst status.

        The database merges, so that a year of minutes is not transferred. Counts, means and known times are not set.
        """
        sql = _THINNED.format(TABLES[source])
        found = self._connection.columns(sql, (span[0], step_us, tag_id, *span, tag_id), "iiffifii")
        starts, ends, low, high, last_times, lasts, statuses, worsts = found
        none = np.zeros_like(starts)
        columns = (starts, ends, none, low, high, lasts, lasts, last_times, none, none, none, statuses, worsts)
        return Rows(*columns)  # type: ignore[arg-type]

    def row_before(self, source: Source, tag_id: int, time_us: int) -> Rows:
        """The last rollup that begins before a time, or no row."""
        sql = f"select {ROW_COLUMNS} from {TABLES[source]} where tag_id = ? and start_us < ? order by start_us desc limit 1"  # noqa: S608
        return Rows(*self._connection.columns(sql, (tag_id, time_us), _ROW_KINDS))  # type: ignore[arg-type]

    def rows_of_tags(self, source: Source, tag_ids: Sequence[int], start_us: int, end_us: int) -> TaggedRows:
        """Rollups of several tags that begin in [start, end), and the last of each that begins before; sorted by tag
        and time.
        """
        table, places = TABLES[source], ", ".join("?" * len(tag_ids))
        last = f"(select max(start_us) from {table} where tag_id = tag.tag_id and start_us < ?)"  # noqa: S608
        columns_of_t = ", ".join("t." + name for name in ROW_COLUMNS.split(", "))
        sql = f"""select tag_id, {ROW_COLUMNS} from {table} where tag_id in ({places}) and start_us >= ? and start_us < ?
            union all select t.tag_id, {columns_of_t} from tag join {table} as t
            on t.tag_id = tag.tag_id and t.start_us = {last} where tag.tag_id in ({places}) order by 1, 2"""  # noqa: S608
        parameters = (*tag_ids, start_us, end_us, start_us, *tag_ids)
        tags, *columns = self._connection.columns(sql, parameters, "i" + _ROW_KINDS)
        return tags, Rows(*columns)  # type: ignore[arg-type]

    def first_row(self, source: Source, tag_id: int) -> int | None:
        """When the first rollup begins."""
        sql = f"select start_us from {TABLES[source]} where tag_id = ? order by start_us limit 1"  # noqa: S608
        found = self._connection.columns(sql, (tag_id,), "i")[0]
        return int(found[0]) if len(found) else None

    def replace(self, source: Source, span: tuple[int, int], tag_ids: Sequence[int], rows: TaggedRows) -> None:
        """Replace the rollups of these tags that begin in the span. `rows` come with the tag of each."""
        sql = f"delete from {TABLES[source]} where tag_id = ? and start_us >= ? and start_us < ?"  # noqa: S608
        self._connection.run_many(sql, [(tag_id, *span) for tag_id in tag_ids])
        if len(rows[1]):
            self._connection.insert_rows(TABLES[source], *rows)

    def delete(self, source: Source, tag_id: int, before_us: int, limit: int) -> int:
        """Delete about `limit` of the oldest rows; returns how many. The last one before `before_us` stays: its value may
        still hold.
        """
        if source is Source.RAW:
            last = self.raw.sample_before(tag_id, before_us).times_us
            return self.raw.delete(tag_id, int(last[0]), limit) if len(last) else 0
        last = self.row_before(source, tag_id, before_us).starts_us
        if not len(last):
            return 0
        before_us = int(last[0])
        return delete_oldest(self._connection, TABLES[source], tag_id, before_us, limit)

    def tags_with_outdated_days(self, limit: int) -> list[int]:
        """Tags whose days are cut in another zone than that of the store."""
        sql = "select tag_id from tag where days_stale = 1 limit ?"
        found: list[int] = self._connection.columns(sql, (limit,), "i")[0].tolist()
        return found

    def mark_days_outdated(self) -> None:
        """Mark the days of all tags to be cut again."""
        self._connection.run("update tag set days_stale = 1")

    def has_outdated_days(self, tag_id: int) -> bool:
        """Whether the days of this tag are still to be cut again."""
        sql = "select tag_id from tag where tag_id = ? and days_stale = 1"
        return bool(len(self._connection.columns(sql, (tag_id,), "i")[0]))

    def mark_days_current(self, tag_id: int) -> None:
        """The days of this tag are cut in the zone of the store."""
        self._connection.run("update tag set days_stale = 0 where tag_id = ?", (tag_id,))


def delete_oldest(connection: StoreConnection, table: str, tag_id: int, before_us: int, limit: int) -> int:
    """Delete the oldest rows of a tag from before a time, at most `limit`. Returns how many were deleted."""
    column = "time_us" if table == TABLES[Source.RAW] else "start_us"
    sql = f"select {column} from {table} where tag_id = ? and {column} < ? order by {column} limit 1 offset ?"  # noqa: S608
    found = connection.columns(sql, (tag_id, before_us, limit), "i")[0]
    end_us = int(found[0]) if len(found) else before_us
    return connection.run(f"delete from {table} where tag_id = ? and {column} < ?", (tag_id, end_us))  # noqa: S608
