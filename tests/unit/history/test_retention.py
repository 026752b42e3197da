"""Both engines: expired data is deleted by class and its space returned; rollups stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sealbus.history import Appended, Bucket, HistoryRules, RetentionClass, SampleBlock, Source
from sealbus.samples import Sample
from unit.history.stores import DAY, HOUR, MINUTE, NOON, S, roll_up

if TYPE_CHECKING:
    from unit.history.stores import Stores

SHORT = RetentionClass("short", raw_days=2, minute_days=5, hour_days=20, day_days=40)
LONG = RetentionClass("long", raw_days=30, minute_days=60, hour_days=90)
RULES = HistoryRules(classes=(LONG, SHORT), class_of={2: "short"})


def steady(tag_id: int, start: int, end: int, step: int) -> SampleBlock:
    times = np.arange(start, end, step)
    count = len(times)
    return SampleBlock(np.full(count, tag_id), times, np.ones(count), np.zeros(count, np.int64), {})


def test_each_class_has_its_own_retention_and_rollups_outlive_their_samples(stores: Stores) -> None:
    history = stores.open(RULES)
    begin = NOON - 50 * DAY
    for tag_id in (1, 2):
        history.append_block(steady(tag_id, begin, NOON, 10 * MINUTE))
    before = history.aggregates(2, Bucket.DAY, begin, NOON)
    roll_up(history)
    assert history.aggregates(2, Bucket.DAY, NOON - 39 * DAY, NOON).counts.tolist() == before.counts[11:].tolist()

    def oldest(tag_id: int, bucket: Bucket) -> float:
        return (NOON - int(history.aggregates(tag_id, bucket, NOON - 51 * DAY, NOON).starts_us[0])) / DAY

    def oldest_sample(tag_id: int) -> float:
        return (NOON - history.raw(tag_id, 0, NOON, limit=1).samples[0].time_us) / DAY

    assert 2 <= oldest_sample(2) <= 2.1
    assert 30 <= oldest_sample(1) <= 37.1, "an engine with partitions drops whole weeks"
    assert 5 <= oldest(2, Bucket.MINUTE) <= 5.1
    assert 20 <= oldest(2, Bucket.HOUR) <= 20.1
    assert 39 <= oldest(2, Bucket.DAY) <= 41
    assert oldest(1, Bucket.MINUTE) >= 50
    (series,) = history.query([2], NOON - 15 * DAY, NOON, width=1000)
    assert series.source is Source.HOUR
    (series,) = history.query([2], NOON - 35 * DAY, NOON, width=1000)
    assert series.source is Source.DAY
    assert np.nansum(series.values) > 0


def test_samples_older_than_the_retention_are_refused_and_counted(stores: Stores) -> None:
    history = stores.open(RULES)
    history.append([Sample(2, NOON - 10 * DAY, 1.0), Sample(2, NOON, 1.0)])
    roll_up(history)
    late = [Sample(2, NOON - 10 * DAY + S, 9.0), Sample(2, NOON - DAY, 1.0)]
    assert history.append(late) == Appended(too_old=1)
    roll_up(history)
    assert history.aggregates(2, Bucket.HOUR, NOON - 11 * DAY, NOON - 9 * DAY).maximums.tolist() == [1.0]


def test_the_latest_value_is_known_after_its_samples_are_deleted(stores: Stores) -> None:
    history = stores.open(RULES)
    history.append([Sample(2, NOON - 10 * DAY, 7.0)])
    roll_up(history)
    assert history.raw(2, 0, NOON).samples == ()
    assert history.latest([2]) == (Sample(2, NOON - 10 * DAY, 7.0),)


def test_samples_are_not_deleted_before_they_are_rolled_up(stores: Stores) -> None:
    history = stores.open(RULES)
    history.append_block(steady(2, NOON - 4 * DAY, NOON - 3 * DAY, MINUTE))
    while history.maintain():
        counts = history.aggregates(2, Bucket.HOUR, NOON - 4 * DAY, NOON - 3 * DAY).counts
        assert counts.tolist() == [60] * 24


def test_deleted_space_is_returned(stores: Stores) -> None:
    history = stores.open(RULES)
    history.append_block(steady(1, NOON - 25 * DAY, NOON - 5 * DAY, 30 * S))
    roll_up(history)
    full = history.size_bytes()
    stores.now_us = NOON + 60 * DAY
    for _ in range(50):  # SQLite returns a part of it, once an hour
        stores.now_us += HOUR
        roll_up(history)
    history.append([Sample(1, stores.now_us, 1.0)])
    assert history.raw(1, 0, NOON).samples == ()
    assert history.size_bytes() < full / 2


def test_a_late_sample_is_added_to_a_day_of_which_a_part_is_no_longer_kept(stores: Stores) -> None:
    rules = HistoryRules(classes=(RetentionClass("equal", raw_days=2, minute_days=2, hour_days=2),))
    history = stores.open(rules)
    day = NOON - 12 * HOUR
    history.append_block(steady(1, day, day + DAY, 10 * MINUTE))
    for late in range(1, 4):
        stores.now_us = NOON + 2 * DAY + late * HOUR
        roll_up(history)
        assert history.append([Sample(1, NOON - HOUR, 9.0), Sample(1, NOON + 9 * HOUR + late, 2.0)]) == Appended(1)
        for _ in range(2):
            found = history.aggregates(1, Bucket.DAY, day, day + 1)
            assert (found.counts.tolist(), found.maximums.tolist()) == ([144 + late], [2.0])
            roll_up(history)


def test_a_value_that_holds_over_the_end_of_the_retention_fills_the_first_buckets(stores: Stores) -> None:
    retention = RetentionClass("equal", raw_days=2, minute_days=2, hour_days=2, day_days=2, hold_s=7200)
    history = stores.open(HistoryRules(classes=(retention,)))
    history.append([Sample(1, NOON - 5 * DAY, 3.0), Sample(1, NOON - 2 * DAY - HOUR // 2, 7.0)])
    for bucket, known in ((Bucket.MINUTE, [MINUTE] * 90), (Bucket.HOUR, [HOUR, HOUR // 2])):
        roll_up(history)
        found = history.aggregates(1, bucket, NOON - 5 * DAY, NOON)
        assert found.starts_us[0] == NOON - 2 * DAY
        assert (found.known_us.tolist(), set(found.lasts.tolist())) == (known, {7.0})
    assert history.raw(1, 0, NOON).samples == ()
    (series,) = history.query([1], NOON - 5 * DAY, NOON, width=500)
    assert series.times_us.tolist() == [NOON - 2 * DAY, NOON - 2 * DAY + 3 * HOUR // 2]
    assert history.latest([1]) == (Sample(1, NOON - 2 * DAY - HOUR // 2, 7.0),)
