"""The latest sample of each tag, and its encoded form. Pure: no clock, no input or output.

It holds the configured tags only, so it never grows past the configuration. Each sample is encoded once, for the first
client that needs it, however many clients there are.

Live batches arrive in the order in which the collector published them, so a later batch replaces an earlier one regardless
of the times in it: clocks are set back. A snapshot shows the state at some instant between its request and its arrival, so
it replaces samples from before the request, and none from batches received since.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from sealbus.samples import Quality, Reason, Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["LatestValues", "encode_sample"]

_encoder = msgspec.json.Encoder()


def encode_sample(sample: Sample) -> bytes:
    """`[tag, time in microseconds, value, quality, reason]`. Whole numbers keep all their digits."""
    return _encoder.encode([sample.tag_id, sample.time_us, sample.value, int(sample.quality), int(sample.reason)])


class _LatestSample:
    """The latest sample of one tag, and the number of the batch that it came with."""

    __slots__ = ("batch", "encoded", "sample")

    def __init__(self, sample: Sample, batch: int) -> None:
        self.sample = sample
        self.batch = batch
        self.encoded = b""


class LatestValues:
    """The latest samples. Methods that change it return the tags whose sample has changed."""

    def __init__(self) -> None:
        self.unknown_tags = 0
        """Samples of tags that are not configured, dropped."""
        self._latest: dict[int, _LatestSample | None] = {}
        self._batches = 0

    def keep_only(self, tag_ids: Iterable[int]) -> None:
        """Hold these tags from now on, and drop all others."""
        self._latest = {tag_id: self._latest.get(tag_id) for tag_id in tag_ids}

    def get(self, tag_id: int) -> Sample | None:
        """The latest sample; None if there is none. May be called from any thread."""
        latest = self._latest.get(tag_id)
        return None if latest is None else latest.sample

    def encoded(self, tag_id: int) -> bytes:
        """The latest sample, encoded; without a sample, BAD with the reason NOT_COLLECTED."""
        latest = self._latest.get(tag_id)
        if latest is None:
            return b"[%d,null,null,%d,%d]" % (tag_id, Quality.BAD, Reason.NOT_COLLECTED)
        if not latest.encoded:
            latest.encoded = encode_sample(latest.sample)
        return latest.encoded

    def last_batch(self) -> int:
        """The number of the last batch, to pass to `take_snapshot` after a request made now."""
        return self._batches

    def take_batch(self, samples: Sequence[Sample]) -> list[int]:
        """Take a live batch."""
        self._batches += 1
        return [sample.tag_id for sample in samples if self._put(sample)]

    def take_snapshot(self, samples: Sequence[Sample], since_batch: int) -> list[int]:
        """Take the samples of a snapshot for tags that were in no batch since that one."""
        return [
            sample.tag_id for sample in samples if self._batch_of(sample.tag_id) <= since_batch and self._put(sample)
        ]

    def take_stored(self, samples: Sequence[Sample]) -> list[int]:
        """Take samples from history that are newer than the latest ones, or the first of their tag."""
        changed = []
        for sample in samples:
            latest = self.get(sample.tag_id)
            if (latest is None or latest.time_us < sample.time_us) and self._put(sample):
                changed.append(sample.tag_id)
        return changed

    def missing_since(self, since_batch: int, in_snapshot: set[int]) -> list[int]:
        """Tags with a sample that were neither in the snapshot nor in a batch since that one."""
        return [
            tag_id
            for tag_id, latest in self._latest.items()
            if latest is not None and latest.batch <= since_batch and tag_id not in in_snapshot
        ]

    def age(self, tag_ids: Iterable[int], reason: Reason) -> list[int]:
        """Make these samples stale, unless they are stale or bad."""
        changed = []
        for tag_id in tag_ids:
            sample = self.get(tag_id)
            if sample is None or sample.quality in (Quality.STALE, Quality.BAD):
                continue
            self._put(replace(sample, quality=Quality.STALE, reason=reason))
            changed.append(tag_id)
        return changed

    def _batch_of(self, tag_id: int) -> int:
        latest = self._latest.get(tag_id)
        return -1 if latest is None else latest.batch

    def _put(self, sample: Sample) -> bool:
        try:
            latest = self._latest[sample.tag_id]
        except KeyError:
            self.unknown_tags += 1
            return False
        if latest is None:
            self._latest[sample.tag_id] = _LatestSample(sample, self._batches)
            return True
        latest.batch = self._batches
        if latest.sample == sample:
            return False
        latest.sample, latest.encoded = sample, b""
        return True
