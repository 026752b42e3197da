"""Calculated tags are as good as their inputs."""

from __future__ import annotations

from typing import Any

import pytest

from sealbus.acquisition.calculated import Calculations
from sealbus.acquisition.tag_states import HeldBack, LastRead, TagState
from sealbus.expressions import Expression
from sealbus.plant import CalculatedPlan, TagPlan, build_conversion, compile_tag
from sealbus.samples import Quality, Reason, Sample
from unit.steps import calls_in

T = 1_700_000_000_000_000


class Site:
    """Two tags that are read, 1 and 2, and calculated ones over them."""

    def __init__(self, *plans: CalculatedPlan, dead_band: float = 0.0) -> None:
        self.states = {}
        for number in (1, 2):
            plan = TagPlan(id=number, place="holding:0", low=0.0, high=1000.0, dead_band=dead_band)
            self.states[number] = TagState(plan, build_conversion(compile_tag(plan)))
        self.calculations = Calculations(plans, self.states, {}, 0.0)

    def read(self, now: float = 1.0, **raws: int) -> list[Sample]:
        """Read these, and return what is reported of calculated tags."""
        return self.follow(
            [self.states[int(name[1:])].take(raw, T + int(now * 1e6), now) for name, raw in raws.items()], now
        )

    def follow(self, changes: list[Sample | None], now: float) -> list[Sample]:
        known = [change for change in changes if change is not None]
        following = self.calculations.evaluate(known, now, T)
        return [change for change in following if not isinstance(change, HeldBack)]


def calculated(number: int, expression: str, **options: Any) -> CalculatedPlan:
    inputs = options.pop("inputs", {"a": 1, "b": 2})
    return CalculatedPlan(id=number, expression=expression, inputs=inputs, **options)


def test_a_change_of_an_input_is_a_change_of_the_result() -> None:
    site = Site(calculated(10, "a + b"))
    assert site.read(_1=1) == [], "b is not known yet"
    assert site.read(_2=2) == [Sample(10, T + 1_000_000, 3)]
    assert site.read(now=2.0, _1=5) == [Sample(10, T + 2_000_000, 7)]
    assert site.read(now=3.0, _1=5) == []


def test_tags_that_depend_on_each_other_are_evaluated_once_and_in_order() -> None:
    sum_of = calculated(10, "a + b")
    square = calculated(11, "s * s", inputs={"s": 10})
    both = calculated(12, "s + q + a", inputs={"s": 10, "q": 11, "a": 1})
    site = Site(both, square, sum_of)
    site.read(_1=1)
    assert [(sample.tag_id, sample.value) for sample in site.read(_2=2)] == [(10, 3), (11, 9), (12, 13)]


def test_a_bad_input_makes_the_result_bad_and_never_zero() -> None:
    site = Site(calculated(10, "a * 0"))
    site.read(_1=1, _2=1)
    reported = site.follow([site.states[1].fail(Reason.TIMEOUT, T + 9_000_000, 9.0)], 9.0)
    assert reported == [Sample(10, T + 9_000_000, None, Quality.BAD, Reason.NOT_COMPUTABLE)]


def test_a_result_without_a_value_is_bad_until_it_has_one() -> None:
    site = Site(calculated(10, "a / b"))
    (samples,) = site.read(_1=1, _2=0)
    assert (samples.value, samples.quality, samples.reason) == (None, Quality.BAD, Reason.NOT_COMPUTABLE)
    (samples,) = site.read(now=2.0, _2=2)
    assert (samples.value, samples.quality) == (0.5, Quality.GOOD)


def test_an_uncertain_or_stale_input_makes_the_result_uncertain_or_stale() -> None:
    site = Site(calculated(10, "a + b"))
    (samples,) = site.read(_1=2000, _2=1)
    assert (samples.value, samples.quality, samples.reason) == (2001, Quality.UNCERTAIN, Reason.OUT_OF_RANGE)
    site.states[2].attach(LastRead(1.0, T))
    (stale,) = site.follow([site.states[2].grow_stale(20.0)], 20.0)
    assert (stale.value, stale.quality) == (2001, Quality.STALE)


def test_the_result_has_its_own_dead_band_and_range() -> None:
    site = Site(calculated(10, "a", inputs={"a": 1}, dead_band=5.0, high=100.0))
    assert [bool(site.read(now=float(raw), _1=raw)) for raw in (1, 4, 7, 200)] == [True, False, True, True]
    assert site.calculations.states[10].quality is Quality.UNCERTAIN


def test_a_change_inside_the_dead_band_of_an_input_counts() -> None:
    site = Site(calculated(10, "a > 5", inputs={"a": 1}), dead_band=10.0)
    assert [[sample.value for sample in site.read(_1=raw)] for raw in (4, 5, 6, 7)] == [[False], [], [True], []]


def test_a_calculated_tag_with_an_interval_is_evaluated_when_due_and_not_before() -> None:
    site = Site(calculated(10, "a + b", interval_s=10.0))
    assert site.read(now=0.0, _1=1, _2=2) == []
    due = site.calculations.next_due
    assert due is not None
    assert [sample.value for sample in site.read(now=due)] == [3]
    assert site.read(now=due + 1, _1=5) == []
    assert [sample.value for sample in site.read(now=due + 10)] == [7]


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        (calculated(10, "a +"), "column 4"),
        (calculated(10, "a + c"), "there is no input"),
        (calculated(10, "a", inputs={"a": 99}), "inputs.a: its tag is not collected"),
        (calculated(10, "1"), "never changes"),
        (calculated(10, "a", interval_s=0.001), "interval_s"),
        (calculated(10, "a", dead_band=-1.0), "dead_band"),
        (calculated(10, "a", inputs={"a": 10}), "lead back"),
    ],
)
def test_an_invalid_calculated_tag_is_one_problem_and_affects_no_other(plan: CalculatedPlan, why: str) -> None:
    site = Site(plan, calculated(11, "a + b"))
    assert why in str(site.calculations.problems[10])
    assert [(sample.tag_id, sample.value) for sample in site.read(_1=1, _2=2)] == [(11, 3)]


def test_a_circle_is_found_and_so_are_the_tags_that_depend_on_it() -> None:
    site = Site(
        calculated(10, "x", inputs={"x": 11}),
        calculated(11, "x + a", inputs={"x": 10, "a": 1}),
        calculated(12, "x + 1", inputs={"x": 11}),
        calculated(13, "a"),
    )
    assert set(site.calculations.problems) == {10, 11, 12}
    assert [sample.tag_id for sample in site.read(_1=1, _2=2)] == [13]


@pytest.mark.parametrize(
    "expression", ["(2**500*2**500*2**23-1)+(2**500*2**500*2**23)", '"on" + 1', "a ** 100 * 10.0 ** 300"]
)
def test_a_result_that_is_not_a_finite_number_makes_that_tag_bad_alone(expression: str) -> None:
    text = calculated(12, '"on"', interval_s=1.0, low=0.0)
    site = Site(calculated(10, expression, interval_s=1.0), calculated(11, "a + 1"), text)
    samples = {sample.tag_id: sample for now in (1.0, 5.0) for sample in site.read(now=now, _1=int(100 * now), _2=1)}
    assert (samples[10].quality, samples[10].reason) == (Quality.BAD, Reason.NOT_COMPUTABLE)
    assert (samples[11].value, samples[12].value) == (501, "on")


def test_an_unexpected_error_makes_one_calculated_tag_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Expression, values: object) -> int:
        if self.text == "a":
            raise RuntimeError("no such thing")
        return 1

    monkeypatch.setattr(Expression, "evaluate", broken)
    site = Site(calculated(10, "a"), calculated(11, "a + 0"))
    samples = {sample.tag_id: sample for sample in site.read(_1=2)}
    assert (samples[10].reason, samples[11].value) == (Reason.NOT_COMPUTABLE, 1)
    assert [(number, "RuntimeError" in text) for number, text in site.calculations.problem_texts()] == [(10, True)]


def test_the_work_grows_linearly_with_the_number_of_tags() -> None:
    def work(count: int) -> int:
        site = Site(*(calculated(number, "a + 1") for number in range(10, 10 + count)))
        return calls_in(lambda: site.read(_1=1))

    few, many = work(100), work(400)
    assert 100 < few < many < 6 * few


def test_a_chain_is_evaluated_in_order_of_its_inputs_however_it_is_configured() -> None:
    chain = [calculated(number, "p + 1", inputs={"p": number - 1}) for number in range(11, 200)]
    site = Site(*reversed(chain), calculated(10, "a"))
    assert [(sample.tag_id, sample.value) for sample in site.read(_1=0)] == [(10 + n, n) for n in range(190)]
