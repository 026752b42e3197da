"""From values to the requests that write them: the inverse of decoding, or a reason why not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sealbus.errors import PeerError
from sealbus.plant import (
    BitsToWrite,
    MaskToWrite,
    NotEncodable,
    NoValue,
    RegistersToWrite,
    Tag,
    TagPlan,
    build_conversion,
    compile_tag,
    encode_value,
)
from sealbus.protocol import ValueType, WordOrder, decode_registers, encode_registers, pack_words

if TYPE_CHECKING:
    from sealbus.samples import SampleValue

BAR = {"raw_low": 4000, "raw_high": 20000, "scaled_low": 0, "scaled_high": 10}


def writable(kind: str, place: str = "holding:100", **options: Any) -> Tag:
    return compile_tag(TagPlan(id=1, place=place, type=kind, writable=True, **options))


@pytest.mark.parametrize(
    ("kind", "options", "value", "registers"),
    [
        ("uint16", {}, 7, (7,)),
        ("uint16", {}, 7.0, (7,)),
        ("int16", {}, -1, (0xFFFF,)),
        ("uint16", {"order": "BADC"}, 0x1234, (0x3412,)),
        ("uint32", {}, 0x12345678, (0x1234, 0x5678)),
        ("uint32", {"order": "CDAB"}, 0x12345678, (0x5678, 0x1234)),
        ("uint64", {}, 2**64 - 1, (0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF)),
        ("uint16", {"scale": 0.1}, 230.1, (2301,)),
        ("uint16", {"scale": 0.1}, 230.14, (2301,)),
        ("int16", {"scale": 0.01, "offset": -50}, 1.5, (5150,)),
        ("uint16", BAR, 5, (12000,)),
        ("uint16", BAR, 3.333, (9333,)),
        ("float32", {}, 1.5, (0x3FC0, 0)),
        ("float32", {"write_max": 0.1}, 0.1, (0x3DCC, 0xCCCD)),
        ("float32", {"order": "CDAB", "scale": 2}, 3, (0, 0x3FC0)),
        ("bcd16", {"scale": 0.1}, 123.4, (0x1234,)),
        ("bcd32", {}, 12345678, (0x1234, 0x5678)),
        ("string", {"length": 2}, "abc", (0x6162, 0x6300)),
        ("string", {"length": 2, "order": "BADC"}, "abc", (0x6261, 0x0063)),
        ("uint16", {"write_min": 0.5, "write_max": 10, "write_step": 0.1, "scale": 0.1}, 0.8, (8,)),
    ],
)
def test_a_value_becomes_registers(kind: str, options: dict[str, Any], value: Any, registers: tuple[int, ...]) -> None:
    found = encode_value(writable(kind, **options), value)
    assert isinstance(found, RegistersToWrite), found
    assert (found.address, found.registers) == (100, registers)


def test_the_written_value_is_what_the_device_will_hold() -> None:
    found = encode_value(writable("uint16", scale=0.1), 230.14)
    assert isinstance(found, RegistersToWrite)
    assert found.value == 230.1


def test_a_coil_becomes_a_bit() -> None:
    assert encode_value(writable("", "coils:5"), True) == BitsToWrite(address=5, bits=(True,), value=True)
    assert encode_value(writable("", "coils:5"), 0) == BitsToWrite(address=5, bits=(False,), value=False)


@pytest.mark.parametrize(
    ("kind", "options", "value", "mask"),
    [
        ("", {"bit": 3}, True, (100, 0xFFF7, 0x0008)),
        ("uint16", {"bit": 3}, False, (100, 0xFFF7, 0x0000)),
        ("", {"bit": 3, "order": "BADC"}, True, (100, 0xF7FF, 0x0800)),
        ("uint16", {"bit": 4, "bit_width": 3}, 5, (100, 0xFF8F, 0x0050)),
        ("uint16", {"bit": 8, "bit_width": 8, "scale": 0.5}, 3.5, (100, 0x00FF, 0x0700)),
        ("uint32", {"bit": 31}, True, (100, 0x7FFF, 0x8000)),
        ("uint32", {"bit": 31, "order": "CDAB"}, True, (101, 0x7FFF, 0x8000)),
        ("uint32", {"bit": 0}, True, (101, 0xFFFE, 0x0001)),
    ],
)
def test_bits_of_a_register_become_a_mask(
    kind: str, options: dict[str, Any], value: Any, mask: tuple[int, int, int]
) -> None:
    found = encode_value(writable(kind, **options), value)
    assert isinstance(found, MaskToWrite), found
    assert (found.address, found.and_mask, found.or_mask) == mask
    assert found.value == value


@pytest.mark.parametrize(
    ("kind", "options", "value", "reason"),
    [
        ("uint16", {}, "7", "not a number"),
        ("uint16", {}, True, "not a number"),
        ("float32", {}, math.nan, "not a number"),
        ("float32", {}, math.inf, "not a number"),
        ("uint16", {}, 65536, "is out of range for uint16: use a number from 0 to 65535"),
        ("uint16", {}, -1, "is out of range for uint16"),
        ("int16", {"scale": 0.1}, 4000, "is out of range for int16: use a number from -3276.8 to 3276.7"),
        ("bcd16", {}, 10000, "is out of range for bcd16: use a number from 0 to 9999"),
        ("float32", {}, 1e39, "too large for float32"),
        ("float64", {"scale": 1e-300}, 1e300, "too large for float64"),
        ("uint16", {"write_min": 5}, 4, "below the lowest value that may be written, 5"),
        ("uint16", {"write_max": 5}, 5.1, "above the highest value that may be written, 5"),
        ("uint16", {"scale": 0.1, "write_max": 9.96}, 9.96, "the nearest value, 10.0, is beyond the limit 9.96"),
        ("uint16", {"scale": 10, "write_min": 14}, 14, "the nearest value, 10, is beyond the limit 14"),
        ("uint16", {}, 10**400, "too large for uint16"),
        ("float64", {}, 2**2000, "too large for float64"),
        ("", {"bit": 3}, 2**2000, "too large for bit"),
        ("uint16", {"write_min": 5, "write_step": 2}, 8, "not 5 plus a multiple of the step 2"),
        ("uint16", {"scale": 0.1, "write_step": 0.01}, 10.04, "cannot hold 10.04; the nearest value is 10.0"),
        ("uint16", {}, 1.4, "cannot hold 1.4; the nearest value is 1"),
        ("uint16", {"sentinels": (0xFFFF,)}, 0xFFFF, "not available"),
        ("int16", {"sunspec": True}, -32768, "not available"),
        ("string", {"length": 2}, "abcde", "needs more than 2 registers"),
        ("string", {"length": 2}, "a\0b", "NUL"),
        ("string", {"length": 2}, "ab ", "ends with a space"),
        ("string", {"length": 2}, 7, "not a text"),
        ("string", {"length": 2, "sunspec_type": "ipaddr"}, "10.0.0.1", "SunSpec address"),
        ("", {"bit": 3}, 2, "not true or false"),
        ("", {"bit": 3}, "on", "not true or false"),
        ("uint16", {"bit": 4, "bit_width": 3}, 8, "is out of range for 3 bits: use a number from 0 to 7"),
        ("uint16", {"bit": 4, "bit_width": 3}, 1.5, "cannot hold 1.5"),
        ("uint32", {"bit": 12, "bit_width": 8}, 1, "are in 2 registers"),
        ("uint16", {**BAR, "scaled_high": 0}, 0, "gives one value only"),
    ],
)
def test_a_value_that_cannot_be_written_is_refused_with_a_reason(
    kind: str, options: dict[str, Any], value: Any, reason: str
) -> None:
    found = encode_value(writable(kind, **options), value)
    assert isinstance(found, NotEncodable), found
    assert reason in found.reason


def test_a_tag_that_is_not_writable_is_never_written() -> None:
    for place in ("holding:0", "input:0", "discrete:0"):
        tag = compile_tag(TagPlan(id=1, place=place))
        assert isinstance(encode_value(tag, 1), NotEncodable)


NUMBERS = st.sampled_from([each for each in ValueType if each not in (ValueType.BIT, ValueType.STRING)])
SCALES = st.sampled_from([1.0, 0.1, 0.01, -0.1, 10.0, 2.5, 1e-3])


@settings(max_examples=500, deadline=None)
@given(NUMBERS, st.sampled_from([*WordOrder]), SCALES, st.sampled_from([0.0, -50.0, 0.25]), st.data())
def test_a_decoded_value_is_encoded_to_registers_of_the_same_value(
    kind: ValueType, order: WordOrder, scale: float, offset: float, data: st.DataObject
) -> None:
    tag = writable(kind, order=order.value, scale=scale, offset=offset)
    words = data.draw(st.lists(st.integers(0, 0xFFFF), min_size=tag.place.count, max_size=tag.place.count))
    value = _decoded(tag, words)
    assume(value is not None)
    assert value is not None
    found = encode_value(tag, value)
    if isinstance(found, NotEncodable):  # the scale took the largest values out of the type, by rounding
        assert abs(float(value)) > 1e15
        return
    assert isinstance(found, RegistersToWrite)
    assert found.value == _decoded(tag, found.registers)
    assert float(found.value) == pytest.approx(
        float(value), rel=1e-6 if kind is ValueType.FLOAT32 else 1e-12, abs=1e-300
    )


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=12), st.sampled_from([*WordOrder]))
def test_a_text_is_read_back_unchanged_or_refused(text: str, order: WordOrder) -> None:
    tag = writable("string", length=4, order=order.value)
    found = encode_value(tag, text)
    if isinstance(found, NotEncodable):
        assert len(text.encode("utf-8", "replace")) > 8 or "\0" in text or text.endswith(" ")
        return
    assert isinstance(found, RegistersToWrite)
    assert decode_registers(found.registers, ValueType.STRING, order) == [text]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["uint16", "uint32", "uint64"]),
    st.sampled_from([*WordOrder]),
    st.integers(0, 15),
    st.integers(1, 8),
    st.data(),
)
def test_a_mask_changes_the_bits_of_the_tag_and_no_others(
    kind: str, order: WordOrder, bit: int, width: int, data: st.DataObject
) -> None:
    size = 16 * (ValueType(kind).registers or 1)
    bit = data.draw(st.sampled_from(range(0, size, 16))) + min(bit, 16 - width)
    tag = writable(kind, bit=bit, bit_width=width, order=order.value)
    before = data.draw(st.integers(0, 2**size - 1))
    value = data.draw(st.integers(0, 2**width - 1))
    found = encode_value(tag, value)
    assert isinstance(found, MaskToWrite), found
    words = encode_registers([before], ValueType(kind), order)
    at = found.address - tag.place.address
    words[at] = words[at] & found.and_mask | found.or_mask & ~found.and_mask
    (after,) = decode_registers(words, ValueType(kind), order)
    field = ((1 << width) - 1) << bit
    assert isinstance(after, int)
    assert after == before & ~field | value << bit


def _decoded(tag: Tag, words: Any) -> SampleValue | None:
    kind = tag.type
    try:
        raw: Any = decode_registers(words, kind, tag.order)[0]
        if kind in (ValueType.BCD16, ValueType.BCD32):
            raw = pack_words(encode_registers([raw], kind))
        return build_conversion(tag)(raw)
    except (NoValue, PeerError):
        return None
