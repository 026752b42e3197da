"""Both engines: rollups match the samples, however late these arrive.

The expected figures are computed here sample by sample, in plain Python.
"""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import astuple
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sealbus.errors import LocalError
from sealbus.history import Bucket, HistoryRules, RetentionClass
from sealbus.samples import Quality, Reason, Sample
from unit.history.stores import DAY, HOUR, MINUTE, NOON, S, at, roll_up, wild_samples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealbus.history import Aggregates, History
    from unit.history.stores import Stores

HOLD = 20 * 60
RULES = HistoryRules(zone="Europe/Berlin", classes=(RetentionClass("standard", hold_s=HOLD),))


def expected(samples: Sequence[Sample], start: int, end: int, now: int) -> tuple[float, ...] | None:
    """Minimum, maximum, mean, last, count, known and bad time of one bucket; None where nothing was in force."""
    known = bad = 0
    weighted, values, last = 0.0, [], math.nan
    seen = False
    for index, sample in enumerate(samples):
        stop = sample.time_us + HOLD * S
        if index + 1 < len(samples):
            stop = min(stop, samples[index + 1].time_us)
        stop = max(min(stop, now), sample.time_us + 1)
        length = min(stop, end) - max(sample.time_us, start)
        if length <= 0:
            continue
        seen = True
        if sample.quality in (Quality.BAD, Quality.STALE):
            bad, last = bad + length, math.nan
        else:
            assert isinstance(sample.value, float)
            known, weighted, last = known + length, weighted + sample.value * length, sample.value
            values.append(sample.value)
    count = sum(start <= sample.time_us < end for sample in samples)
    if not seen:
        return None
    nan = math.nan
    low, high = (min(values), max(values)) if values else (nan, nan)
    return low, high, weighted / known if known else nan, last, count, known, bad


def figures_of(found: Aggregates) -> dict[tuple[int, int], tuple[float, ...]]:
    columns = (found.minimums, found.maximums, found.means, found.lasts, found.counts, found.known_us, found.bad_us)
    keys = zip(found.starts_us.tolist(), found.ends_us.tolist(), strict=True)
    return dict(zip(keys, zip(*(column.tolist() for column in columns), strict=True), strict=True))


def check(history: History, samples: Sequence[Sample], bucket: Bucket, cuts: Sequence[int], now: int) -> None:
    found = figures_of(history.aggregates(1, bucket, cuts[0], cuts[-1]))
    wanted = {
        span: figures for span in itertools.pairwise(cuts) if (figures := expected(samples, *span, now)) is not None
    }
    assert found.keys() == wanted.keys()
    for span, figures in wanted.items():
        np.testing.assert_allclose(found[span], figures, rtol=1e-9, err_msg=str(span))


def check_all(history: History, samples: Sequence[Sample], start: int, now: int) -> None:
    check(history, samples, Bucket.MINUTE, range(start + 20 * HOUR, start + 29 * HOUR + 1, MINUTE), now)
    check(history, samples, Bucket.HOUR, range(start, start + 30 * HOUR + 1, HOUR), now)
    check(history, samples, Bucket.DAY, [start + each * DAY for each in range(3)], now)


@pytest.mark.parametrize("seed", range(3))
def test_rollups_do_not_depend_on_the_order_in_which_samples_arrive(stores: Stores, seed: int) -> None:
    start = at("2026-07-13 00:00", "Europe/Berlin")
    samples = wild_samples(seed, start, start + 29 * HOUR, 300)
    late = samples[:]
    chance = random.Random(seed)
    chance.shuffle(late)
    stores.now_us = start + 28 * HOUR + 1234567
    history = stores.open(RULES)
    have: list[Sample] = []
    for part in (late[:100], late[100:200], late[200:]):
        history.append(part)
        have = sorted([*have, *part], key=lambda sample: sample.time_us)
        check_all(history, have, start, stores.now_us)
        roll_up(history)
        check_all(history, have, start, stores.now_us)
    stores.now_us = start + 100 * HOUR
    roll_up(history)
    check_all(stores.open(RULES, read_only=True), samples, start, stores.now_us)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata"])
def test_tags_rolled_up_together_give_the_rollups_of_each_alone(stores: Stores, zone: str) -> None:
    classes = (*RULES.classes, RetentionClass("brief", hold_s=5), RetentionClass("long", hold_s=6 * 86_400))
    rules = HistoryRules(zone=zone, classes=classes, class_of={2: "brief", 3: "long", 4: "long", 6: "brief"})
    tags = range(1, 9)
    begin = NOON - 30 * HOUR
    samples = []
    for tag_id in tags:
        of_tag = wild_samples(tag_id, begin, begin + 4 * HOUR, 300 if tag_id != 5 else 2)
        samples += [Sample(tag_id, *astuple(sample)[1:]) for sample in of_tag]
        if tag_id in (3, 6):
            samples.append(Sample(tag_id, begin - 5 * DAY, 1000.0))  # holds into the range for tag 3 only
    history = stores.open(rules)

    def shown() -> list[dict[tuple[int, int], tuple[float, ...]]]:
        span = (begin - DAY, begin + 10 * HOUR)
        return [figures_of(history.aggregates(tag_id, bucket, *span)) for tag_id in tags for bucket in Bucket]

    middle = begin + 2 * HOUR
    for part in (
        [each for each in samples if each.time_us < middle],
        [each for each in samples if each.time_us >= middle],
    ):
        history.append(part)
        alone = shown()
        roll_up(history)
        for one, together in zip(alone, shown(), strict=True):
            assert one.keys() == together.keys()
            for span, figures in one.items():
                np.testing.assert_allclose(together[span], figures, rtol=1e-12, err_msg=str(span))


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/Sao_Paulo", "2018-11-04", 23),  # its midnight does not exist
        ("America/Havana", "2025-11-02", 25),  # its midnight comes twice
        ("Asia/Kolkata", "2026-01-01", 24),  # begins within an hour of UTC
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("UTC", "2026-03-29", 24),
    ],
)
def test_a_day_is_a_local_day_from_midnight_to_midnight(stores: Stores, zone: str, day: str, hours: float) -> None:
    begin = at(f"{day} 00:00", zone)
    end = begin + round(hours * HOUR)
    samples = [Sample(1, time_us, 1.0) for time_us in range(begin - 2 * HOUR, end + 2 * HOUR, 600 * S)]
    samples += [Sample(1, begin, 5.0), Sample(1, end - 1, 7.0), Sample(1, begin - 1, 90.0), Sample(1, end, 95.0)]
    samples = sorted({sample.time_us: sample for sample in samples}.values(), key=lambda sample: sample.time_us)
    stores.now_us = end + 3 * DAY
    history = stores.open(HistoryRules(zone=zone, classes=RULES.classes))
    history.append(samples)
    for _ in range(2):
        found = history.aggregates(1, Bucket.DAY, begin, begin + 1)
        assert (found.starts_us.tolist(), found.ends_us.tolist()) == ([begin], [end])
        assert found.known_us.tolist() == [end - begin]
        assert found.maximums.tolist() == [7.0]
        assert found.counts.tolist() == [sum(begin <= sample.time_us < end for sample in samples)]
        roll_up(history)


def test_another_zone_cuts_the_days_again(stores: Stores) -> None:
    start = at("2026-07-01 00:00")
    samples = [Sample(1, start + each * 10 * MINUTE, float(each)) for each in range(6 * 24 * 5)]
    history = stores.open(HistoryRules(zone="UTC", classes=RULES.classes))
    history.append(samples)
    roll_up(history)
    check(history, samples, Bucket.DAY, [start + each * DAY for each in range(6)], stores.now_us)
    there = stores.open(HistoryRules(zone="America/New_York", classes=RULES.classes))
    roll_up(there)
    midnight = at("2026-06-30 00:00", "America/New_York")
    check(there, samples, Bucket.DAY, [midnight + each * DAY for each in range(8)], stores.now_us)


def test_a_value_holds_into_buckets_without_samples_until_its_hold_ends(stores: Stores) -> None:
    history = stores.open(RULES)
    start = NOON - 10 * HOUR
    history.append([Sample(1, start + 30 * S, 4.0)])
    for _ in range(2):
        found = history.aggregates(1, Bucket.MINUTE, start, start + HOUR)
        assert found.starts_us.tolist() == list(range(start, start + HOLD * S + MINUTE, MINUTE))
        assert found.counts.tolist() == [1] + [0] * 20
        assert found.known_us.tolist() == [30 * S] + [MINUTE] * 19 + [30 * S]
        assert set(found.means.tolist()) == {4.0}
        roll_up(history)


def test_time_in_bad_quality_is_neither_zero_nor_good(stores: Stores) -> None:
    history = stores.open(RULES)
    start = NOON - 10 * HOUR
    history.append(
        [
            Sample(1, start, 10.0),
            Sample(1, start + 15 * S, None, Quality.BAD, Reason.TIMEOUT),
            Sample(1, start + 45 * S, 20.0),
        ]
    )
    found = history.aggregates(1, Bucket.MINUTE, start, start + MINUTE)
    assert (found.known_us.tolist(), found.bad_us.tolist()) == ([30 * S], [30 * S])
    assert (found.minimums.tolist(), found.means.tolist()) == ([10.0], [15.0])
    assert found.qualities.tolist() == [Quality.BAD]


def test_too_many_buckets_at_once_are_refused(stores: Stores) -> None:
    history = stores.open(RULES)
    history.append([Sample(1, NOON, 1.0)])
    with pytest.raises(LocalError, match="longer bucket"):
        history.aggregates(1, Bucket.MINUTE, 0, NOON)


def test_a_late_sample_also_changes_the_next_hour_into_which_it_holds(stores: Stores) -> None:
    history = stores.open(RULES)
    hour = NOON - 10 * HOUR
    history.append([Sample(1, hour + 10 * MINUTE, 1.0)])
    roll_up(history)
    assert history.aggregates(1, Bucket.HOUR, hour, hour + 1).known_us.tolist() == [HOLD * S]
    history.append([Sample(1, hour - 5 * MINUTE, 4.0)])
    for _ in range(2):
        found = history.aggregates(1, Bucket.HOUR, hour, hour + 1)
        assert found.known_us.tolist() == [10 * MINUTE + HOLD * S]
        assert found.means.tolist() == [2.0]
        assert found.counts.tolist() == [1]
        roll_up(history)


def test_a_mean_of_the_largest_numbers_does_not_overflow(stores: Stores) -> None:
    history = stores.open(RULES)
    start = NOON - 20 * HOUR
    history.append([Sample(1, start + each * 10 * MINUTE, 1.7e308 * (each % 2 * 2 - 1)) for each in range(24)])
    history.append([Sample(1, start + 24 * 10 * MINUTE + each, 1e308) for each in range(2)])
    for _ in range(2):
        for bucket in Bucket:
            found = history.aggregates(1, bucket, start, start + 4 * HOUR)
            assert (np.abs(found.means) <= 1.7e308).all()
        hours = history.aggregates(1, Bucket.HOUR, start, start + 4 * HOUR)
        np.testing.assert_allclose(hours.means, [0.0] * 4, atol=1e295)
        roll_up(history)
