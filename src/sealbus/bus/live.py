"""The payloads of live values: messages on `live`, requests and replies on `snapshot`.

On the topic `live` the collector publishes changes, in columns: tag ids, times, values, qualities, reasons. It
publishes at least every `KEEPALIVE_S`, with an empty batch if nothing changed. An empty batch means that all published
values still hold; silence means that no value can be relied on.

A request on `snapshot` carries a first tag id; the reply is the latest sample of each tag from that id on, sorted by
id, as many as fit, and the id at which the next page begins. The caller need not know the ids.

Integers are exact within 64 bits, and floats beyond. Decoding any bytes ends in samples or in PeerError.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import msgspec

from sealbus.errors import PeerError
from sealbus.samples import Quality, Reason, Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sealbus.samples import SampleValue

__all__ = [
    "KEEPALIVE_S",
    "LIVE_TOPIC",
    "SNAPSHOT_TOPIC",
    "SnapshotPage",
    "decode_samples",
    "decode_snapshot_page",
    "decode_snapshot_request",
    "encode_samples",
    "encode_snapshot_page",
    "encode_snapshot_request",
]

LIVE_TOPIC = "live"
SNAPSHOT_TOPIC = "snapshot"
KEEPALIVE_S = 1.0
"""The longest interval between two messages on `live`."""

_MESSAGE_BYTES = 512 * 1024
_MAX_IN_MESSAGE = 20_000
_PAGE_BYTES = 4 * 1024 * 1024
_MAX_IN_PAGE = 100_000
_MAX_TEXT_BYTES = 16 * 1024  # a string tag has at most 125 registers, a calculated text is no longer
_SAMPLE_BYTES = 48  # upper bound for the numbers of one sample
_MAX_INTEGER, _SMALLEST_INTEGER = (1 << 64) - 1, -(1 << 63)

_Value = bool | int | float | str | None
_TagId = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_Time = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]


class _Columns(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    tag_ids: list[_TagId]
    times_us: list[_Time]
    values: list[_Value]
    qualities: list[Quality]
    reasons: list[Reason]


class _Page(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    columns: _Columns
    next_tag_id: _TagId | None


class SnapshotPage(msgspec.Struct, frozen=True):
    """Latest samples sorted by tag id. `next_tag_id` is where the next page begins; None on the last page."""

    samples: tuple[Sample, ...]
    next_tag_id: int | None


_encoder = msgspec.msgpack.Encoder()
_columns_decoder = msgspec.msgpack.Decoder(_Columns)
_page_decoder = msgspec.msgpack.Decoder(_Page)
_request_decoder = msgspec.msgpack.Decoder(_TagId)


def encode_samples(samples: Sequence[Sample]) -> list[bytes]:
    """Payloads for `live`, none longer than 512 KiB. No samples make one payload, the keepalive."""
    payloads, start = [], 0
    while start < len(samples):
        end = _fitting(samples, start, _MAX_IN_MESSAGE, _MESSAGE_BYTES)
        payloads.append(_encoder.encode(_columns(samples[start:end])))
        start = end
    return payloads or [_encoder.encode(_columns(()))]


def decode_samples(payload: bytes) -> list[Sample]:
    """The samples of a `live` payload. Raises PeerError."""
    try:
        columns = _columns_decoder.decode(payload)
    except (msgspec.DecodeError, RecursionError) as error:
        raise PeerError(f"not a message of live values: {error}") from None
    return _samples(columns, _MAX_IN_MESSAGE)


def encode_snapshot_request(first_tag_id: int) -> bytes:
    """A request for the samples of tags from this id on."""
    return _encoder.encode(first_tag_id)


def decode_snapshot_request(payload: bytes) -> int:
    """The first tag id. Raises PeerError."""
    try:
        return _request_decoder.decode(payload)
    except (msgspec.DecodeError, RecursionError) as error:
        raise PeerError(f"not a snapshot request: {error}") from None


def encode_snapshot_page(samples: Iterable[Sample], first_tag_id: int) -> bytes:
    """The reply to a request: of all latest samples those from `first_tag_id` on, as many as fit."""
    wanted = sorted((each for each in samples if each.tag_id >= first_tag_id), key=lambda each: each.tag_id)
    end = _fitting(wanted, 0, _MAX_IN_PAGE, _PAGE_BYTES)
    following = wanted[end].tag_id if end < len(wanted) else None
    return _encoder.encode(_Page(_columns(wanted[:end]), following))


def decode_snapshot_page(payload: bytes) -> SnapshotPage:
    """Raises PeerError for other bytes, and for a page whose next page does not follow it."""
    try:
        page = _page_decoder.decode(payload)
    except (msgspec.DecodeError, RecursionError) as error:
        raise PeerError(f"not a snapshot page: {error}") from None
    samples = _samples(page.columns, _MAX_IN_PAGE)
    if page.next_tag_id is not None and (not samples or page.next_tag_id <= samples[-1].tag_id):
        raise PeerError("the next snapshot page does not follow this one")
    return SnapshotPage(tuple(samples), page.next_tag_id)


def _fitting(samples: Sequence[Sample], start: int, most: int, most_bytes: int) -> int:
    """The end of what fits; at least one sample, because its text is bounded."""
    left, end = most_bytes, min(len(samples), start + most)
    for index in range(start, end):
        value = samples[index].value
        left -= _SAMPLE_BYTES + (4 * min(len(value), _MAX_TEXT_BYTES) if isinstance(value, str) else 0)
        if left < 0 and index > start:
            return index
    return end


def _columns(samples: Sequence[Sample]) -> _Columns:
    sendable = [_sendable(each) for each in samples]
    return _Columns(
        [each.tag_id for each in sendable],
        [each.time_us for each in sendable],
        [each.value for each in sendable],
        [each.quality for each in sendable],
        [each.reason for each in sendable],
    )


def _sendable(sample: Sample) -> Sample:
    """The sample, with too long or invalid text and numbers that cannot be encoded replaced."""
    value: SampleValue | None = sample.value
    if isinstance(value, str):
        text = value.encode("utf-8", "replace")[:_MAX_TEXT_BYTES].decode("utf-8", "ignore")
        return sample if text == value else replace(sample, value=text)
    if isinstance(value, int) and not _SMALLEST_INTEGER <= value <= _MAX_INTEGER:
        value = _as_float(value)
    if isinstance(value, float) and not math.isfinite(value):
        value = None
    if value is None and sample.value is not None:
        return replace(sample, value=None, quality=Quality.BAD, reason=Reason.NOT_DECODABLE)
    return sample if value is sample.value else replace(sample, value=value)


def _as_float(value: int) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return None


def _samples(columns: _Columns, most: int) -> list[Sample]:
    count = len(columns.tag_ids)
    others = (columns.times_us, columns.values, columns.qualities, columns.reasons)
    if count > most or any(len(other) != count for other in others):
        raise PeerError("the columns of live values differ in length, or are too long")
    if any(isinstance(value, float) and not math.isfinite(value) for value in columns.values):
        raise PeerError("a live value is not finite")
    samples = [Sample(*row) for row in zip(columns.tag_ids, *others, strict=True)]
    for sample in samples:
        has_none = sample.value is None
        if has_none != (sample.quality is Quality.BAD) and not (has_none and sample.quality is Quality.STALE):
            raise PeerError("value and quality of a live value contradict each other")
    return samples
