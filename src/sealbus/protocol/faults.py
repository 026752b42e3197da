"""Why a stream of bytes is not Modbus.

A framing never guesses where the next frame begins. The first invalid byte is a FrameError: its `kind` is for programs (a
driver waits for silence after a bad checksum, a gateway closes after a bad header), its text for people.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from sealbus.errors import PeerError

__all__ = ["FaultKind", "FrameError"]


class FaultKind(StrEnum):
    """What was wrong with the bytes."""

    PROTOCOL_ID = "protocol id"
    LENGTH = "length"
    CHECKSUM = "checksum"
    UNKNOWN_LENGTH = "unknown length"
    CHARACTER = "character"


class FrameError(PeerError):
    """The bytes of the peer are not a frame. `kind` is the rule that they broke."""

    code: ClassVar[str] = "frame"

    def __init__(self, kind: FaultKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
