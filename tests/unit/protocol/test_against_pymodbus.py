"""A second opinion: pymodbus, written by others, agrees on the common functions, the checksums and the register types.

Left out is where pymodbus departs from the text or from itself: it takes 2000 coils for function 15, looks at no
trailing bytes, and the record length of a function 20 that it reads is not the one that it writes.
"""

from __future__ import annotations

import random
import struct
from typing import TYPE_CHECKING

import pytest
from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.framer import FramerAscii, FramerRTU
from pymodbus.pdu import DecodePDU, FileRecord
from pymodbus.pdu.bit_message import (
    ReadCoilsRequest,
    ReadCoilsResponse,
    ReadDiscreteInputsRequest,
    WriteMultipleCoilsRequest,
    WriteSingleCoilRequest,
)
from pymodbus.pdu.file_message import ReadFifoQueueRequest, WriteFileRecordRequest
from pymodbus.pdu.mei_message import ReadDeviceInformationRequest, ReadDeviceInformationResponse
from pymodbus.pdu.register_message import (
    MaskWriteRegisterRequest,
    ReadHoldingRegistersRequest,
    ReadHoldingRegistersResponse,
    ReadInputRegistersRequest,
    ReadWriteMultipleRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

from sealbus import protocol
from sealbus.protocol import (
    Request,
    ValueType,
    WordOrder,
    crc16,
    decode_answer,
    decode_registers,
    encode_answer,
    encode_registers,
    lrc,
    parse_request,
)
from unit.protocol.vector_files import load

if TYPE_CHECKING:
    from pymodbus.pdu import ModbusPDU

BITS = (True, False, True, True, False, False, True, True, True)
WORDS = (0, 1, 0xABCD, 65535)

PAIRS: list[tuple[Request, ModbusPDU]] = [
    (protocol.ReadCoils(19, 2000), ReadCoilsRequest(address=19, count=2000)),
    (protocol.ReadDiscreteInputs(65535, 1), ReadDiscreteInputsRequest(address=65535, count=1)),
    (protocol.ReadHoldingRegisters(107, 125), ReadHoldingRegistersRequest(address=107, count=125)),
    (protocol.ReadInputRegisters(8, 1), ReadInputRegistersRequest(address=8, count=1)),
    (protocol.WriteSingleCoil(172, True), WriteSingleCoilRequest(address=172, bits=[True])),
    (protocol.WriteSingleCoil(172, False), WriteSingleCoilRequest(address=172, bits=[False])),
    (protocol.WriteSingleRegister(1, 0xABCD), WriteSingleRegisterRequest(address=1, registers=[0xABCD])),
    (protocol.WriteMultipleCoils(19, BITS), WriteMultipleCoilsRequest(address=19, bits=list(BITS))),
    (protocol.WriteMultipleRegisters(1, WORDS), WriteMultipleRegistersRequest(address=1, registers=list(WORDS))),
    (protocol.MaskWriteRegister(4, 0xF2, 0x25), MaskWriteRegisterRequest(address=4, and_mask=0xF2, or_mask=0x25)),
    (
        protocol.ReadWriteMultipleRegisters(3, 6, 14, WORDS),
        ReadWriteMultipleRegistersRequest(read_address=3, read_count=6, write_address=14, write_registers=list(WORDS)),
    ),
    (protocol.ReadFifoQueue(1246), ReadFifoQueueRequest(address=1246)),
    (protocol.ReadDeviceIdentification(4, 128), ReadDeviceInformationRequest(read_code=4, object_id=128)),
    (
        protocol.WriteFileRecord((protocol.FileRecord(4, 7, (0x06AF, 0x04BE)),)),
        WriteFileRecordRequest(records=[FileRecord(file_number=4, record_number=7, record_data=b"\x06\xaf\x04\xbe")]),
    ),
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=lambda request: type(request).__name__)
def test_both_write_a_request_with_the_same_bytes(ours: Request, theirs: ModbusPDU) -> None:
    assert ours.encode() == bytes((theirs.function_code,)) + theirs.encode()


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=lambda request: type(request).__name__)
def test_each_reads_the_request_of_the_other(ours: Request, theirs: ModbusPDU) -> None:
    assert parse_request(bytes((theirs.function_code,)) + theirs.encode()) == ours
    read = DecodePDU(is_server=True).decode(ours.encode())
    assert read is not None
    assert type(read) is type(theirs)
    assert read.encode() == theirs.encode()


def test_both_read_and_write_bits_and_registers_alike() -> None:
    coils = ReadCoilsResponse(bits=list(BITS)).encode()
    assert decode_answer(protocol.ReadCoils(0, len(BITS)), b"\x01" + coils) == list(BITS)
    assert encode_answer(protocol.ReadCoils(0, len(BITS)), BITS) == b"\x01" + coils
    registers = ReadHoldingRegistersResponse(registers=list(WORDS)).encode()
    assert decode_answer(protocol.ReadHoldingRegisters(0, len(WORDS)), b"\x03" + registers) == list(WORDS)
    assert encode_answer(protocol.ReadHoldingRegisters(0, len(WORDS)), WORDS) == b"\x03" + registers


def test_both_read_a_device_identification_alike() -> None:
    vector = next(vector for vector in load("exchanges") if vector["kind"] == "ReadDeviceIdentification")
    theirs = ReadDeviceInformationResponse()
    theirs.decode(bytes.fromhex(vector["answer"])[1:])
    ours = decode_answer(protocol.ReadDeviceIdentification(1), bytes.fromhex(vector["answer"]))
    assert dict(ours.objects) == theirs.information


def test_both_compute_the_same_checksums() -> None:
    bytes_of = random.Random(802).randbytes
    for size in (*range(1, 17), 255, 256):
        data = bytes_of(size)
        assert crc16(data).to_bytes(2, "little") == FramerRTU.compute_CRC(data).to_bytes(2, "big")
        assert lrc(data) == FramerAscii.compute_LRC(data)


@pytest.mark.parametrize(
    ("value", "ours", "theirs"),
    [
        (-2, ValueType.INT16, ModbusClientMixin.DATATYPE.INT16),
        (0x01020304, ValueType.UINT32, ModbusClientMixin.DATATYPE.UINT32),
        (-(2**31), ValueType.INT32, ModbusClientMixin.DATATYPE.INT32),
        (0x0102030405060708, ValueType.UINT64, ModbusClientMixin.DATATYPE.UINT64),
        (-2, ValueType.INT64, ModbusClientMixin.DATATYPE.INT64),
        (struct.unpack(">f", b"ABCD")[0], ValueType.FLOAT32, ModbusClientMixin.DATATYPE.FLOAT32),
        (-0.1, ValueType.FLOAT64, ModbusClientMixin.DATATYPE.FLOAT64),
        ("Grün", ValueType.STRING, ModbusClientMixin.DATATYPE.STRING),
    ],
)
def test_both_put_a_value_into_the_same_registers(
    value: float | str, ours: ValueType, theirs: ModbusClientMixin.DATATYPE
) -> None:
    high_first = ModbusClientMixin.convert_to_registers(value, theirs, word_order="big")
    assert encode_registers([value], ours) == high_first
    assert decode_registers(high_first, ours) == [value]
    if ours is not ValueType.STRING:
        low_first = ModbusClientMixin.convert_to_registers(value, theirs, word_order="little")
        assert encode_registers([value], ours, WordOrder.CDAB) == low_first
