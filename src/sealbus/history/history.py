"""The entry point: append samples, query ranges, run maintenance. Opening does not connect, so a database that is down
stops no process from starting.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from sealbus.errors import ConfigError, LocalError
from sealbus.history.appending import Appender
from sealbus.history.decimation import Viewport
from sealbus.history.holds import Holds
from sealbus.history.maintenance import Maintenance
from sealbus.history.postgres_store import PostgreSQLStore
from sealbus.history.queries import aggregates, latest, series
from sealbus.history.results import Cursor, Extent, RawPage
from sealbus.history.rollup_builder import RollupBuilder
from sealbus.history.sample_block import LAST_US, SampleBlock
from sealbus.history.sqlite_store import SQLiteStore
from sealbus.history.store import HOUR_US
from sealbus.time_zones import rules_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sealbus.history.results import Aggregates, Appended, Bucket, Series, Source
    from sealbus.history.rules import HistoryRules
    from sealbus.history.store import Statements, Store
    from sealbus.samples import Sample

__all__ = ["History", "open_history"]

_MAX_SAMPLES = 50_000
_MAX_PAGE = 100_000
_MAX_WIDTH = 20_000


def open_history(
    url: str, *, rules: HistoryRules, read_only: bool = False, now_us: Callable[[], int] | None = None
) -> History:
    """History at `sqlite:///relative/path`, `sqlite:////absolute/path` or `postgresql://...`.

    The first process that writes creates the tables. `now_us` is the wall clock. Raises ConfigError for any other URL.
    """
    clock = now_us or (lambda: time.time_ns() // 1000)
    scheme = url.partition(":")[0]
    if scheme in ("postgresql", "postgres"):
        _check_readable(url)
        return History(PostgreSQLStore(url, read_only=read_only, zone=rules_of(rules.zone)), rules, clock)
    parts = urlsplit(url)
    if scheme == "sqlite" and not parts.netloc and len(parts.path) > 1 and not parts.query:
        return History(
            SQLiteStore(Path(unquote(parts.path[1:])), read_only=read_only, zone=rules_of(rules.zone)), rules, clock
        )
    raise ConfigError(
        "not the URL of a history store",
        key="history",
        hint="write sqlite:///history.sqlite3 or postgresql://user@host/database",
    )


def _check_readable(url: str) -> None:
    """The errors of libpq about a URL repeat parts of it, which may be pieces of the password: they are not passed on."""
    try:
        conninfo_to_dict(url)
    except psycopg.Error:
        raise ConfigError(
            "not a URL that PostgreSQL can read",
            key="history",
            hint="write postgresql://user@host/database, and percent-encode what is special in user and password",
        ) from None


class History:
    """Samples and rollups of all tags. Thread-safe; every method may block on a disk or a server.

    Raises HistoryUnavailable while the store cannot be used, LocalError for a query that no store can answer.
    """

    def __init__(self, store: Store, rules: HistoryRules, now_us: Callable[[], int]) -> None:
        self._rules = rules
        self._store = store
        self._now_us = now_us
        self._appender = Appender(store)
        self._maintenance = Maintenance(store)

    def set_rules(self, rules: HistoryRules) -> None:
        """Use these rules from the next call on."""
        self._rules = rules

    def append(self, samples: Sequence[Sample]) -> Appended:
        """Store samples in any order. A sample with the tag and time of a stored one is ignored."""
        return self.append_block(SampleBlock.of(samples))

    def append_block(self, block: SampleBlock) -> Appended:
        """`append` for columns. When it returns, the samples are on disk."""
        return self._appender.append(block, self._rules)

    def query(self, tag_ids: Sequence[int], start_us: int, end_us: int, *, width: int) -> tuple[Series, ...]:
        """Each tag in [start, end) for `width` pixels, in the order of `tag_ids`. A tag without history gives an empty
        series.
        """
        _check_range(start_us, end_us)
        if not 1 <= width <= _MAX_WIDTH:
            raise LocalError(f"the width is {width} pixels; ask for 1 to {_MAX_WIDTH}")
        max_samples = max(_MAX_SAMPLES // max(len(tag_ids), 1), 2 * width)
        found = []
        with self._store.reading() as statements:
            for builder in self._builders(statements, tag_ids):
                viewport = Viewport(start_us, end_us, width, builder.now_us, builder.holds)
                found.append(series(builder, viewport, max_samples))
        return tuple(found)

    def raw(
        self, tag_id: int, start_us: int, end_us: int, *, limit: int = 1000, after: Cursor | None = None
    ) -> RawPage:
        """Samples as stored, in [start, end), at most `limit`. Pass the cursor of a page as `after` to get the next
        one.
        """
        block, cursor = self.raw_block(tag_id, start_us, end_us, limit=limit, after=after)
        return RawPage(tuple(block.samples()), cursor)

    def raw_block(
        self, tag_id: int, start_us: int, end_us: int, *, limit: int, after: Cursor | None = None
    ) -> tuple[SampleBlock, Cursor | None]:
        """`raw` in columns."""
        _check_range(start_us, end_us)
        if not 1 <= limit <= _MAX_PAGE:
            raise LocalError(f"the page has {limit} samples; ask for 1 to {_MAX_PAGE}")
        begin_us = start_us if after is None else max(start_us, after.time_us + 1)
        with self._store.reading() as statements:
            begin_us = max(begin_us, statements.floors(tag_id).raw)  # engines delete later, and in larger portions
            block = statements.raw.samples(tag_id, min(begin_us, end_us), end_us, limit + 1)
        if len(block) <= limit:
            return block, None
        kept = block.times_us < block.times_us[-1]
        return block.select(kept), Cursor(int(block.times_us[-2]))

    def latest(self, tag_ids: Sequence[int]) -> tuple[Sample, ...]:
        """The last sample of each tag that has one."""
        with self._store.reading() as statements:
            found = [latest(builder) for builder in self._builders(statements, tag_ids)]
        return tuple(sample for sample in found if sample is not None)

    def aggregates(self, tag_id: int, bucket: Bucket, start_us: int, end_us: int) -> Aggregates:
        """The buckets of one tag that overlap [start, end)."""
        _check_range(start_us, end_us)
        with self._store.reading() as statements:
            (builder,) = self._builders(statements, [tag_id])
            return aggregates(builder, bucket, start_us, end_us)

    def extents(self, tag_ids: Sequence[int], source: Source) -> dict[int, Extent]:
        """The time in which each tag has data of this source, including the hold of the last value. Tags without data
        are left out.
        """
        with self._store.reading() as statements:
            found = statements.extents(tag_ids, source)
            holds = statements.holds.of(list(found))
        held = {
            tag_id: Extent(each.start_us, min(each.end_us + holds[tag_id].longest_us, LAST_US))
            for tag_id, each in found.items()
        }
        return {tag_id: each for tag_id, each in held.items() if each.start_us < each.end_us}

    def next_known(self, tag_id: int, time_us: int) -> int | None:
        """The beginning of the first hour at or after `time_us` that has data; None when there is none."""
        with self._store.reading() as statements:
            return statements.next_hour(tag_id, time_us - time_us % HOUR_US)

    def maintain(self) -> bool:
        """One small step of maintenance: roll up an hour that is over, or delete what has expired.

        Returns whether more is due; call it again then.
        """
        return self._maintenance.step(self._rules, self._now_us())

    def size_bytes(self) -> int:
        """The size of the store on disk."""
        return self._store.size_bytes()

    def close(self) -> None:
        """Close the connections. Running calls finish first."""
        self._store.close()

    def _builders(self, statements: Statements, tag_ids: Sequence[int]) -> list[RollupBuilder]:
        zone, now_us, holds = statements.meta().zone, self._now_us(), statements.holds.of(tag_ids)
        without = Holds.always(0)  # a tag without samples
        return [RollupBuilder(statements, tag_id, holds.get(tag_id, without), now_us, zone) for tag_id in tag_ids]


def _check_range(start_us: int, end_us: int) -> None:
    if not 0 <= start_us < end_us <= LAST_US:
        raise LocalError(
            f"the range from {start_us} to {end_us} microseconds is empty or out of bounds; "
            "the end must be after the start, and both between 1970 and 2255"
        )
