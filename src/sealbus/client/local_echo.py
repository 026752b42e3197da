"""Telling the echo of a request from its answer, on a line whose frames have no transaction id.

An RS-485 adapter with local echo receives each byte that it sends. The answers to functions 5, 6, 21, 22 and 8 are equal
to their requests, and so can be those to a few reads: to a program, the echo of such a request is its answer, also when
the device is switched off.

`LocalEcho` removes the echo from the bytes that come after a request. Whether the line echoes is a setting, or is learnt
from requests whose answer cannot be equal to them: an echo before the answer, or an answer without one. Until it is
known, no answer that is equal to its request is accepted; see `RtuLine`, which then reads first.

With the setting nothing counts that comes before the echo: on such a line bytes that differ from the request were damaged
by another sender, so the device has received them damaged too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sealbus.protocol import EXCEPTION_BIT, encode_rtu

if TYPE_CHECKING:
    from sealbus.protocol import WireRequest

__all__ = ["LocalEcho", "may_equal_its_answer"]

_MAX_RECEIVED_BYTES: Final = 2048  # more cannot be an echo and an answer: the largest frame has 513 bytes, in ASCII


def may_equal_its_answer(request: WireRequest) -> bool:
    """Whether the bytes of the request itself would be accepted as its answer."""
    pdu, shape = request.unit_and_pdu[1:], request.shape
    # The first comparison is for speed: of most requests it is all, and an objection in words costs more than sending them.
    if (pdu.startswith(shape.prefix) or pdu[0] & EXCEPTION_BIT) and shape.objection(pdu) is None:
        return True
    return len(shape.prefix) == shape.length and encode_rtu(request.unit_id, shape.prefix) in pdu


class LocalEcho:
    """Pure: bytes in, bytes without the echo out. One for each connection."""

    __slots__ = ("_frame", "_is_due", "_is_ended", "_is_set", "_passed_bytes", "_received", "is_heard", "is_present")

    def __init__(self, *, is_set: bool) -> None:
        self._is_set = is_set
        self.is_present: bool | None = True if is_set else None
        """Whether the line echoes; None while that is not known."""
        self.is_heard = False
        """Whether the echo of the newest request has come."""
        self._frame = self._received = b""
        self._passed_bytes = 0
        self._is_due = False
        self._is_ended = True

    def begin(self, frame: bytes, *, is_ambiguous: bool) -> None:
        """`frame` is sent now. `is_ambiguous`: its answer may be equal to it."""
        self._frame, self._received = frame, b""
        self._passed_bytes = 0
        self.is_heard = False
        self._is_due = self._is_set or (is_ambiguous and self.is_present is not False)
        # Where the line is known not to echo, the first frame that is equal to the request is its answer.
        self._is_ended = is_ambiguous and self.is_present is False

    def strip(self, data: bytes) -> bytes:
        """The bytes of `data`, and of what was held before, that are not the echo."""
        if self._is_ended:
            return data
        self._received += data
        at = self._received.find(self._frame)
        if at >= 0:
            self.is_heard = self._is_ended = self.is_present = True
            return self._received[at + len(self._frame) :]
        if self._is_due:
            self._received = self._received[-len(self._frame) :]
            return b""
        if self.is_present is not False and self._frame.startswith(self._received):
            return b""  # the beginning of the echo, or of the answer: the next bytes will tell
        passed, self._passed_bytes = self._received[self._passed_bytes :], len(self._received)
        self._is_ended = len(self._received) > _MAX_RECEIVED_BYTES
        return passed

    def answered(self, answer_bytes: int) -> None:
        """A frame of so many bytes has answered the request of the last `begin`. Only while `is_present` is None."""
        # A damaged echo is no answer without an echo: it would leave about as many surplus bytes as the request has.
        if not self._is_ended and len(self._received) - answer_bytes < len(self._frame) // 2:
            self.is_present = False
