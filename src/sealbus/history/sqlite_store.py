"""History in one SQLite file: write-ahead log, one writer at a time, readers that block no one.

A commit is synced to the disk. Data that is kept for long is stored in the order of tag and time, so a range of one tag
is contiguous in the file. Deleted space is returned in small portions.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from typing import TYPE_CHECKING, cast

import numpy as np

from sealbus.history.pool import Pool
from sealbus.history.results import HistoryUnavailable
from sealbus.history.sqlite_samples import COMPACT_AT_ONCE, FreshRows, SQLiteSamples
from sealbus.history.sqlite_schema import CHANGING, prepare, transaction
from sealbus.history.store import Statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from sealbus.history.folding import Rows
    from sealbus.history.results import Source

__all__ = ["SQLiteStore"]

_TIMEOUT_S = 10.0
_PAGES_AT_ONCE = 2000
_INSERT_ROW = "insert or ignore into {0} values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class SQLiteStore:
    """A file. A writer creates it; a reader gets HistoryUnavailable until it exists."""

    def __init__(self, path: Path, *, read_only: bool, zone: str) -> None:
        self._path = path
        self._zone = zone
        self._read_only = read_only
        self._ready = False
        self._write_lock = threading.Lock()
        self._fresh = FreshRows()
        self._pool = Pool(self._connect, sqlite3.Connection.close)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Statements]:
        with self._transaction("begin") as statements:
            yield statements

    @contextlib.contextmanager
    def appending(self) -> Iterator[Statements]:
        with self._changing() as statements:
            yield statements

    @contextlib.contextmanager
    def changing(self) -> Iterator[Statements]:
        with self._changing() as statements:
            yield statements

    def compact(self, *, everything: bool) -> bool:
        with self._changing() as statements:
            return cast("SQLiteSamples", statements.raw).compact(least=1 if everything else COMPACT_AT_ONCE)

    @property
    def partitioned(self) -> frozenset[Source]:
        return frozenset()

    def reclaim_space(self, cutoffs: dict[Source, int]) -> int:
        """Return some free pages to the file system. Returns how many."""
        with self._write_lock, _as_unavailable(self._path), self._pool.borrowed() as connection:
            (free,) = connection.execute("pragma freelist_count").fetchone()
            if free:
                # `execute` would end it after the first page
                connection.executescript(f"pragma incremental_vacuum({_PAGES_AT_ONCE})")
                connection.execute("pragma busy_timeout = 500")  # if a reader holds the log, the next call does it
                connection.execute("pragma wal_checkpoint(truncate)").fetchall()
                connection.execute(f"pragma busy_timeout = {round(_TIMEOUT_S * 1000)}")
            return min(int(free), _PAGES_AT_ONCE)

    def size_bytes(self) -> int:
        names = ("", "-wal")
        paths = [self._path.with_name(self._path.name + suffix) for suffix in names]
        return sum(path.stat().st_size for path in paths if path.exists())

    def close(self) -> None:
        self._pool.close()

    @contextlib.contextmanager
    def _changing(self) -> Iterator[Statements]:
        if self._read_only:
            raise HistoryUnavailable(f"{self._path}: history is opened read-only")
        with self._write_lock, self._transaction(CHANGING) as statements:
            yield statements

    @contextlib.contextmanager
    def _transaction(self, begin: str) -> Iterator[Statements]:
        with _as_unavailable(self._path), self._pool.borrowed() as connection, transaction(connection, begin):
            yield Statements(_SQLiteConnection(connection), SQLiteSamples(connection, self._fresh))

    def _connect(self) -> sqlite3.Connection:
        if self._read_only and not self._path.exists():
            raise HistoryUnavailable(f"{self._path}: there is no history yet; the collector creates it")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            if not self._ready:
                prepare(connection, self._path, read_only=self._read_only, zone=self._zone)
                self._ready = True
            connection.execute("pragma synchronous = full")
            connection.execute("pragma temp_store = memory")
            connection.execute("pragma cache_size = -32768")
            connection.execute("pragma journal_size_limit = 67108864")
            if self._read_only:
                connection.execute("pragma query_only = on")
        except BaseException:
            connection.close()
            raise
        return connection


class _SQLiteConnection:
    """Converts rows to columns, and columns to rows."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def columns(self, sql: str, parameters: Sequence[object], kinds: str) -> tuple[NDArray[np.int64], ...]:
        rows = self._connection.execute(sql, tuple(parameters)).fetchall()
        columns = zip(*rows, strict=True) if rows else ((),) * len(kinds)
        types = {"i": np.int64, "f": np.float64}
        found = tuple(np.array(column, types[kind]) for column, kind in zip(columns, kinds, strict=True))
        return cast("tuple[NDArray[np.int64], ...]", found)

    def texts(self, sql: str, parameters: Sequence[object]) -> list[tuple[int, str]]:
        return self._connection.execute(sql, tuple(parameters)).fetchall()

    def run(self, sql: str, parameters: Sequence[object] = ()) -> int:
        return self._connection.execute(sql, tuple(parameters)).rowcount

    def run_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        self._connection.executemany(sql, rows)

    def insert_rows(self, table: str, tag_ids: NDArray[np.int64], rows: Rows) -> None:
        columns = (column.tolist() for column in (tag_ids, *rows.columns()))
        self._connection.executemany(_INSERT_ROW.format(table), zip(*columns, strict=True))


@contextlib.contextmanager
def _as_unavailable(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise HistoryUnavailable(f"{path}: {error}") from error
    except OSError as error:
        raise HistoryUnavailable(f"{path}: {error.strerror or error}") from error
