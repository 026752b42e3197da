"""The hash chain: each record is one line of JSON that ends with a hash over its own bytes and the previous hash.

    {"sequence":7,"time":"2025-03-01T12:00:00.000000Z","kind":"alarm",...,"hash":"<64 hexadecimal digits>"}

The hash is SHA-256 over the 32 bytes of the previous line's hash followed by the bytes of this line up to, and without,
`,"hash":"`. The previous hash of the very first line is 32 zero bytes. The first line of a segment is its header, a
part of the chain like any other line; it repeats the hash it follows, so that a segment can be checked alone.

An attacker who can write the files can also recompute the whole chain, or cut off its end. The chain proves that
nothing before a known hash was changed: store such a hash elsewhere (docs/audit.md).
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated

import msgspec

if TYPE_CHECKING:
    from sealbus.records.kinds import Record

__all__ = [
    "FORMAT",
    "FRAME_BYTES",
    "GENESIS",
    "MAX_NUMBER",
    "SUFFIX_BYTES",
    "BrokenAt",
    "Header",
    "Number",
    "Stamp",
    "encode_record",
    "render_time",
    "seal",
    "seal_record",
    "suffix",
]

FORMAT = 1
GENESIS = bytes(32)

SUFFIX_BYTES = len(b',"hash":""}') + 64
FRAME_BYTES = 160
"""A stored line is at most this much longer than its encoded record."""

_CLIP_STEPS = (1000, 200, 50, 10)

_encode = msgspec.json.Encoder().encode


MAX_NUMBER = 2**53
Number = Annotated[int, msgspec.Meta(ge=0, le=MAX_NUMBER)]
"""Numbers of segments and records; any other value in a file is damage."""


class BrokenAt(msgspec.Struct, frozen=True):
    """The place where the chain broke, for the segment that was begun after the damage."""

    segment: Number
    line: Number
    problem: str


class Header(msgspec.Struct, frozen=True, omit_defaults=True):
    """The first line of a segment. `first` is the number of its first record, `previous` the hash it follows."""

    format: Number
    gateway: str
    segment: Number
    first: Number
    time: str
    previous: str
    broken: BrokenAt | None = None

    def seal(self, previous: bytes) -> tuple[bytes, bytes]:
        """The line of the header, and its hash."""
        return seal(previous, _encode(self)[:-1])


class Stamp(msgspec.Struct, frozen=True, gc=False):
    """The fields of every stored line, and the number of the write that an outcome belongs to."""

    sequence: Number
    time: str
    kind: str
    hash: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}\\Z")]
    request: Number = 0


def seal(previous: bytes, body: bytes) -> tuple[bytes, bytes]:
    """The line for `body`, a JSON object without its closing brace, and the hash of the line (32 bytes)."""
    digest = sha256(previous + body)
    return b'%b,"hash":"%b"}\n' % (body, digest.hexdigest().encode()), digest.digest()


def seal_record(previous: bytes, sequence: int, time_ns: int, payload: bytes) -> tuple[bytes, bytes]:
    """The line for an encoded record, and the hash of the line (32 bytes)."""
    return seal(previous, b'{"sequence":%d,"time":"%b",%b' % (sequence, render_time(time_ns).encode(), payload[1:-1]))


def suffix(previous: bytes, body: bytes) -> tuple[bytes, bytes]:
    """The expected end of the line with this body, without the newline, and its hash (32 bytes)."""
    digest = sha256(previous + body)
    return b',"hash":"%b"}' % digest.hexdigest().encode(), digest.digest()


def render_time(time_ns: int) -> str:
    """RFC 3339 in UTC with microseconds, from nanoseconds since 1970. These texts sort by time."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return f"{_render_second(seconds)}.{rest // 1000:06d}Z"


@lru_cache(maxsize=2)
def _render_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def encode_record(record: Record, limit_bytes: int) -> bytes:
    """The record as a JSON object of at most `limit_bytes`. Longer texts are cut, and state their length.

    A record is never refused because of what a peer put into a certificate: characters that UTF-8 cannot encode are
    replaced.
    """
    try:
        payload = _encode(record)
        if len(payload) <= limit_bytes:
            return payload
    except UnicodeEncodeError:
        payload = b""
    fields = msgspec.to_builtins(record, builtin_types=(datetime,))
    kind = fields.pop("kind")
    for longest in _CLIP_STEPS:
        payload = _encode({"kind": kind} | {name: _clip(value, longest) for name, value in fields.items()})
        if len(payload) <= limit_bytes:
            break
    return payload


def _clip(value: object, longest: int) -> object:
    if isinstance(value, str):
        text = value.encode("utf-8", "replace").decode()
        return text if len(text) <= longest else f"{text[:longest]}… ({len(text)} characters)"
    if isinstance(value, dict):
        return {key: _clip(item, longest) for key, item in value.items()}
    if isinstance(value, list | tuple) and not all(isinstance(item, int) for item in value):
        return [_clip(item, longest) for item in value[:longest]]
    return value
