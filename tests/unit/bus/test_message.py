"""The bytes of a frame; any bytes decode to a value or None."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sealbus.bus.message import (
    PAYLOAD_LIMIT_BYTES,
    BusReply,
    BusRequest,
    Published,
    ReplyStatus,
    decode_published,
    decode_reply,
    decode_request,
    encode_published,
    encode_reply,
    encode_request,
    is_topic,
)

_MESSAGE = bytes.fromhex("5342 01 0000000000000007 0000000000000102 7879")
_ASK = bytes.fromhex("5342 02 0000000000000007 0000000000000102 000003e8 7879")
_ANSWER = bytes.fromhex("5342 03 0000000000000007 0000000000000102 01 7879")


def test_frames_encode_to_these_bytes() -> None:
    assert encode_published(7, 0x102, b"xy") == _MESSAGE
    assert encode_request(BusRequest(7, 0x102, 1000, b"xy")) == _ASK
    assert encode_reply(7, BusReply(0x102, ReplyStatus.REFUSED, b"xy")) == _ANSWER


def test_these_bytes_decode_as_their_own_kind_only() -> None:
    assert decode_published(_MESSAGE) == Published(7, 0x102, b"xy")
    assert decode_request(_ASK) == BusRequest(7, 0x102, 1000, b"xy")
    assert decode_reply(_ANSWER) == BusReply(0x102, ReplyStatus.REFUSED, b"xy")
    assert [decode_published(_ASK), decode_request(_ANSWER), decode_reply(_MESSAGE)] == [None] * 3


def test_a_truncated_or_too_long_frame_or_an_unknown_status_decodes_to_none() -> None:
    assert all(decode_published(_MESSAGE[:cut]) is None for cut in range(19))
    assert all(decode_request(_ASK[:cut]) is None for cut in range(23))
    assert all(decode_reply(_ANSWER[:cut]) is None for cut in range(20))
    assert decode_published(_MESSAGE[:19] + bytes(PAYLOAD_LIMIT_BYTES)) is not None
    assert decode_published(_MESSAGE[:19] + bytes(PAYLOAD_LIMIT_BYTES + 1)) is None
    assert decode_request(_ASK[:23] + bytes(PAYLOAD_LIMIT_BYTES + 1)) is None
    assert decode_reply(_ANSWER[:19] + b"\x03") is None


def test_the_time_to_answer_is_bounded() -> None:
    request = decode_request(_ASK[:19] + b"\xff\xff\xff\xff")
    assert request is not None
    assert request.ttl_ms == 600_000


@given(st.binary(max_size=64) | st.binary(max_size=64).map(lambda tail: _ASK[:3] + tail))
def test_any_bytes_end_in_a_value_or_none(data: bytes) -> None:
    for decode in (decode_published, decode_request, decode_reply):
        decode(data)


@given(st.text(max_size=120))
def test_a_topic_contains_no_special_character_of_a_frame_or_channel(text: str) -> None:
    if is_topic(text):
        assert text.isascii()
        assert not set(text) & set("\0\n :*?[]\\")
        assert 1 <= len(text) <= 100
