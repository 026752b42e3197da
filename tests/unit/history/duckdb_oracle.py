"""What DuckDB computes from the samples alone: the figures that history must give, without any of its code.

A value is in force from the time of its sample to the next one, for no longer than it holds and not beyond the present.
"""

from __future__ import annotations

import itertools
import math
import os
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import duckdb
import numpy as np

from sealbus.samples import Quality, Reason, Sample
from unit.history.stores import MINUTE, S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sealbus.history import Aggregates

__all__ = ["Figures", "Oracle", "compare", "figures_of", "midnights", "mixed_samples", "seeds"]

Figures = dict[tuple[int, int], tuple[float, ...]]
"""By begin and end of a bucket: minimum, maximum, mean, last, count, known and bad time, quality."""

_SEVERITY = {Quality.GOOD: 0, Quality.UNCERTAIN: 1, Quality.STALE: 2, Quality.BAD: 3}
_FIGURES = """
with piece as (
    select time_us as begins, value, bad, severity,
        greatest(least(next_us, time_us + hold_us, $now), time_us + 1) as ends
    from (select *, coalesce(lead(time_us) over (order by time_us), $now) as next_us from sample)),
share as (
    select start_us, end_us, begins, begins >= start_us as begins_here, value, bad, severity,
        least(ends, end_us) - greatest(begins, start_us) as length
    from bucket join piece on begins < end_us and ends > start_us)
select start_us, end_us, min(value), max(value),
    sum(value / 1e20 * length) / sum(case when value is not null then length end) * 1e20,
    last(value order by begins), count(*) filter (begins_here),
    coalesce(sum(length) filter (not bad), 0), coalesce(sum(length) filter (bad), 0), max(severity)
from share group by start_us, end_us order by start_us"""


@dataclass(frozen=True)
class Oracle:
    """The samples of one tag, sorted by time, and how long each holds."""

    samples: Sequence[Sample]
    hold_us: int | Callable[[int], int]
    now_us: int

    def figures(self, cuts: Sequence[int]) -> Figures:
        """The buckets between these cuts in which a value is in force."""
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.execute(
                "create table sample (time_us bigint, value double, bad bool, severity int, hold_us bigint)"
            )
            connection.execute("create table bucket (start_us bigint, end_us bigint)")
            _insert(connection, "sample", [self._row(sample) for sample in self.samples])
            _insert(connection, "bucket", list(itertools.pairwise(cuts)))
            rows = connection.execute(_FIGURES, {"now": self.now_us}).fetchall()
        return {row[:2]: tuple(math.nan if each is None else float(each) for each in row[2:]) for row in rows}

    def _row(self, sample: Sample) -> tuple[object, ...]:
        bad = sample.quality in (Quality.BAD, Quality.STALE)
        value = float(sample.value) if isinstance(sample.value, int | float) and not bad else math.nan
        hold_us = self.hold_us if isinstance(self.hold_us, int) else self.hold_us(sample.time_us)
        shown = value if math.isfinite(value) else None
        return sample.time_us, shown, bad, _SEVERITY[sample.quality], hold_us


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    connection.execute(f"insert into {table} select {', '.join(['unnest(?)'] * len(columns))}", columns)


def figures_of(found: Aggregates) -> Figures:
    """The figures of history, in the same form."""
    severities = np.array([_SEVERITY[Quality(each)] for each in found.qualities.tolist()], np.int64)
    columns = (found.minimums, found.maximums, found.means, found.lasts, found.counts, found.known_us, found.bad_us)
    keys = zip(found.starts_us.tolist(), found.ends_us.tolist(), strict=True)
    return dict(zip(keys, zip(*(column.tolist() for column in (*columns, severities)), strict=True), strict=True))


def compare(found: Figures, wanted: Figures) -> None:
    """The same buckets with the same figures, but for the last digits of a mean."""
    assert list(found) == list(wanted)
    if wanted:
        shown, figures = np.array(list(found.values())), np.array(list(wanted.values()))
        scale = np.fmax(np.abs(figures[:, 0]), np.abs(figures[:, 1]))
        close = np.isclose(shown, figures, rtol=1e-9, atol=np.where(np.isnan(scale), 0, scale * 1e-12)[:, None])
        wrong = np.flatnonzero(~(close | np.isnan(shown) & np.isnan(figures)).all(axis=1)).tolist()
        spans = list(wanted)
        assert not wrong, [(spans[each], found[spans[each]], wanted[spans[each]]) for each in wrong[:3]]


def midnights(zone: str, start_us: int, end_us: int) -> list[int]:
    """The first instant of each local date, from the one that contains `start_us` to the first at or after `end_us`.

    The clock is asked minute by minute, so nothing is assumed about changes of the offset.
    """
    info, found, newest = ZoneInfo(zone), [], date.min
    for time_us in range(start_us - start_us % MINUTE - 3 * 24 * 60 * MINUTE, end_us + 3 * 24 * 60 * MINUTE, MINUTE):
        day = datetime.fromtimestamp(time_us // S, UTC).astimezone(info).date()
        if day > newest:
            found.append(time_us)
            newest = day
    found = found[1:]
    first = max(each for each in found if each <= start_us)
    last = min(each for each in found if each >= end_us)
    return [each for each in found if first <= each <= last]


def mixed_samples(seed: float, start_us: int, end_us: int, count: int) -> list[Sample]:
    """Samples of tag 1 of every quality, with numbers, texts and values that are none."""
    chance = random.Random(seed)
    samples = []
    for time_us in sorted({chance.randrange(start_us, end_us) for _ in range(count)}):
        quality = chance.choices(list(Quality), [12, 2, 2, 1])[0]
        number = chance.choice([1.0, 1.0, 1.0, 1e306]) * chance.uniform(-100, 100)
        value = chance.choices([number, "text", math.nan, math.inf, None], [8, 1, 1, 1, 1])[0]
        samples.append(Sample(1, time_us, value, quality, Reason.NONE if quality is Quality.GOOD else Reason.TIMEOUT))
    return samples


def seeds() -> range:
    """A few, the same ones in each run; `SEALBUS_HISTORY_SEEDS` sets how many."""
    return range(int(os.environ.get("SEALBUS_HISTORY_SEEDS", "2")))
