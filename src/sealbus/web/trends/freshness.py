"""When is a value stale while no collector confirms it? Pure arithmetic.

A tag sets how long its value is good (`stale_after_s`). Two clocks must agree that this time has passed: the monotonic
clock, since the last message of the collector, and the wall clock, since the time of the sample. So a fresh value from
history is not stale merely because the bus is down, and a clock that was put back keeps no value fresh: a sample from
the future is as suspect as an old one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sealbus.samples import US_PER_S, Quality, Reason

if TYPE_CHECKING:
    from sealbus.samples import Sample

__all__ = ["is_past", "with_staleness"]


def is_past(sample: Sample, good_for_s: float, now_us: int) -> bool:
    """Whether the sample is older than that, or as far in the future, by the wall clock."""
    return abs(now_us - sample.time_us) > good_for_s * US_PER_S


def with_staleness(sample: Sample, good_for_s: float, now_us: int) -> Sample:
    """A sample from history as the current value: STALE if it is older than its tag allows."""
    if sample.quality in (Quality.BAD, Quality.STALE) or not is_past(sample, good_for_s, now_us):
        return sample
    return replace(sample, quality=Quality.STALE, reason=Reason.NOT_REFRESHED)
