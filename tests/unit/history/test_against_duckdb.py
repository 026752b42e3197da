"""Both engines, by seeds: what history answers is what DuckDB computes from the samples.

The gate runs a few seeds; `make explore` runs many.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

import pytest

from sealbus.history import Bucket, HistoryRules, RetentionClass
from sealbus.samples import Sample
from unit.history.duckdb_oracle import Oracle, compare, figures_of, midnights, mixed_samples, seeds
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
