"""When is a value stale that nobody vouches for? Pure arithmetic.

A tag says for how long its value is good (`stale_after_s`). Two clocks have to agree that this has passed: the monotonic
one, since the collector last gave a sign of life, and the wall clock, since the time of the sample. So a value that came
out of history a moment ago is not stale because the bus is away, and a clock that was put back keeps nothing fresh: a
sample from the future is as suspect as an old one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sealbus.samples import US_PER_S, Quality, Reason

if TYPE_CHECKING:
    from sealbus.samples import Sample

__all__ = ["is_past", "judged"]


def is_past(sample: Sample, good_for_s: float, now_us: int) -> bool:
    """Whether the wall clock says that it was good for long enough."""
    return abs(now_us - sample.time_us) > good_for_s * US_PER_S


def judged(sample: Sample, good_for_s: float, now_us: int) -> Sample:
    """A sample out of history as it may be shown as the value now."""
    if sample.quality in (Quality.BAD, Quality.STALE) or not is_past(sample, good_for_s, now_us):
        return sample
    return replace(sample, quality=Quality.STALE, reason=Reason.NOT_REFRESHED)
