"""The messages of a live socket. Version 1, the subprotocol `sealbus.v1`; JSON texts.

A client sends `subscribe` and `unsubscribe` with an id of its own, tags and devices, and `ping`. The server sends, each
with its `type`:

| type | when | members |
| --- | --- | --- |
| snapshot | after a subscribe | `id`, `samples`, `more` (another snapshot follows for this id) |
| values | when values have changed: the newest of each tag | `samples` |
| refused | these do not exist or are not visible to the client | `id`, `tags`, `devices` |
| unsubscribed | after an unsubscribe | `id` |
| ended | a right was taken away, or a tag was archived | `tags`, `devices` |
| state | at first, and when the state of the live values changes | `state`, `since_us` |
| pong | after a ping | `id` |
| error | a message cannot be used | `id` or null, `code`, `detail` |

A sample is `[tag, time in microseconds, value, quality, reason]`; time and value are null without a sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from sealbus.errors import PeerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "MAX_DEVICES",
    "MAX_MESSAGE_BYTES",
    "MAX_TAGS",
    "SUBPROTOCOL",
    "ClientMessage",
    "Ended",
    "Ping",
    "Pong",
    "Problem",
    "Refused",
    "StateMessage",
    "Subscribe",
    "Unsubscribe",
    "Unsubscribed",
    "encode",
    "encode_snapshot",
    "encode_values",
    "parse_message",
]

SUBPROTOCOL = "sealbus.v1"
MAX_MESSAGE_BYTES = 64 * 1024
MAX_TAGS = 5_000
"""What one client may subscribe to, with the tags of its devices."""
MAX_DEVICES = 1_000
_SAMPLES_AT_ONCE = 1_000

_MessageId = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
_ObjectId = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_Tags = Annotated[list[_ObjectId], msgspec.Meta(max_length=MAX_TAGS)]
_Devices = Annotated[list[_ObjectId], msgspec.Meta(max_length=MAX_DEVICES)]


class _ClientMessage(msgspec.Struct, tag_field="type", forbid_unknown_fields=True, frozen=True):
    id: _MessageId


class Subscribe(_ClientMessage, tag="subscribe", frozen=True):
    """Send values of these tags, and of the present and future tags of these devices."""

    tags: _Tags = []
    devices: _Devices = []


class Unsubscribe(_ClientMessage, tag="unsubscribe", frozen=True):
    """Send no more values of these."""

    tags: _Tags = []
    devices: _Devices = []


class Ping(_ClientMessage, tag="ping", frozen=True):
    """Answered with `pong`."""


ClientMessage = Subscribe | Unsubscribe | Ping


class _ServerMessage(msgspec.Struct, tag_field="type", frozen=True):
    pass


class Refused(_ServerMessage, tag="refused", frozen=True):
    """These do not exist, or are not visible to this client."""

    id: int
    tags: Sequence[int]
    devices: Sequence[int]


class Ended(_ServerMessage, tag="ended", frozen=True):
    """These subscriptions have ended."""

    tags: Sequence[int]
    devices: Sequence[int]


class Unsubscribed(_ServerMessage, tag="unsubscribed", frozen=True):
    """The answer to `unsubscribe`."""

    id: int


class StateMessage(_ServerMessage, tag="state", frozen=True):
    """A `LiveState`, and the time since when."""

    state: str
    since_us: int


class Pong(_ServerMessage, tag="pong", frozen=True):
    """The answer to `ping`."""

    id: int


class Problem(_ServerMessage, tag="error", frozen=True):
    """The error in a message: `code` for programs, `detail` for people."""

    id: int | None
    code: str
    detail: str


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)


def parse_message(text: str) -> ClientMessage:
    """The message of a text. Raises PeerError, worded for the client."""
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise PeerError(str(error)) from None


def encode(message: _ServerMessage) -> str:
    """A message as JSON."""
    return _encoder.encode(message).decode()


def encode_values(samples: Iterable[bytes]) -> str:
    """A `values` message of encoded samples."""
    return (b'{"type":"values","samples":[' + b",".join(samples) + b"]}").decode()


def encode_snapshot(id: int, samples: Sequence[bytes]) -> list[str]:
    """The values after a `subscribe`, in parts."""
    texts = []
    for start in range(0, max(len(samples), 1), _SAMPLES_AT_ONCE):
        portion = samples[start : start + _SAMPLES_AT_ONCE]
        more = b"true" if start + _SAMPLES_AT_ONCE < len(samples) else b"false"
        head = b'{"type":"snapshot","id":%d,"more":%b,"samples":[' % (id, more)
        texts.append((head + b",".join(portion) + b"]}").decode())
    return texts
