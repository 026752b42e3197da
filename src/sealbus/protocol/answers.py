"""The bytes of an answer become a value, and a value the bytes of an answer.

`decode_answer` takes the request and the PDU of its answer. What does not fit the request is a PeerError; its
`outcome_unknown` is true where the request may have changed something. An exception is a DeviceException.

`encode_answer` is the inverse, for servers. A value that does not fit is an error of the server's own code: a LocalError,
never sent.

The overloads say which value belongs to which request: bits are `list[bool]`, registers `list[int]`, writes None.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, overload

from sealbus.errors import DeviceException, LocalError, PeerError
from sealbus.protocol.codes import EXCEPTION_BIT, ExceptionCode
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
from sealbus.protocol.limits import check_bits
from sealbus.protocol.packing import pack_bits, pack_words, unpack_bits, unpack_words
from sealbus.protocol.requests import Request, may_change_state
from sealbus.protocol.shapes import answer_shape, identification_objects

__all__ = [
    "Answer",
    "CommEventCounter",
    "CommEventLog",
    "DeviceIdentification",
    "ServerId",
    "decode_answer",
    "encode_answer",
]

_STATUS: Final = struct.Struct(">HH")
_STATUS_LOG: Final = struct.Struct(">HHH")
_FILE_REFERENCE_TYPE: Final = 6
_MORE_FOLLOWS: Final = 0xFF


@dataclass(frozen=True, slots=True)
class CommEventCounter:
    """`status` is FFFF hex while a program command is still being processed, else 0 (6.9)."""

    status: int
    event_count: int


@dataclass(frozen=True, slots=True)
class CommEventLog:
    """`events`: 0 to 64 event bytes, the most recent first (6.10)."""

    status: int
    event_count: int
    message_count: int
    events: bytes


@dataclass(frozen=True, slots=True)
class ServerId:
    """`data`: server id, run indicator (00 or FF) and more, in lengths that only the device's manual knows (6.13)."""

    data: bytes


@dataclass(frozen=True, slots=True)
class DeviceIdentification:
    """Identification objects by id. Where `more_follows`, ask again from `next_object` on (6.21)."""

    conformity: int
    more_follows: bool
    next_object: int
    objects: Mapping[int, bytes]


Answer: TypeAlias = (
    Sequence[bool]
    | Sequence[int]
    | Sequence[Sequence[int]]
    | int
    | bytes
    | CommEventCounter
    | CommEventLog
    | ServerId
    | DeviceIdentification
    | None
)
"""What a request can be answered with."""

_Bits: TypeAlias = ReadCoils | ReadDiscreteInputs
_Registers: TypeAlias = ReadHoldingRegisters | ReadInputRegisters | ReadWriteMultipleRegisters
_Writes: TypeAlias = (
    WriteSingleCoil
    | WriteSingleRegister
    | WriteMultipleCoils
    | WriteMultipleRegisters
    | MaskWriteRegister
    | WriteFileRecord
)
_Raw: TypeAlias = Diagnostics | CanopenReference | OpaqueRequest


@overload
def decode_answer(request: _Bits, pdu: bytes) -> list[bool]: ...
@overload
def decode_answer(request: _Registers | ReadFifoQueue, pdu: bytes) -> list[int]: ...
@overload
def decode_answer(request: _Writes, pdu: bytes) -> None: ...
@overload
def decode_answer(request: _Raw, pdu: bytes) -> bytes: ...
@overload
def decode_answer(request: ReadExceptionStatus, pdu: bytes) -> int: ...
@overload
def decode_answer(request: GetCommEventCounter, pdu: bytes) -> CommEventCounter: ...
@overload
def decode_answer(request: GetCommEventLog, pdu: bytes) -> CommEventLog: ...
@overload
def decode_answer(request: ReportServerId, pdu: bytes) -> ServerId: ...
@overload
def decode_answer(request: ReadFileRecord, pdu: bytes) -> list[list[int]]: ...
@overload
def decode_answer(request: ReadDeviceIdentification, pdu: bytes) -> DeviceIdentification: ...
@overload
def decode_answer(request: Request, pdu: bytes) -> Answer: ...
def decode_answer(request: Request, pdu: bytes) -> Answer:
    """The value in the answer to `request`. DeviceException for an exception, PeerError for what does not fit.

    Data of Diagnostics comes after the sub-function, of CanopenReference after the MEI type, of OpaqueRequest after the
    function code; file records come as one list of registers for each group.
    """
    request_pdu = request.encode()
    objection = answer_shape(request_pdu).objection(pdu)
    if objection is not None:
        raise PeerError(objection, outcome_unknown=may_change_state(request_pdu))
    if pdu[0] & EXCEPTION_BIT:
        unknown = pdu[1] == ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND and may_change_state(request_pdu)
        raise DeviceException(pdu[1], function_code=request.function_code, outcome_unknown=unknown)
    match request:
        case ReadHoldingRegisters() | ReadInputRegisters() | ReadWriteMultipleRegisters():
            return unpack_words(pdu[2:])
        case ReadCoils() | ReadDiscreteInputs():
            return unpack_bits(pdu[2:], request.count)
        case Diagnostics():
            return pdu[3:]
        case CanopenReference():
            return pdu[2:]
        case OpaqueRequest():
            return pdu[1:]
        case _:
            return _decode_rare(request, pdu)


def encode_answer(request: Request, value: Answer) -> bytes:
    """The PDU that answers `request` with `value`. LocalError where the value is not an answer to this request."""
    match request:
        case ReadHoldingRegisters() | ReadInputRegisters():
            return _counted(request.function_code, pack_words(_numbers(value, request.count)))
        case ReadWriteMultipleRegisters():
            return _counted(request.function_code, pack_words(_numbers(value, request.read_count)))
        case ReadCoils() | ReadDiscreteInputs():
            return _counted(request.function_code, _bits(_numbers(value, request.count)))
    request_pdu = request.encode()
    pdu = _encode_rare(request, request_pdu, value)
    objection = answer_shape(request_pdu).objection(pdu)
    if objection is not None:
        raise LocalError(objection)
    return pdu


def _decode_rare(request: Request, pdu: bytes) -> Answer:
    match request:
        case ReadExceptionStatus():
            return pdu[1]
        case GetCommEventCounter():
            return CommEventCounter(*_STATUS.unpack_from(pdu, 1))
        case GetCommEventLog():
            status, event_count, message_count = _STATUS_LOG.unpack_from(pdu, 2)
            return CommEventLog(status, event_count, message_count, pdu[8:])
        case ReportServerId():
            return ServerId(pdu[2:])
        case ReadFifoQueue():
            return unpack_words(pdu[5:])
        case ReadFileRecord():
            groups, at = [], 2
            for reference in request.references:
                end = at + 2 + 2 * reference.length
                groups.append(unpack_words(pdu[at + 2 : end]))
                at = end
            return groups
        case ReadDeviceIdentification():
            objects = dict(identification_objects(pdu) or ())
            return DeviceIdentification(pdu[3], pdu[4] == _MORE_FOLLOWS, pdu[5], objects)
        case _:
            return None


def _encode_rare(request: Request, request_pdu: bytes, value: Answer) -> bytes:
    function_code = request.function_code
    match request:
        case ReadExceptionStatus():
            return bytes((function_code, _byte(value)))
        case GetCommEventCounter() if isinstance(value, CommEventCounter):
            return bytes((function_code,)) + pack_words((value.status, value.event_count))
        case GetCommEventLog() if isinstance(value, CommEventLog):
            head = pack_words((value.status, value.event_count, value.message_count))
            return _counted(function_code, head + value.events)
        case ReportServerId() if isinstance(value, ServerId):
            return _counted(function_code, value.data)
        case ReadFifoQueue():
            words = pack_words(_numbers(value, None))
            return bytes((function_code,)) + pack_words((2 + len(words), len(words) // 2)) + words
        case ReadFileRecord():
            return _counted(function_code, _file_groups(request, value))
        case ReadDeviceIdentification() if isinstance(value, DeviceIdentification):
            return request_pdu[:3] + _identification(value)
        case Diagnostics() if isinstance(value, bytes):
            return request_pdu[:3] + value
        case CanopenReference() if isinstance(value, bytes):
            return request_pdu[:2] + value
        case OpaqueRequest() if isinstance(value, bytes):
            return request_pdu[:1] + value
        case WriteMultipleCoils() | WriteMultipleRegisters() if value is None:
            return request_pdu[:5]
        case WriteSingleCoil() | WriteSingleRegister() | MaskWriteRegister() | WriteFileRecord() if value is None:
            return request_pdu
        case _:
            raise _no_answer(value, f"{type(request).__name__}")


def _file_groups(request: ReadFileRecord, value: Answer) -> bytes:
    if not isinstance(value, Sequence) or len(value) != len(request.references):
        raise _no_answer(value, f"{len(request.references)} groups of file records")
    groups = b""
    for reference, words in zip(request.references, value, strict=True):
        if isinstance(words, int):
            raise _no_answer(words, "a group of file records")
        data = pack_words(_numbers(words, reference.length))
        groups += bytes((1 + len(data), _FILE_REFERENCE_TYPE)) + data
    return groups


def _identification(value: DeviceIdentification) -> bytes:
    more = _MORE_FOLLOWS if value.more_follows else 0
    pdu = bytes((_byte(value.conformity), more, _byte(value.next_object), len(value.objects)))
    for object_id, data in value.objects.items():
        pdu += bytes((_byte(object_id), _byte(len(data)))) + data
    return pdu


def _counted(function_code: int, data: bytes) -> bytes:
    return bytes((function_code, _byte(len(data)))) + data


def _byte(value: Answer) -> int:
    if not isinstance(value, int) or not 0 <= value <= 0xFF:
        raise _no_answer(value, "a byte, 0 to 255")
    return value


def _numbers(value: object, count: int | None) -> Sequence[int]:
    """The bits or registers in `value`; their types are checked where they are packed."""
    if not isinstance(value, list | tuple) or (count is not None and len(value) != count):
        raise _no_answer(value, f"a list of {'registers' if count is None else count}")
    return value


def _bits(values: Sequence[int]) -> bytes:
    check_bits(values)  # a device that answers "off" would be read as on
    return pack_bits(values)


def _no_answer(value: object, due: str) -> LocalError:
    if isinstance(value, list | tuple):
        return LocalError(f"{len(value)} values where {due} is due")
    return LocalError(f"{value!r:.60} where {due} is due")
