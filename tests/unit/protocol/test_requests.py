"""Requests: the examples of the text, its limits, and every way to miss them."""

from __future__ import annotations

from typing import Any

import pytest

from sealbus.errors import LocalError, PeerError
from sealbus.protocol import (
    CanopenReference,
    Diagnostics,
    ExceptionCode,
    FileRecord,
    FileReference,
    FunctionCode,
    IllegalRequestError,
    MaskWriteRegister,
    OpaqueRequest,
    ReadCoils,
    ReadDeviceIdentification,
    ReadFifoQueue,
    ReadFileRecord,
    ReadHoldingRegisters,
    ReadWriteMultipleRegisters,
    Request,
    RequestError,
    WriteFileRecord,
    WriteMultipleCoils,
    WriteMultipleRegisters,
    WriteSingleCoil,
    WriteSingleRegister,
    may_change_state,
    parse_request,
)
from unit.protocol.vector_files import Vector, load, meaning, named

LEGAL = load("exchanges") + load("limits")
MALFORMED = load("malformed_requests")


@pytest.mark.parametrize("vector", LEGAL, ids=named)
def test_a_request_has_the_meaning_of_the_specification(vector: Vector) -> None:
    request = parse_request(bytes.fromhex(vector["request"]))
    assert type(request).__name__ == vector["kind"]
    assert meaning(request) == vector["fields"]


@pytest.mark.parametrize("vector", LEGAL, ids=named)
def test_a_request_is_forwarded_unchanged(vector: Vector) -> None:
    request = parse_request(bytes.fromhex(vector["request"]))
    assert request.encode().hex() == vector.get("encoded", vector["request"])
    assert request.encode()[0] == request.function_code


@pytest.mark.parametrize("vector", MALFORMED, ids=named)
def test_a_malformed_request_is_answered_with_the_exception_of_its_diagram(vector: Vector) -> None:
    pdu = bytes.fromhex(vector["request"])
    with pytest.raises(RequestError) as caught:
        parse_request(pdu)
    assert caught.value.exception_code == vector["exception"]
    assert caught.value.function_code == (pdu[0] if pdu else 0)
    assert isinstance(caught.value, PeerError)


@pytest.mark.parametrize(
    ("request_", "pdu"),
    [
        (ReadCoils(19, 19), "0100130013"),
        (ReadHoldingRegisters(address=107, count=3), "03006b0003"),
        (WriteSingleCoil(172, True), "0500acff00"),
        (WriteSingleCoil(172, False), "0500ac0000"),
        (WriteSingleRegister(1, 3), "0600010003"),
        (Diagnostics(0, b"\xa5\x37"), "080000a537"),
        (WriteMultipleCoils(19, (True, False, True, True, False, False, True, True, True, False)), "0f0013000a02cd01"),
        (WriteMultipleRegisters(1, (10, 258)), "100001000204000a0102"),
        (ReadFileRecord((FileReference(4, 1, 2), FileReference(3, 9, 2))), "140e0600040001000206000300090002"),
        (WriteFileRecord((FileRecord(4, 7, (0x06AF, 0x04BE, 0x100D)),)), "150d0600040007000306af04be100d"),
        (MaskWriteRegister(4, 0xF2, 0x25), "16000400f20025"),
        (ReadWriteMultipleRegisters(3, 6, 14, (255, 255, 255)), "1700030006000e00030600ff00ff00ff"),
        (ReadFifoQueue(1246), "1804de"),
        (ReadDeviceIdentification(1), "2b0e0100"),
        (CanopenReference(b"\x11\x00"), "2b0d1100"),
        (OpaqueRequest(90, b"\x00\x02"), "5a0002"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_a_built_request_encodes_to_the_bytes_of_the_specification(request_: Request, pdu: str) -> None:
    assert request_.encode().hex() == pdu


def test_a_request_that_no_server_may_accept_cannot_be_built() -> None:
    with pytest.raises(IllegalRequestError, match="2001 is not in 1 to 2000") as caught:
        ReadCoils(0, 2001)
    assert isinstance(caught.value, LocalError)
    assert caught.value.exception_code is ExceptionCode.ILLEGAL_DATA_VALUE


def test_a_range_past_the_last_address_cannot_be_built() -> None:
    with pytest.raises(IllegalRequestError, match="the addresses 65535 to 65536 are not all in") as caught:
        ReadHoldingRegisters(65535, 2)
    assert caught.value.exception_code is ExceptionCode.ILLEGAL_DATA_ADDRESS


@pytest.mark.parametrize("address", [-1, 65536])
def test_an_address_outside_the_table_cannot_be_built(address: int) -> None:
    for build in (
        lambda: WriteSingleCoil(address, True),
        lambda: WriteSingleRegister(address, 0),
        lambda: MaskWriteRegister(address, 0, 0),
        lambda: ReadFifoQueue(address),
        lambda: ReadCoils(address, 1),
        lambda: WriteMultipleRegisters(address, (1,)),
    ):
        with pytest.raises(IllegalRequestError, match="address"):
            build()


@pytest.mark.parametrize("value", [-1, 65536, 1.5, "7", None])
def test_a_value_that_no_register_holds_cannot_be_built(value: Any) -> None:
    for build in (
        lambda: WriteSingleRegister(0, value),
        lambda: WriteMultipleRegisters(0, (1, value, 2)),
        lambda: ReadWriteMultipleRegisters(0, 1, 0, (value,)),
        lambda: FileRecord(1, 0, (value,)),
        lambda: MaskWriteRegister(0, value, 0),
        lambda: MaskWriteRegister(0, 0, value),
    ):
        with pytest.raises(IllegalRequestError, match=f"{value!r} is not valid in a register"):
            build()


@pytest.mark.parametrize("function_code", [0, 128, 255, -1])
def test_an_opaque_request_has_a_function_code(function_code: int) -> None:
    with pytest.raises(IllegalRequestError, match="is not a function code"):
        OpaqueRequest(function_code, b"")


@pytest.mark.parametrize("function_code", sorted({*range(1, 128)} - {*FunctionCode}))
def test_an_unknown_function_is_forwarded_unchanged(function_code: int) -> None:
    pdu = bytes((function_code, 1, 2, 3))
    request = parse_request(pdu)
    assert request == OpaqueRequest(function_code, b"\x01\x02\x03")
    assert request.encode() == pdu
    assert may_change_state(pdu)


def test_only_known_reads_change_nothing() -> None:
    harmless = {code for code in range(256) if not may_change_state(bytes((code, 0, 0, 0, 0)))}
    assert harmless == {1, 2, 3, 4, 7, 8, 11, 12, 17, 20, 24}


def test_of_the_diagnostics_only_echo_and_counters_change_nothing() -> None:
    harmless = {sub for sub in range(65536) if not may_change_state(b"\x08" + sub.to_bytes(2, "big") + b"\0\0")}
    assert harmless == {0, 2, 11, 12, 13, 14, 15, 16, 17, 18}


def test_of_the_encapsulated_interfaces_only_identification_changes_nothing() -> None:
    assert {mei for mei in range(256) if not may_change_state(bytes((43, mei)))} == {14}


@pytest.mark.parametrize("pdu", [b"", b"\x08", b"\x08\x00", b"\x2b"])
def test_a_request_that_is_too_short_to_classify_counts_as_a_write(pdu: bytes) -> None:
    assert may_change_state(pdu)
