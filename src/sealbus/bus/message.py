"""What travels: topics, payloads, and the few bytes in front of them.

A frame is `SB`, a kind, the sender, a number, then the payload, all big-endian:

| kind | number | then |
| --- | --- | --- |
| message | the sender's count for this topic, so that a listener knows what it missed | payload |
| ask | the request id, by chance | milliseconds left to answer (4 bytes), payload |
| answer | the request id | status (1 byte), payload |

Decoding takes any bytes and ends in a value or None: who can reach the bus is somebody else's question, and a frame that
cannot be read is dropped and counted by whoever received it. Pure: no I/O and no clock.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from enum import IntEnum

from sealbus.errors import LocalError

__all__ = [
    "FRAME_LIMIT_BYTES",
    "PAYLOAD_LIMIT_BYTES",
    "REPLY_LIMIT_BYTES",
    "TOPIC_LIMIT_CHARACTERS",
    "BusReply",
    "BusRequest",
    "Message",
    "Published",
    "ReplyStatus",
    "check_payload",
    "check_topic",
    "decode_published",
    "decode_reply",
    "decode_request",
    "encode_published",
    "encode_reply",
    "encode_request",
    "is_topic",
]

PAYLOAD_LIMIT_BYTES = 1024 * 1024
"""The longest payload of a message and of a question."""
REPLY_LIMIT_BYTES = 16 * 1024 * 1024
"""The longest answer: a snapshot of everything is longer than any change to it."""
TOPIC_LIMIT_CHARACTERS = 100

_HEAD = struct.Struct(">2sBQQ")
_TTL = struct.Struct(">I")
_MARK = b"SB"
_LONGEST_TTL_MS = 600_000
FRAME_LIMIT_BYTES = REPLY_LIMIT_BYTES + 256
"""The longest frame, with room for its head and its topic."""

_TOPIC = re.compile(r"[a-z0-9][a-z0-9_-]*(?:[./][a-z0-9][a-z0-9_-]*)*")


class _FrameKind(IntEnum):
    MESSAGE = 1
    REQUEST = 2
    REPLY = 3


class ReplyStatus(IntEnum):
    """How an answer is to be read."""

    DONE = 0
    REFUSED = 1  # the payload is the reason as text
    NOT_SERVED = 2  # no process serves the topic


@dataclass(frozen=True, slots=True)
class Message:
    """What a subscriber gets."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Published:
    """A message as it travels. `count` goes up by one with each message that `sender` publishes on one topic."""

    sender: int
    count: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class BusRequest:
    """A question. Whoever gets it answers to `sender`, and not after `ttl_ms`."""

    sender: int
    request_id: int
    ttl_ms: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class BusReply:
    """The answer to the question with this id."""

    request_id: int
    status: ReplyStatus
    payload: bytes


def is_topic(topic: str) -> bool:
    """Whether it is small letters, digits, `_` and `-`, in parts that `.` or `/` divides."""
    return len(topic) <= TOPIC_LIMIT_CHARACTERS and _TOPIC.fullmatch(topic) is not None


def check_topic(topic: str) -> None:
    """Raises LocalError for what is no topic."""
    if not is_topic(topic):
        raise LocalError(
            f"{topic[:120]!r} is no topic: a-z, 0-9, _ and - in parts divided by . or /, at most 100 in all"
        )


def check_payload(payload: bytes, limit: int = PAYLOAD_LIMIT_BYTES) -> None:
    """Raises LocalError for what is longer than the bus carries."""
    if len(payload) > limit:
        raise LocalError(f"{len(payload)} bytes are more than the {limit} that the bus carries at once")


def encode_published(sender: int, count: int, payload: bytes) -> bytes:
    """The frame of a message."""
    return _HEAD.pack(_MARK, _FrameKind.MESSAGE, sender, count) + payload


def encode_request(ask: BusRequest) -> bytes:
    """The frame of a question."""
    head = _HEAD.pack(_MARK, _FrameKind.REQUEST, ask.sender, ask.request_id)
    return head + _TTL.pack(min(ask.ttl_ms, _LONGEST_TTL_MS)) + ask.payload


def encode_reply(sender: int, answer: BusReply) -> bytes:
    """The frame of an answer."""
    head = _HEAD.pack(_MARK, _FrameKind.REPLY, sender, answer.request_id)
    return head + bytes((answer.status,)) + answer.payload


def decode_published(frame: bytes) -> Published | None:
    """A message, or None when it is none."""
    found = _decode_head(frame, _FrameKind.MESSAGE)
    if found is None or len(frame) > _HEAD.size + PAYLOAD_LIMIT_BYTES:
        return None
    return Published(found[0], found[1], frame[_HEAD.size :])


def decode_request(frame: bytes) -> BusRequest | None:
    """A question, or None when it is none."""
    found = _decode_head(frame, _FrameKind.REQUEST)
    start = _HEAD.size + _TTL.size
    if found is None or not start <= len(frame) <= start + PAYLOAD_LIMIT_BYTES:
        return None
    (ttl_ms,) = _TTL.unpack_from(frame, _HEAD.size)
    return BusRequest(found[0], found[1], min(ttl_ms, _LONGEST_TTL_MS), frame[start:])


def decode_reply(frame: bytes) -> BusReply | None:
    """An answer, or None when it is none."""
    found = _decode_head(frame, _FrameKind.REPLY)
    start = _HEAD.size + 1
    if found is None or not start <= len(frame) <= start + REPLY_LIMIT_BYTES:
        return None
    status = frame[_HEAD.size]
    return BusReply(found[1], ReplyStatus(status), frame[start:]) if status <= ReplyStatus.NOT_SERVED else None


def _decode_head(frame: bytes, kind: _FrameKind) -> tuple[int, int] | None:
    if len(frame) < _HEAD.size:
        return None
    mark, found, sender, number = _HEAD.unpack_from(frame)
    return (sender, number) if mark == _MARK and found == kind else None
