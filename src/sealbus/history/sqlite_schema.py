"""The tables in SQLite, and how an older file becomes a newer one.

Version 1 kept a row for each sample. They are packed tag by tag, in transactions of their own, so a kill in the
middle costs nothing: the rest is done at the next start.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

import numpy as np

from sealbus.errors import ConfigError
from sealbus.history.block import TEXT, Block
from sealbus.history.shapes import HistoryUnavailable
from sealbus.history.sqlite_samples import FreshRows, SQLiteSamples

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["CHANGING", "prepare", "transaction"]


CHANGING = "begin immediate"
_VERSION = 2
_ROLLUP = """create table {0} (
    tag_id integer not null, start_us integer not null, end_us integer not null, count integer not null,
    minimum real, maximum real, mean real, last real, last_us integer not null,
    known_us integer not null, bad_us integer not null, status integer not null, worst integer not null,
    primary key (tag_id, start_us)) without rowid, strict"""
_SAMPLES = (
    """create table if not exists fresh (id integer primary key autoincrement, count integer not null,
    samples blob not null) strict""",
    """create table if not exists packed (id integer primary key, first_us integer not null, last_us integer not null,
    count integer not null, samples blob not null) strict""",
)
_SCHEMA = (
    "create table meta (id integer primary key, value text not null) strict",
    """create table tag (tag_id integer primary key, raw_from integer not null default 0,
    minute_from integer not null default 0, hour_from integer not null default 0, day_from integer not null default 0,
    days_stale integer not null default 0) strict""",
    """create table mark (tag_id integer not null, hour_us integer not null,
    primary key (tag_id, hour_us)) without rowid, strict""",
    *_SAMPLES,
    *(_ROLLUP.format(name) for name in ("minute", "hour", "day")),
)
_ROWS_AT_ONCE = 200_000

_log = logging.getLogger("sealbus.history")


def prepare(connection: sqlite3.Connection, path: Path, *, read_only: bool, zone: str) -> None:
    """Make the tables, or make them new, whoever comes first. Raises HistoryUnavailable and ConfigError."""
    version = _version(connection)
    if version > _VERSION:
        raise ConfigError(
            f"history of version {version} is newer than this program",
            file=str(path),
            hint="update Sealbus, or name another file",
        )
    if version == _VERSION:
        return
    if read_only:
        if version:
            raise HistoryUnavailable(f"{path}: of an older version; the collector is packing it, or will")
        raise HistoryUnavailable(f"{path}: there is no history yet; the collector makes it")
    if version == 1:
        _log.info("history: %s is of an older version; it is packed now", path)
        with transaction(connection, CHANGING):
            for statement in _SAMPLES:
                connection.execute(statement)
        while _pack_some(connection):
            pass
        return
    connection.execute("pragma auto_vacuum = incremental")
    connection.execute("pragma journal_mode = wal").fetchone()
    with transaction(connection, CHANGING):
        if _version(connection) == 0:
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute("insert into meta values (1, '1'), (2, ?)", (zone,))
            connection.execute(f"pragma user_version = {_VERSION}")


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("pragma user_version").fetchone()
    return int(version)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    """Committed at the end of the block, undone when it ends by an error. `begin` is the statement that begins it."""
    connection.execute(begin)
    try:
        yield
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:  # a full disk has undone it already
            connection.execute("rollback")
        raise


def _pack_some(connection: sqlite3.Connection) -> bool:
    """Some of the samples of one tag. Whether there were any."""
    with transaction(connection, CHANGING):
        if _version(connection) == _VERSION:
            return False  # somebody else has done it
        first = connection.execute("select tag_id from sample limit 1").fetchone()
        if first is None:
            connection.execute("drop table sample")
            connection.execute(f"pragma user_version = {_VERSION}")
            return False
        rows = connection.execute(
            "select time_us, value, status, text from sample where tag_id = ? order by time_us limit ?",
            (*first, _ROWS_AT_ONCE),
        ).fetchall()
        times, values, statuses, texts = zip(*rows, strict=True)
        block = Block(
            np.full(len(rows), first[0], np.int64),
            np.array(times, np.int64),
            np.array(values, np.float64),
            np.array(statuses, np.int64),
            {place: text or "" for place, text in enumerate(texts) if statuses[place] & TEXT},
        )
        samples = SQLiteSamples(connection, FreshRows())
        samples.insert(block)
        samples.settle(least=1)
        connection.execute("delete from sample where tag_id = ? and time_us <= ?", (*first, times[-1]))
    return True
