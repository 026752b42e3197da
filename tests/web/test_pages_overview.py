"""The overview: what each may see of the plant, and of its security."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from sealbus.history import Series, Source
from sealbus.samples import Quality
from sealbus.web.access.actions import Action
from sealbus.web.pages.drawings import Scale, bar, scale_of, sparkline
from web.people import a_user, signed_in
from web.plant_rows import a_device, a_group, a_tag

if TYPE_CHECKING:
    from django.test.utils import CaptureQueriesContext

MARKUP = "<img src=x onerror=alert(1)>"


def shown(actions: tuple[Action, ...] = (Action.VIEW,), group: Any = None) -> str:
    answer = signed_in(a_user("anna", *actions, group=group)).get("/")
    assert answer.status_code == 200
    return str(answer.content.decode())


@pytest.mark.django_db
def test_it_shows_key_values_of_groups_that_the_caller_may_see() -> None:
    north, south = a_group("north"), a_group("south")
    a_tag(a_device("pump", group=north), "flow north", is_key=True, normal_low=1.0, normal_high=2.0)
    a_tag(a_device("fan", group=south), "flow south", is_key=True)
    a_tag(a_device("meter", group=north), "no key value")
    page = shown(group=north)
    assert "flow north" in page
    assert "flow south" not in page
    assert "south" not in page
    assert "no key value" not in page
    assert "1–2" in page  # noqa: RUF001 - a range


@pytest.mark.django_db
def test_a_value_without_a_sample_is_a_dash_and_is_counted_as_not_known() -> None:
    a_tag(a_device("pump"), "flow", is_key=True, normal_low=1.0, normal_high=2.0)
    page = shown()
    assert 'data-q="bad"' in page
    assert "<b>–</b>" in page  # noqa: RUF001 - the sign for no value
    assert "<b>1</b> not known" in page


@pytest.mark.django_db
def test_what_was_stored_as_markup_comes_out_as_text() -> None:
    a_tag(a_device(MARKUP, group=a_group(MARKUP)), MARKUP, unit=MARKUP[:32], is_key=True)
    page = shown()
    assert MARKUP not in page
    assert MARKUP[:32] not in page
    assert "&lt;img src=x" in page


@pytest.mark.django_db
def test_the_security_lines_are_for_those_who_may_see_where_they_come_from() -> None:
    assert "Denied today" not in shown()
    page = shown((Action.AUDIT, Action.ADMINISTER))
    assert "Denied today" in page
    assert "Signed in" in page


@pytest.mark.django_db
def test_without_a_device_it_says_what_it_will_show() -> None:
    assert "Nothing is connected yet" in shown()
    assert "First steps" not in shown()
    assert "First steps" in shown((Action.VIEW, Action.CONFIGURE))


@pytest.mark.django_db
def test_it_takes_the_same_number_of_statements_for_a_large_plant(django_assert_max_num_queries: Any) -> None:
    for number in range(12):
        device = a_device(f"device {number}", group=a_group(f"group {number}"))
        a_tag(device, "flow", is_key=True)
    client = signed_in(a_user("anna", *Action))
    client.get("/")
    with django_assert_max_num_queries(16) as captured:
        client.get("/")
    _print_if_many(captured)


def _print_if_many(captured: CaptureQueriesContext) -> None:
    assert len({each["sql"] for each in captured.captured_queries}) == len(captured), "no statement comes twice"


# -- drawings


class _Tag:
    pk = 7

    def __init__(self, low: Any = None, a: Any = None, b: Any = None, high: Any = None) -> None:
        self.low, self.normal_low, self.normal_high, self.high = low, a, b, high


def test_the_normal_range_lies_at_the_same_place_on_every_bar() -> None:
    for tag in (_Tag(0.0, 2.0, 4.0, 100.0), _Tag(None, 2.0, 4.0, None), _Tag(-5.0, -1.0, 0.0, None)):
        scale = scale_of(tag)
        assert scale is not None
        assert scale.normal is not None
        assert [scale.place(end) for end in scale.normal] == [36.0, 64.0]


def test_what_is_beyond_the_ends_of_a_bar_lies_at_its_ends() -> None:
    scale = Scale(0.0, 100.0)
    assert [scale.place(value) for value in (-10.0, 0.0, 50.0, 100.0, 1e9)] == [1.0, 1.0, 50.0, 99.0, 99.0]


def test_a_tag_without_a_range_has_no_bar() -> None:
    assert scale_of(_Tag()) is None
    assert scale_of(_Tag(low=3.0)) is None
    assert bar(_Tag(), 1.0) == ""


def test_a_bar_without_a_value_has_no_hand_in_sight() -> None:
    assert 'class="hand" x="-10.0%"' in bar(_Tag(0.0, 1.0, 2.0, 3.0), None)
    assert 'class="hand" x="-10.0%"' in bar(_Tag(0.0, 1.0, 2.0, 3.0), "text")
    assert 'class="hand" x="50.0%"' in bar(_Tag(0.0, 1.0, 2.0, 3.0), 1.5)


def series(*points: tuple[int, float, Quality]) -> Series:
    times, values, qualities = zip(*points, strict=True)
    return Series(
        1, Source.RAW, np.array(times), np.array(values), np.array(qualities, np.uint8), np.zeros(len(points), np.uint8)
    )


def test_a_time_without_a_value_is_a_gap_in_a_sparkline() -> None:
    good, bad = Quality.GOOD, Quality.BAD
    drawn = sparkline(series((0, 1.0, good), (20, float("nan"), bad), (80, 2.0, good)), 0, 100)
    assert drawn.count("<path") == 2
    assert 'd="M0.0 20.0H24.0"' in drawn
    assert 'd="M96.0 2.0H120.0"' in drawn


def test_the_course_of_a_value_is_drawn_as_steps() -> None:
    good = Quality.GOOD
    drawn = sparkline(series((-50, 1.0, good), (50, 3.0, good)), 0, 100)
    assert 'd="M0.0 20.0H60.0V2.0H120.0"' in drawn


def test_nothing_stored_is_an_empty_drawing() -> None:
    assert "<path" not in sparkline(None, 0, 100)
    assert "<path" not in sparkline(series((0, float("nan"), Quality.BAD)), 0, 100)
