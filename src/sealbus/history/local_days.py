"""Where buckets begin and end.

Minutes and hours are multiples of their length since 1970 in UTC. A day begins at the first instant of a local date, so
it has 23, 24 or 25 hours. If the clock change skips midnight, the day begins at the change; if midnight occurs twice,
it begins at the first one. A zone is a text of `time_zones`: its name, with its rules if it is that of a store.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from sealbus.history.results import Bucket
from sealbus.samples import US_PER_S
from sealbus.time_zones import zone_of

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from numpy.typing import NDArray

__all__ = ["edges", "floor_us", "outer_edges"]


def edges(bucket: Bucket, start_us: int, end_us: int, zone: str) -> NDArray[np.int64]:
    """The beginnings of all buckets that overlap [start, end), and the end of the last bucket."""
    if bucket is not Bucket.DAY:
        step = bucket.usual_us
        return np.arange(floor_us(bucket, start_us, zone), end_us + step, step, dtype=np.int64)
    info = zone_of(zone)
    day = _day(start_us, info)
    days: list[int] = []
    while not days or days[-1] < end_us:
        days.append(_midnight_us(day, info))
        day += timedelta(days=1)
    return np.unique(np.array(days, dtype=np.int64))  # a date that a zone left out has no length


def outer_edges(bucket: Bucket, start_us: int, end_us: int, zone: str) -> tuple[int, int]:
    """The first and the last of `edges`, without computing those between: for half a century they are many."""
    first = floor_us(bucket, start_us, zone)
    if bucket is not Bucket.DAY:
        return first, -(-end_us // bucket.usual_us) * bucket.usual_us
    info = zone_of(zone)
    day = _day(end_us - 1, info)
    while (last := _midnight_us(day, info)) < end_us:
        day += timedelta(days=1)
    return first, last


def floor_us(bucket: Bucket, time_us: int, zone: str) -> int:
    """The beginning of the bucket that contains this time."""
    if bucket is Bucket.DAY:
        info = zone_of(zone)
        return _midnight_us(_day(time_us, info), info)
    return time_us - time_us % bucket.usual_us


def _day(time_us: int, zone: ZoneInfo) -> date:
    """The day that contains this time: the local date, or the next one if that has begun already. A clock that is set back
    over midnight shows the date before once more.
    """
    day = datetime.fromtimestamp(time_us // US_PER_S, UTC).astimezone(zone).date()
    following = day + timedelta(days=1)
    return following if _midnight_us(following, zone) <= time_us else day


def _midnight_us(day: date, zone: ZoneInfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * US_PER_S
