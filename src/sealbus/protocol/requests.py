"""The bytes of a request become a value or an error, once, here.

`parse_request` looks up the function code, and the class of that function parses the PDU and checks the limits. The result
is legal by the text; whether the device has the address, and the role the right, is decided elsewhere. A function that the
codec does not know becomes an OpaqueRequest: it is forwarded where a rule names it, and never interpreted.

`may_change_state` decides, from the raw PDU and with at most three look-ups, whether a request counts as a write: then it
is recorded before it is sent, its ruling is not cached, and its outcome is unknown where no answer comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

from sealbus.errors import PeerError
from sealbus.protocol.codes import ExceptionCode, FunctionCode, MeiType
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
    GetCommEventCounter,
    GetCommEventLog,
    OpaqueRequest,
    ReadDeviceIdentification,
    ReadExceptionStatus,
    ReportServerId,
)
from sealbus.protocol.files import ReadFifoQueue, ReadFileRecord, WriteFileRecord
from sealbus.protocol.limits import IllegalRequestError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Request", "RequestError", "may_change_state", "parse_request"]

Request: TypeAlias = (
    ReadCoils
    | ReadDiscreteInputs
    | ReadHoldingRegisters
    | ReadInputRegisters
    | WriteSingleCoil
    | WriteSingleRegister
    | WriteMultipleCoils
    | WriteMultipleRegisters
    | MaskWriteRegister
    | ReadWriteMultipleRegisters
    | ReadExceptionStatus
    | Diagnostics
    | GetCommEventCounter
    | GetCommEventLog
    | ReportServerId
    | ReadFileRecord
    | WriteFileRecord
    | ReadFifoQueue
    | ReadDeviceIdentification
    | CanopenReference
    | OpaqueRequest
)
"""Any request. Each has `function_code`, `encode() -> bytes` (the PDU) and the class method `decode(pdu)`."""


class RequestError(PeerError):
    """A request that breaks the protocol. `exception_code` is what a server answers, `function_code` that of the request."""

    code: ClassVar[str] = "request"

    def __init__(self, message: str, *, exception_code: ExceptionCode, function_code: int) -> None:
        super().__init__(f"function {function_code}: {message}")
        self.exception_code = exception_code
        self.function_code = function_code


def parse_request(pdu: bytes) -> Request:
    """The request in a PDU. RequestError, with the exception code to answer, for one that breaks the protocol."""
    if not pdu:
        raise RequestError("the PDU is empty", exception_code=ExceptionCode.ILLEGAL_FUNCTION, function_code=0)
    try:
        return _DECODE.get(pdu[0], OpaqueRequest.decode)(pdu)
    except IllegalRequestError as illegal:
        raise RequestError(str(illegal), exception_code=illegal.exception_code, function_code=pdu[0]) from None


def may_change_state(pdu: bytes) -> bool:
    """Whether the request in this PDU may change anything in the device. Everything that is not known to be a read may."""
    if pdu[:1] in _READS:
        return False
    return pdu[:2] != _READ_DEVICE_IDENTIFICATION and pdu[:3] not in _READING_DIAGNOSTICS


def _decode_encapsulated(pdu: bytes) -> ReadDeviceIdentification | CanopenReference | OpaqueRequest:
    if len(pdu) < 2:
        raise IllegalRequestError("the MEI type is missing")
    if pdu[1] == MeiType.READ_DEVICE_IDENTIFICATION:
        return ReadDeviceIdentification.decode(pdu)
    if pdu[1] == MeiType.CANOPEN_GENERAL_REFERENCE:
        return CanopenReference.decode(pdu)
    return OpaqueRequest.decode(pdu)


_DECODE: Final[dict[int, Callable[[bytes], Request]]] = {
    FunctionCode.READ_COILS: ReadCoils.decode,
    FunctionCode.READ_DISCRETE_INPUTS: ReadDiscreteInputs.decode,
    FunctionCode.READ_HOLDING_REGISTERS: ReadHoldingRegisters.decode,
    FunctionCode.READ_INPUT_REGISTERS: ReadInputRegisters.decode,
    FunctionCode.WRITE_SINGLE_COIL: WriteSingleCoil.decode,
    FunctionCode.WRITE_SINGLE_REGISTER: WriteSingleRegister.decode,
    FunctionCode.READ_EXCEPTION_STATUS: ReadExceptionStatus.decode,
    FunctionCode.DIAGNOSTICS: Diagnostics.decode,
    FunctionCode.GET_COMM_EVENT_COUNTER: GetCommEventCounter.decode,
    FunctionCode.GET_COMM_EVENT_LOG: GetCommEventLog.decode,
    FunctionCode.WRITE_MULTIPLE_COILS: WriteMultipleCoils.decode,
    FunctionCode.WRITE_MULTIPLE_REGISTERS: WriteMultipleRegisters.decode,
    FunctionCode.REPORT_SERVER_ID: ReportServerId.decode,
    FunctionCode.READ_FILE_RECORD: ReadFileRecord.decode,
    FunctionCode.WRITE_FILE_RECORD: WriteFileRecord.decode,
    FunctionCode.MASK_WRITE_REGISTER: MaskWriteRegister.decode,
    FunctionCode.READ_WRITE_MULTIPLE_REGISTERS: ReadWriteMultipleRegisters.decode,
    FunctionCode.READ_FIFO_QUEUE: ReadFifoQueue.decode,
    FunctionCode.ENCAPSULATED_INTERFACE: _decode_encapsulated,
}

_READS: Final = frozenset(bytes((function_code,)) for function_code in (1, 2, 3, 4, 7, 11, 12, 17, 20, 24))
_READ_DEVICE_IDENTIFICATION: Final = bytes((FunctionCode.ENCAPSULATED_INTERFACE, MeiType.READ_DEVICE_IDENTIFICATION))
_READING_DIAGNOSTICS: Final = frozenset(
    bytes((FunctionCode.DIAGNOSTICS, 0, sub_function)) for sub_function in (0, 2, *range(11, 19))
)
