"""Any input is decoded to a value or raises one of our errors; and any encoded value is decoded to the same value.

The examples are derived from each test and are the same in every run, so that the result of the gate is stable.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealbus.errors import DeviceException, LocalError, PeerError
from sealbus.protocol import (
    AsciiStream,
    FileRecord,
    FileReference,
    MaskWriteRegister,
    MbapStream,
    OpaqueRequest,
    Place,
    ReadCoils,
    ReadDeviceIdentification,
    ReadDiscreteInputs,
    ReadFifoQueue,
    ReadFileRecord,
    ReadHoldingRegisters,
    ReadInputRegisters,
    ReadWriteMultipleRegisters,
    Request,
    ResyncingRtuStream,
    RtuRequestStream,
    RtuResponseStream,
    Table,
    ValueType,
    WordOrder,
    WriteFileRecord,
    WriteMultipleCoils,
    WriteMultipleRegisters,
    WriteSingleCoil,
    WriteSingleRegister,
    answer_shape,
    decode_answer,
    decode_registers,
    encode_answer,
    encode_ascii,
    encode_mbap,
    encode_registers,
    encode_rtu,
    may_change_state,
    parse_place,
    parse_request,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Stream: TypeAlias = MbapStream | RtuRequestStream | RtuResponseStream | AsciiStream

steady = settings(derandomize=True, deadline=None, database=None, max_examples=150)

STREAMS = [MbapStream, RtuRequestStream, RtuResponseStream, ResyncingRtuStream, AsciiStream]
MAX_HELD_BYTES = 512

address = st.integers(0, 65535)
word = st.integers(0, 65535)
words = st.lists(word, max_size=20)
pdus = st.builds(
    lambda function_code, body: bytes((function_code,)) + body,
    st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 15, 16, 17, 20, 21, 22, 23, 24, 43, 65, 131]),
    st.binary(max_size=40),
) | st.binary(max_size=260)
pieces = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.builds(encode_mbap, word, st.integers(0, 255), st.binary(min_size=1, max_size=253)),
        st.builds(encode_rtu, st.integers(0, 255), pdus.filter(lambda pdu: 0 < len(pdu) < 254)),
        st.builds(encode_ascii, st.integers(0, 255), pdus.filter(lambda pdu: 0 < len(pdu) < 254)),
    ),
    max_size=5,
)
"""Possible bytes on a line: noise, and frames of all kinds, joined."""


def _blocks(build: Callable[[int, int], Request], most: int) -> st.SearchStrategy[Request]:
    return st.integers(1, most).flatmap(lambda count: st.builds(build, st.integers(0, 65536 - count), st.just(count)))


def _low(size: int) -> st.SearchStrategy[int]:
    return st.integers(0, 65536 - size)


requests: st.SearchStrategy[Request] = st.one_of(
    _blocks(ReadCoils, 2000),
    _blocks(ReadDiscreteInputs, 2000),
    _blocks(ReadHoldingRegisters, 125),
    _blocks(ReadInputRegisters, 125),
    st.builds(WriteSingleCoil, address, st.booleans()),
    st.builds(WriteSingleRegister, address, word),
    st.builds(WriteMultipleCoils, _low(1968), st.lists(st.booleans(), min_size=1, max_size=1968).map(tuple)),
    st.builds(WriteMultipleRegisters, _low(123), st.lists(word, min_size=1, max_size=123).map(tuple)),
    st.builds(MaskWriteRegister, address, word, word),
    st.builds(
        ReadWriteMultipleRegisters,
        _low(125),
        st.integers(1, 125),
        _low(121),
        st.lists(word, min_size=1, max_size=121).map(tuple),
    ),
    st.builds(ReadFifoQueue, address),
    st.builds(ReadDeviceIdentification, st.integers(1, 4), st.integers(0, 255)),
    st.builds(
        ReadFileRecord,
        st.lists(
            st.builds(FileReference, st.integers(1, 65535), st.integers(0, 9990), st.integers(1, 5)),
            min_size=1,
            max_size=20,
        ).map(tuple),
    ),
    st.builds(
        WriteFileRecord,
        st.lists(
            st.builds(
                FileRecord,
                st.integers(1, 65535),
                st.integers(0, 9990),
                st.lists(word, min_size=1, max_size=5).map(tuple),
            ),
            min_size=1,
            max_size=10,
        ).map(tuple),
    ),
    st.builds(OpaqueRequest, st.sampled_from([9, 65, 90, 127]), st.binary(max_size=252)),
)


def _run(build: type[Stream], chunks: list[bytes]) -> tuple[list[bytes], str | None]:
    stream = build()
    frames = [frame for chunk in chunks for frame in stream.feed(chunk)]
    assert len(stream._held) <= MAX_HELD_BYTES
    return frames, str(stream.fault) if stream.fault else None


@pytest.mark.parametrize("build", STREAMS)
@steady
@given(pieces=pieces, cuts=st.lists(st.integers(0, 2000), max_size=8))
def test_frames_do_not_depend_on_how_the_bytes_are_split(
    build: type[Stream], pieces: list[bytes], cuts: list[int]
) -> None:
    data = b"".join(pieces)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    chunks = [data[start:end] for start, end in itertools.pairwise(places)]
    whole = _run(build, [data])
    assert _run(build, chunks) == whole
    assert _run(build, [data[at : at + 1] for at in range(len(data))]) == whole


@pytest.mark.parametrize("build", STREAMS)
@steady
@given(data=st.binary(max_size=600))
def test_any_bytes_end_in_frames_or_a_fault(build: type[Stream], data: bytes) -> None:
    for frame in _run(build, [data])[0]:
        assert 2 <= len(frame) <= 260


@steady
@given(st.lists(st.tuples(word, st.integers(0, 255), st.binary(min_size=1, max_size=253)), max_size=5))
def test_mbap_decodes_the_adus_that_were_encoded(sent: list[tuple[int, int, bytes]]) -> None:
    adus = [encode_mbap(*parts) for parts in sent]
    assert _run(MbapStream, [b"".join(adus)]) == (adus, None)


@steady
@given(st.lists(st.tuples(st.integers(0, 255), st.binary(min_size=1, max_size=253)), max_size=5))
def test_ascii_decodes_the_frames_that_were_encoded(sent: list[tuple[int, bytes]]) -> None:
    bodies = [bytes((unit_id,)) + pdu for unit_id, pdu in sent]
    assert _run(AsciiStream, [b"".join(encode_ascii(*parts) for parts in sent)]) == (bodies, None)


@steady
@given(
    st.lists(st.tuples(st.integers(0, 255), requests.filter(lambda r: not isinstance(r, OpaqueRequest))), max_size=4)
)
def test_rtu_decodes_the_requests_that_were_encoded(sent: list[tuple[int, Request]]) -> None:
    bodies = [bytes((unit_id,)) + request.encode() for unit_id, request in sent]
    data = b"".join(encode_rtu(unit_id, request.encode()) for unit_id, request in sent)
    assert _run(RtuRequestStream, [data]) == (bodies, None)


@settings(steady, max_examples=500)
@given(pdus)
def test_any_pdu_is_a_request_or_an_error_of_the_peer(pdu: bytes) -> None:
    may_change_state(pdu)
    try:
        request = parse_request(pdu)
    except PeerError:
        return
    assert parse_request(request.encode()) == request
    assert answer_shape(pdu).objection(bytes((pdu[0] | 0x80, 4))) is None


@steady
@given(requests)
def test_a_request_is_parsed_from_its_own_bytes(request: Request) -> None:
    pdu = request.encode()
    assert 1 <= len(pdu) <= 253
    assert parse_request(pdu) == request
    assert answer_shape(pdu).objection(pdu[:1] + b"\xff" * 253)


@settings(steady, max_examples=400)
@given(request=requests, answer=pdus)
def test_any_answer_ends_in_a_value_or_an_error_of_the_peer(request: Request, answer: bytes) -> None:
    pdu = request.encode()
    for candidate in (answer, pdu[:1] + answer[1:], pdu[:2] + answer, pdu[:3] + answer):
        objection = answer_shape(pdu).objection(candidate)
        try:
            value = decode_answer(request, candidate)
        except DeviceException as exception:
            assert candidate == bytes((pdu[0] | 0x80, exception.exception_code))
            assert objection is None
        except PeerError as error:
            assert objection is not None
            assert str(error).startswith(objection)  # behind it: whether a write may have been carried out
        else:
            assert objection is None
            if not isinstance(request, ReadCoils | ReadDiscreteInputs | ReadDeviceIdentification):
                assert encode_answer(request, value) == candidate


@steady
@given(st.lists(st.booleans(), min_size=1, max_size=2000))
def test_bits_are_decoded_from_their_own_answer(values: list[bool]) -> None:
    request = ReadCoils(0, len(values))
    assert decode_answer(request, encode_answer(request, values)) == values


@steady
@given(st.lists(word, min_size=1, max_size=125))
def test_registers_are_decoded_from_their_own_answer(values: list[int]) -> None:
    request = ReadHoldingRegisters(0, len(values))
    assert decode_answer(request, encode_answer(request, values)) == values


@steady
@given(words=words, kind=st.sampled_from(ValueType), order=st.sampled_from(WordOrder))
def test_any_registers_end_in_values_or_an_error(words: list[int], kind: ValueType, order: WordOrder) -> None:
    try:
        values = decode_registers(words, kind, order)
    except (LocalError, PeerError):
        return
    if kind is ValueType.STRING:
        assert len(values) == 1
    elif not any(isinstance(value, float) and math.isnan(value) for value in values):
        assert encode_registers(values, kind, order) == words


@steady
@given(
    values=st.lists(st.integers() | st.floats() | st.text(max_size=8) | st.booleans(), max_size=5),
    kind=st.sampled_from(ValueType),
    order=st.sampled_from(WordOrder),
)
def test_any_values_end_in_registers_or_an_error_of_the_caller(
    values: list[int | float | str], kind: ValueType, order: WordOrder
) -> None:
    try:
        registers = encode_registers(values, kind, order)
    except LocalError:
        return
    assert all(0 <= register <= 65535 for register in registers)
    decode_registers(registers, kind, order)


@steady
@given(
    text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40),
    order=st.sampled_from(WordOrder),
)
def test_a_text_is_decoded_from_its_own_registers(text: str, order: WordOrder) -> None:
    registers = encode_registers([text], ValueType.STRING, order, registers=100)
    assert decode_registers(registers, ValueType.STRING, order) == [text.rstrip(" ")]


@steady
@given(st.text(max_size=20) | st.from_regex(r"\A(coils|holding|input|tables):[0-9]{0,7}(-[0-9]{0,7})?\Z"))
def test_any_text_is_a_place_or_an_error_of_the_caller(text: str) -> None:
    try:
        place = parse_place(text)
    except LocalError:
        return
    assert parse_place(str(place)) == place


@steady
@given(table=st.sampled_from(Table), first=address, count=st.integers(1, 65536))
def test_a_place_is_parsed_from_its_own_text(table: Table, first: int, count: int) -> None:
    try:
        place = Place(table, first, count)
    except LocalError:
        assert first + count > 65536
    else:
        assert parse_place(str(place)) == place
