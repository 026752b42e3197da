"""Requests about the device itself: functions 7, 8, 11, 12, 17, 43, and functions that the codec does not know.

Sources: MODBUS Application Protocol V1.1b3, 6.7 to 6.10, 6.13, 6.19 to 6.21.

Function 8 carries N x 2 bytes of data. The text leaves them open only for sub-function 0, "any", which is looped back;
there N is 1 to 125, as many as a PDU holds. For the other defined sub-functions the text names the data, 2 bytes, and
anything else is exception 03. Reserved sub-functions are accepted with any N x 2 bytes: a server that does not know one
answers exception 01 itself.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, Self

from sealbus.protocol.codes import EXCEPTION_BIT, MAX_PDU_BYTES, ExceptionCode, FunctionCode, MeiType
from sealbus.protocol.limits import IllegalRequestError, check_bytes, check_register, check_size, check_whole

__all__ = [
    "CanopenReference",
    "Diagnostics",
    "DiagnosticsSubFunction",
    "GetCommEventCounter",
    "GetCommEventLog",
    "OpaqueRequest",
    "ReadDeviceIdentification",
    "ReadExceptionStatus",
    "ReportServerId",
]

_SUB_FUNCTION: Final = struct.Struct(">BH")
_MAX_DATA_BYTES: Final = MAX_PDU_BYTES - _SUB_FUNCTION.size
_NO_DATA: Final = b"\x00\x00"
_CLEAR_LOG: Final = b"\xff\x00"
_INDIVIDUAL_ACCESS: Final = 4


class DiagnosticsSubFunction(IntEnum):
    """What function 8 can ask for, 6.8.1; 5 to 9, 19 and all above 20 are reserved."""

    RETURN_QUERY_DATA = 0
    RESTART_COMMUNICATIONS = 1
    RETURN_DIAGNOSTIC_REGISTER = 2
    CHANGE_ASCII_INPUT_DELIMITER = 3
    FORCE_LISTEN_ONLY_MODE = 4
    CLEAR_COUNTERS = 10
    RETURN_BUS_MESSAGE_COUNT = 11
    RETURN_BUS_COMMUNICATION_ERROR_COUNT = 12
    RETURN_BUS_EXCEPTION_ERROR_COUNT = 13
    RETURN_SERVER_MESSAGE_COUNT = 14
    RETURN_SERVER_NO_RESPONSE_COUNT = 15
    RETURN_SERVER_NAK_COUNT = 16
    RETURN_SERVER_BUSY_COUNT = 17
    RETURN_BUS_CHARACTER_OVERRUN_COUNT = 18
    CLEAR_OVERRUN_COUNTER = 20


_DEFINED: Final = frozenset(DiagnosticsSubFunction)


@dataclass(frozen=True, slots=True)
class _Bare:
    """A request that is its function code and nothing else."""

    function_code: ClassVar[FunctionCode]

    def encode(self) -> bytes:
        """The PDU, 1 byte."""
        return bytes((self.function_code,))

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        """From the PDU. IllegalRequestError for a malformed one."""
        check_size(pdu, 1)
        return cls()


@dataclass(frozen=True, slots=True)
class ReadExceptionStatus(_Bare):
    """Read the eight exception status outputs (6.7, serial line only)."""

    function_code: ClassVar[FunctionCode] = FunctionCode.READ_EXCEPTION_STATUS


@dataclass(frozen=True, slots=True)
class GetCommEventCounter(_Bare):
    """Read the communication event counter (6.9, serial line only)."""

    function_code: ClassVar[FunctionCode] = FunctionCode.GET_COMM_EVENT_COUNTER


@dataclass(frozen=True, slots=True)
class GetCommEventLog(_Bare):
    """Read the communication event log (6.10, serial line only)."""

    function_code: ClassVar[FunctionCode] = FunctionCode.GET_COMM_EVENT_LOG


@dataclass(frozen=True, slots=True)
class ReportServerId(_Bare):
    """Read the identification that the device reports (6.13, serial line only)."""

    function_code: ClassVar[FunctionCode] = FunctionCode.REPORT_SERVER_ID


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """Test or reset the communication of a device (6.8, serial line only)."""

    function_code: ClassVar[FunctionCode] = FunctionCode.DIAGNOSTICS
    sub_function: int
    data: bytes

    def __post_init__(self) -> None:
        check_whole(self.sub_function, "sub_function")
        check_bytes(self.data, "data")
        check_register(self.sub_function)
        if len(self.data) % 2 or not 2 <= len(self.data) <= _MAX_DATA_BYTES:
            raise IllegalRequestError(
                f"{len(self.data)} bytes of data: diagnostics carry 2 to {_MAX_DATA_BYTES}, in pairs"
            )
        if not _carries(self.sub_function, self.data):
            raise IllegalRequestError(f"sub-function {self.sub_function} does not carry the data {self.data.hex(' ')}")

    def encode(self) -> bytes:
        """The PDU, 5 bytes; more where sub-function 0 carries more data."""
        return _SUB_FUNCTION.pack(self.function_code, self.sub_function) + self.data

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        """From the PDU. IllegalRequestError for a malformed one."""
        if len(pdu) < _SUB_FUNCTION.size:
            raise IllegalRequestError("the sub-function is missing")
        _, sub_function = _SUB_FUNCTION.unpack_from(pdu)
        return cls(sub_function, pdu[_SUB_FUNCTION.size :])


@dataclass(frozen=True, slots=True)
class ReadDeviceIdentification:
    """Read identification objects (6.21). `access` is 1 basic, 2 regular, 3 extended, 4 the one object `object_id`."""

    function_code: ClassVar[FunctionCode] = FunctionCode.ENCAPSULATED_INTERFACE
    mei_type: ClassVar[MeiType] = MeiType.READ_DEVICE_IDENTIFICATION
    access: int
    object_id: int = 0

    def __post_init__(self) -> None:
        check_whole(self.access, "access")
        check_whole(self.object_id, "object_id")
        if not 1 <= self.access <= _INDIVIDUAL_ACCESS:
            raise IllegalRequestError(f"the read device id code {self.access} is not in 1 to {_INDIVIDUAL_ACCESS}")
        if not 0 <= self.object_id <= 0xFF:
            raise IllegalRequestError(f"the object id {self.object_id} is not in 0 to 255")

    def encode(self) -> bytes:
        """The PDU, 4 bytes."""
        return bytes((self.function_code, self.mei_type, self.access, self.object_id))

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        """From the PDU. IllegalRequestError for a malformed one."""
        check_size(pdu, 4)
        return cls(pdu[2], pdu[3])


@dataclass(frozen=True, slots=True)
class CanopenReference:
    """A CANopen general reference (6.20). `data`, after the MEI type, is defined by CiA and is not parsed."""

    function_code: ClassVar[FunctionCode] = FunctionCode.ENCAPSULATED_INTERFACE
    mei_type: ClassVar[MeiType] = MeiType.CANOPEN_GENERAL_REFERENCE
    data: bytes

    def __post_init__(self) -> None:
        _check_opaque(self.data, MAX_PDU_BYTES - 2)

    def encode(self) -> bytes:
        """The PDU."""
        return bytes((self.function_code, self.mei_type)) + self.data

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        """From the PDU. IllegalRequestError for a malformed one."""
        return cls(pdu[2:])


@dataclass(frozen=True, slots=True)
class OpaqueRequest:
    """A request whose function or MEI type the codec does not know: code and bytes."""

    function_code_value: int
    data: bytes

    def __post_init__(self) -> None:
        check_whole(self.function_code_value, "function_code_value")
        if not 1 <= self.function_code_value < EXCEPTION_BIT:
            raise IllegalRequestError(
                f"{self.function_code_value} is not a function code: use 1 to 127", ExceptionCode.ILLEGAL_FUNCTION
            )
        _check_opaque(self.data, MAX_PDU_BYTES - 1)

    @property
    def function_code(self) -> int:
        """The function code, 1 to 127."""
        return self.function_code_value

    def encode(self) -> bytes:
        """The PDU."""
        return bytes((self.function_code_value,)) + self.data

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        """From the PDU. IllegalRequestError for a malformed one."""
        return cls(pdu[0], pdu[1:])


def _carries(sub_function: int, data: bytes) -> bool:
    """Whether 6.8.1 allows this data in a request of this sub-function."""
    match sub_function:
        case DiagnosticsSubFunction.RETURN_QUERY_DATA:
            return True
        case DiagnosticsSubFunction.RESTART_COMMUNICATIONS:
            return data in (_NO_DATA, _CLEAR_LOG)
        case DiagnosticsSubFunction.CHANGE_ASCII_INPUT_DELIMITER:
            return len(data) == 2 and data[1] == 0
        case _:
            return sub_function not in _DEFINED or data == _NO_DATA


def _check_opaque(data: bytes, limit: int) -> None:
    check_bytes(data, "data")
    if len(data) > limit:
        raise IllegalRequestError(f"{len(data)} bytes of data do not fit: at most {limit}")
