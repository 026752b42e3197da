"""RTU: Modbus on a serial line, and the same frames over TCP (MODBUS over Serial Line V1.02, 2.5.1).

    unit id u8 | PDU 1..253 bytes | CRC-16, low byte first                                        at most 256 bytes

On the line frames are separated by silence; a stream of bytes has none. So the length comes from the function code and,
where there is one, from the byte count behind it; requests and responses differ. The driver, which has the clock, calls
`reset` after a silence: a partial frame is dropped, as the text demands, and a fault with it.

Lines have noise: a glitch when a driver is switched on, a cut frame, the heartbeat of a modem. `ResyncingRtuStream`
passes over the bytes that begin no frame with a right checksum, and returns the frame behind them.

Not framed, because nothing in the bytes gives their length: user-defined functions, CANopen references (43/13), and
diagnostics (8) with other than 2 bytes of data. They are a fault of the kind UNKNOWN_LENGTH, save the last, which ends
in a wrong checksum.
"""

from __future__ import annotations

from typing import ClassVar, Final

from sealbus.errors import LocalError
from sealbus.protocol.codes import EXCEPTION_BIT, MAX_PDU_BYTES, FunctionCode, MeiType
from sealbus.protocol.faults import FaultKind, FrameError

__all__ = ["ResyncingRtuStream", "RtuRequestStream", "RtuResponseStream", "crc16", "encode_rtu"]

_CRC_BYTES: Final = 2
_MAX_FRAME_BYTES: Final = 1 + MAX_PDU_BYTES + _CRC_BYTES
_POLYNOMIAL: Final = 0xA001
_START_BYTES: Final = 2

_Length = tuple[int, int]
"""The position of the byte count in the frame, 0 for none; how many bytes the frame has besides those it counts."""

_FIXED: Final = 0
_TWO_WORDS: Final[_Length] = (_FIXED, 8)
_REQUESTS: Final[dict[int, _Length]] = {
    FunctionCode.READ_COILS: _TWO_WORDS,
    FunctionCode.READ_DISCRETE_INPUTS: _TWO_WORDS,
    FunctionCode.READ_HOLDING_REGISTERS: _TWO_WORDS,
    FunctionCode.READ_INPUT_REGISTERS: _TWO_WORDS,
    FunctionCode.WRITE_SINGLE_COIL: _TWO_WORDS,
    FunctionCode.WRITE_SINGLE_REGISTER: _TWO_WORDS,
    FunctionCode.READ_EXCEPTION_STATUS: (_FIXED, 4),
    FunctionCode.DIAGNOSTICS: _TWO_WORDS,
    FunctionCode.GET_COMM_EVENT_COUNTER: (_FIXED, 4),
    FunctionCode.GET_COMM_EVENT_LOG: (_FIXED, 4),
    FunctionCode.WRITE_MULTIPLE_COILS: (6, 9),
    FunctionCode.WRITE_MULTIPLE_REGISTERS: (6, 9),
    FunctionCode.REPORT_SERVER_ID: (_FIXED, 4),
    FunctionCode.READ_FILE_RECORD: (2, 5),
    FunctionCode.WRITE_FILE_RECORD: (2, 5),
    FunctionCode.MASK_WRITE_REGISTER: (_FIXED, 10),
    FunctionCode.READ_WRITE_MULTIPLE_REGISTERS: (10, 13),
    FunctionCode.READ_FIFO_QUEUE: (_FIXED, 6),
}
_COUNTED: Final[_Length] = (2, 5)
_RESPONSES: Final[dict[int, _Length]] = {
    FunctionCode.READ_COILS: _COUNTED,
    FunctionCode.READ_DISCRETE_INPUTS: _COUNTED,
    FunctionCode.READ_HOLDING_REGISTERS: _COUNTED,
    FunctionCode.READ_INPUT_REGISTERS: _COUNTED,
    FunctionCode.WRITE_SINGLE_COIL: _TWO_WORDS,
    FunctionCode.WRITE_SINGLE_REGISTER: _TWO_WORDS,
    FunctionCode.READ_EXCEPTION_STATUS: (_FIXED, 5),
    FunctionCode.DIAGNOSTICS: _TWO_WORDS,
    FunctionCode.GET_COMM_EVENT_COUNTER: _TWO_WORDS,
    FunctionCode.GET_COMM_EVENT_LOG: _COUNTED,
    FunctionCode.WRITE_MULTIPLE_COILS: _TWO_WORDS,
    FunctionCode.WRITE_MULTIPLE_REGISTERS: _TWO_WORDS,
    FunctionCode.REPORT_SERVER_ID: _COUNTED,
    FunctionCode.READ_FILE_RECORD: _COUNTED,
    FunctionCode.WRITE_FILE_RECORD: _COUNTED,
    FunctionCode.MASK_WRITE_REGISTER: (_FIXED, 10),
    FunctionCode.READ_WRITE_MULTIPLE_REGISTERS: _COUNTED,
    FunctionCode.READ_FIFO_QUEUE: (3, 6),  # the count has 2 bytes, but the first is always 0
}
_EXCEPTION_BYTES: Final = 5
_IDENTIFICATION_REQUEST_BYTES: Final = 7
_OBJECT_COUNT_AT: Final = 7
_OBJECTS_AT: Final = 8


class _RtuStream:
    """The part that requests and responses share."""

    __slots__ = ("_held", "fault")
    _lengths: ClassVar[dict[int, _Length]]

    def __init__(self) -> None:
        self.fault: FrameError | None = None
        self._held = b""

    @property
    def partial(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._held)

    def reset(self) -> None:
        """After a silence: drop a partial frame and the fault."""
        self.fault = None
        self._held = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Unit id and PDU, 2 to 254 bytes, of each frame that `data` completes, in order; those before a fault come."""
        frames: list[bytes] = []
        if self.fault is not None:
            return frames
        held = self._held + data
        start = 0
        try:
            while (size := self._size(held, start)) and size <= len(held) - start:
                frames.append(_checked(held[start : start + size]))
                start += size
            self._held = held[start:]
        except FrameError as fault:
            self.fault = fault
            self._held = b""
        return frames

    def _size(self, data: bytes, start: int) -> int:
        """The bytes of the frame that begins at `start`; 0 where too few have come to know."""
        if len(data) - start < _START_BYTES:
            return 0
        function_code = data[start + 1]
        length = self._lengths.get(function_code)
        if length is None:
            return self._unusual_size(function_code, data, start)
        position, size = length
        if position:
            if len(data) - start <= position:
                return 0
            size += data[start + position]
        return _bounded(size, function_code)

    def _unusual_size(self, function_code: int, data: bytes, start: int) -> int:
        raise NotImplementedError


class RtuRequestStream(_RtuStream):
    """Bytes that a master sends in, unit id and PDU of its requests out."""

    __slots__ = ()
    _lengths = _REQUESTS

    def _unusual_size(self, function_code: int, data: bytes, start: int) -> int:
        if function_code != FunctionCode.ENCAPSULATED_INTERFACE:
            raise _unknown(function_code)
        if len(data) - start < 3:
            return 0
        _check_mei_type(data[start + 2])
        return _IDENTIFICATION_REQUEST_BYTES


class RtuResponseStream(_RtuStream):
    """Bytes that slaves send in, unit id and PDU of their responses out."""

    __slots__ = ()
    _lengths = _RESPONSES

    def _unusual_size(self, function_code: int, data: bytes, start: int) -> int:
        if function_code > EXCEPTION_BIT:
            return _EXCEPTION_BYTES
        if function_code != FunctionCode.ENCAPSULATED_INTERFACE:
            raise _unknown(function_code)
        if len(data) - start < 3:
            return 0
        _check_mei_type(data[start + 2])
        return _identification_size(data, start)


class ResyncingRtuStream(RtuResponseStream):
    """The same from a line with noise. `fault` is the first damage since it was last set to None; frames behind it come.

    Bytes may look like the beginning of a long frame and be noise. So the driver calls `end_burst` after a silence.
    """

    __slots__ = ()

    def feed(self, data: bytes) -> list[bytes]:
        """Unit id and PDU, 2 to 254 bytes, of each frame that `data` completes, in order."""
        # The usual case, without the scan: the data is one whole frame. The CRC of a frame with its own CRC is 0.
        size = len(data)
        if (
            not self._held
            and _START_BYTES < size <= _MAX_FRAME_BYTES
            and self._lengths.get(data[1]) is _COUNTED
            and size == data[2] + _COUNTED[1]
            and crc16(data) == 0
        ):
            return [data[:-_CRC_BYTES]]
        self._held += data
        frames, end = self._scan(is_over=False)
        self._held = self._held[end:]
        return frames

    def begins_with(self, start: bytes) -> bool:
        return self._held.startswith(start)

    def end_burst(self) -> list[bytes]:
        """After a silence: the frames behind a beginning that was not continued. If there are none, it is kept: on the way
        from a serial line a frame may be delayed in the middle.
        """
        frames, end = self._scan(is_over=True)
        if frames:
            self._held = self._held[end:]
        return frames

    def _scan(self, *, is_over: bool) -> tuple[list[bytes], int]:
        """The frames in what is held, and where the bytes behind them begin, or the frame that has not ended."""
        frames: list[bytes] = []
        held, start, end = self._held, 0, 0
        while len(held) - start >= _START_BYTES:
            try:
                size = self._size(held, start)
                if size and size <= len(held) - start:
                    frames.append(_checked(held[start : start + size]))
                    start += size
                    end = start
                elif is_over:
                    start += 1
                else:
                    break
            except FrameError as fault:
                self.fault = self.fault or fault
                start += 1
        return frames, end if is_over else start


def encode_rtu(unit_id: int, pdu: bytes) -> bytes:
    """The frame that carries `pdu`. LocalError where the unit id or the size does not fit."""
    if not 1 <= len(pdu) <= MAX_PDU_BYTES:
        raise LocalError(f"a PDU of {len(pdu)} bytes is not valid: a PDU has 1 to {MAX_PDU_BYTES} bytes")
    if not 0 <= unit_id <= 0xFF:
        raise LocalError(f"the unit id {unit_id} is not valid: use 0 to 255")
    frame = bytes((unit_id,)) + pdu
    return frame + crc16(frame).to_bytes(_CRC_BYTES, "little")


def crc16(data: bytes) -> int:
    """The CRC-16 of RTU: begins as FFFF, polynomial A001 reflected (6.2.2). It is sent low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ _CRC_OF_BYTE[(crc ^ byte) & 0xFF]
    return crc


def _crc_of_byte(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ _POLYNOMIAL if byte & 1 else byte >> 1
    return byte


_CRC_OF_BYTE: Final = [_crc_of_byte(byte) for byte in range(256)]


def _checked(frame: bytes) -> bytes:
    body = frame[:-_CRC_BYTES]
    found = int.from_bytes(frame[-_CRC_BYTES:], "little")
    due = crc16(body)
    if found != due:
        raise FrameError(
            FaultKind.CHECKSUM, f"the CRC of a frame of {len(frame)} bytes is {found:04X}; its bytes make it {due:04X}"
        )
    return body


def _identification_size(data: bytes, start: int) -> int:
    """Parse the object list of 43/14: unit, 2B, 0E, access, conformity, more, next, count, then (id, length, value)s."""
    if len(data) - start <= _OBJECT_COUNT_AT:
        return 0
    size = _OBJECTS_AT
    for _ in range(data[start + _OBJECT_COUNT_AT]):
        if len(data) - start < size + 2:
            return 0
        size = _bounded(size + 2 + data[start + size + 1] + _CRC_BYTES, data[start + 1]) - _CRC_BYTES
    return size + _CRC_BYTES


def _bounded(size: int, function_code: int) -> int:
    if size > _MAX_FRAME_BYTES:
        raise FrameError(
            FaultKind.LENGTH,
            f"a frame of function {function_code} announces {size} bytes; at most {_MAX_FRAME_BYTES} are allowed",
        )
    return size


def _check_mei_type(mei_type: int) -> None:
    if mei_type != MeiType.READ_DEVICE_IDENTIFICATION:
        raise FrameError(FaultKind.UNKNOWN_LENGTH, f"the length of a frame cannot be known for MEI type {mei_type} is")


def _unknown(function_code: int) -> FrameError:
    return FrameError(
        FaultKind.UNKNOWN_LENGTH, f"the length of a frame cannot be known for function {function_code} is"
    )
