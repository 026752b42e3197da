"""The MAC and the time that each frame carries: only the processes of one site can write a frame, and none can be kept.

A sealed frame is a MAC (32 bytes), the time of sending (milliseconds since 1970, 8 bytes, big-endian), then the frame.
The MAC is HMAC-SHA-256 (RFC 2104) with the bus key of the site, over topic, NUL, time and frame; the topic of a reply
is empty. Someone who may write to the bus, but does not have the key, can so neither invent a frame nor change one, nor
send one again under another topic. A frame whose time differs from our clock by more than a minute is refused, so one
that was recorded cannot be sent again later; within that minute `subscriptions` refuses a repeated message, and a reply
answers one random request id. Frames are not encrypted: a reader of the bus sees values (use TLS).

Pure: no I/O and no clock.
"""

from __future__ import annotations

import hmac
import struct
from enum import Enum

from sealbus.errors import LocalError

__all__ = ["KEY_BYTES", "SEAL_BYTES", "FrameSeal", "Refusal"]

KEY_BYTES = 32
_MAC_BYTES = 32
_TIME = struct.Struct(">Q")
SEAL_BYTES = _MAC_BYTES + _TIME.size
"""How much longer a sealed frame is than the frame."""
_MAX_MS_APART = 60_000


class Refusal(Enum):
    """Why a frame is refused. The texts are for the log and for administrators."""

    NOT_OURS = "the MAC is not of this site: a forged message, or a process with another SEALBUS_SECRET_KEY"
    OTHER_TIME = "the time differs by more than a minute: a message sent again, or a clock that is wrong"
    REPEATED = "the message was received before: it was sent again"


class FrameSeal:
    """Seals and opens frames with one key."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise LocalError(f"the key of the bus has {len(key)} bytes; it needs {KEY_BYTES}")
        self._key = key

    def seal(self, topic: str, frame: bytes, now_ms: int) -> bytes:
        """The sealed frame."""
        timed = _TIME.pack(now_ms) + frame
        return self._mac(topic, timed) + timed

    def open(self, topic: str, sealed: bytes, now_ms: int) -> bytes | Refusal:
        """The frame that was sealed for this topic."""
        timed = sealed[_MAC_BYTES:]
        # The MAC comes first: nothing of a frame is looked at, its time included, before it is known to be ours.
        if len(sealed) < SEAL_BYTES or not hmac.compare_digest(self._mac(topic, timed), sealed[:_MAC_BYTES]):
            return Refusal.NOT_OURS
        if abs(_TIME.unpack_from(timed)[0] - now_ms) > _MAX_MS_APART:
            return Refusal.OTHER_TIME
        return timed[_TIME.size :]

    def _mac(self, topic: str, timed: bytes) -> bytes:
        return hmac.digest(self._key, b"%b\0%b" % (topic.encode(), timed), "sha256")
