"""The collector's state as a message: the answer to a request on the topic `state`.

Decoding takes any bytes and ends in a state or PeerError.
"""

from __future__ import annotations

import msgspec

from sealbus.errors import PeerError
from sealbus.plant import CollectorState

__all__ = ["STATE_TOPIC", "decode_collector_state", "encode_collector_state"]

STATE_TOPIC = "state"

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(CollectorState)


def encode_collector_state(state: CollectorState) -> bytes:
    """The payload of the answer."""
    return _encoder.encode(state)


def decode_collector_state(payload: bytes) -> CollectorState:
    """Raises PeerError for bytes that are not a state of the collector."""
    try:
        return _decoder.decode(payload)
    except (msgspec.DecodeError, RecursionError) as error:
        raise PeerError(f"the payload is not a state of the collector: {error}") from None
