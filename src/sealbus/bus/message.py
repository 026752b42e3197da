"""The bytes of the bus: topics, payloads, and the header of a frame.

A frame is `SB`, a kind, the sender, a number, then the rest, all big-endian:

| kind | number | rest |
| --- | --- | --- |
| message | count of messages of this sender on this topic, by which a subscriber finds losses | payload |
| request | random request id | milliseconds left to answer (4 bytes), payload |
| reply | the request id | status (1 byte), payload |

Decoding any bytes ends in a value or None; the receiver drops and counts a malformed frame. `frame_seal` adds a MAC in
front of each frame and checks it. Pure: no I/O and no clock.
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
"""The longest payload of a message and of a request."""
REPLY_LIMIT_BYTES = 16 * 1024 * 1024
"""The longest reply: a snapshot is longer than a change."""
TOPIC_LIMIT_CHARACTERS = 100

_HEAD = struct.Struct(">2sBQQ")
_TTL = struct.Struct(">I")
_MARK = b"SB"
_MAX_TTL_MS = 600_000
FRAME_LIMIT_BYTES = REPLY_LIMIT_BYTES + 256
"""The longest frame, including header and topic."""

_TOPIC = re.compile(r"[a-z0-9][a-z0-9_-]*(?:[./][a-z0-9][a-z0-9_-]*)*")


class _FrameKind(IntEnum):
    MESSAGE = 1
    REQUEST = 2
    REPLY = 3


class ReplyStatus(IntEnum):
    """The meaning of a reply."""

    DONE = 0
    REFUSED = 1  # the payload is the reason as text
    NOT_SERVED = 2  # no process serves the topic


@dataclass(frozen=True, slots=True)
class Message:
    """A message as a subscriber gets it."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Published:
    """A message as it is sent. `count` increases by one with each message of `sender` on one topic."""

    sender: int
    count: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class BusRequest:
    """A request. The reply goes to `sender`, within `ttl_ms`."""

    sender: int
    request_id: int
    ttl_ms: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class BusReply:
    """The reply to the request with this id."""

    request_id: int
    status: ReplyStatus
    payload: bytes


def is_topic(topic: str) -> bool:
    """Whether it consists of a-z, 0-9, `_` and `-`, in parts separated by `.` or `/`."""
    return len(topic) <= TOPIC_LIMIT_CHARACTERS and _TOPIC.fullmatch(topic) is not None


def check_topic(topic: str) -> None:
    """Raises LocalError for an invalid topic."""
    if not is_topic(topic):
        raise LocalError(
            f"{topic[:120]!r} is not a topic: use a-z, 0-9, _ and - in parts separated by . or /, at most 100 characters"
        )


def check_payload(payload: bytes, limit: int = PAYLOAD_LIMIT_BYTES) -> None:
    """Raises LocalError for a payload longer than `limit`."""
    if len(payload) > limit:
        raise LocalError(f"the payload has {len(payload)} bytes; the bus carries at most {limit}")


def encode_published(sender: int, count: int, payload: bytes) -> bytes:
    """The frame of a message."""
    return _HEAD.pack(_MARK, _FrameKind.MESSAGE, sender, count) + payload


def encode_request(request: BusRequest) -> bytes:
    """The frame of a request."""
    head = _HEAD.pack(_MARK, _FrameKind.REQUEST, request.sender, request.request_id)
    return head + _TTL.pack(min(request.ttl_ms, _MAX_TTL_MS)) + request.payload


def encode_reply(sender: int, answer: BusReply) -> bytes:
    """The frame of a reply."""
    head = _HEAD.pack(_MARK, _FrameKind.REPLY, sender, answer.request_id)
    return head + bytes((answer.status,)) + answer.payload


def decode_published(frame: bytes) -> Published | None:
    """A message, or None."""
    found = _decode_head(frame, _FrameKind.MESSAGE)
    if found is None or len(frame) > _HEAD.size + PAYLOAD_LIMIT_BYTES:
        return None
    return Published(found[0], found[1], frame[_HEAD.size :])


def decode_request(frame: bytes) -> BusRequest | None:
    """A request, or None."""
    found = _decode_head(frame, _FrameKind.REQUEST)
    start = _HEAD.size + _TTL.size
    if found is None or not start <= len(frame) <= start + PAYLOAD_LIMIT_BYTES:
        return None
    (ttl_ms,) = _TTL.unpack_from(frame, _HEAD.size)
    return BusRequest(found[0], found[1], min(ttl_ms, _MAX_TTL_MS), frame[start:])


def decode_reply(frame: bytes) -> BusReply | None:
    """A reply, or None."""
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
