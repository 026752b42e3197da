"""Retention classes: coarser rollups are kept as long as finer ones, and values hold longer than a tag is silent."""

from __future__ import annotations

import pytest

from sealbus.errors import ConfigError
from sealbus.plant import CalculatedPlan, RetentionClass, TagPlan, hold_problems, order_problems, stale_after_s


def test_a_coarser_rollup_is_kept_at_least_as_long() -> None:
    assert list(order_problems(1, 1, 1, None)) == []
    assert [each.key for each in order_problems(10, 5, 4, 3)] == ["minute_days", "hour_days", "day_days"]
    for days in ({"raw_days": 10, "minute_days": 5}, {"raw_days": 0, "minute_days": 0}, {"day_days": 1}):
        with pytest.raises(ConfigError):
            RetentionClass("x", **days)
    for hold_s in (0.0, 1e9, float("nan")):
        with pytest.raises(ConfigError):
            RetentionClass("x", hold_s=hold_s)


def test_a_tag_is_reported_more_often_than_its_class_holds_a_value() -> None:
    kept = RetentionClass("x", hold_s=600)
    assert list(hold_problems(TagPlan(id=1, place="holding:0", max_interval_s=599), kept)) == []
    late = TagPlan(id=1, place="holding:0", max_interval_s=600, interval_s=600)
    assert [each.key for each in hold_problems(late, kept)] == ["max_interval_s", "interval_s"]
    assert [each.key for each in hold_problems(CalculatedPlan(id=1, expression="1", inputs={}), kept)] == [
        "max_interval_s"
    ]


@pytest.mark.parametrize(
    ("own_s", "interval_s", "expected"), [(2.0, 60.0, 2.0), (None, 60.0, 180.0), (None, 0.1, 5.0), (None, None, 5.0)]
)
def test_a_value_is_stale_after_three_intervals_unless_the_tag_sets_a_time(
    own_s: float | None, interval_s: float | None, expected: float
) -> None:
    assert stale_after_s(own_s, interval_s) == expected
