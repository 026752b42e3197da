"""The MAC and the time of a frame: the bytes, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealbus.bus.frame_seal import SEAL_BYTES, FrameSeal, Refusal
from sealbus.errors import LocalError

_KEY = bytes(range(32))
_NOW_MS = 1_700_000_000_000
_SEAL = FrameSeal(_KEY)
# printf 'live/main\0\x00\x00\x01\x8b\xcf\xe5\x68\x00frame' | openssl mac -digest SHA256 -macopt hexkey:000102...1f HMAC
_SEALED = bytes.fromhex("8755a0505ab17adb948a28c973faddf177a30092432e03e790acb7df96b10b9e0000018bcfe56800") + b"frame"


def test_a_frame_seals_to_these_bytes_and_opens_again() -> None:
    assert _SEAL.seal("live/main", b"frame", _NOW_MS) == _SEALED
    assert _SEAL.open("live/main", _SEALED, _NOW_MS) == b"frame"
    assert len(_SEALED) == SEAL_BYTES + 5


def test_any_changed_or_missing_byte_is_refused() -> None:
    for at in range(len(_SEALED)):
        changed = bytearray(_SEALED)
        changed[at] ^= 1
        assert _SEAL.open("live/main", bytes(changed), _NOW_MS) is Refusal.NOT_OURS
        assert _SEAL.open("live/main", _SEALED[:at], _NOW_MS) is Refusal.NOT_OURS
    assert _SEAL.open("live/main", _SEALED + b"x", _NOW_MS) is Refusal.NOT_OURS


def test_another_topic_and_another_key_are_refused() -> None:
    for topic in ("", "live", "live/mai", "live/other", "plan"):
        assert _SEAL.open(topic, _SEALED, _NOW_MS) is Refusal.NOT_OURS
    assert FrameSeal(bytes(32)).open("live/main", _SEALED, _NOW_MS) is Refusal.NOT_OURS


@pytest.mark.parametrize("apart_ms", [-60_000, -1, 0, 60_000])
def test_clocks_may_differ_by_a_minute(apart_ms: int) -> None:
    assert _SEAL.open("live/main", _SEALED, _NOW_MS + apart_ms) == b"frame"


@pytest.mark.parametrize("apart_ms", [-60_001, 60_001, 3_600_000, -_NOW_MS])
def test_a_frame_from_longer_ago_or_from_the_future_is_refused(apart_ms: int) -> None:
    assert _SEAL.open("live/main", _SEALED, _NOW_MS + apart_ms) is Refusal.OTHER_TIME


@given(st.binary(max_size=100))
def test_any_bytes_are_refused(data: bytes) -> None:
    assert _SEAL.open("live", data, 0) is Refusal.NOT_OURS


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused_and_not_shown(length: int) -> None:
    with pytest.raises(LocalError, match=r"needs 32$"):
        FrameSeal(bytes(length))
