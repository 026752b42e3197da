"""Live values: samples arrive unchanged, and any bytes end in samples or in PeerError."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sealbus.bus import (
    decode_samples,
    decode_snapshot_page,
    decode_snapshot_request,
    encode_samples,
    encode_snapshot_page,
    encode_snapshot_request,
)
from sealbus.errors import PeerError
from sealbus.samples import Quality, Reason, Sample

NOW = 1_700_000_000_000_000
NUMBERS = (True, 0, -(2**63), 2**64 - 1, 1.5, "an open valve")


def _there_and_back(*samples: Sample) -> list[Sample]:
    return [sample for payload in encode_samples(samples) for sample in decode_samples(payload)]


@pytest.mark.parametrize("value", NUMBERS)
def test_a_value_arrives_with_its_type(value: bool | int | float | str) -> None:
    (arrived,) = _there_and_back(Sample(7, NOW, value))
    assert (type(arrived.value), arrived) == (type(value), Sample(7, NOW, value))


def test_quality_and_reason_arrive_with_the_value() -> None:
    samples = [
        Sample(1, NOW, None, Quality.BAD, Reason.TIMEOUT),
        Sample(2, NOW, 3.5, Quality.STALE, Reason.NOT_REFRESHED),
        Sample(3, NOW, None, Quality.STALE, Reason.NOT_REFRESHED),
    ]
    assert _there_and_back(*samples) == samples


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400])
def test_a_number_that_is_not_finite_arrives_as_no_value(value: float) -> None:
    assert _there_and_back(Sample(7, NOW, value)) == [Sample(7, NOW, None, Quality.BAD, Reason.NOT_DECODABLE)]


def test_a_whole_number_beyond_64_bits_arrives_rounded() -> None:
    assert _there_and_back(Sample(7, NOW, 2**64)) == [Sample(7, NOW, float(2**64))]


def test_a_lone_surrogate_is_replaced_and_the_other_values_arrive() -> None:
    assert [each.value for each in _there_and_back(Sample(1, NOW, "a\ud800b"), Sample(2, NOW, 1))] == ["a?b", 1]


def test_no_samples_make_a_keepalive() -> None:
    assert [decode_samples(payload) for payload in encode_samples([])] == [[]]


@pytest.mark.parametrize("text", ["", "ü" * 8_000, "\U0001f4a7" * 5_000])
def test_many_samples_take_several_messages_of_at_most_half_a_mebibyte(text: str) -> None:
    samples = [Sample(tag_id, NOW, text or tag_id) for tag_id in range(25_000 if not text else 100)]
    payloads = encode_samples(samples)
    assert len(payloads) > 1
    assert max(map(len, payloads)) <= 512 * 1024
    assert [each.tag_id for payload in payloads for each in decode_samples(payload)] == [
        each.tag_id for each in samples
    ]


@pytest.mark.parametrize(
    "columns",
    [
        [[1], [NOW], [5], [0]],
        [[1], [NOW], [5], [0], [0], [0]],
        [[1, 2], [NOW], [5], [0], [0]],
        [[1], [NOW], [5], [4], [0]],
        [[1], [NOW], [5], [0], [99]],
        [[-1], [NOW], [5], [0], [0]],
        [[1], [2**53], [5], [0], [0]],
        [[1], [-1], [5], [0], [0]],
        [[1], [NOW], [math.nan], [0], [0]],
        [[1], [NOW], [None], [0], [0]],
        [[1], [NOW], [5], [2], [1]],
        [[1], [NOW], [[5]], [0], [0]],
        [[0] * 20_001] * 5,
    ],
    ids=str,
)
def test_columns_that_are_no_samples_raise_a_peer_error(columns: list[object]) -> None:
    with pytest.raises(PeerError):
        decode_samples(msgspec.msgpack.encode(columns))


@given(st.binary(max_size=300))
@example(b"\x95" * 5000)
@settings(max_examples=300, deadline=None)
def test_any_bytes_end_in_samples_or_a_peer_error(data: bytes) -> None:
    for decode in (decode_samples, decode_snapshot_page, decode_snapshot_request):
        try:
            decode(data)
        except PeerError:
            continue


def test_a_snapshot_comes_in_pages_sorted_by_id() -> None:
    latest = [Sample(tag_id, NOW, "x" * 16_000) for tag_id in range(500, 0, -1)]
    first, pages = 0, 0
    seen: list[Sample] = []
    while True:
        on_request = decode_snapshot_request(encode_snapshot_request(first))
        page = decode_snapshot_page(encode_snapshot_page(latest, on_request))
        seen += page.samples
        pages += 1
        if page.next_tag_id is None:
            break
        first = page.next_tag_id
    assert pages > 1
    assert seen == latest[::-1]


def test_a_snapshot_that_would_never_end_is_refused() -> None:
    sample = [[5], [NOW], [1], [0], [0]]
    assert decode_snapshot_page(msgspec.msgpack.encode([sample, 6])).next_tag_id == 6
    for following, columns in ((5, sample), (9, [[], [], [], [], []])):
        with pytest.raises(PeerError):
            decode_snapshot_page(msgspec.msgpack.encode([columns, following]))
