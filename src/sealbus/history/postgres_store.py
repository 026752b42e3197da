"""History in PostgreSQL, in its own schema: samples and minutes in partitions by time.

Appenders hold an advisory lock in shared mode; rolling up and deleting hold it exclusively. A result comes as one array
per column, so that a hundred thousand samples are one row.

Every wait is bounded: for a connection, a lock, a statement, and a network that went silent.
"""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import psycopg

from sealbus.history.pool import Pool
from sealbus.history.postgres_codec import FloatArrayLoader, IntArrayLoader, copy_rows
from sealbus.history.postgres_samples import STAGING, PostgresSamples
from sealbus.history.postgres_schema import PARTITION_US, drop_partitions, make_partitions, prepare
from sealbus.history.results import HistoryUnavailable, Source
from sealbus.history.store import ROW_COLUMNS, TABLES, Statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from sealbus.history.folding import Rows

__all__ = ["PostgreSQLStore"]

_LOCK = 0x5EA1B001  # shared by appenders
_INT8_ARRAY, _FLOAT8_ARRAY = 1016, 1022  # pg_type.oid
_OPTIONS = (
    "-c search_path=history,pg_temp -c lock_timeout=10s -c statement_timeout=60s"
    " -c idle_in_transaction_session_timeout=120s -c timezone=UTC"
    " -c jit=off -c work_mem=32MB"  # a tag's minutes of two months are sorted in memory
    " -c synchronous_commit=on"  # also if the server has another default: the spool deletes committed samples
)
# How COPY encodes each of ROW_COLUMNS.
_ROW_KINDS = (">i8", ">i8", ">i8", ">f8", ">f8", ">f8", ">f8", ">i8", ">i8", ">i8", ">i8", ">i2", ">i2")


class PostgreSQLStore:
    """A database on a server. A writer creates the schema; a reader gets HistoryUnavailable until it exists."""

    def __init__(self, url: str, *, read_only: bool, zone: str) -> None:
        self._url = url
        self._zone = zone
        self._read_only = read_only
        self._ready = False
        self._partitions: set[tuple[str, int]] = set()
        self._pool: Pool[psycopg.Connection[Any]] = Pool(self._connect, psycopg.Connection.close)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Statements]:
        with self._transaction("begin isolation level repeatable read read only") as statements:
            yield statements

    @contextlib.contextmanager
    def appending(self) -> Iterator[Statements]:
        with self._transaction("begin", f"select pg_advisory_xact_lock_shared({_LOCK})") as statements:
            yield statements

    @contextlib.contextmanager
    def changing(self) -> Iterator[Statements]:
        with self._transaction("begin", f"select pg_advisory_xact_lock({_LOCK})") as statements:
            yield statements

    def compact(self, *, everything: bool) -> bool:
        return False

    @property
    def partitioned(self) -> frozenset[Source]:
        return frozenset({Source.RAW, Source.MINUTE})

    def reclaim_space(self, cutoffs: dict[Source, int]) -> int:
        """Drop the partitions that lie entirely before the cutoff of their table. Returns how many were dropped."""
        self._require_writable()
        before = {TABLES[source]: cutoff for source, cutoff in cutoffs.items() if TABLES[source] in PARTITION_US}
        with _as_unavailable(), self._pool.borrowed() as connection:
            dropped = drop_partitions(connection, before)
        self._partitions -= dropped
        return len(dropped)

    def size_bytes(self) -> int:
        sql = """select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint from pg_class c
            join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'history' and c.relkind = 'r'"""
        with _as_unavailable(), self._pool.borrowed() as connection:
            found = connection.execute(sql).fetchone()
        return int(found[0]) if found else 0

    def close(self) -> None:
        self._pool.close()

    @contextlib.contextmanager
    def _transaction(self, *begin: str) -> Iterator[Statements]:
        if "read only" not in begin[0]:
            self._require_writable()
        with _as_unavailable(), self._pool.borrowed() as connection:
            try:
                for statement in begin:
                    connection.execute(statement.encode())
                wrapped = _PostgreSQLConnection(connection, self._partitions)
                yield Statements(wrapped, PostgresSamples(wrapped, connection, wrapped.ensure_partitions))
                connection.execute("commit")
            except BaseException:
                self._partitions.clear()  # partitions created in this transaction were rolled back
                raise

    def _require_writable(self) -> None:
        if self._read_only:
            raise HistoryUnavailable("history is opened read-only")

    def _connect(self) -> psycopg.Connection[Any]:
        connection = psycopg.connect(
            self._url,
            autocommit=True,
            connect_timeout=5,
            options=_OPTIONS,
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
            tcp_user_timeout=10_000,
            application_name="sealbus history",
        )
        try:
            if not self._ready:
                prepare(connection, read_only=self._read_only, zone=self._zone)
                self._ready = True
            connection.adapters.register_loader(_INT8_ARRAY, IntArrayLoader)
            connection.adapters.register_loader(_FLOAT8_ARRAY, FloatArrayLoader)
            if not self._read_only:
                connection.execute(STAGING)
        except BaseException:
            connection.close()
            raise
        return connection


class _PostgreSQLConnection:
    """Runs statements with `?`, returns results as arrays, and writes rollups by COPY."""

    __slots__ = ("_connection", "_partitions")

    def __init__(self, connection: psycopg.Connection[Any], partitions: set[tuple[str, int]]) -> None:
        self._connection = connection
        self._partitions = partitions

    def columns(self, sql: str, parameters: Sequence[object], kinds: str) -> tuple[NDArray[np.int64], ...]:
        with self._connection.cursor(binary=True) as cursor:
            cursor.execute(_as_arrays(sql, kinds), parameters)
            row = cursor.fetchone() or (None,) * len(kinds)
        types = {"i": np.int64, "f": np.float64}
        found = (np.empty(0, types[kind]) if each is None else each for each, kind in zip(row, kinds, strict=True))
        return cast("tuple[NDArray[np.int64], ...]", tuple(found))

    def texts(self, sql: str, parameters: Sequence[object]) -> list[tuple[int, str]]:
        return self._connection.execute(_with_placeholders(sql), parameters).fetchall()

    def run(self, sql: str, parameters: Sequence[object] = ()) -> int:
        return self._connection.execute(_with_placeholders(sql), parameters).rowcount

    def run_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(_with_placeholders(sql), rows)

    def insert_rows(self, table: str, tag_ids: NDArray[np.int64], rows: Rows) -> None:
        if table in PARTITION_US:
            self.ensure_partitions(table, rows.starts_us)
        columns = [(tag_ids, ">i4"), *zip(rows.columns(), _ROW_KINDS, strict=True)]
        sql = f"copy {table} (tag_id, {ROW_COLUMNS}) from stdin (format binary)".encode()
        with self._connection.cursor() as cursor, cursor.copy(sql) as copy:
            copy.write(copy_rows(columns))

    def ensure_partitions(self, table: str, times_us: NDArray[np.int64]) -> None:
        """Create the partitions of the table that rows of these times need."""
        wanted = {(table, number) for number in np.unique(times_us // PARTITION_US[table]).tolist()}
        if missing := wanted - self._partitions:
            make_partitions(self._connection, missing)
            self._partitions |= missing


@functools.lru_cache(maxsize=256)
def _with_placeholders(sql: str) -> bytes:
    return sql.replace("?", "%s").encode()


@functools.lru_cache(maxsize=256)
def _as_arrays(sql: str, kinds: str) -> bytes:
    types = {"i": "bigint", "f": "double precision"}
    columns = {"i": "c{}", "f": "coalesce(c{}, 'NaN')"}
    arrays = ", ".join(f"array_agg({columns[kind].format(index)}::{types[kind]})" for index, kind in enumerate(kinds))
    names = ", ".join(f"c{index}" for index in range(len(kinds)))
    return _with_placeholders(f"select {arrays} from ({sql}) as found ({names})")  # noqa: S608


@contextlib.contextmanager
def _as_unavailable() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        text = " ".join(str(error).split())
        raise HistoryUnavailable(f"PostgreSQL: {text or type(error).__name__}") from error
