"""History: a year of one-second samples of one tag, in each engine, drawn at the width of a screen.

Every sample differs from the one before, so storing on change saves nothing. The year is loaded in columns, as when the
spool is replayed, and rolled up by the same maintenance as in a collector. Then ranges are queried through the same call
as in the web server. Only the connection is open before the first query; no cache of the process is warm.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import time
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.machine import PROJECT, NotMeasuredError
from benchmarks.table import Bound, Measurement, Table, TargetCheck, fill
from sealbus.history import HistoryRules, RetentionClass, SampleBlock, open_history
from sealbus.samples import US_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.bench import Bench
    from sealbus.history import History

__all__ = ["measure_history"]

_DAY_US = 86_400 * US_PER_S
_END_US = 20_454 * _DAY_US  # 2026-01-01
_QUICK_DAYS, _DAYS = 40, 365
_WIDTH = 1600
_TAGS = 10_000
_RANGES = {"year": 365, "month": 30, "day": 1, "hour": 1 / 24}
_RULES = HistoryRules(
    zone="Europe/Berlin", classes=(RetentionClass("for ever", raw_days=40_000, minute_days=40_000, hour_days=40_000),)
)


def measure_history(bench: Bench) -> Table:
    """Milliseconds per query, samples stored per second, and bytes per sample on disk."""
    table = Table(f"History: one tag, a sample every second, {_WIDTH} pixels", "ms per query, the longest range")
    days = _DAYS if bench.seconds >= 5 else _QUICK_DAYS
    engines: dict[str, Callable[[Bench], contextlib.AbstractContextManager[str]]] = {
        "SQLite": _sqlite,
        "PostgreSQL": _postgresql,
    }
    with contextlib.ExitStack() as stack:
        for name, engine in engines.items():
            try:
                url = stack.enter_context(engine(bench))
                with contextlib.closing(_open(url)) as history:
                    beside = _load(history, days)
            except NotMeasuredError as reason:
                table.problems.append(f"{name}: {reason}")
                continue
            one = Table(table.title, table.unit)
            fill(one, {f"{name}, {days} days": lambda url=url, beside=beside: _query(url, days, beside)}, bench.rounds)  # type: ignore[misc]
            table.figures |= one.figures
    for figure in table.figures.values():
        lowest, highest = min(figure.values), max(figure.values)
        what = f"{figure.subject}, drawn at {_WIDTH} pixels"
        table.verdicts.append(TargetCheck(what, figure.median, lowest, highest, Bound.BELOW, 200, " ms"))
    return table


def _open(url: str) -> History:
    return open_history(url, rules=_RULES, now_us=lambda: _END_US + _DAY_US)


@contextlib.contextmanager
def _sqlite(bench: Bench) -> Iterator[str]:
    yield f"sqlite:///{bench.new_folder('history')}.sqlite3"


@contextlib.contextmanager
def _postgresql(bench: Bench) -> Iterator[str]:
    """The database server of the tests, but with syncing to the disk as in production."""
    sys.path.append(str(PROJECT / "tests"))
    from databases import postgres_server

    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(postgres_server(durable=True))
        except RuntimeError as reason:
            raise NotMeasuredError(str(reason)) from reason
        yield server.database()


def _load(history: History, days: int) -> dict[str, float]:
    """Load the days, roll them up, then append as a collector does: 10,000 tags, one sample each, ten times."""
    began = time.monotonic()
    for day in range(days):
        history.append_block(_day(_END_US - (days - day) * _DAY_US))
    loaded_s, began = time.monotonic() - began, time.monotonic()
    while history.maintain():
        pass
    rolled_s = time.monotonic() - began
    size = history.size_bytes()
    began = time.monotonic()
    for turn in range(10):
        times = np.full(_TAGS, _END_US + turn * US_PER_S)
        history.append_block(_block(np.arange(2, _TAGS + 2), times, np.full(_TAGS, float(turn))))
    appended_s = time.monotonic() - began
    samples = days * 86_400
    return {
        "samples/s, loading": samples / loaded_s,
        "samples/s, rolling up": samples / rolled_s,
        "samples/s, 10,000 tags at a time": 10 * _TAGS / appended_s,
        "bytes per sample, rollups included": size / samples,
    }


def _day(start_us: int) -> SampleBlock:
    """A wave with noise, and one peak that must not be lost."""
    times = np.arange(start_us, start_us + _DAY_US, US_PER_S)
    chance = np.random.default_rng(start_us % 2**32)
    values = np.sin(times / _DAY_US * 2 * np.pi) + chance.normal(0, 0.01, len(times))
    values[chance.integers(len(values))] = 9.0
    return _block(np.ones(len(times), np.int64), times, values)


def _block(
    tags: np.ndarray[tuple[int], np.dtype[np.int64]],
    times: np.ndarray[tuple[int], np.dtype[np.int64]],
    values: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> SampleBlock:
    return SampleBlock(tags, times, values, np.zeros(len(tags), np.int64), {})


def _query(url: str, days: int, beside: dict[str, float]) -> Measurement:
    """The first query of each range, and the median of nine more. A lost peak or too many points void the result."""
    figures: dict[str, float] = {}
    longest = 0.0
    with contextlib.closing(_open(url)) as history:
        history.latest([1])
        for name, length in _RANGES.items():
            if length > days and name != "year":
                continue
            start_us = _END_US - round(min(length, days) * _DAY_US)
            took = [_timed(history, start_us) for _ in range(10)]
            longest = longest or took[0]
            figures[f"{name}, first ms"] = took[0]
            figures[f"{name}, then ms"] = statistics.median(took[1:])
    return Measurement(longest, {**figures, **beside})


def _timed(history: History, start_us: int) -> float:
    began = time.perf_counter()
    (series,) = history.query([1], start_us, _END_US, width=_WIDTH)
    took = time.perf_counter() - began
    if not 100 < len(series.times_us) <= 2 * _WIDTH + 50 and series.source.value != "raw":
        raise NotMeasuredError(f"{len(series.times_us)} points for {_WIDTH} pixels")
    if _END_US - start_us > 2 * _DAY_US and np.nanmax(series.values) != 9.0:
        raise NotMeasuredError("a peak was lost")
    return took * 1000
