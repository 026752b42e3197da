"""The Modbus wire format: bytes to values and values to bytes.

The package covers framings (MBAP, RTU, ASCII), requests, answers, and typed values in registers. It is pure: bytes and
values in, values and bytes out. It does not open, wait, log, read a clock, or decide whether a request is allowed.
Untrusted bytes end in a value or a PeerError; a wrong argument of the caller is a LocalError.
"""

from sealbus.protocol.answers import (
    Answer,
    CommEventCounter,
    CommEventLog,
    DeviceIdentification,
    ServerId,
    decode_answer,
    encode_answer,
)
from sealbus.protocol.ascii import AsciiStream, encode_ascii, lrc
from sealbus.protocol.codes import (
    ADDRESS_SPACE,
    EXCEPTION_BIT,
    MAX_COUNT_READ_BITS,
    MAX_COUNT_READ_REGISTERS,
    MAX_COUNT_READ_WRITE_READ,
    MAX_COUNT_READ_WRITE_WRITE,
    MAX_COUNT_WRITE_COILS,
    MAX_COUNT_WRITE_REGISTERS,
    MAX_FIFO_COUNT,
    MAX_FILE_RECORD,
    MAX_PDU_BYTES,
    ExceptionCode,
    FunctionCode,
    MeiType,
    Table,
)
from sealbus.protocol.data_requests import (
    MaskWriteRegister,
    ReadCoils,
    ReadDiscreteInputs,
    ReadHoldingRegisters,
    ReadInputRegisters,
    ReadWriteMultipleRegisters,
    WriteMultipleCoils,
    WriteMultipleRegisters,
    WriteSingleCoil,
    WriteSingleRegister,
)
from sealbus.protocol.diagnostics import (
    CanopenReference,
    Diagnostics,
    DiagnosticsSubFunction,
    GetCommEventCounter,
    GetCommEventLog,
    OpaqueRequest,
    ReadDeviceIdentification,
    ReadExceptionStatus,
    ReportServerId,
)
from sealbus.protocol.faults import FaultKind, FrameError
from sealbus.protocol.files import FileRecord, FileReference, ReadFifoQueue, ReadFileRecord, WriteFileRecord
from sealbus.protocol.limits import IllegalRequestError
from sealbus.protocol.mbap import MBAP_HEADER, MbapStream, encode_mbap, exception_adu
from sealbus.protocol.packing import pack_bits, pack_words, unpack_bits, unpack_words
from sealbus.protocol.places import Place, parse_place
from sealbus.protocol.registers import RegisterValue, ValueType, WordOrder, decode_registers, encode_registers
from sealbus.protocol.requests import Request, RequestError, may_change_state, parse_request
from sealbus.protocol.rtu import RtuRequestStream, RtuResponseStream, crc16, encode_rtu
from sealbus.protocol.shapes import AnswerShape, RawRequest, answer_shape

__all__ = [
    "ADDRESS_SPACE",
    "EXCEPTION_BIT",
    "MAX_COUNT_READ_BITS",
    "MAX_COUNT_READ_REGISTERS",
    "MAX_COUNT_READ_WRITE_READ",
    "MAX_COUNT_READ_WRITE_WRITE",
    "MAX_COUNT_WRITE_COILS",
    "MAX_COUNT_WRITE_REGISTERS",
    "MAX_FIFO_COUNT",
    "MAX_FILE_RECORD",
    "MAX_PDU_BYTES",
    "MBAP_HEADER",
    "Answer",
    "AnswerShape",
    "AsciiStream",
    "CanopenReference",
    "CommEventCounter",
    "CommEventLog",
    "DeviceIdentification",
    "Diagnostics",
    "DiagnosticsSubFunction",
    "ExceptionCode",
    "FaultKind",
    "FileRecord",
    "FileReference",
    "FrameError",
    "FunctionCode",
    "GetCommEventCounter",
    "GetCommEventLog",
    "IllegalRequestError",
    "MaskWriteRegister",
    "MbapStream",
    "MeiType",
    "OpaqueRequest",
    "Place",
    "RawRequest",
    "ReadCoils",
    "ReadDeviceIdentification",
    "ReadDiscreteInputs",
    "ReadExceptionStatus",
    "ReadFifoQueue",
    "ReadFileRecord",
    "ReadHoldingRegisters",
    "ReadInputRegisters",
    "ReadWriteMultipleRegisters",
    "RegisterValue",
    "ReportServerId",
    "Request",
    "RequestError",
    "RtuRequestStream",
    "RtuResponseStream",
    "ServerId",
    "Table",
    "ValueType",
    "WordOrder",
    "WriteFileRecord",
    "WriteMultipleCoils",
    "WriteMultipleRegisters",
    "WriteSingleCoil",
    "WriteSingleRegister",
    "answer_shape",
    "crc16",
    "decode_answer",
    "decode_registers",
    "encode_answer",
    "encode_ascii",
    "encode_mbap",
    "encode_registers",
    "encode_rtu",
    "exception_adu",
    "lrc",
    "may_change_state",
    "pack_bits",
    "pack_words",
    "parse_place",
    "parse_request",
    "unpack_bits",
    "unpack_words",
]
