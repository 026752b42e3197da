"""Value limits: how registers are decoded as values, and how a write is split into them."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from sealbus.policy import Decision, parse_policy
from sealbus.protocol import (
    MaskWriteRegister,
    ReadWriteMultipleRegisters,
    ValueType,
    WordOrder,
    WriteMultipleRegisters,
    WriteSingleRegister,
    encode_registers,
)


def write(rules: str, address: int, *words: int) -> Decision:
    policy = parse_policy(f'[[role]]\nname = "Operator"\n{rules}', file="policy.toml")
    return policy.rights_of("Operator").decide(1, WriteMultipleRegisters(address, words))


def rule(write: str, limits: str) -> str:
    return f'[[role.allow]]\nunits = 1\nwrite = ["{write}"]\n{limits}\n'


def words(value: float, type_: ValueType, order: WordOrder = WordOrder.ABCD) -> list[int]:
    return encode_registers([value], type_, order)


@pytest.mark.parametrize(
    ("limits", "allowed", "refused"),
    [
        ("min = 5", [5, 65535], [0, 4]),
        ("max = 5", [0, 5], [6, 65535]),
        ("min = 0.5", [1], [0]),
        ('type = "int16"\nmin = -5\nmax = 5', [0xFFFB, 0, 5], [0xFFFA, 6, 0x8000]),
        ('type = "int16"\norder = "BADC"\nmin = 256\nmax = 256', [0x0001], [0x0100]),
    ],
)
def test_limits_are_inclusive_and_read_each_register_by_its_type(
    limits: str, allowed: list[int], refused: list[int]
) -> None:
    assert [value for value in allowed if not write(rule("holding:0-9", limits), 3, value).allowed] == []
    assert [value for value in refused if write(rule("holding:0-9", limits), 3, value).allowed] == []


@pytest.mark.parametrize("order", list(WordOrder))
@pytest.mark.parametrize(
    ("type_", "low", "high", "above"),
    [
        (ValueType.UINT32, 70000, 80000, 80001),
        (ValueType.INT32, -80000, -70000, -69999),
        (ValueType.UINT64, 2**53, 2**63, 2**63 + 1),
        (ValueType.INT64, -(2**63), 0, 1),
        (ValueType.FLOAT32, -1.5, 1.5, 1.75),
        (ValueType.FLOAT64, 0.1, 0.3, 0.3000000001),
    ],
)
def test_wide_values_are_read_in_their_word_order(
    type_: ValueType, order: WordOrder, low: float, high: float, above: float
) -> None:
    rules = rule("holding:100-107", f'type = "{type_}"\norder = "{order}"\nmin = {low}\nmax = {high}')
    assert write(rules, 100, *words(low, type_, order)).allowed
    assert write(rules, 100, *words(high, type_, order), *words(low, type_, order)).allowed
    assert not write(rules, 100, *words(above, type_, order)).allowed


@pytest.mark.parametrize("limits", ["min = 0", "max = 0", "min = -1e30\nmax = 1e30"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_are_outside_every_limit(limits: str, value: float) -> None:
    rules = rule("holding:0-1", f'type = "float32"\n{limits}')
    assert write(rules, 0, *words(0.0, ValueType.FLOAT32)).allowed
    refused = write(rules, 0, *words(value, ValueType.FLOAT32))
    assert not refused.allowed
    assert f"value {value} at holding:0 is not a finite number" in refused.reason


def test_a_float32_limit_is_rounded_to_the_nearest_float32() -> None:
    rules = rule("holding:0-1", 'type = "float32"\nmax = 0.1')
    assert Fraction(0.1) < Fraction(13421773, 2**27)  # the float32 nearest to 0.1 is above 0.1
    assert write(rules, 0, 0x3DCC, 0xCCCD).allowed
    refused = write(rules, 0, 0x3DCC, 0xCCCE)
    assert refused.reason == (
        "value 0.10000001 at holding:0 is above max 0.1 of rule Operator/1 (policy.toml:3), on unit 1"
    )


def test_a_write_covers_whole_values_from_the_start_of_the_range() -> None:
    rules = rule("holding:100-103", 'type = "float32"\nmin = 0')
    assert write(rules, 102, 0, 0).allowed
    for address, values in ((100, (0,)), (101, (0,)), (101, (0, 0)), (100, (0, 0, 0))):
        assert not write(rules, address, *values).allowed
    assert write(rules, 101, 0, 0) == Decision(
        write(rules, 101, 0, 0).verdict,
        "Operator/1 at policy.toml:3",
        "the write changes a part of the float32 value at holding:100-101, and rule Operator/1 (policy.toml:3) allows "
        "whole values only, on unit 1",
    )


def test_a_single_write_cannot_change_half_of_a_value() -> None:
    policy = parse_policy(
        '[[role]]\nname = "Operator"\n' + rule("holding:0-1", 'type = "uint32"\nmin = 0'), file="policy.toml"
    )
    rights = policy.rights_of("Operator")
    assert rights.decide(1, WriteMultipleRegisters(0, (0, 0))).allowed
    assert not rights.decide(1, WriteSingleRegister(0, 0)).allowed
    assert not rights.decide(1, MaskWriteRegister(0, 0, 0)).allowed


def test_different_rules_may_allow_different_parts_of_one_write() -> None:
    rules = (
        rule("holding:0-1", 'type = "float32"\nmin = 0\nmax = 1')
        + rule("holding:2", "max = 7")
        + rule("holding:3-4", "")
    )
    half = words(0.5, ValueType.FLOAT32)
    assert write(rules, 0, *half, 7, 9, 9).rule == (
        "Operator/1 at policy.toml:3, Operator/2 at policy.toml:9, Operator/3 at policy.toml:13"
    )
    assert not write(rules, 0, *half, 8, 9, 9).allowed
    assert not write(rules, 0, *half, 7, 9, 9, 9).allowed


def test_all_ways_to_split_a_write_into_values_are_tried() -> None:
    rules = rule("holding:0", "") + rule("holding:0-1", 'type = "uint32"\nmax = 10')
    assert write(rules, 0, 0, 10).allowed  # if rule 1 takes holding:0, no rule is left for holding:1
    assert not write(rules, 0, 0, 11).allowed
    rules = rule("holding:0-3", 'type = "uint32"\nmax = 10') + rule("holding:1-2", 'type = "uint32"\nmax = 10')
    assert write(rules, 0, 0, 10, 0, 10).allowed
    assert write(rules, 1, 0, 10).allowed
    assert not write(rules, 1, 0, 10, 0).allowed


def test_a_wider_rule_cancels_the_limits_of_a_narrower_one() -> None:
    narrow = rule("holding:0-9", "max = 10")
    assert not write(narrow, 5, 11).allowed
    assert write(narrow + rule("holding:0-9", "max = 20"), 5, 11).rule == "Operator/2 at policy.toml:7"
    assert write(narrow + rule("holding:5", ""), 5, 65535).rule == "Operator/2 at policy.toml:7"
    assert not write(narrow + rule("holding:0-9", "max = 20"), 5, 21).allowed


def test_the_reason_names_the_register_that_is_not_allowed() -> None:
    rules = rule("holding:0-9", "max = 10")
    assert "value 11 at holding:7 is above max 10" in write(rules, 5, 1, 2, 11).reason
    assert "value 3 at holding:5 is below min 4" in write(rule("holding:5", "min = 4"), 5, 3).reason
    assert write(rules, 8, 1, 2, 3).reason == (
        'no rule of role "Operator" allows writing holding:8-10 on unit 1: holding:10 is missing'
    )


def test_the_longest_writes_are_split_too() -> None:
    rules = rule("holding:0-199", 'type = "uint64"\nmax = 1') + rule("holding:0-199", 'type = "uint32"\nmax = 1')
    assert write(rules, 0, *([0, 0, 0, 1] * 30)).allowed
    assert not write(rules, 0, *([0, 0, 0, 1] * 29), 1, 0, 0, 0).allowed
    policy = parse_policy(f'[[role]]\nname = "Operator"\n{rules}[[role.allow]]\nunits = 1\nread = ["holding"]', file="")
    request = ReadWriteMultipleRegisters(0, 1, 0, (0, 1) * 60)
    assert policy.rights_of("Operator").decide(1, request).allowed
