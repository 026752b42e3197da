"""Answers: what fits a request, what it means, and what a server may send."""

from __future__ import annotations

import pytest

from sealbus.errors import DeviceException, LocalError, PeerError
from sealbus.protocol import (
    Answer,
    CommEventCounter,
    CommEventLog,
    DeviceIdentification,
    Diagnostics,
    GetCommEventCounter,
    GetCommEventLog,
    OpaqueRequest,
    ReadCoils,
    ReadDeviceIdentification,
    ReadExceptionStatus,
    ReadFifoQueue,
    ReadFileRecord,
    ReadHoldingRegisters,
    ReadWriteMultipleRegisters,
    ReportServerId,
    Request,
    RequestError,
    ServerId,
    WriteMultipleRegisters,
    WriteSingleRegister,
    answer_shape,
    decode_answer,
    encode_answer,
    encode_mbap,
    may_change_state,
    parse_request,
)
from unit.protocol.vector_files import Vector, load, meaning, named

EXCHANGES = load("exchanges")
MISFITS = load("misfit_answers")
COUNTED_AS_SENT = [vector for vector in EXCHANGES if "counts 3 objects" not in vector.get("note", "")]


@pytest.mark.parametrize("vector", EXCHANGES, ids=named)
def test_the_answer_in_the_specification_matches_its_request(vector: Vector) -> None:
    shape = answer_shape(bytes.fromhex(vector["request"]))
    answer = bytes.fromhex(vector["answer"])
    assert shape.objection(answer) is None
    assert answer.startswith(shape.prefix)
    assert shape.length in (None, len(answer))


@pytest.mark.parametrize("vector", EXCHANGES + MISFITS, ids=named)
def test_the_header_of_an_answer_agrees_with_its_shape(vector: Vector) -> None:
    shape, answer = answer_shape(bytes.fromhex(vector["request"])), bytes.fromhex(vector["answer"])
    if not answer or (head := shape.head(7)) is None:
        return
    is_exception = answer[0] & 0x80
    adu = encode_mbap(1, 7, answer)[2:]
    assert adu.startswith(head) == (shape.objection(answer) is None and not is_exception)
    assert not encode_mbap(1, 8, answer)[2:].startswith(head)


def test_a_header_has_protocol_length_unit_and_start_of_the_pdu_and_is_none_where_more_must_be_checked() -> None:
    assert answer_shape(bytes.fromhex("03 0000 0002")).head(7) == bytes.fromhex("0000 0007 07 03 04")
    assert answer_shape(bytes.fromhex("06 0001 0003")).head(7) == bytes.fromhex("0000 0006 07 06 0001 0003")
    assert answer_shape(bytes.fromhex("14 07 06 0004 0001 0002")).head(7) is None  # its groups have a structure
    assert answer_shape(bytes.fromhex("41 00")).head(7) is None  # its length is not known


@pytest.mark.parametrize("vector", EXCHANGES, ids=named)
def test_an_answer_has_the_meaning_of_the_specification(vector: Vector) -> None:
    request = parse_request(bytes.fromhex(vector["request"]))
    assert meaning(decode_answer(request, bytes.fromhex(vector["answer"]))) == vector["value"]


@pytest.mark.parametrize("vector", COUNTED_AS_SENT, ids=named)
def test_a_server_sends_the_answer_of_the_specification(vector: Vector) -> None:
    request = parse_request(bytes.fromhex(vector["request"]))
    value = decode_answer(request, bytes.fromhex(vector["answer"]))
    assert encode_answer(request, value).hex() == vector["answer"]


@pytest.mark.parametrize("vector", MISFITS, ids=named)
def test_an_answer_that_does_not_match_is_refused_with_a_sentence(vector: Vector) -> None:
    objection = answer_shape(bytes.fromhex(vector["request"])).objection(bytes.fromhex(vector["answer"]))
    assert objection is not None
    assert vector["why"] in objection


@pytest.mark.parametrize("vector", MISFITS, ids=named)
def test_an_answer_that_does_not_match_leaves_the_outcome_of_a_write_unknown(vector: Vector) -> None:
    pdu = bytes.fromhex(vector["request"])
    with pytest.raises(PeerError) as caught:
        decode_answer(parse_request(pdu), bytes.fromhex(vector["answer"]))
    assert caught.value.outcome_unknown == may_change_state(pdu)


@pytest.mark.parametrize("vector", EXCHANGES, ids=named)
def test_every_exception_of_the_function_matches(vector: Vector) -> None:
    pdu = bytes.fromhex(vector["request"])
    for exception_code in (1, 2, 3, 4, 5, 6, 8, 10, 11, 255):
        answer = bytes((pdu[0] | 0x80, exception_code))
        assert answer_shape(pdu).objection(answer) is None
        with pytest.raises(DeviceException) as caught:
            decode_answer(parse_request(pdu), answer)
        assert (caught.value.exception_code, caught.value.function_code) == (exception_code, pdu[0])


@pytest.mark.parametrize("vector", EXCHANGES, ids=named)
def test_an_answer_does_not_match_a_request_of_another_function(vector: Vector) -> None:
    function_code = int(vector["request"][:2], 16)
    for other in EXCHANGES:
        if other["request"][:2] != vector["request"][:2]:
            assert answer_shape(bytes.fromhex(other["request"])).objection(bytes.fromhex(vector["answer"]))
            assert answer_shape(bytes.fromhex(other["request"])).objection(bytes((function_code | 0x80, 2)))


@pytest.mark.parametrize(
    ("pdu", "prefix", "length"),
    [
        ("0100000001", "0101", 3),
        ("0100000008", "0101", 3),
        ("0100000009", "0102", 4),
        ("02000007d0", "02fa", 252),
        ("030000007d", "03fa", 252),
        ("0400000001", "0402", 4),
        ("0500acff00", "0500acff00", 5),
        ("0600010003", "0600010003", 5),
        ("100001000204000a0102", "1000010002", 5),
        ("170000007d0000000102ffff", "17fa", 252),
    ],
)
def test_the_shape_of_the_common_answers_is_exact(pdu: str, prefix: str, length: int) -> None:
    shape = answer_shape(bytes.fromhex(pdu))
    assert (shape.prefix.hex(), shape.length, shape.structure) == (prefix, length, None)


@pytest.mark.parametrize("pdu", ["", "01", "0100000000", "01000007d1", "030000007e", "03ffff000000", "0f", "10", "2b"])
def test_a_malformed_request_has_no_shape_of_an_answer(pdu: str) -> None:
    with pytest.raises(RequestError):
        answer_shape(bytes.fromhex(pdu))


def test_more_events_and_registers_than_a_queue_holds_are_not_sent() -> None:
    with pytest.raises(LocalError, match="at most 31"):
        encode_answer(ReadFifoQueue(0), [0] * 32)
    with pytest.raises(LocalError, match="0 to 64 events"):
        encode_answer(GetCommEventLog(), CommEventLog(0, 0, 0, bytes(65)))


@pytest.mark.parametrize(
    ("request_", "value", "sentence"),
    [
        (ReadCoils(0, 2), [True], "1 values where a list of 2 is due"),
        (ReadCoils(0, 2), None, "None where a list of 2 is due"),
        (ReadHoldingRegisters(0, 1), [65536], "65536 is not valid in a register: use a whole number from 0 to 65535"),
        (ReadHoldingRegisters(0, 1), [-1], "-1 is not valid in a register"),
        (ReadHoldingRegisters(0, 2), b"\x00\x01", "where a list of 2 is due"),
        (ReadWriteMultipleRegisters(0, 2, 0, (1,)), [1, 2, 3], "3 values where a list of 2 is due"),
        (WriteSingleRegister(0, 1), [1], "where WriteSingleRegister is due"),
        (WriteMultipleRegisters(0, (1,)), 1, "1 where WriteMultipleRegisters is due"),
        (ReadExceptionStatus(), 256, "256 where a byte, 0 to 255 is due"),
        (GetCommEventCounter(), CommEventCounter(0, 65536), "65536 is not valid in a register"),
        (GetCommEventCounter(), None, "None where GetCommEventCounter is due"),
        (ReportServerId(), ServerId(bytes(256)), "256 where a byte"),
        (ReportServerId(), ServerId(bytes(252)), "more than a PDU can have"),
        (Diagnostics(0, b"\x01\x02"), b"\x01\x03", "begins 08 00 00 01 03"),
        (OpaqueRequest(65, b""), bytes(253), "more than a PDU can have"),
        (ReadDeviceIdentification(1), DeviceIdentification(1, False, 0, {0: bytes(250)}), "more than a PDU can have"),
        (ReadDeviceIdentification(1), DeviceIdentification(1, False, 0, {256: b""}), "256 where a byte"),
        (ReadFileRecord.decode(bytes.fromhex("140706000100000002")), [[1]], "1 values where a list of 2 is due"),
        (ReadFileRecord.decode(bytes.fromhex("140706000100000002")), [1], "1 where a group of file records is due"),
        (ReadFileRecord.decode(bytes.fromhex("140706000100000002")), [], "0 values where 1 groups"),
    ],
    ids=str,
)
def test_a_server_does_not_send_an_invalid_answer(request_: Request, value: Answer, sentence: str) -> None:
    with pytest.raises(LocalError) as caught:
        encode_answer(request_, value)
    assert sentence in str(caught.value)


def test_bits_beyond_the_quantity_are_ignored() -> None:
    assert decode_answer(ReadCoils(0, 3), b"\x01\x01\xff") == [True, True, True]


def test_unknown_exception_codes_are_passed_on() -> None:
    with pytest.raises(DeviceException, match="exception E0 to function 3: unknown exception"):
        decode_answer(ReadHoldingRegisters(0, 1), b"\x83\xe0")
