"""The rights that a changed policy adds are named, and none is missed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealbus.errors import ConfigError
from sealbus.policy import Policy, grown_rights, parse_policy
from sealbus.protocol import (
    MaskWriteRegister,
    ReadCoils,
    ReadHoldingRegisters,
    ReadInputRegisters,
    Request,
    WriteMultipleCoils,
    WriteMultipleRegisters,
)
from unit.policy.naive import NaiveRule
from unit.policy.test_against_naive_model import ADDRESSES, WORDS, rules

OLD = """[[role]]
name = "Operator"
[[role.allow]]
units = "1-3"
read = ["holding:0-9"]
[[role.allow]]
units = "1"
write = ["holding:100-109"]
max = 1000
"""


def policy(text: str) -> Policy:
    return parse_policy(text, file="policy.toml")


def grown(text: str) -> list[str]:
    return grown_rights(policy(OLD), policy(text))


def test_the_same_policy_and_a_smaller_one_add_nothing() -> None:
    assert grown(OLD) == []
    assert grown(OLD.replace("0-9", "3-7").replace("1000", "999").replace("1-3", "2,3")) == []
    assert grown("") == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("0-9", "0-10", ['role "Operator" may read holding:0-10 on unit 1-3']),
        ('"1-3"', '"2-5,9"', ['role "Operator" may read holding:0-9 on unit 4-5,9']),
        ("max = 1000", "max = 9000", ['role "Operator" may write holding:100-109 (at most 9000) on unit 1']),
        ("max = 1000\n", "", ['role "Operator" may write holding:100-109 on unit 1']),
        ("read = [", 'functions = [90]\nread = ["coils", ', [
            'role "Operator" may read coils on unit 1-3',
            'role "Operator" may call function 90 on unit 1-3',
        ]),
        ("Operator", "operator", [
            'role "operator" may read holding:0-9 on unit 1-3',
            'role "operator" may write holding:100-109 (at most 1000) on unit 1',
        ]),
        ('"Operator"', '""', [
            "the NULL role may read holding:0-9 on unit 1-3",
            "the NULL role may write holding:100-109 (at most 1000) on unit 1",
        ]),
    ],
)  # fmt: skip
def test_each_new_right_is_named(old: str, new: str, expected: list[str]) -> None:
    assert grown(OLD.replace(old, new)) == expected


def test_every_cut_of_a_policy_that_grants_more_is_noticed() -> None:
    text = OLD.replace("max = 1000", "min = 500\nmax = 1000")
    whole = policy(text)
    noticed = {cut for cut in range(len(text)) if _parsed(text[:cut]) and grown_rights(whole, policy(text[:cut]))}
    assert {text.index("min"), text.index("max"), text.index("500") + 1} <= noticed
    assert text.index("[[role.allow]]") not in noticed


def _parsed(text: str) -> bool:
    try:
        policy(text)
    except ConfigError:
        return False
    return True


@settings(max_examples=200)
@given(
    old=st.lists(rules(), max_size=4),
    new=st.lists(rules(), max_size=4),
    unit=st.integers(0, 1),
    address=ADDRESSES,
    words=st.lists(WORDS, min_size=1, max_size=4).map(tuple),
)
def test_without_growth_no_request_is_allowed_that_was_denied(
    old: list[NaiveRule], new: list[NaiveRule], unit: int, address: int, words: tuple[int, ...]
) -> None:
    before, after = (policy('[[role]]\nname = "R"\n' + "\n".join(map(NaiveRule.toml, each))) for each in (old, new))
    count = len(words)
    requests: list[Request] = [
        ReadCoils(address, count),
        ReadInputRegisters(address, count),
        ReadHoldingRegisters(address, count),
        WriteMultipleRegisters(address, words),
        WriteMultipleCoils(address, (True,) * count),
        MaskWriteRegister(address, 0, 0),
    ]
    was, may = before.rights_of("R"), after.rights_of("R")
    if any(may.decide(unit, each).allowed and not was.decide(unit, each).allowed for each in requests):
        assert grown_rights(before, after)
