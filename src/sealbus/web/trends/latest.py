"""The latest sample of each tag, in the form that it is told in. Pure: it hears, forgets and answers, and knows no clock.

It holds tags that are known and no others, so it never grows past the configuration. Each sample is encoded once, when
the first client is to be told of it, however many clients there are.

The order of live batches is that in which the collector said things, so a later one replaces an earlier one whatever
the times in them: clocks are put back. A snapshot comes by another way. It says how things were at some instant while it
was on its way, so it replaces what is older than the question, not what was heard since.
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
    """As clients get it: `[tag, time in microseconds, value, quality, reason]`. Whole numbers keep all their digits."""
    return _encoder.encode([sample.tag_id, sample.time_us, sample.value, int(sample.quality), int(sample.reason)])


class _Held:
    """One tag."""

    __slots__ = ("encoded", "heard", "sample")

    def __init__(self, sample: Sample, heard: int) -> None:
        self.sample = sample
        self.heard = heard
        self.encoded = b""


class LatestValues:
    """The latest samples. Methods that change it return the tags whose sample is another one now."""

    def __init__(self) -> None:
        self.strangers = 0
        """How many samples of unknown tags were dropped."""
        self._held: dict[int, _Held | None] = {}
        self._batches = 0

    def know(self, tag_ids: Iterable[int]) -> None:
        """Hold these tags from now on, and forget all others."""
        self._held = {tag_id: self._held.get(tag_id) for tag_id in tag_ids}

    def get(self, tag_id: int) -> Sample | None:
        """The latest sample; None where nothing is known of the tag. From any thread."""
        held = self._held.get(tag_id)
        return None if held is None else held.sample

    def encoded(self, tag_id: int) -> bytes:
        """The latest sample as clients get it; one that says that nobody collects it where there is none."""
        held = self._held.get(tag_id)
        if held is None:
            return b"[%d,null,null,%d,%d]" % (tag_id, Quality.BAD, Reason.NOT_COLLECTED)
        if not held.encoded:
            held.encoded = encode_sample(held.sample)
        return held.encoded

    def mark(self) -> int:
        """A mark of now, for the snapshot that is asked for next."""
        return self._batches

    def hear(self, samples: Sequence[Sample]) -> list[int]:
        """Take a live batch."""
        self._batches += 1
        return [sample.tag_id for sample in samples if self._put(sample)]

    def hear_snapshot(self, samples: Sequence[Sample], mark: int) -> list[int]:
        """Take what a snapshot says of tags that no batch has told of since the mark."""
        return [sample.tag_id for sample in samples if self._heard(sample.tag_id) <= mark and self._put(sample)]

    def hear_stored(self, samples: Sequence[Sample]) -> list[int]:
        """Take from history what is newer than what is held, or the first that is known."""
        changed = []
        for sample in samples:
            held = self.get(sample.tag_id)
            if (held is None or held.time_us < sample.time_us) and self._put(sample):
                changed.append(sample.tag_id)
        return changed

    def missing_since(self, mark: int, told: set[int]) -> list[int]:
        """Tags with a value that neither a snapshot nor any batch since the mark has told of."""
        return [
            tag_id
            for tag_id, held in self._held.items()
            if held is not None and held.heard <= mark and tag_id not in told
        ]

    def age(self, tag_ids: Iterable[int], reason: Reason) -> list[int]:
        """Make these stale: nobody vouches for them any more."""
        changed = []
        for tag_id in tag_ids:
            sample = self.get(tag_id)
            if sample is None or sample.quality in (Quality.STALE, Quality.BAD):
                continue
            self._put(replace(sample, quality=Quality.STALE, reason=reason))
            changed.append(tag_id)
        return changed

    def _heard(self, tag_id: int) -> int:
        held = self._held.get(tag_id)
        return -1 if held is None else held.heard

    def _put(self, sample: Sample) -> bool:
        try:
            held = self._held[sample.tag_id]
        except KeyError:
            self.strangers += 1
            return False
        if held is None:
            self._held[sample.tag_id] = _Held(sample, self._batches)
            return True
        held.heard = self._batches
        if held.sample == sample:
            return False
        held.sample, held.encoded = sample, b""
        return True
