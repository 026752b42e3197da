"""Both engines, by seeds: what history answers is what DuckDB computes from the samples.

The gate runs a few seeds; `make explore` runs many.
"""

from __future__ import annotations

import functools
import math
import random
from typing import TYPE_CHECKING

import pytest

from sealbus.history import Bucket, HistoryRules, RetentionClass, Source, maintenance
from sealbus.history import history as history_module
from sealbus.samples import Sample
from sealbus.time_zones import rules_of
from unit.history.duckdb_oracle import Figures, Oracle, compare, figures_of, midnights, mixed_samples, seeds
from unit.history.stores import DAY, HOUR, MINUTE, S, at, roll_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealbus.history import History
    from unit.history.stores import Stores

HOLD_S = 1200
ZONES = ("Europe/Berlin", "Asia/Kolkata", "America/New_York")


def check_levels(history: History, oracle: Oracle, start: int, end: int, zone: str) -> None:
    """Minutes, hours and days between two hours."""
    cuts = {
        Bucket.MINUTE: range(start, end + 1, MINUTE),
        Bucket.HOUR: range(start, end + 1, HOUR),
        Bucket.DAY: midnights(zone, start, end),
    }
    for bucket, between in cuts.items():
        compare(figures_of(history.aggregates(1, bucket, between[0], between[-1])), oracle.figures(between))


@pytest.mark.parametrize("seed", seeds())
def test_every_level_is_that_of_the_samples_whatever_their_values_and_order(stores: Stores, seed: int) -> None:
    chance = random.Random(seed)
    zone = ZONES[seed % len(ZONES)]
    start = at("2026-07-13 00:00")
    samples = mixed_samples(seed, start, start + 30 * HOUR, 300)
    stores.now_us = start + 29 * HOUR + 1234567
    history = stores.open(HistoryRules(zone=zone, classes=(RetentionClass("standard", hold_s=HOLD_S),)))
    have: list[Sample] = []
    for part in (samples[::3], samples[1::3], samples[2::3]):
        chance.shuffle(part)
        history.append(part)
        have = sorted([*have, *part], key=lambda sample: sample.time_us)
        for _ in range(2):
            check_levels(history, Oracle(have, HOLD_S * S, stores.now_us), start, start + 31 * HOUR, zone)
            roll_up(history)
    stores.now_us = start + 3 * DAY
    roll_up(history)
    check_levels(history, Oracle(have, HOLD_S * S, stores.now_us), start, start + 31 * HOUR, zone)


def test_a_mean_is_of_the_time_in_which_the_value_was_a_number(stores: Stores) -> None:
    start = at("2026-07-13 00:00")
    values: Sequence[float | str | None] = (10.0, "text", math.nan, None, math.inf, 20.0)
    stores.now_us = start + DAY + HOUR
    history = stores.open(HistoryRules(classes=(RetentionClass("standard", hold_s=HOLD_S),)))
    history.append([Sample(1, start + index * 10 * S, value) for index, value in enumerate(values)])
    for _ in range(2):
        for bucket, end in ((Bucket.MINUTE, start + MINUTE), (Bucket.HOUR, start + HOUR), (Bucket.DAY, start + DAY)):
            found = history.aggregates(1, bucket, start, end)
            numbers = 10 * S + (found.known_us[0] - 50 * S)
            assert found.means[0] == pytest.approx((10.0 * 10 * S + 20.0 * (numbers - 10 * S)) / numbers)
        assert history.aggregates(1, Bucket.MINUTE, start, start + MINUTE).known_us.tolist() == [MINUTE]
        roll_up(history)


def buckets_between(bucket: Bucket, zone: str, start: int, end: int) -> list[int]:
    """The cuts of all buckets that overlap [start, end)."""
    if bucket is Bucket.DAY:
        return midnights(zone, start, end)
    step = {Bucket.MINUTE: MINUTE, Bucket.HOUR: HOUR}[bucket]
    return list(range(start - start % step, end + step, step))


def exported(history: History, bucket: Bucket, start: int, end: int) -> Figures:
    """What an export reads: the extent of the tag, in parts."""
    extent = history.extents([1], Source(bucket.value)).get(1)
    if extent is None:
        return {}
    first, last = max(extent.start_us, start), min(extent.end_us, end)
    return figures_of(history.aggregates(1, bucket, first, last)) if first < last else {}


@pytest.mark.parametrize("seed", seeds())
def test_what_is_kept_is_complete_and_what_is_not_kept_is_not_answered(stores: Stores, seed: int) -> None:
    chance = random.Random(seed)
    zone = ZONES[seed % len(ZONES)]
    days = raw, minute, hour, day = sorted(chance.choices(range(1, 5), k=4))
    hold_s = chance.choice([HOLD_S, 7200, 30 * 3600])
    keeping = RetentionClass("standard", raw, minute, hour, day, hold_s)
    roomy = RetentionClass("roomy", 9, 9, 9, 9)  # so that an engine with partitions drops none of them
    start = at("2026-07-01 00:00") + chance.randrange(DAY)
    history = stores.open(HistoryRules(zone=zone, classes=(keeping, roomy)))
    have: list[Sample] = []
    now = start + 12 * HOUR
    while now < start + 6 * DAY:
        stores.now_us = now
        floors = {
            source: (now - each * DAY) // HOUR * HOUR if rolled else 0
            for source, each in zip(Source, days, strict=True)
            for rolled in [bool(have)]
        }
        oldest = max(floors[Source.RAW], start - DAY)
        late = mixed_samples(chance.random(), oldest, now, 6)
        fresh = mixed_samples(chance.random(), now - 9 * HOUR, now, chance.choice([0, 40]))
        if have:
            roll_up(history)
        history.append([*late, *fresh])
        known = {sample.time_us: sample for sample in [*late, *fresh]} | {sample.time_us: sample for sample in have}
        have = [known[time_us] for time_us in sorted(known)]
        oracle = Oracle(have, hold_s * S, now)
        spans = {bucket: buckets_between(bucket, zone, start - DAY, now) for bucket in (Bucket.HOUR, Bucket.DAY)}
        edge = now - days[1] * DAY
        spans[Bucket.MINUTE] = buckets_between(Bucket.MINUTE, zone, edge - 3 * HOUR, edge + 8 * HOUR)
        figures = {bucket: oracle.figures(cuts) for bucket, cuts in spans.items()}
        for _ in range(2):
            check_not_kept(history, oracle, floors)
            for bucket, cuts in spans.items():
                floor = floors[Source(bucket.value)]
                wanted = {span: each for span, each in figures[bucket].items() if span[0] >= floor}
                compare(figures_of(history.aggregates(1, bucket, cuts[0], cuts[-1])), wanted)
                compare(exported(history, bucket, cuts[0], cuts[-1]), wanted)
            roll_up(history)
            floors = {source: (now - each * DAY) // HOUR * HOUR for source, each in zip(Source, days, strict=True)}
        now += chance.choice([HOUR, 7 * HOUR, 30 * HOUR])


def check_not_kept(history: History, oracle: Oracle, floors: dict[Source, int]) -> None:
    now = oracle.now_us
    raw = [sample.time_us for sample in history.raw(1, 0, now + HOUR, limit=100_000).samples]
    assert raw == [sample.time_us for sample in oracle.samples if sample.time_us >= floors[Source.RAW]]
    for width in (7, 60, 3000):
        (series,) = history.query([1], now - 20 * DAY, now, width=width)
        assert not len(series.times_us) or series.times_us[0] >= floors[series.source]


@pytest.mark.parametrize(
    ("zone", "around"),
    [
        ("America/St_Johns", "2006-10-29 00:00"),  # one minute after midnight the clock goes back by an hour
        ("America/Havana", "2025-11-02 00:00"),  # midnight comes twice
        ("Asia/Beirut", "2025-10-26 00:00"),  # at midnight the clock goes back to 23:00
        ("America/Sao_Paulo", "2018-11-04 00:00"),  # midnight does not exist
        ("Pacific/Apia", "2011-12-31 00:00"),  # the 30th does not exist
        ("Asia/Kathmandu", "2026-01-01 00:00"),
    ],
)
def test_a_day_is_a_local_date_however_the_clock_is_set(stores: Stores, zone: str, around: str) -> None:
    midnight = at(around, zone)
    samples = mixed_samples(1, midnight - 30 * HOUR, midnight + 30 * HOUR, 400)
    stores.now_us = midnight + 3 * DAY
    history = stores.open(HistoryRules(zone=zone, classes=(RetentionClass("standard", hold_s=HOLD_S),)))
    history.append(samples)
    oracle = Oracle(samples, HOLD_S * S, stores.now_us)
    starts = range(midnight - 2 * HOUR, midnight + 2 * HOUR, 37 * MINUTE)
    spans = [(start, start + length) for start in starts for length in (1, DAY)]
    days = oracle.figures(midnights(zone, midnight - 3 * DAY, midnight + 3 * DAY))
    for _ in range(2):
        for start, end in spans:
            wanted = {day: figures for day, figures in days.items() if day[0] < end and day[1] > start}
            compare(figures_of(history.aggregates(1, Bucket.DAY, start, end)), wanted)
        roll_up(history)


def check_days(history: History, oracle: Oracle, cuts: Sequence[int]) -> None:
    reached = [each for each in cuts if each <= oracle.now_us]
    between = [*reached, next(each for each in cuts if each > oracle.now_us)]
    compare(figures_of(history.aggregates(1, Bucket.DAY, between[0], oracle.now_us)), oracle.figures(between))


@pytest.mark.parametrize("is_update", [False, True])
@pytest.mark.parametrize("seed", seeds())
def test_days_keep_their_cut_and_are_cut_again_as_far_as_hours_are_kept(
    stores: Stores, seed: int, is_update: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`is_update`: the rules of the zone change, not its name, as after an update of the package."""
    chance = random.Random(seed)
    zones = chance.sample(["UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York", "Pacific/Auckland"], k=3)
    raw, minute, hour = sorted(chance.choices(range(1, 7), k=3))
    classes = (RetentionClass("standard", raw, minute, hour, hold_s=HOLD_S),)
    now = start = at("2026-07-01 00:00") + chance.randrange(DAY)
    cuts = midnights(zones[0], start, start + 20 * DAY)
    have: list[Sample] = []
    for zone in zones:
        rules = HistoryRules(zone=zones[0] if is_update else zone, classes=classes)
        found = f"{rules.zone} {rules_of(zone).partition(' ')[2]}"
        for module in (history_module, maintenance):
            monkeypatch.setattr(module, "rules_of", lambda _, found=found: found)
        history = stores.open(rules)
        if have:
            check_days(history, Oracle(have, HOLD_S * S, now), cuts)
            kept, minutes_kept = ((now - days * DAY) // HOUR * HOUR for days in (hour, minute))
            begin = max((each for each in cuts if each <= kept), default=0)
            if begin % HOUR or zone == "Asia/Kolkata":  # an hour can be divided only where there are minutes
                begin = max((each for each in cuts if each <= minutes_kept), default=0)
            cuts = [each for each in cuts if each <= begin]
            cuts += [each for each in midnights(zone, max(begin, start), start + 20 * DAY) if each > begin]
            with monkeypatch.context() as patched:
                patched.setattr(maintenance, "_TAGS_AT_ONCE", 0)  # the zone is set, and no day is cut yet
                roll_up(history)
                check_days(history, Oracle(have, HOLD_S * S, now), cuts)
            roll_up(history)
            check_days(history, Oracle(have, HOLD_S * S, now), cuts)
            late = mixed_samples(chance.random(), max((now - raw * DAY) // HOUR * HOUR, start), now, 5)
            have = list({sample.time_us: sample for sample in [*late, *have]}.values())
            history.append(late)
        fresh = mixed_samples(chance.random(), now, now + 4 * DAY, 300)
        now += 4 * DAY + chance.randrange(DAY // 2)
        stores.now_us = now
        have = sorted([*have, *fresh], key=lambda sample: sample.time_us)
        history.append(fresh)
        for _ in range(2):
            check_days(history, Oracle(have, HOLD_S * S, now), cuts)
            roll_up(history)


def hold_at(changes: Sequence[tuple[int, int]], time_us: int) -> int:
    return [hold_us for since, hold_us in changes if since <= time_us][-1]


@pytest.mark.parametrize("seed", seeds())
def test_every_level_follows_a_changed_hold_from_the_same_time_on(stores: Stores, seed: int) -> None:
    chance = random.Random(seed)
    zone = ZONES[seed % len(ZONES)]
    raw_days = chance.choice([1, 2, 30])
    start = at("2026-07-01 00:00")
    have: list[Sample] = []
    changes = [(0, 0)]
    now = start
    for hold_s in chance.sample([60, 1200, 5400, 100_000], k=3):
        rules = HistoryRules(zone=zone, classes=(RetentionClass("standard", raw_days, hold_s=hold_s),))
        begin = max(now - raw_days * DAY, now - 7 * DAY) // HOUR * HOUR if have else 0
        changes = [each for each in changes if each[0] < begin] + [(begin, hold_s * S)]
        history = stores.open(rules)
        roll_up(history)
        fresh = mixed_samples(chance.random(), now, now + 5 * DAY, 60)
        now += 5 * DAY
        stores.now_us = now
        have = [*have, *fresh]
        history.append(fresh)
        oracle = Oracle(have, functools.partial(hold_at, changes), now)
        for _ in range(2):
            for bucket, span in ((Bucket.MINUTE, 2 * DAY), (Bucket.HOUR, 16 * DAY), (Bucket.DAY, 16 * DAY)):
                cuts = buckets_between(bucket, zone, max(now - span, start - DAY), now)
                compare(figures_of(history.aggregates(1, bucket, cuts[0], cuts[-1])), oracle.figures(cuts))
            roll_up(history)


def test_a_class_with_another_hold_changes_all_levels_of_a_tag_together(stores: Stores) -> None:
    classes = (RetentionClass("short", hold_s=600), RetentionClass("long", hold_s=3 * 3600))
    history = stores.open(HistoryRules(classes=classes))
    hour = at("2026-07-15 02:00")
    history.append([Sample(1, hour, 1.0), Sample(1, hour + 5 * HOUR, 3.0)])
    roll_up(history)

    def known() -> list[int]:
        found = [history.aggregates(1, bucket, hour, hour + 5 * HOUR) for bucket in (Bucket.MINUTE, Bucket.HOUR)]
        return [int(each.known_us.sum()) for each in found]

    assert known() == [600 * S, 600 * S]
    history.set_rules(HistoryRules(classes=classes, class_of={1: "long"}))
    assert known() == [600 * S, 600 * S]
    roll_up(history)
    assert known() == [3 * HOUR, 3 * HOUR]
    assert history.aggregates(1, Bucket.DAY, hour, hour + 1).known_us.tolist() == [6 * HOUR]
