"""The tables in PostgreSQL, and the partitions that are created and dropped.

A partition is created as a table and attached, which blocks neither readers nor writers. It is dropped when all that it
may contain has expired; while a long query reads it, dropping is postponed.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import psycopg

from sealbus.errors import ConfigError
from sealbus.history.results import HistoryUnavailable
from sealbus.history.rules import DAY_US

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["PARTITION_US", "drop_partitions", "make_partitions", "prepare"]

PARTITION_US = {"sample": 7 * DAY_US, "minute": 28 * DAY_US}
_VERSION = 2
_SCHEMA_LOCK = 0x5EA1B002
_PARTITION_LOCK = 0x5EA1B003
_ROLLUP = """create table history.{0} (
    start_us bigint not null, end_us bigint not null, count bigint not null,
    minimum double precision not null, maximum double precision not null, mean double precision not null,
    last double precision not null, last_us bigint not null, known_us bigint not null, bad_us bigint not null,
    no_number_us bigint not null,
    tag_id integer not null, status smallint not null, worst smallint not null,
    primary key (tag_id, start_us)){1}"""
_SCHEMA = (
    "create schema if not exists history",
    "create table history.meta (id integer primary key, value text not null)",
    """create table history.tag (tag_id integer primary key, raw_from bigint not null default 0,
    minute_from bigint not null default 0, hour_from bigint not null default 0, day_from bigint not null default 0,
    days_stale integer not null default 0)""",
    "create table history.mark (tag_id integer not null, hour_us bigint not null, primary key (tag_id, hour_us))",
    """create table history.hold (tag_id integer not null, from_us bigint not null, hold_us bigint not null,
    primary key (tag_id, from_us))""",
    """create table history.sample (time_us bigint not null, value double precision not null, tag_id integer not null,
    status smallint not null, text text, primary key (tag_id, time_us)) partition by range (time_us)""",
    _ROLLUP.format("minute", " partition by range (start_us)"),
    _ROLLUP.format("hour", ""),
    _ROLLUP.format("day", ""),
)


def prepare(connection: psycopg.Connection[Any], *, read_only: bool, zone: str) -> None:
    """Create the schema if it is missing; several processes may do so at the same time. Raises HistoryUnavailable and
    ConfigError.
    """
    version = _version(connection)
    if version is None and read_only:
        raise HistoryUnavailable("PostgreSQL: there is no history yet; the collector creates it")
    if version is None:
        connection.execute("begin")
        connection.execute(b"select pg_advisory_xact_lock(%d)" % _SCHEMA_LOCK)
        if _version(connection) is None:
            for statement in _SCHEMA:
                connection.execute(statement.encode())
            connection.execute("insert into meta values (0, %s), (1, '1'), (2, %s)", (str(_VERSION), zone))
        connection.execute("commit")
        version = _version(connection)
    if version != _VERSION:
        raise ConfigError(
            f"history of version {version}; this program reads and writes version {_VERSION}",
            hint="use the Sealbus that wrote it, or name another database",
        )


def make_partitions(connection: psycopg.Connection[Any], wanted: Iterable[tuple[str, int]]) -> None:
    """Create the missing ones of these partitions (table and number), within a transaction."""
    connection.execute(b"select pg_advisory_xact_lock(%d)" % _PARTITION_LOCK)
    for table, number in sorted(wanted):
        name, width = f"{table}_{number}", PARTITION_US[table]
        column = "time_us" if table == "sample" else "start_us"
        if _exists(connection, name):
            continue
        span = f"from ({number * width}) to ({(number + 1) * width})"
        check = f"{column} >= {number * width} and {column} < {(number + 1) * width}"
        for statement in (
            f"create table {name} (like {table} including defaults, constraint span check ({check}))",
            f"alter table {table} attach partition {name} for values {span}",
            f"alter table {name} drop constraint span",
        ):
            connection.execute(statement.encode())


def drop_partitions(connection: psycopg.Connection[Any], before: dict[str, int]) -> set[tuple[str, int]]:
    """Drop the partitions that lie entirely before the cutoff of their table. One that is in use is left for later."""
    dropped = set()
    for table, cutoff_us in before.items():
        sql = (
            "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = %s::regclass"
        )
        for (name,) in connection.execute(sql, (f"history.{table}",)).fetchall():
            number = int(name.rpartition("_")[2])
            if (number + 1) * PARTITION_US[table] <= cutoff_us:
                with contextlib.suppress(psycopg.errors.LockNotAvailable), connection.transaction():
                    connection.execute("set local lock_timeout = '2s'")
                    connection.execute(f"drop table history.{name}".encode())
                    dropped.add((table, number))
    return dropped


def _version(connection: psycopg.Connection[Any]) -> int | None:
    if not _exists(connection, "meta"):
        return None
    found = connection.execute("select value from history.meta where id = 0").fetchone()
    return int(found[0]) if found else None


def _exists(connection: psycopg.Connection[Any], table: str) -> bool:
    """Reads the catalogue, which shows what another process has just committed; a lookup by name may be cached."""
    sql = """select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'history' and c.relname = %s"""
    return connection.execute(sql, (table,)).fetchone() is not None
