"""MBAP: Modbus over TCP, and inside TLS unchanged (MODBUS Messaging on TCP/IP V1.0b, 3.1.3; MODBUS/TCP Security, R-05).

    transaction id u16 | protocol id u16 = 0 | length u16 | unit id u8 | PDU 1..253 bytes        all big-endian

The length counts the unit id and the PDU: 2 to 254. An ADU is thus 8 to 260 bytes. TCP and TLS keep no borders between
ADUs, so MbapStream accepts any split and any joining and returns whole ADUs. After an invalid header nothing later in the
stream can be trusted to be a header: the stream stays at fault and its connection must be closed.

`feed` is the hottest function of Sealbus. Almost always one chunk is exactly one ADU; then it is checked by comparing
its bytes 2 to 5 with the only four that fit its size, and returned itself, uncopied.
"""

from __future__ import annotations

import struct
from typing import Final

from sealbus.errors import LocalError
from sealbus.protocol.codes import EXCEPTION_BIT, MAX_PDU_BYTES
from sealbus.protocol.faults import FaultKind, FrameError

__all__ = [
    "ANSWER_DATA_AT",
    "ANSWER_FUNCTION_AT",
    "ANSWER_UNIT_AT",
    "FUNCTION_AT",
    "MBAP_HEADER",
    "UNIT_AT",
    "MbapStream",
    "encode_answer_adu",
    "encode_mbap",
    "exception_adu",
]

MBAP_HEADER: Final = struct.Struct(">HHHB")
"""transaction id, protocol id, length, unit id"""

UNIT_AT: Final = 6
"""Where the unit id stands in an ADU."""
FUNCTION_AT: Final = 7
"""Where the PDU of an ADU begins, with the function code."""
ANSWER_UNIT_AT: Final = 4
"""Where the unit id stands in an answer without its two bytes of transaction id, as channels pass it on."""
ANSWER_FUNCTION_AT: Final = 5
"""Where the PDU begins in such an answer."""
ANSWER_DATA_AT: Final = 6
"""What follows the function code in such an answer: the exception code of an exception, the byte count of a read."""

_BEFORE_UNIT_BYTES: Final = UNIT_AT
_MIN_LENGTH: Final = 2
_MAX_LENGTH: Final = MAX_PDU_BYTES + 1
_MAX_ADU_BYTES: Final = _BEFORE_UNIT_BYTES + _MAX_LENGTH
_PROTOCOL_AND_LENGTH: Final = struct.Struct(">HH")
_EXCEPTION_LENGTH: Final = b"\x00\x03"

# A record of TLS begins with its type and the major version 3 (RFC 8446, 5.1).
_TLS_HINTS: Final = {
    b"\x16\x03": "; TLS begins like this: the client expects mbaps",
    b"\x15\x03": "; this is an alert of TLS: the port expects mbaps",
}

# For each chunk size the protocol id and length that make it exactly one ADU; None where no ADU has that size.
_ONE_ADU: Final[list[bytes | None]] = [
    _PROTOCOL_AND_LENGTH.pack(0, size - _BEFORE_UNIT_BYTES) if size >= _BEFORE_UNIT_BYTES + _MIN_LENGTH else None
    for size in range(_MAX_ADU_BYTES + 1)
]


class MbapStream:
    """Bytes of one connection in, whole ADUs out.

    `fault` is None until a header is invalid; from then on `feed` returns nothing. It buffers less than one ADU;
    `partial` is true while one has begun and not ended, which is when a frame deadline runs.
    """

    __slots__ = ("_held", "fault", "partial")

    def __init__(self) -> None:
        self.fault: FrameError | None = None
        self.partial = False
        self._held = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The ADUs, 8 to 260 bytes each, that `data` completes, in order; those before a fault are returned."""
        if (
            not self._held
            and (size := len(data)) <= _MAX_ADU_BYTES
            and data[2:6] == _ONE_ADU[size]
            and self.fault is None
        ):
            return [data]
        return self._split(data)

    def _split(self, data: bytes) -> list[bytes]:
        adus: list[bytes] = []
        if self.fault is not None:
            return adus
        if self._held:
            data = self._held + data
        start, size = 0, len(data)
        while size - start >= _BEFORE_UNIT_BYTES:
            protocol_id, length = _PROTOCOL_AND_LENGTH.unpack_from(data, start + 2)
            if protocol_id or not _MIN_LENGTH <= length <= _MAX_LENGTH:
                self.fault = _fault(data[start : start + _BEFORE_UNIT_BYTES], protocol_id, length)
                self._held = b""
                self.partial = False
                return adus
            end = start + _BEFORE_UNIT_BYTES + length
            if end > size:
                break
            adus.append(data[start:end])
            start = end
        self._held = data[start:]
        self.partial = start < size
        return adus


def encode_mbap(transaction_id: int, unit_id: int, pdu: bytes) -> bytes:
    """The ADU that carries `pdu`. LocalError where a number or the size does not fit."""
    length = len(pdu) + 1
    if not _MIN_LENGTH <= length <= _MAX_LENGTH:
        raise LocalError(f"a PDU of {len(pdu)} bytes is not valid: a PDU has 1 to {MAX_PDU_BYTES} bytes")
    try:
        return MBAP_HEADER.pack(transaction_id, 0, length, unit_id) + pdu
    except struct.error:
        raise LocalError(
            f"transaction id {transaction_id} or unit id {unit_id} is not valid: use 0 to 65535 and 0 to 255"
        ) from None


def encode_answer_adu(unit_id: int, pdu: bytes) -> bytes:
    """The ADU of an answer without its transaction id: protocol id 0, length, unit id, PDU."""
    return b"\0\0\0%c%c%b" % (len(pdu) + 1, unit_id, pdu)


def exception_adu(adu: bytes, exception_code: int) -> bytes:
    """The 9 bytes that answer the request `adu` (whole, as it came from MbapStream) with an exception."""
    return adu[:4] + _EXCEPTION_LENGTH + adu[6:7] + bytes((adu[7] | EXCEPTION_BIT, exception_code))


def _fault(start: bytes, protocol_id: int, length: int) -> FrameError:
    if protocol_id:
        hint = _TLS_HINTS.get(start[:2], "")
        return FrameError(
            FaultKind.PROTOCOL_ID, f"not Modbus: the protocol id of the MBAP header is {protocol_id}, not 0{hint}"
        )
    return FrameError(
        FaultKind.LENGTH, f"the length in the MBAP header is {length}; it must be {_MIN_LENGTH} to {_MAX_LENGTH}"
    )
