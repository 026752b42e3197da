"""The tables of a history file in SQLite.

A file carries the version of its tables in `user_version`; 0 is an empty file. A file of any other version is refused
and left as it is: no version before this one was released, so there is nothing to upgrade.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from typing import TYPE_CHECKING

from sealbus.errors import ConfigError
from sealbus.history.results import HistoryUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["CHANGING", "prepare", "transaction"]


CHANGING = "begin immediate"
_VERSION = 4
_SWITCH_S = 10.0
_SWITCH_RETRY_S = 0.01
_ROLLUP = """create table {0} (
    tag_id integer not null, start_us integer not null, end_us integer not null, count integer not null,
    minimum real, maximum real, mean real, last real, last_us integer not null,
    known_us integer not null, bad_us integer not null, no_number_us integer not null,
    status integer not null, worst integer not null,
    primary key (tag_id, start_us)) without rowid, strict"""
_SCHEMA = (
    "create table meta (id integer primary key, value text not null) strict",
    """create table tag (tag_id integer primary key, raw_from integer not null default 0,
    minute_from integer not null default 0, hour_from integer not null default 0, day_from integer not null default 0,
    days_stale integer not null default 0) strict""",
    """create table mark (tag_id integer not null, hour_us integer not null,
    primary key (tag_id, hour_us)) without rowid, strict""",
    """create table hold (tag_id integer not null, from_us integer not null, hold_us integer not null,
    primary key (tag_id, from_us)) without rowid, strict""",
    """create table fresh (id integer primary key autoincrement, count integer not null,
    samples blob not null) strict""",
    """create table packed (id integer primary key, first_us integer not null, last_us integer not null,
    count integer not null, samples blob not null) strict""",
    *(_ROLLUP.format(name) for name in ("minute", "hour", "day")),
)


def prepare(connection: sqlite3.Connection, path: Path, *, read_only: bool, zone: str) -> None:
    """Create the tables if the file is empty; several processes may do so at the same time.

    Raises ConfigError for a file of another version, HistoryUnavailable for an empty file that is opened to read.
    """
    version = _version(connection)
    if version == _VERSION:
        return
    if version:
        raise ConfigError(
            f"history of version {version}; this program reads and writes version {_VERSION}",
            file=str(path),
            hint="use the Sealbus that wrote it, or name another file",
        )
    if read_only:
        raise HistoryUnavailable(f"{path}: there is no history yet; the collector creates it")
    connection.execute("pragma auto_vacuum = incremental")
    _use_write_ahead_log(connection)
    with transaction(connection, CHANGING):
        if _version(connection) == 0:
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute("insert into meta values (1, '1'), (2, ?)", (zone,))
            connection.execute(f"pragma user_version = {_VERSION}")


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL. If another process does so too, SQLite is "busy" at once, whatever the time-out is."""
    give_up_at = time.monotonic() + _SWITCH_S
    while True:
        try:
            connection.execute("pragma journal_mode = wal").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_at:
                raise
            time.sleep(_SWITCH_RETRY_S)
        else:
            return


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("pragma user_version").fetchone()
    return int(version)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    """A transaction that commits at the end of the block and rolls back on an error. `begin` is the statement that
    begins it.
    """
    connection.execute(begin)
    try:
        yield
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:  # SQLite has rolled back already when the disk is full
            connection.execute("rollback")
        raise
