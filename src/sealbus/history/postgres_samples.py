"""Samples in PostgreSQL: one row each, written by COPY.

COPY writes into the table directly. If one of the samples exists already, as after a lost connection, the batch is
copied into a temporary table, and the missing samples are inserted from there.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg

from sealbus.history.postgres_codec import copy_rows
from sealbus.history.sample_block import TEXT, SampleBlock
from sealbus.history.store import delete_oldest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from sealbus.history.store import StoreConnection

__all__ = ["STAGING", "PostgresSamples"]

STAGING = """create temporary table if not exists staging
    (tag_id integer, time_us bigint, value double precision, status smallint, text text) on commit delete rows"""
_STORE = """insert into sample (tag_id, time_us, value, status, text)
    select tag_id, time_us, value, status, text from staging on conflict do nothing"""
_COPY_SAMPLE = b"copy sample (tag_id, time_us, value, status) from stdin (format binary)"
_COPY_STAGING = b"copy staging (tag_id, time_us, value, status) from stdin (format binary)"
_COPY_TEXTS = b"copy staging (tag_id, time_us, value, status, text) from stdin"


class PostgresSamples:
    """The samples of a store, within one transaction. `ensure_partitions` creates the partitions that samples of these
    times need.
    """

    __slots__ = ("_connection", "_driver", "_ensure_partitions")

    def __init__(
        self,
        connection: StoreConnection,
        driver: psycopg.Connection[Any],
        ensure_partitions: Callable[[str, NDArray[np.int64]], None],
    ) -> None:
        self._connection = connection
        self._driver = driver
        self._ensure_partitions = ensure_partitions

    def insert(self, block: SampleBlock) -> None:
        self._ensure_partitions("sample", block.times_us)
        text = (block.statuses & TEXT) > 0
        if not text.any():
            with contextlib.suppress(psycopg.errors.UniqueViolation), self._driver.transaction():
                self._copy_numbers(_COPY_SAMPLE, block)
                return
        if text.any():
            self._stage_texts(block.select(text))
            block = block.select(~text)
        if len(block):
            self._copy_numbers(_COPY_STAGING, block)
        self._driver.execute(_STORE)

    def samples(self, tag_id: int, start_us: int, end_us: int, limit: int | None = None) -> SampleBlock:
        where = "tag_id = ? and time_us >= ? and time_us < ? order by time_us"
        parameters: tuple[object, ...] = (tag_id, start_us, end_us)
        if limit is not None:
            where, parameters = f"{where} limit ?", (*parameters, limit)
        return self._block(tag_id, where, parameters)

    def sample_before(self, tag_id: int, time_us: int) -> SampleBlock:
        return self._block(tag_id, "tag_id = ? and time_us < ? order by time_us desc limit 1", (tag_id, time_us))

    def has_more_than(self, tag_id: int, start_us: int, end_us: int, count: int) -> bool:
        sql = "select time_us from sample where tag_id = ? and time_us >= ? and time_us < ?"
        sql = f"{sql} order by time_us limit 1 offset ?"
        return bool(len(self._connection.columns(sql, (tag_id, start_us, end_us, count), "i")[0]))

    def delete(self, tag_id: int, before_us: int, limit: int) -> int:
        return delete_oldest(self._connection, "sample", tag_id, before_us, limit)

    def pack_hours(self, tag_id: int, start_us: int, end_us: int) -> None:
        """Nothing to do: rows need no packing."""

    def _block(self, tag_id: int, where: str, parameters: Sequence[object]) -> SampleBlock:
        sql = f"select time_us, value, status from sample where {where}"  # noqa: S608
        times, values, statuses = self._connection.columns(sql, parameters, "ifi")
        texts: dict[int, str] = {}
        if len(statuses) and (statuses & TEXT).any():
            sql = f"select time_us, coalesce(text, '') from sample where {where}"  # noqa: S608
            pairs = self._connection.texts(sql, parameters)
            texts = {index: text for index, (_, text) in enumerate(pairs) if int(statuses[index]) & TEXT}
        return SampleBlock(np.full(len(times), tag_id, np.int64), times, values, statuses, texts)  # type: ignore[arg-type]

    def _copy_numbers(self, sql: bytes, block: SampleBlock) -> None:
        columns = (block.tag_ids, block.times_us, block.values, block.statuses)
        with self._driver.cursor() as cursor, cursor.copy(sql) as copy:
            copy.write(copy_rows(list(zip(columns, (">i4", ">i8", ">f8", ">i2"), strict=True))))

    def _stage_texts(self, block: SampleBlock) -> None:
        rows = zip(block.tag_ids.tolist(), block.times_us.tolist(), block.statuses.tolist(), strict=True)
        with self._driver.cursor() as cursor, cursor.copy(_COPY_TEXTS) as copy:
            for index, (tag_id, time_us, status) in enumerate(rows):
                copy.write_row((tag_id, time_us, "NaN", status, block.texts[index]))
