"""The results of history queries: frozen, one array per column.

Times are microseconds since 1970 in UTC (int64). A value is float64; NaN means no value (BAD quality, or nothing
was collected), and a client must draw a gap there. Qualities and reasons are numbers of `Quality` and `Reason` (uint8).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sealbus.errors import SealbusError
from sealbus.samples import US_PER_S

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sealbus.samples import Sample

__all__ = [
    "Aggregates",
    "Appended",
    "Bucket",
    "Cursor",
    "Extent",
    "HistoryUnavailable",
    "RawPage",
    "Series",
    "Source",
]


class HistoryUnavailable(SealbusError):
    """The store is down, full, locked or not created yet. Nothing was changed; the same call may succeed later."""

    code = "history-unavailable"


class Bucket(Enum):
    """A rollup. Minutes and hours are cut in UTC, days at local midnight."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"

    @property
    def usual_us(self) -> int:
        """Its length. A local day may be an hour shorter or longer."""
        return {"minute": 60, "hour": 3600, "day": 86_400}[self.value] * US_PER_S


class Source(Enum):
    """The data that a series was drawn from."""

    RAW = "raw"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One tag, to be drawn as steps: a value holds until the next point.

    The first point is the last one before the start, if there is one. From a rollup, a pixel has up to two points, its
    smallest and its largest value, with the worst quality of the pixel and its reason. `texts` is as long as `times_us`
    for raw samples of a text tag, else empty.
    """

    tag_id: int
    source: Source
    times_us: NDArray[np.int64]
    values: NDArray[np.float64]
    qualities: NDArray[np.uint8]
    reasons: NDArray[np.uint8]
    texts: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Aggregates:
    """Buckets of one tag, sorted; those without any known value are left out.

    A bucket lasts from `starts_us` to `ends_us`. Minimum, maximum and mean include the value carried over from before.
    `known_us` is time in GOOD or UNCERTAIN quality; the mean is weighted by time, over the part of it in which the value
    was a number. `lasts` is the value at the end, `counts` the number of samples. `bad_us` is time in
    BAD or STALE quality; in the rest of the bucket nothing was collected.
    """

    tag_id: int
    bucket: Bucket
    starts_us: NDArray[np.int64]
    ends_us: NDArray[np.int64]
    minimums: NDArray[np.float64]
    maximums: NDArray[np.float64]
    means: NDArray[np.float64]
    lasts: NDArray[np.float64]
    counts: NDArray[np.int64]
    known_us: NDArray[np.int64]
    bad_us: NDArray[np.int64]
    qualities: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Cursor:
    """The end of a page: the time of its last sample. An HTTP API can render it as text."""

    time_us: int


@dataclass(frozen=True, slots=True)
class RawPage:
    """Samples sorted by time. `next` is None on the last page."""

    samples: tuple[Sample, ...]
    next: Cursor | None


@dataclass(frozen=True, slots=True)
class Extent:
    """The time range [start, end) outside of which a tag has no data."""

    start_us: int
    end_us: int


@dataclass(frozen=True, slots=True)
class Appended:
    """The result of a batch: every sample is stored, except those stored before and those that are too old."""

    too_old: int
    """Samples from before the retention: they would be deleted at once."""
