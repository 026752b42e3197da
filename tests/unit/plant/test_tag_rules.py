"""What a tag may be: each rule, and that a plan compiles exactly when the rules find nothing."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings

from sealbus.errors import ConfigError
from sealbus.plant import (
    CalculatedPlan,
    TagPlan,
    build_conversion,
    calculated_problems,
    compile_tag,
    source_problems,
    tag_problems,
)
from unit.acquisition.test_any_plan_is_survived import tag_plans

BAR = {"raw_low": 4000.0, "raw_high": 20000.0, "scaled_low": 0.0, "scaled_high": 10.0}
SUM = CalculatedPlan(id=1, expression="a + 1", inputs={"a": 2})
NONE = CalculatedPlan(id=1, expression="", inputs={})


def keys_of(place: str, kind: str, **options: Any) -> list[str]:
    return [each.key for each in tag_problems(TagPlan(id=1, place=place, type=kind, **options))]


@pytest.mark.parametrize(
    ("place", "kind", "options", "key"),
    [
        ("", "", {}, "place"),
        ("holdings:0", "", {}, "place"),
        ("holding:x", "", {}, "place"),
        ("holding:0-1", "uint32", {}, "place"),
        ("holding:65535", "uint32", {}, "place"),
        ("holding:65500", "string", {"length": 40}, "place"),
        ("coils:0-3", "", {}, "place"),
        ("coils:0", "", {"bit": 1}, "bit"),
        ("coils:0", "uint16", {}, "type"),
        ("holding:0", "decimal", {}, "type"),
        ("holding:0", "bit", {}, "type"),
        ("holding:0", "", {"order": "abcd"}, "order"),
        ("holding:0", "string", {"length": 200}, "length"),
        ("holding:0", "string", {}, "length"),
        ("holding:0", "uint16", {"length": 2}, "length"),
        ("holding:0", "uint32", {"length": 2}, "length"),
        ("holding:0", "", {"bit": 16}, "bit"),
        ("holding:0", "", {"bit": -1}, "bit"),
        ("holding:0", "float32", {"bit": 0}, "bit"),
        ("holding:0", "int16", {"bit": 3}, "bit"),
        ("holding:0", "", {"bit": 10, "bit_width": 7}, "bit"),
        ("holding:0", "", {"bit": 0, "bit_width": 0}, "bit_width"),
        ("holding:0", "", {"bit_width": 2}, "bit"),
        ("holding:0", "", {"scale": 0.0}, "scale"),
        ("holding:0", "", {"scale": math.inf}, "scale"),
        ("holding:0", "", {"offset": math.nan}, "offset"),
        ("holding:0", "", {"scale": 5e-324}, "scale"),
        ("holding:0", "uint32", {"scale": 1e308}, "scale"),
        ("holding:0", "string", {"length": 1, "scale": 2.0}, "scale"),
        ("coils:0", "", {"scale": 2.0}, "scale"),
        ("coils:0", "", {"low": 0.0}, "low"),
        ("holding:0", "string", {"length": 1, "high": 0.0}, "high"),
        ("holding:0", "", {**BAR, "scale": 2.0}, "scale"),
        ("holding:0", "", {**BAR, "raw_high": 4000.0}, "raw_high"),
        ("holding:0", "", {**BAR, "scaled_low": None}, "scaled_low"),
        ("holding:0", "", {**BAR, "scaled_low": -1e308, "scaled_high": 1e308}, "raw_high"),
        ("holding:0", "float32", {**BAR, "raw_low": -1e308, "raw_high": 1e308}, "raw_high"),
        ("holding:0", "", {"low": 2.0, "high": 1.0}, "high"),
        ("holding:0", "", {"high": math.nan}, "high"),
        ("holding:0", "", {"write_min": 2.0, "write_max": 1.0}, "write_max"),
        ("holding:0", "", {"write_step": 0.0}, "write_step"),
        ("holding:0", "", {"sentinels": (math.nan,)}, "sentinels"),
        ("holding:0", "", {"sentinels": (2**70,)}, "sentinels"),
        ("holding:0", "", {"sentinels": tuple(range(17))}, "sentinels"),
        ("holding:0", "", {"sentinels": (0xFFFF,), "bit": 0}, "sentinels"),
        ("input:0", "", {"writable": True}, "writable"),
        ("holding:0", "", {"interval_s": 0.01}, "interval_s"),
        ("holding:0", "", {"interval_s": math.nan}, "interval_s"),
        ("holding:0", "", {"dead_band": -1.0}, "dead_band"),
        ("holding:0", "", {"dead_band": math.inf}, "dead_band"),
        ("holding:0", "", {"max_interval_s": 0.0}, "max_interval_s"),
        ("holding:0", "", {"max_interval_s": 1e9}, "max_interval_s"),
        ("holding:0", "", {"stale_after_s": 0.5}, "stale_after_s"),
        ("holding:0", "uint16", {"sunspec_type": "enum17"}, "sunspec_type"),
        ("holding:0", "float32", {"sunspec_type": "bitfield32"}, "sunspec_type"),
        ("holding:0", "bcd32", {"sunspec_type": "bitfield32"}, "sunspec_type"),
        ("holding:0", "uint16", {"sunspec_type": "acc32"}, "sunspec_type"),
        ("holding:0", "uint16", {"sunspec_type": "ipv6addr"}, "sunspec_type"),
        ("holding:0", "string", {"length": 2, "sunspec_type": "uint32"}, "sunspec_type"),
        ("holding:0", "string", {"length": 3, "sunspec_type": "eui48"}, "length"),
        ("coils:0", "", {"sunspec_type": "bitfield16"}, "sunspec_type"),
    ],
)
def test_an_invalid_plan_is_refused_by_key(place: str, kind: str, options: dict[str, Any], key: str) -> None:
    assert set(keys_of(place, kind, **options)) == {key}
    with pytest.raises(ConfigError) as refused:
        compile_tag(TagPlan(id=1, place=place, type=kind, **options))
    assert refused.value.key == key


def test_all_problems_are_found_together_and_each_has_a_hint() -> None:
    found = tag_problems(
        TagPlan(id=1, place="input:70000", type="string", scale=0.0, writable=True, low=2.0, high=1.0, interval_s=0.0)
    )
    keys = {each.key for each in found}
    assert keys == {"place", "length", "scale", "writable", "low", "high", "interval_s"}
    assert all(each.problem and each.hint and str(each) == f"{each.problem}; {each.hint}" for each in found)


@settings(max_examples=500, deadline=None)
@given(tag_plans())
def test_a_plan_compiles_and_can_be_decoded_exactly_when_the_rules_find_nothing(plan: TagPlan) -> None:
    problems = tag_problems(plan)
    if problems:
        with pytest.raises(ConfigError) as refused:
            compile_tag(plan)
        assert (refused.value.key, refused.value.problem) == (problems[0].key, problems[0].problem)
    else:
        build_conversion(compile_tag(plan))


def test_a_row_has_a_place_or_an_expression() -> None:
    tag = TagPlan(id=1, place="holding:0")
    nowhere = TagPlan(id=1, place="")
    assert source_problems(tag, NONE) == []
    assert source_problems(nowhere, SUM) == []
    assert [each.key for each in source_problems(nowhere, NONE)] == ["place"]
    assert [each.key for each in source_problems(tag, SUM)] == ["place"]
    assert [each.key for each in source_problems(tag, NONE, has_interval=False)] == ["interval_s"]
    with_inputs = CalculatedPlan(id=1, expression="", inputs={"a": 1})
    assert [each.key for each in source_problems(tag, with_inputs)] == ["inputs"]


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        ({"type": "uint16"}, ["type"]),
        ({"length": 2}, ["length"]),
        ({"bit": 2, "bit_width": 2}, ["bit", "bit_width"]),
        ({"scale": 2.0, "offset": 1.0}, ["scale", "offset"]),
        ({"raw_low": 0.0}, ["raw_low"]),
        ({"sentinels": (1,)}, ["sentinels"]),
        ({"sunspec": True, "sunspec_type": "acc16"}, ["sunspec", "sunspec_type"]),
        ({"writable": True}, ["writable"]),
        ({"order": "DCBA", "stale_after_s": 9.0}, []),
    ],
)
def test_a_calculated_tag_has_no_place_and_none_of_its_settings(options: dict[str, Any], keys: list[str]) -> None:
    found = source_problems(TagPlan(id=1, place="", **options), SUM)
    assert [each.key for each in found] == keys


@pytest.mark.parametrize(
    ("plan", "key"),
    [
        (CalculatedPlan(id=1, expression="1 +", inputs={}), "expression"),
        (CalculatedPlan(id=1, expression="a", inputs={}), "expression"),
        (CalculatedPlan(id=1, expression="a", inputs={"a": 1, "open(": 2}), "expression"),
        (CalculatedPlan(id=1, expression="1", inputs={}), "interval_s"),
        (CalculatedPlan(id=1, expression="a", inputs={"a": 1}, interval_s=0.0), "interval_s"),
        (CalculatedPlan(id=1, expression="a", inputs={"a": 1}, low=2.0, high=1.0), "high"),
        (CalculatedPlan(id=1, expression="a", inputs={"a": 1}, low=math.inf), "low"),
        (CalculatedPlan(id=1, expression="a", inputs={"a": 1}, dead_band=-1.0), "dead_band"),
    ],
)
def test_an_invalid_calculated_tag_is_refused_by_key(plan: CalculatedPlan, key: str) -> None:
    assert [each.key for each in calculated_problems(plan)] == [key]
    assert calculated_problems(SUM) == []
