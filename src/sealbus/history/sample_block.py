"""Samples as columns: the form in which they are spooled, stored and read. Objects are converted once, at the entrance.

A status is one number: the quality in the two lowest bits, the reason above, and TEXT where the value is text. Numbers
are float64 (integers above 2^53 are rounded); NaN means no value.

A block is encoded for the spool as: count, tags, times, values, statuses, then the texts as MessagePack.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from sealbus.errors import LocalError
from sealbus.samples import Quality, Reason, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = [
    "EMPTY_BLOCK",
    "LAST_US",
    "TEXT",
    "SampleBlock",
    "decoded_status",
    "is_bad",
    "is_storable",
    "quality_of",
    "reason_of",
]

TEXT = 256
LAST_US = 1 << 53  # the year 2255
_LAST_TAG = (1 << 31) - 1
_COUNT = struct.Struct("<I")


@dataclass(frozen=True, slots=True, eq=False)
class SampleBlock:
    """Columns of equal length. `texts` maps an index to its text value."""

    tag_ids: NDArray[np.int64]
    times_us: NDArray[np.int64]
    values: NDArray[np.float64]
    statuses: NDArray[np.int64]
    texts: Mapping[int, str]

    def __len__(self) -> int:
        return len(self.times_us)

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> SampleBlock:
        """Raises LocalError for a sample that cannot be stored."""
        for sample in samples:
            if not is_storable(sample):
                raise LocalError(
                    f"sample of tag {sample.tag_id} at {sample.time_us} is out of the range that can be stored"
                )
        count = len(samples)
        texts = {index: _clean(each.value) for index, each in enumerate(samples) if isinstance(each.value, str)}
        return cls(
            np.fromiter((each.tag_id for each in samples), np.int64, count),
            np.fromiter((each.time_us for each in samples), np.int64, count),
            np.fromiter((_number(each.value) for each in samples), np.float64, count),
            np.fromiter((_status(each) for each in samples), np.int64, count),
            texts,
        )

    @classmethod
    def joined(cls, blocks: Sequence[SampleBlock]) -> SampleBlock:
        """One block of several, one after the other."""
        texts: dict[int, str] = {}
        offset = 0
        for block in blocks:
            texts |= {index + offset: text for index, text in block.texts.items()}
            offset += len(block)
        return cls(
            np.concatenate([block.tag_ids for block in blocks]),
            np.concatenate([block.times_us for block in blocks]),
            np.concatenate([block.values for block in blocks]),
            np.concatenate([block.statuses for block in blocks]),
            texts,
        )

    def select(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> SampleBlock:
        """The samples where the mask is set, or at these indices."""
        places = np.arange(len(self))[which]
        return self._of_columns(places, places)

    def sliced(self, first: int, last: int) -> SampleBlock:
        """The samples from index `first` up to `last`. Shares the columns."""
        return self._of_columns(slice(first, last), range(first, last))

    def ordered(self) -> SampleBlock:
        """Sorted by tag and time. Of samples with equal tag and time the first is kept."""
        tags, times = self.tag_ids, self.times_us
        rising = (tags[1:] > tags[:-1]) | (tags[1:] == tags[:-1]) & (times[1:] > times[:-1])
        if rising.all():
            return self
        order = np.lexsort((times, tags))
        tags, times = tags[order], times[order]
        fresh = np.append(True, (tags[1:] != tags[:-1]) | (times[1:] != times[:-1]))
        return self.select(order[fresh])

    def _of_columns(self, which: slice | NDArray[np.intp], places: Sequence[int] | NDArray[np.intp]) -> SampleBlock:
        texts: dict[int, str] = {}
        statuses = self.statuses[which]
        if self.texts:
            texts = {place: self.texts[int(places[place])] for place in np.flatnonzero(statuses & TEXT).tolist()}
        return SampleBlock(self.tag_ids[which], self.times_us[which], self.values[which], statuses, texts)

    def samples(self) -> Iterator[Sample]:
        """The samples as objects. Numbers are floats."""
        columns = zip(
            self.tag_ids.tolist(), self.times_us.tolist(), self.values.tolist(), self.statuses.tolist(), strict=True
        )
        for index, (tag_id, time_us, value, status) in enumerate(columns):
            shown = self.texts.get(index) if status & TEXT else None if math.isnan(value) else value
            yield Sample(tag_id, time_us, shown, *decoded_status(status))

    def encode(self) -> bytes:
        """The bytes for the spool."""
        columns = (
            self.tag_ids.astype("<i4"),
            self.times_us.astype("<i8"),
            self.values.astype("<f8"),
            self.statuses.astype("<i2"),
        )
        texts = msgspec.msgpack.encode(dict(self.texts))
        return b"".join((_COUNT.pack(len(self)), *(column.tobytes() for column in columns), texts))

    @classmethod
    def decode(cls, data: bytes) -> SampleBlock:
        """The inverse of `encode`. Raises ValueError."""
        (count,) = _COUNT.unpack_from(data)
        columns: list[NDArray[np.int64] | NDArray[np.float64]] = []
        offset = _COUNT.size
        for kind, width in (("<i4", 4), ("<i8", 8), ("<f8", 8), ("<i2", 2)):
            columns.append(np.frombuffer(data, kind, count, offset))
            offset += count * width
        texts = msgspec.msgpack.decode(data[offset:], type=dict[int, str])
        tags, times, values, statuses = columns
        return cls(
            tags.astype(np.int64),
            times.astype(np.int64),
            values.astype(np.float64),
            statuses.astype(np.int64),
            texts,
        )


EMPTY_BLOCK = SampleBlock(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64), {})


def is_storable(sample: Sample) -> bool:
    """Whether tag id and time are in the range that a store can hold."""
    return 0 <= sample.tag_id <= _LAST_TAG and 0 <= sample.time_us < LAST_US


def decoded_status(status: int) -> tuple[Quality, Reason]:
    """Quality and reason of one status: the inverse of `_status`."""
    return Quality(status & 3), Reason((status & 255) >> 2)


def is_bad(statuses: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the time counts as bad: the quality is BAD or STALE."""
    qualities = quality_of(statuses)
    bad: NDArray[np.bool_] = (qualities == Quality.BAD) | (qualities == Quality.STALE)
    return bad


def quality_of(statuses: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The qualities, as numbers of `Quality`."""
    return (statuses & 3).astype(np.uint8)


def reason_of(statuses: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The reasons, as numbers of `Reason`."""
    return ((statuses & 255) >> 2).astype(np.uint8)


def _status(sample: Sample) -> int:
    status = int(sample.quality) | int(sample.reason) << 2
    return status | TEXT if isinstance(sample.value, str) else status


def _number(value: object) -> float:
    if value is None or isinstance(value, str):
        return math.nan
    try:
        number = float(value)  # type: ignore[arg-type]  # bool, int or float here
    except OverflowError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def _clean(text: object) -> str:
    """Without NUL, which PostgreSQL cannot store, and without lone surrogates."""
    return str(text).replace("\0", "\ufffd").encode("utf-8", "replace").decode()
