"""Values in registers: every type in every order, what does not fit, and places as people write them."""

from __future__ import annotations

import math

import pytest

from sealbus.errors import LocalError, PeerError
from sealbus.protocol import (
    Place,
    RegisterValue,
    Table,
    ValueType,
    WordOrder,
    decode_registers,
    encode_registers,
    pack_bits,
    pack_words,
    parse_place,
    unpack_bits,
    unpack_words,
)
from unit.protocol.vector_files import Vector, load, named

VECTORS = load("registers")


@pytest.mark.parametrize("order", WordOrder)
@pytest.mark.parametrize("vector", VECTORS, ids=named)
def test_registers_are_read_in_the_word_order(vector: Vector, order: WordOrder) -> None:
    words = unpack_words(bytes.fromhex(vector[order]))
    values = decode_registers(words, ValueType(vector["type"]), order)
    assert values == vector["values"]
    assert [type(value) for value in values] == [type(value) for value in vector["values"]]


@pytest.mark.parametrize("order", WordOrder)
@pytest.mark.parametrize("vector", VECTORS, ids=named)
def test_values_are_written_in_the_word_order(vector: Vector, order: WordOrder) -> None:
    words = encode_registers(vector["values"], ValueType(vector["type"]), order)
    assert pack_words(words).hex() == vector[order]


def test_every_type_states_how_many_registers_a_value_takes() -> None:
    assert {str(kind): kind.registers for kind in ValueType} == {
        "bit": 1,
        "uint16": 1,
        "int16": 1,
        "uint32": 2,
        "int32": 2,
        "uint64": 4,
        "int64": 4,
        "float32": 2,
        "float64": 4,
        "string": None,
        "bcd16": 1,
        "bcd32": 2,
    }


@pytest.mark.parametrize(
    ("value", "kind", "sentence"),
    [
        (65536, "uint16", "65536 is not valid as uint16: use a whole number from 0 to 65535"),
        (-1, "uint16", "-1 is not valid as uint16: use a whole number from 0 to 65535"),
        (32768, "int16", "32768 is not valid as int16: use a whole number from -32768 to 32767"),
        (4294967296, "uint32", "4294967296 is not valid as uint32: use a whole number from 0 to 4294967295"),
        (-2147483649, "int32", "-2147483649 is not valid as int32: use a whole number from -2147483648 to 2147483647"),
        (2**64, "uint64", "is not valid as uint64: use a whole number from 0 to 18446744073709551615"),
        (2**63, "int64", "is not valid as int64: use a whole number from -9223372036854775808 to 9223"),
        (1.5, "uint16", "1.5 is not valid as uint16: use a whole number from 0 to 65535"),
        (math.nan, "int32", "nan is not valid as int32"),
        (math.inf, "int32", "inf is not valid as int32"),
        ("7", "uint16", "'7' is not valid as uint16: use a whole number from 0 to 65535"),
        (1e39, "float32", "1e+39 is not valid as float32: use a number from -3.4028234663852886e+38 to 3.4028"),
        (10**400, "float64", "a number of 1329 bits is not valid as float64"),
        ("1.0", "float32", "'1.0' is not valid as float32"),
        (10000, "bcd16", "10000 is not valid as bcd16: use a whole number from 0 to 9999"),
        (-1, "bcd16", "-1 is not valid as bcd16: use a whole number from 0 to 9999"),
        (100000000, "bcd32", "100000000 is not valid as bcd32: use a whole number from 0 to 99999999"),
        (0.5, "bcd32", "0.5 is not valid as bcd32"),
    ],
)
def test_a_value_out_of_range_is_refused_with_value_type_and_range(
    value: RegisterValue, kind: str, sentence: str
) -> None:
    with pytest.raises(LocalError) as caught:
        encode_registers([0 if kind != "string" else "", value], ValueType(kind))
    assert sentence in str(caught.value)


def test_a_number_too_long_to_print_is_refused_too() -> None:
    with pytest.raises(
        LocalError, match="a number of 33216 bits is not valid as uint16: use a whole number from 0 to 65535"
    ):
        encode_registers([10**9999], ValueType.UINT16)


def test_a_whole_float_is_an_integer() -> None:
    assert encode_registers([5.0, -3.0], ValueType.INT16) == [5, 65533]
    assert encode_registers([1234.0], ValueType.BCD16) == [0x1234]


def test_not_a_number_and_infinity_are_floats() -> None:
    assert encode_registers([math.inf, -math.inf], ValueType.FLOAT32) == [0x7F80, 0, 0xFF80, 0]
    (value,) = decode_registers(encode_registers([math.nan], ValueType.FLOAT64), ValueType.FLOAT64)
    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize(("count", "kind"), [(1, "uint32"), (3, "float32"), (2, "int64"), (5, "float64"), (1, "bcd32")])
def test_registers_that_are_not_a_whole_number_of_values_are_refused(count: int, kind: str) -> None:
    with pytest.raises(LocalError, match=f"{count} registers are not a whole number of {kind} values"):
        decode_registers([0] * count, ValueType(kind))


@pytest.mark.parametrize("order", WordOrder)
@pytest.mark.parametrize("kind", ValueType)
def test_a_number_that_is_not_a_register_is_refused(kind: ValueType, order: WordOrder) -> None:
    with pytest.raises(LocalError, match="65536 is not valid in a register: use a whole number from 0 to 65535"):
        decode_registers([0, 65536, 0, 0], kind, order)


@pytest.mark.parametrize(("words", "kind", "digits"), [([0x12A4], "bcd16", "12A4"), ([0, 0xF], "bcd32", "0000000F")])
def test_registers_without_decimal_digits_are_a_fault_of_the_device(words: list[int], kind: str, digits: str) -> None:
    with pytest.raises(PeerError, match=f"hold {digits}, which is not {kind}"):
        decode_registers(words, ValueType(kind))


def test_an_empty_block_holds_no_values_and_an_empty_text() -> None:
    assert decode_registers([], ValueType.FLOAT32) == []
    assert decode_registers([], ValueType.STRING) == [""]
    assert encode_registers([], ValueType.UINT16) == []


@pytest.mark.parametrize(
    ("registers", "text"),
    [("41420000", "AB"), ("41422020", "AB"), ("41420043", "AB"), ("20410000", " A"), ("0041", "")],
)
def test_a_text_ends_at_nul_or_before_the_spaces_that_pad_it(registers: str, text: str) -> None:
    assert decode_registers(unpack_words(bytes.fromhex(registers)), ValueType.STRING) == [text]


def test_a_text_that_is_not_utf_8_is_a_fault_of_the_device() -> None:
    with pytest.raises(PeerError, match="not UTF-8 text: byte 2 is FF"):
        decode_registers([0x41FF], ValueType.STRING)


def test_a_text_is_padded_with_nul_so_that_it_overwrites_the_old_text() -> None:
    assert encode_registers(["AB"], ValueType.STRING, registers=3) == [0x4142, 0, 0]
    with pytest.raises(LocalError, match="'ABCDE' has 5 bytes and needs more than 2 registers, which hold 4"):
        encode_registers(["ABCDE"], ValueType.STRING, registers=2)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (["a", "b"], "takes one text"),
        ([], "takes one text"),
        ([1], "takes one text"),
        (["a\0b"], "has a NUL"),
        (["\ud800"], "cannot be encoded in UTF-8"),
    ],
)
def test_a_value_that_is_not_a_text_is_refused(values: list[RegisterValue], sentence: str) -> None:
    with pytest.raises(LocalError, match=sentence):
        encode_registers(values, ValueType.STRING)


def test_bits_are_written_by_whole_registers_only() -> None:
    with pytest.raises(LocalError, match="3 bits would change others in their register"):
        encode_registers([True, False, True], ValueType.BIT)
    with pytest.raises(LocalError, match="2 is not valid as bit: use True, False, 0 or 1"):
        encode_registers([2] * 16, ValueType.BIT)


def test_bits_and_words_are_packed_as_specified() -> None:
    assert pack_bits([True, False, True, True, False, False, True, True, True, False]) == b"\xcd\x01"
    assert unpack_bits(b"\xcd\x01", 10) == [True, False, True, True, False, False, True, True, True, False]
    assert pack_bits([]) == b""
    assert unpack_words(b"\x02\x2b\x00\x64") == [555, 100]
    with pytest.raises(LocalError, match="3 bytes are not a whole number of registers"):
        unpack_words(b"\0\0\0")
    with pytest.raises(LocalError, match="1 bytes do not hold exactly 9 bits"):
        unpack_bits(b"\0", 9)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("holding:0-9", Place(Table.HOLDING, 0, 10)),
        ("coils:3", Place(Table.COILS, 3)),
        ("input:20-20", Place(Table.INPUT, 20, 1)),
        ("discrete:0-65535", Place(Table.DISCRETE, 0, 65536)),
        (" holding:7 ", Place(Table.HOLDING, 7)),
    ],
)
def test_a_place_is_a_table_and_its_addresses(text: str, place: Place) -> None:
    assert parse_place(text) == place


def test_a_place_is_rendered_as_it_is_parsed() -> None:
    assert str(parse_place("holding:0-9")) == "holding:0-9"
    assert str(parse_place("coils:3-3")) == "coils:3"
    assert parse_place("holding:5-9").last == 9


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("holding", "write a table and addresses, such as holding:0-9"),
        ("holding:", "write a table and addresses"),
        ("holding:x", "write a table and addresses"),
        ("holding:-1", "write a table and addresses"),
        ("holding:1-", "write a table and addresses"),
        ("holding:1-2-3", "write a table and addresses"),
        ("holding:0x10", "write a table and addresses"),
        ("holding:\u0661", "write a table and addresses"),
        ("", "write a table and addresses"),
        ("register:1", "the tables are coils, discrete, input, holding"),
        ("Holding:1", "the tables are coils, discrete, input, holding"),
        (":1", "the tables are coils, discrete, input, holding"),
        ("holding:9-0", "write holding:0-9"),
        ("holding:65536", "addresses are 0 to 65535, counted from 0"),
        ("holding:65535-65536", "addresses are 0 to 65535, counted from 0"),
    ],
)
def test_an_invalid_place_is_refused_with_a_hint(text: str, hint: str) -> None:
    with pytest.raises(LocalError) as caught:
        parse_place(text)
    assert hint in str(caught.value)


@pytest.mark.parametrize(("address", "count"), [(0, 0), (-1, 1), (65535, 2), (0, -1)])
def test_a_place_outside_its_table_cannot_be_built(address: int, count: int) -> None:
    with pytest.raises(LocalError):
        Place(Table.HOLDING, address, count)
