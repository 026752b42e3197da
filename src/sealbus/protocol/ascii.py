"""ASCII: Modbus in readable characters (MODBUS over Serial Line V1.02, 2.5.2).

    ':' | unit id, PDU and LRC as pairs of hexadecimal digits | CR LF                         at most 513 characters

A receiver waits for a colon: bytes before it are noise and skipped, as is a damaged frame; a colon inside a frame starts
a new one. Between colon and CR only digits are allowed. Lower-case digits are accepted: the text has upper case, and devices
differ. The delimiter that diagnostics can set in place of LF (8/3) is not supported.
"""

from __future__ import annotations

import binascii
import re
from typing import Final

from sealbus.errors import LocalError
from sealbus.protocol.codes import MAX_PDU_BYTES
from sealbus.protocol.faults import FaultKind, FrameError

__all__ = ["AsciiStream", "encode_ascii", "lrc"]

_COLON: Final = b":"
_END: Final = b"\r\n"
_MAX_DIGITS: Final = 2 * (1 + MAX_PDU_BYTES + 1)
_MIN_FRAME_BYTES: Final = 3
_DIGITS: Final = re.compile(rb"[0-9A-Fa-f]*")


class AsciiStream:
    """Bytes in, unit id and PDU out. `fault` is the first damage since it was last set to None; frames behind it come."""

    __slots__ = ("_held", "fault")

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
        """Unit id and PDU, 2 to 254 bytes, of each frame that `data` completes, in order."""
        frames: list[bytes] = []
        held = self._held + data
        start = held.find(_COLON)
        while start >= 0:
            end = _end_of_digits(held, start)
            try:
                ended = _ended(held, start, end)
                if ended is None:
                    break
                frames += ended
            except FrameError as fault:
                self.fault = self.fault or fault
            start = held.find(_COLON, end)
        self._held = held[start:] if start >= 0 else b""
        return frames

    def begins_with(self, start: bytes) -> bool:
        return False

    def end_burst(self) -> list[bytes]:
        """After a silence: nothing, because a colon ends a frame that was not continued."""
        return []


def encode_ascii(unit_id: int, pdu: bytes) -> bytes:
    """The frame that carries `pdu`. LocalError where the unit id or the size does not fit."""
    if not 1 <= len(pdu) <= MAX_PDU_BYTES:
        raise LocalError(f"a PDU of {len(pdu)} bytes is not valid: a PDU has 1 to {MAX_PDU_BYTES} bytes")
    if not 0 <= unit_id <= 0xFF:
        raise LocalError(f"the unit id {unit_id} is not valid: use 0 to 255")
    body = bytes((unit_id,)) + pdu
    return _COLON + binascii.hexlify(body + bytes((lrc(body),))).upper() + _END


def lrc(data: bytes) -> int:
    """The longitudinal redundancy check: the two's complement of the sum of the bytes (6.2.1 of the text)."""
    return -sum(data) & 0xFF


def _end_of_digits(data: bytes, start: int) -> int:
    found = _DIGITS.match(data, start + 1)
    return found.end() if found else start + 1


def _ended(data: bytes, start: int, end: int) -> list[bytes] | None:
    """The frame whose colon is at `start` and whose digits end at `end`; none where the next frame cuts it off.

    None: too few bytes have come to know.
    """
    if end - start - 1 > _MAX_DIGITS:
        raise FrameError(FaultKind.LENGTH, f"a frame has more than {_MAX_DIGITS} digits")
    rest = data[end : end + len(_END)]
    if rest == _END:
        return [_decode(data[start + 1 : end])]
    if _END.startswith(rest):
        return None
    if rest.lstrip(_END[:1]).startswith(_COLON):
        return []
    wrong = rest if rest.startswith(_END[:1]) else rest[:1]
    raise FrameError(FaultKind.CHARACTER, f"{wrong!r} is in a frame where digits or CR LF are expected")


def _decode(digits: bytes) -> bytes:
    if len(digits) % 2 or len(digits) < 2 * _MIN_FRAME_BYTES:
        raise FrameError(
            FaultKind.LENGTH, f"a frame of {len(digits)} digits; unit id, PDU and LRC have pairs, at least 3"
        )
    frame = binascii.unhexlify(digits)
    body, found = frame[:-1], frame[-1]
    if found != lrc(body):
        raise FrameError(
            FaultKind.CHECKSUM, f"the LRC of a frame is {found:02X}; its {len(body)} bytes make it {lrc(body):02X}"
        )
    return body
