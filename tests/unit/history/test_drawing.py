"""Both engines: a range at the width of a screen, with its peaks and its gaps."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from sealbus.history import Bucket, HistoryRules, RetentionClass, SampleBlock, Source, local_days
from sealbus.samples import Quality, Reason, Sample
from unit.history.stores import DAY, HOUR, MINUTE, NOON, S, roll_up

if TYPE_CHECKING:
    from sealbus.history import History, Series
    from unit.history.stores import Stores

RULES = HistoryRules(classes=(RetentionClass("standard", hold_s=3600),))


def columns(times: np.ndarray[tuple[int], np.dtype[np.int64]], values: object) -> SampleBlock:
    count = len(times)
    return SampleBlock(np.ones(count, np.int64), times, np.asarray(values, np.float64), np.zeros(count, np.int64), {})


def one(history: History, start: int, end: int, width: int) -> Series:
    (series,) = history.query([1], start, end, width=width)
    assert (np.diff(series.times_us) >= 0).all()
    return series


@pytest.mark.parametrize(
    ("days", "width", "source"),
    [(0.1, 400, Source.RAW), (2, 400, Source.MINUTE), (20, 300, Source.HOUR), (9, 7, Source.DAY)],
)
def test_a_series_has_one_or_two_points_per_pixel_and_keeps_every_peak(
    stores: Stores, days: float, width: int, source: Source
) -> None:
    history = stores.open(RULES)
    end = NOON - 2 * HOUR
    start = end - round(days * DAY)
    times = np.arange(start - HOUR, end, 10 * S)
    values = np.sin(np.arange(len(times)) / 50)
    peak, hollow = len(times) // 3, len(times) // 2
    values[[peak, hollow]] = [50, -60]
    history.append_block(columns(times, values))
    for _ in range(2):
        series = one(history, start, end, width)
        assert series.source is source
        assert width * 0.6 <= len(series.times_us) <= 2 * width + 6
        assert np.nanmax(series.values) == 50
        assert np.nanmin(series.values) == -60
        pixel = max((end - start) / width, DAY if series.source is Source.DAY else 0)
        assert abs(series.times_us[np.nanargmax(series.values)] - times[peak]) <= pixel
        assert abs(series.times_us[np.nanargmin(series.values)] - times[hollow]) <= pixel
        assert series.times_us[0] < start
        assert set(series.qualities.tolist()) == {Quality.GOOD}
        roll_up(history)


def test_few_samples_are_returned_unchanged_for_any_range(stores: Stores) -> None:
    history = stores.open(HistoryRules(classes=(RetentionClass("slow", raw_days=400, hold_s=7 * 86_400),)))
    samples = [Sample(1, NOON - each * 6 * DAY, float(each)) for each in range(50, -1, -1)]
    history.append(samples)
    roll_up(history)
    series = one(history, NOON - 360 * DAY, NOON + 1, 1600)
    assert series.source is Source.RAW
    assert series.times_us.tolist() == [sample.time_us for sample in samples]
    assert series.values.tolist() == [sample.value for sample in samples]


def test_the_first_point_is_the_last_value_before_the_start(stores: Stores) -> None:
    history = stores.open(RULES)
    history.append([Sample(1, NOON - 50 * MINUTE, 1.0), Sample(1, NOON - 40 * MINUTE, 2.0), Sample(1, NOON, 3.0)])
    series = one(history, NOON - 10 * MINUTE, NOON + 1, 100)
    assert (series.times_us.tolist(), series.values.tolist()) == ([NOON - 40 * MINUTE, NOON], [2.0, 3.0])
    silent = one(history, NOON - 10 * MINUTE, NOON - 5 * MINUTE, 100)
    assert (silent.times_us.tolist(), silent.values.tolist()) == ([NOON - 40 * MINUTE], [2.0])


@pytest.mark.parametrize("every_s", [1, 600])
def test_a_gap_is_a_gap_and_never_zero(stores: Stores, every_s: int) -> None:
    """By bad samples and by silence, from samples and from rollups."""
    history = stores.open(RULES)
    start = NOON - 40 * HOUR
    times = np.arange(start, start + 30 * HOUR, every_s * S)
    times = times[(times < start + 10 * HOUR) | (times >= start + 16 * HOUR)]
    history.append_block(columns(times, np.full(len(times), 5.0)))
    bad = (times >= start + 20 * HOUR) & (times < start + 22 * HOUR)
    history.append(
        [Sample(1, int(time_us) + 1, None, Quality.BAD, Reason.UNREACHABLE) for time_us in times[bad].tolist()]
    )
    history.append([Sample(1, int(times[bad][-1]) + 2, 5.0)])
    for _ in range(2):
        series = one(history, start, NOON, 300)
        assert series.source is (Source.MINUTE if every_s == 1 else Source.RAW)
        gaps = np.isnan(series.values)
        assert set(series.values[~gaps].tolist()) == {5.0}
        silence = [start + 11 * HOUR - every_s * S, start + 31 * HOUR - every_s * S]
        shown = [
            time_us
            for time_us, reason in zip(series.times_us[gaps].tolist(), series.reasons[gaps].tolist(), strict=True)
            if reason == Reason.NOT_COLLECTED
        ]
        assert shown == silence
        assert set(series.qualities[gaps].tolist()) == {Quality.BAD}
        marked = series.reasons == Reason.UNREACHABLE
        assert start + 20 * HOUR - 8 * MINUTE <= series.times_us[marked].min()
        assert series.times_us[marked].max() <= start + 22 * HOUR
        roll_up(history)


def test_a_value_holds_no_longer_than_the_present(stores: Stores) -> None:
    history = stores.open(RULES)
    history.append([Sample(1, NOON - 30 * MINUTE, 1.0)])
    assert one(history, NOON - HOUR, NOON + DAY, 100).values.tolist() == [1.0]
    stores.now_us = NOON + 2 * HOUR
    series = one(history, NOON - HOUR, NOON + DAY, 100)
    assert series.times_us.tolist() == [NOON - 30 * MINUTE, NOON + 30 * MINUTE]
    assert series.values[0] == 1.0
    assert math.isnan(series.values[1])


def test_text_values_are_returned_as_text(stores: Stores) -> None:
    history = stores.open(RULES)
    history.append([Sample(1, NOON - 3, "off"), Sample(1, NOON - 2, None, Quality.BAD), Sample(1, NOON - 1, "on")])
    series = one(history, NOON - 2, NOON, 100)
    assert series.texts == ("off", None, "on")
    assert np.isnan(series.values).all()


def test_tags_are_returned_in_the_order_of_the_query_and_a_tag_without_history_is_empty(stores: Stores) -> None:
    history = stores.open(RULES)
    history.append([Sample(1, NOON - S, 1.0), Sample(2, NOON - S, 2.0)])
    found = history.query([2, 7, 1], NOON - HOUR, NOON, width=10)
    assert [(series.tag_id, series.values.tolist()) for series in found] == [(2, [2.0]), (7, []), (1, [1.0])]


def test_a_range_of_two_centuries_is_drawn_without_computing_every_midnight(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = stores.open(RULES)
    history.append([Sample(1, NOON - 3 * DAY, 1.0), Sample(1, NOON - 2 * HOUR, 2.0)])
    roll_up(history)
    cut: list[object] = []
    midnight = local_days._midnight_us

    def counted(*given: Any) -> int:
        cut.append(given)
        return midnight(*given)

    monkeypatch.setattr(local_days, "_midnight_us", counted)
    series = one(history, 0, 1 << 53, 100)
    assert (series.source, series.values[0]) == (Source.DAY, 1.0)
    assert len(cut) < 20


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "America/Sao_Paulo"])
def test_the_outer_edges_are_the_first_and_the_last_edge(zone: str) -> None:
    chance = random.Random(7)
    for _ in range(100):
        start = chance.randrange(0, NOON)
        end = start + chance.choice([1, S, HOUR, DAY, chance.randrange(1, 40 * DAY)])
        for bucket in Bucket:
            cuts = local_days.edges(bucket, start, end, zone)
            assert local_days.outer_edges(bucket, start, end, zone) == (cuts[0], cuts[-1])
            aligned = int(cuts[0]), int(cuts[-1])
            assert local_days.outer_edges(bucket, *aligned, zone) == aligned
