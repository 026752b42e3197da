"""What history answers: frozen, compact, one array for a column.

Times are microseconds since 1970 in UTC (int64). A value is float64; NaN means that there was none: BAD, or nobody
looked. Whatever draws must leave a gap there. Qualities and reasons are numbers of `Quality` and `Reason` (uint8).
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
    "MaintenanceStep",
    "RawPage",
    "Series",
    "Source",
]


class HistoryUnavailable(SealbusError):
    """The store is down, full, locked or not made yet. Nothing was changed; the same call may work later."""

    code = "history-unavailable"


class Bucket(Enum):
    """A rollup. Minutes and hours are cut in UTC, days at local midnight."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"

    @property
    def usual_us(self) -> int:
        """Its length; a local day may be an hour shorter or longer."""
        return {"minute": 60, "hour": 3600, "day": 86_400}[self.value] * US_PER_S


class Source(Enum):
    """What served a series."""

    RAW = "raw"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One tag, to be drawn as steps: a value holds until the next point.

    The first point is the last one before the start, where there was one. From a rollup a pixel has up to two points, its
    least and its greatest value; quality and reason are then the worst of the pixel. `texts` is as long as `times_us`
    where raw samples of a text tag are served, else empty.
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
    """Buckets of one tag in order; those in which nothing was known are left out.

    Each begins at `starts_us` and ends at `ends_us`. Minimum, maximum and mean are of the values in force, the one
    carried in included; the mean is weighted by time, over `known_us`. `lasts` is the value at the end. `counts` is the
    number of samples. `bad_us` is time in BAD or STALE quality; what is neither known nor bad, nobody looked at.
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
    """Where a page ended. Renders as text and back for those who page over HTTP: it is the time of the last sample."""

    time_us: int


@dataclass(frozen=True, slots=True)
class RawPage:
    """Samples in order of time. `next` is None on the last page."""

    samples: tuple[Sample, ...]
    next: Cursor | None


@dataclass(frozen=True, slots=True)
class Extent:
    """From when to when there may be anything of a tag: none of it lies outside of [start, end)."""

    start_us: int
    end_us: int


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of a batch: it is stored, save for what was there already, and for what is too old."""

    too_old: int
    """Samples older than what is kept: they would be deleted at once."""


@dataclass(frozen=True, slots=True)
class MaintenanceStep:
    """What a step of upkeep did, and whether more waits."""

    rolled_hours: int
    deleted: int
    more: bool
