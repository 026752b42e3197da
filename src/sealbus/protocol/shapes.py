"""The shape of a valid answer to a request, known before the answer comes.

A gateway checks every answer of a device against its request before it forwards it; so a late answer to another request is
in most cases detected and not passed on as a value. Most answers have a known beginning and a known length, and echoes are
known whole. The others are checked by their structure as far as the text defines one.

Sources: MODBUS Application Protocol V1.1b3, section 6, and 7 for exceptions. Not checked: the spare bits of the last
byte of bits, and the object count of function 43/14: the text's own example counts objects there that it does not send.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final

from sealbus.protocol.codes import EXCEPTION_BIT, MAX_COUNT_READ_BITS, MAX_FIFO_COUNT, MAX_PDU_BYTES, FunctionCode
from sealbus.protocol.data_requests import ReadWriteMultipleRegisters
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
from sealbus.protocol.files import ReadFifoQueue, ReadFileRecord
from sealbus.protocol.requests import Request, may_change_state, parse_request
from sealbus.protocol.rtu import encode_rtu

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["AnswerShape", "WireRequest", "answer_shape", "identification_objects"]

_PROTOCOL_LENGTH_UNIT: Final = struct.Struct(">HHB")
_BEFORE_PDU_BYTES: Final = 7
_EXCEPTION_BYTES: Final = 2
_EVENT_LOG_HEAD_BYTES: Final = 6
_MAX_EVENTS: Final = 64
_IDENTIFICATION_HEAD_BYTES: Final = 7
_FILE_REFERENCE_TYPE: Final = 6
_MAX_READ_BYTES: Final = MAX_COUNT_READ_BITS // 8  # 250, and 2 x 125 registers too
_COUNTING_DIAGNOSTICS: Final = frozenset((DiagnosticsSubFunction.RETURN_DIAGNOSTIC_REGISTER, *range(11, 19)))


@dataclass(frozen=True, slots=True)
class AnswerShape:
    """How the answer begins (`prefix`), how long it is (`length`, None where that varies), what else must hold.

    `structure`, where given, returns the error inside a PDU with this prefix and length, or None.
    """

    prefix: bytes
    length: int | None
    structure: Callable[[bytes], str | None] | None = None

    def objection(self, pdu: bytes) -> str | None:
        """None where this PDU may answer the request (an exception to its function may); else the reason."""
        if len(pdu) == self.length and pdu.startswith(self.prefix) and self.structure is None:
            return None
        return self._why_not(pdu)

    def head(self, unit_id: int) -> bytes | None:
        """How the MBAP ADU of the answer begins after its transaction id, where an ADU that begins so always fits; else
        None.

        For ADUs from MbapStream, whose length is that in their header.
        """
        if self.length is None or self.structure is not None:
            return None
        return _PROTOCOL_LENGTH_UNIT.pack(0, self.length + 1, unit_id) + self.prefix

    def _why_not(self, pdu: bytes) -> str | None:
        function_code = self.prefix[0]
        if pdu[:1] == bytes((function_code | EXCEPTION_BIT,)):
            return _exception_objection(pdu)
        if pdu[:1] != self.prefix[:1]:
            return f"an answer to function {function_code} was due and {_name(pdu)} came"
        if not pdu.startswith(self.prefix):
            got, due = pdu[: len(self.prefix)].hex(" "), self.prefix.hex(" ")
            return f"the answer to function {function_code} begins {got} and not, as the request makes it, {due}"
        if self.length is not None and len(pdu) != self.length:
            return f"the answer to function {function_code} has {len(pdu)} bytes and not {self.length}"
        if len(pdu) > MAX_PDU_BYTES:
            return f"the answer to function {function_code} has {len(pdu)} bytes, more than a PDU can have"
        return self.structure(pdu) if self.structure else None


class WireRequest:
    """A request as it goes on the wire, and the known parts of its answer before it comes: made once, sent many times.

    `unit_and_pdu` is the unit id and the PDU, `frame` its MBAP ADU without the transaction id. `answer_head` is how the MBAP
    ADU of the answer begins after its transaction id and `answer_bytes` how long that ADU is, where nothing more is to be
    checked; else None and 0. Raises RequestError as `answer_shape` does.
    """

    __slots__ = (
        "_may_equal_its_answer", "answer_bytes", "answer_head", "frame", "may_change_state", "shape", "unit_and_pdu",
        "unit_id",
    )  # fmt: skip

    def __init__(self, unit_and_pdu: bytes) -> None:
        pdu = unit_and_pdu[1:]
        self.unit_id = unit_and_pdu[0]
        self.unit_and_pdu = unit_and_pdu
        # The protocol id, which is 0, and the length: two bytes each.
        self.frame = len(unit_and_pdu).to_bytes(4) + unit_and_pdu
        self.shape = answer_shape(pdu)
        self.may_change_state = may_change_state(pdu)
        self.answer_head = self.shape.head(self.unit_id)
        self.answer_bytes = 0 if self.answer_head is None else _BEFORE_PDU_BYTES + (self.shape.length or 0)
        self._may_equal_its_answer: bool | None = None

    @property
    def may_equal_its_answer(self) -> bool:
        """Whether the bytes of the request itself, on a line without transaction ids, would be accepted as its answer.

        Found out when it is first asked for: no connection with transaction ids asks, and it costs a part of a request.
        """
        found = self._may_equal_its_answer
        if found is None:
            pdu, shape = self.unit_and_pdu[1:], self.shape
            # The beginning first: what else objects to a read words why, which takes longer than all the rest.
            begins = pdu.startswith(shape.prefix) or pdu[0] & EXCEPTION_BIT
            found = bool(begins and shape.objection(pdu) is None) or (
                len(shape.prefix) == shape.length and encode_rtu(self.unit_id, shape.prefix) in pdu
            )
            self._may_equal_its_answer = found
        return found


def answer_shape(request_pdu: bytes) -> AnswerShape:
    """The shape of valid answers to the request in this PDU.

    RequestError where the request is malformed, so that only an exception would be valid; functions 1 to 6, 15 and 16 are
    checked only as far as their shape needs.
    """
    size = len(request_pdu)
    if size >= 5:
        function_code = request_pdu[0]
        if function_code <= 4:
            count = request_pdu[3] << 8 | request_pdu[4]
            byte_count = 2 * count if function_code > 2 else (count + 7) >> 3
            if size == 5 and function_code and 0 < byte_count <= _MAX_READ_BYTES:
                return _read_shape(function_code, byte_count)
        elif function_code <= 6:
            if size == 5:
                return AnswerShape(request_pdu, 5)
        elif size > 6 and function_code in (FunctionCode.WRITE_MULTIPLE_COILS, FunctionCode.WRITE_MULTIPLE_REGISTERS):
            return AnswerShape(request_pdu[:5], 5)
    return _shape(parse_request(request_pdu), request_pdu)


def identification_objects(pdu: bytes) -> list[tuple[int, bytes]] | None:
    """The objects, id and value, of an answer to function 43/14; None where they do not end where the PDU ends."""
    objects: list[tuple[int, bytes]] = []
    at = _IDENTIFICATION_HEAD_BYTES
    while at + 2 <= len(pdu):
        end = at + 2 + pdu[at + 1]
        objects.append((pdu[at], pdu[at + 2 : end]))
        at = end
    return objects if at == len(pdu) else None


def _shape(request: Request, pdu: bytes) -> AnswerShape:
    match request:
        case ReadWriteMultipleRegisters():
            return _read_shape(request.function_code, 2 * request.read_count)
        case ReadExceptionStatus():
            return AnswerShape(pdu, 2)
        case GetCommEventCounter():
            return AnswerShape(pdu, 5)
        case Diagnostics():
            return _diagnostics_shape(request, pdu)
        case GetCommEventLog():
            return AnswerShape(pdu, None, _event_log_objection)
        case ReportServerId():
            return AnswerShape(pdu, None, _server_id_objection)
        case ReadFileRecord():
            lengths = tuple(reference.length for reference in request.references)
            size = sum(2 + 2 * length for length in lengths)
            return AnswerShape(bytes((pdu[0], size)), 2 + size, partial(_file_objection, lengths))
        case ReadFifoQueue():
            return AnswerShape(pdu[:1], None, _fifo_objection)
        case ReadDeviceIdentification():
            return AnswerShape(pdu[:3], None, _identification_objection)
        case CanopenReference():
            return AnswerShape(pdu[:2], None)
        case OpaqueRequest():
            return AnswerShape(pdu[: 2 if pdu[0] == FunctionCode.ENCAPSULATED_INTERFACE else 1], None)
        case _:
            return AnswerShape(pdu, len(pdu))  # the other writes are echoed


@lru_cache(maxsize=2048)
def _read_shape(function_code: int, byte_count: int) -> AnswerShape:
    return AnswerShape(bytes((function_code, byte_count)), 2 + byte_count)


def _diagnostics_shape(request: Diagnostics, pdu: bytes) -> AnswerShape:
    if request.sub_function in _COUNTING_DIAGNOSTICS:
        return AnswerShape(pdu[:3], 5)
    if request.sub_function in frozenset(DiagnosticsSubFunction):
        return AnswerShape(pdu, len(pdu))
    return AnswerShape(pdu[:3], None)


def _name(pdu: bytes) -> str:
    if not pdu:
        return "nothing"
    function_code = pdu[0] & ~EXCEPTION_BIT
    return f"an exception to function {function_code}" if pdu[0] & EXCEPTION_BIT else f"one to function {function_code}"


def _exception_objection(pdu: bytes) -> str | None:
    if len(pdu) != _EXCEPTION_BYTES:
        return f"the exception has {len(pdu)} bytes and not {_EXCEPTION_BYTES}"
    return None if pdu[1] else "the exception code is 0"


def _event_log_objection(pdu: bytes) -> str | None:
    if len(pdu) < 2 or pdu[1] != len(pdu) - 2:
        return "the byte count of the event log does not match its bytes"
    if not _EVENT_LOG_HEAD_BYTES <= pdu[1] <= _EVENT_LOG_HEAD_BYTES + _MAX_EVENTS:
        return f"the event log has {pdu[1]} bytes; it must have 6 and 0 to {_MAX_EVENTS} events"
    return None


def _server_id_objection(pdu: bytes) -> str | None:
    if len(pdu) < 2 or pdu[1] != len(pdu) - 2:
        return "the byte count of the server id does not match its bytes"
    return None


def _file_objection(lengths: tuple[int, ...], pdu: bytes) -> str | None:
    at = 2
    for length in lengths:
        if pdu[at] != 1 + 2 * length or pdu[at + 1] != _FILE_REFERENCE_TYPE:
            return f"a group of {length} file records begins {pdu[at : at + 2].hex(' ')}"
        at += 2 + 2 * length
    return None


def _fifo_objection(pdu: bytes) -> str | None:
    if len(pdu) < 5 or pdu[1] << 8 | pdu[2] != len(pdu) - 3:
        return "the byte count of the queue does not match its bytes"
    count = pdu[3] << 8 | pdu[4]
    if count > MAX_FIFO_COUNT:
        return f"the queue has {count} registers; at most {MAX_FIFO_COUNT} can be read"
    return None if len(pdu) == 5 + 2 * count else f"the queue has {len(pdu) - 5} bytes and not {2 * count}"


def _identification_objection(pdu: bytes) -> str | None:
    if len(pdu) < _IDENTIFICATION_HEAD_BYTES:
        return f"the identification has {len(pdu)} bytes, less than its head"
    return "the identification objects do not end with the PDU" if identification_objects(pdu) is None else None
