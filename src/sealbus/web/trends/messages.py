"""What is said on a live socket. Version 1, the subprotocol `sealbus.v1`; JSON texts.

A client sends `subscribe` and `unsubscribe` with an id of its own, tags and devices, and `ping`. It gets, each with its
`type`:

| type | when | members |
| --- | --- | --- |
| snapshot | after a subscribe | `id`, `samples`, `more` (another one follows for this id) |
| values | what changed since, the newest of each tag | `samples` |
| refused | some of what was asked for is not there for him | `id`, `tags`, `devices` |
| unsubscribed | after an unsubscribe | `id` |
| ended | a right was taken away, or a tag archived | `tags`, `devices` |
| state | how live the values are, at first and when it changes | `state`, `since_us` |
| pong | after a ping | `id` |
| error | what was sent cannot be used | `id` or null, `code`, `detail` |

A sample is `[tag, time in microseconds, value, quality, reason]`; time and value are null where there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from sealbus.errors import PeerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "MOST_DEVICES",
    "MOST_MESSAGE_BYTES",
    "MOST_TAGS",
    "SUBPROTOCOL",
    "ClientMessage",
    "Ended",
    "Ping",
    "Pong",
    "Problem",
    "Refused",
    "StateTold",
    "Subscribe",
    "Unsubscribe",
    "Unsubscribed",
    "encode",
    "encode_snapshot",
    "encode_values",
    "parse_message",
]

SUBPROTOCOL = "sealbus.v1"
MOST_MESSAGE_BYTES = 64 * 1024
MOST_TAGS = 5_000
"""What one client may subscribe to, the tags of its devices counted."""
MOST_DEVICES = 1_000
_SAMPLES_AT_ONCE = 1_000

_MessageId = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
_ObjectId = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_Tags = Annotated[list[_ObjectId], msgspec.Meta(max_length=MOST_TAGS)]
_Devices = Annotated[list[_ObjectId], msgspec.Meta(max_length=MOST_DEVICES)]


class _Asked(msgspec.Struct, tag_field="type", forbid_unknown_fields=True, frozen=True):
    id: _MessageId


class Subscribe(_Asked, tag="subscribe", frozen=True):
    """Tell of these tags, and of those of these devices, the ones that they get later included."""

    tags: _Tags = []
    devices: _Devices = []


class Unsubscribe(_Asked, tag="unsubscribe", frozen=True):
    """Tell of these no more."""

    tags: _Tags = []
    devices: _Devices = []


class Ping(_Asked, tag="ping", frozen=True):
    """Is anybody there?"""


ClientMessage = Subscribe | Unsubscribe | Ping


class _Told(msgspec.Struct, tag_field="type", frozen=True):
    pass


class Refused(_Told, tag="refused", frozen=True):
    """These are not there for this client."""

    id: int
    tags: Sequence[int]
    devices: Sequence[int]


class Ended(_Told, tag="ended", frozen=True):
    """These subscriptions are over."""

    tags: Sequence[int]
    devices: Sequence[int]


class Unsubscribed(_Told, tag="unsubscribed", frozen=True):
    """Done."""

    id: int


class StateTold(_Told, tag="state", frozen=True):
    """A `LiveState`, and since when."""

    state: str
    since_us: int


class Pong(_Told, tag="pong", frozen=True):
    """Somebody is."""

    id: int


class Problem(_Told, tag="error", frozen=True):
    """What was wrong: `code` for programs, `detail` for people."""

    id: int | None
    code: str
    detail: str


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)


def parse_message(text: str) -> ClientMessage:
    """Raises PeerError, in words for the client, for what is no message."""
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise PeerError(str(error)) from None


def encode(message: _Told) -> str:
    """A message as text."""
    return _encoder.encode(message).decode()


def encode_values(samples: Iterable[bytes]) -> str:
    """Changes, of samples that are encoded already."""
    return (b'{"type":"values","samples":[' + b",".join(samples) + b"]}").decode()


def encode_snapshot(id: int, samples: Sequence[bytes]) -> list[str]:
    """The first values after a subscribe, in portions."""
    texts = []
    for start in range(0, max(len(samples), 1), _SAMPLES_AT_ONCE):
        portion = samples[start : start + _SAMPLES_AT_ONCE]
        more = b"true" if start + _SAMPLES_AT_ONCE < len(samples) else b"false"
        head = b'{"type":"snapshot","id":%d,"more":%b,"samples":[' % (id, more)
        texts.append((head + b",".join(portion) + b"]}").decode())
    return texts
