"""Random policies and requests: the compiled policy and the naive model decide the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealbus.policy import parse_policy
from sealbus.protocol import (
    MaskWriteRegister,
    ReadCoils,
    ReadDiscreteInputs,
    ReadHoldingRegisters,
    ReadInputRegisters,
    ReadWriteMultipleRegisters,
    Request,
    WriteMultipleCoils,
    WriteMultipleRegisters,
    WriteSingleCoil,
    WriteSingleRegister,
)
from unit.policy import naive
from unit.policy.naive import NaiveLimit, NaivePlace, NaiveRule

LAST = 9  # a small window, so that ranges overlap and touch

ADDRESSES = st.integers(0, LAST)
TYPES = ["uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"]
ORDERS = ["ABCD", "BADC", "CDAB", "DCBA"]
WORDS = st.sampled_from([0, 1, 2, 3, 255, 256, 0x3F80, 0x7F80, 0x7FC0, 0x7FF0, 0x7FFF, 0x8000, 0xC000, 0xFFFF])


@st.composite
def places(draw: st.DrawFn, tables: list[str], width: int = 1) -> NaivePlace:
    first = draw(ADDRESSES)
    values = draw(st.integers(1, 4))
    return NaivePlace(draw(st.sampled_from(tables)), first, first + width * values - 1)


@st.composite
def limits(draw: st.DrawFn) -> NaiveLimit:
    type_ = draw(st.sampled_from(TYPES))
    bounds = st.integers(0, 3) if type_.startswith("uint") else st.integers(-3, 3)
    low, high = sorted((draw(bounds), draw(bounds)))
    which = draw(st.sampled_from(["both", "min", "max"]))
    minimum = None if which == "max" else low
    maximum = None if which == "min" else high
    return NaiveLimit(minimum, maximum, type_, draw(st.sampled_from(ORDERS)))


@st.composite
def rules(draw: st.DrawFn) -> NaiveRule:
    limit = draw(st.none() | limits())
    writable = ["holding"] if limit else ["coils", "holding"]
    return NaiveRule(
        units=tuple(draw(st.sets(st.integers(0, 1), min_size=1))),
        reads=tuple(draw(st.lists(places(["coils", "discrete", "holding", "input"]), max_size=3))),
        writes=tuple(draw(st.lists(places(writable, limit.width if limit else 1), min_size=1, max_size=2))),
        limit=limit,
    )


@pytest.mark.parametrize("seed", range(4))  # four short runs can run in parallel, one long run cannot
@settings(max_examples=60, deadline=None)
@given(
    policy=st.lists(rules(), max_size=5),
    unit=st.integers(0, 1),
    address=ADDRESSES,
    words=st.lists(WORDS, min_size=1, max_size=6).map(tuple),
    read_address=ADDRESSES,
)
def test_every_kind_of_access_is_decided_as_the_naive_model_says(
    seed: int, policy: list[NaiveRule], unit: int, address: int, words: tuple[int, ...], read_address: int
) -> None:
    text = '[[role]]\nname = "R"\n' + "\n".join(rule.toml() for rule in policy)
    rights = parse_policy(text, file="policy.toml").rights_of("R")
    count = len(words)
    may_write = naive.may_write_registers(policy, unit, address, words)
    may_read = naive.may_read(policy, unit, "holding", read_address, count)
    may_write_coils = naive.may_write_coils(policy, unit, address, count)
    expected: list[tuple[Request, bool]] = [
        (ReadCoils(address, count), naive.may_read(policy, unit, "coils", address, count)),
        (ReadDiscreteInputs(address, count), naive.may_read(policy, unit, "discrete", address, count)),
        (ReadInputRegisters(address, count), naive.may_read(policy, unit, "input", address, count)),
        (ReadHoldingRegisters(read_address, count), may_read),
        (WriteMultipleRegisters(address, words), may_write),
        (WriteSingleRegister(address, words[0]), naive.may_write_registers(policy, unit, address, words[:1])),
        (WriteMultipleCoils(address, (True,) * count), may_write_coils),
        (WriteSingleCoil(address, False), naive.may_write_coils(policy, unit, address, 1)),
        (MaskWriteRegister(address, 0, 0), naive.may_mask(policy, unit, address)),
        (ReadWriteMultipleRegisters(read_address, count, address, words), may_read and may_write),
    ]
    for request, may in expected:
        decision = rights.decide(unit, request)
        assert decision.allowed is may, (text, unit, request, decision)
        assert bool(decision.reason)
        assert not may or decision.rule is not None
        assert not may or rights.may_call(unit, request.encode()).allowed
