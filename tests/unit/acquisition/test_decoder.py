"""The decoder returns what `protocol.decode_registers` returns, for every type and order, with any other tags."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealbus.acquisition.decoder import build_decoder
from sealbus.errors import PeerError
from sealbus.plant import DeviceLimits, NoValue, build_conversion, plan_blocks
from sealbus.protocol import ValueType, WordOrder, decode_registers, pack_bits, pack_words
from sealbus.samples import Reason
from unit.acquisition.plans import tag

if TYPE_CHECKING:
    from sealbus.plant import Tag

FIRST = 100
WIDE = DeviceLimits(gap_registers=125, gap_bits=2000)
NUMBERS = [kind for kind in ValueType if kind is not ValueType.BIT]


def decoded(tags: list[Tag], data: bytes) -> dict[int, object]:
    (block,) = plan_blocks(tags, WIDE)
    values: dict[int, object] = {}
    for each, raw in zip(block.tags, build_decoder(block)(data), strict=True):
        try:
            values[each.plan.id] = build_conversion(each)(raw)
        except NoValue as none:
            values[each.plan.id] = none.reason
    return values


def expected(one: Tag, words: list[int]) -> object:
    begin = one.place.address - FIRST
    own = words[begin : begin + one.place.count]
    try:
        if one.type is ValueType.BIT:
            return decode_registers(own, ValueType.BIT, one.order)[one.plan.bit or 0]
        (value,) = decode_registers(own, one.type, one.order)
    except PeerError:
        return Reason.NOT_DECODABLE
    if isinstance(value, float) and value - value != 0:
        return Reason.NOT_DECODABLE
    return value


@pytest.mark.parametrize("order", WordOrder)
@pytest.mark.parametrize("kind", NUMBERS)
def test_one_value_of_every_type_in_every_order(kind: ValueType, order: WordOrder) -> None:
    words = [0x4142, 0x4344, 0x4546, 0x4748]
    one = tag(f"holding:{FIRST}", kind, order=order, length=4 if kind is ValueType.STRING else 0)
    assert decoded([one], pack_words(words[: one.place.count])) == {FIRST: expected(one, words)}


def test_values_equal_those_worked_out_by_hand() -> None:
    data = bytes.fromhex("0001 8000 4048f5c3 f5c34048 1234 0009 4142")
    tags = [
        tag("holding:100"),
        tag("holding:101", "int16"),
        tag("holding:102", "float32"),
        tag("holding:104", "float32", order="CDAB"),
        tag("holding:106", "bcd16"),
        tag("holding:107", bit=3),
        tag("holding:108", "string", length=1, order="BADC"),
    ]
    pi = struct.unpack(">f", bytes.fromhex("4048f5c3"))[0]
    assert decoded(tags, data) == {100: 1, 101: -32768, 102: pi, 104: pi, 106: 1234, 107: True, 108: "BA"}


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_mixture_of_overlapping_tags(data: st.DataObject) -> None:
    words = data.draw(st.lists(st.integers(0, 0xFFFF), min_size=12, max_size=12))
    tags = [tag(f"holding:{FIRST}", id=-1), tag(f"holding:{FIRST + 11}", id=-2)]
    for number in range(data.draw(st.integers(0, 20))):
        kind = data.draw(st.sampled_from(list(ValueType)))
        options: dict[str, object] = {"length": 3} if kind is ValueType.STRING else {}
        if kind is ValueType.BIT:
            options["bit"] = data.draw(st.integers(0, 15))
        address = FIRST + data.draw(st.integers(0, 8))
        order = data.draw(st.sampled_from(list(WordOrder)))
        name = "" if kind is ValueType.BIT else kind  # with a bit, no type means a single bit
        tags.append(tag(f"holding:{address}", name, id=number, order=order, **options))
    assert decoded(tags, pack_words(words)) == {each.plan.id: expected(each, words) for each in tags}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=60), st.data())
def test_bits_are_read_from_their_addresses(bits: list[bool], data: st.DataObject) -> None:
    some = data.draw(st.sets(st.integers(0, len(bits) - 1))) | {0, len(bits) - 1}
    tags = [tag(f"coils:{FIRST + offset}") for offset in some]
    assert decoded(tags, pack_bits(bits)) == {FIRST + offset: bits[offset] for offset in some}
