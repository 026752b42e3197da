"""What a tag says at the moment, and whether that is worth telling.

A `Point` is the memory of one tag. It is told what was read (`take`), that nothing could be read (`fail`), that nobody
has read it for too long (`grow_stale`), or that it is time to say it again (`repeat`), and gives a sample where there
is something to tell: a change beyond the dead band, a change of quality or reason, or nothing for `max_interval_s`.
The dead band is measured from what was told last, so a slow drift is not lost.

Samples of one tag have times in strict order. A sample that would come before or with the one before is put a
microsecond behind it; only a clock that was set back by more than `clock.SLEWED_US` breaks the order, and there the
clock says so.

A STALE sample repeats the last good value at the time at which it was last read; a BAD one has no value, ever.

What is read is bytes of a device, so whatever comes of them costs this tag alone: an error that nobody foresaw makes it
BAD, NOT_DECODABLE, and is kept as its `trouble`.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Final

from sealbus.acquisition.bugs import describe_bug
from sealbus.acquisition.clock import SLEWED_US
from sealbus.plant import NoValue
from sealbus.samples import Quality, Reason, Sample, SampleValue

if TYPE_CHECKING:
    from sealbus.acquisition.blocks import Block
    from sealbus.plant import CalculatedPlan, Conversion, Raw, TagPlan

__all__ = ["TagState", "unread"]

_log = logging.getLogger("sealbus.acquisition")
_GOOD: Final = Quality.GOOD
_UNCERTAIN: Final = Quality.UNCERTAIN
_BAD: Final = Quality.BAD
_STALE: Final = Quality.STALE
_NO_REASON: Final = Reason.NONE
_SPREAD: Final = 0.618033988749895  # the golden ratio: what begins together does not repeat together


def unread(raw: Raw) -> SampleValue:
    """The conversion of what is never read."""
    raise NoValue(Reason.NOT_COLLECTED)


class TagState:
    """The memory of one tag. Times: `time_us` on the wall clock, `now` on the loop's."""

    __slots__ = (
        "_convert",
        "_dead_band",
        "_high",
        "_is_limited",
        "_low",
        "block",
        "bug",
        "max_interval_s",
        "quality",
        "reason",
        "repeat_at",
        "sample",
        "tag_id",
        "value",
    )

    def __init__(self, plan: TagPlan | CalculatedPlan, convert: Conversion, *, before: TagState | None = None) -> None:
        self.tag_id = plan.id
        self._convert = convert
        self._low = -math.inf if plan.low is None else plan.low
        self._high = math.inf if plan.high is None else plan.high
        self._is_limited = plan.low is not None or plan.high is not None
        self._dead_band = plan.dead_band
        self.max_interval_s = plan.max_interval_s
        self.sample: Sample | None = before.sample if before else None
        """What was told last."""
        self.repeat_at = 0.0
        self.value: SampleValue | None = before.value if before else None
        """The last value that there was, told or not; what a STALE sample repeats."""
        self.quality: Quality = before.quality if before else _BAD
        self.reason: Reason = before.reason if before else Reason.NOT_COLLECTED
        self.block: Block | None = None
        """What reads it; a calculated one has none."""
        self.bug = ""
        """The first error of ours that it met, if there was one."""

    def take(self, raw: Raw, time_us: int, now: float) -> Sample | None:
        """It was read."""
        try:
            return self.set_value(self._convert(raw), time_us, now)
        except NoValue as none:
            return self.fail(none.reason, time_us, now)
        except Exception as error:  # noqa: BLE001 - bytes of a device: they cost this tag, and no other one
            self.record_bug(error)
            return self.fail(Reason.NOT_DECODABLE, time_us, now)

    def set_value(
        self, value: SampleValue, time_us: int, now: float, *, quality: Quality = _GOOD, reason: Reason = _NO_REASON
    ) -> Sample | None:
        """It has this value."""
        if (
            self._is_limited
            and quality is _GOOD
            and not isinstance(value, str)  # a text is neither above nor below
            and not self._low <= value <= self._high
        ):
            quality, reason = _UNCERTAIN, Reason.OUT_OF_RANGE
        self.value, self.quality, self.reason = value, quality, reason
        told = self.sample
        if (
            told is not None
            and told.quality is quality
            and told.reason is reason
            and now < self.repeat_at
            and not self._differs(value, told.value)
        ):
            return None
        return self._tell(Sample(self.tag_id, time_us, value, quality, reason), now)

    def fail(self, reason: Reason, time_us: int, now: float) -> Sample | None:
        """There is no value, and why."""
        self.quality, self.reason = _BAD, reason
        told = self.sample
        if told is not None and told.quality is _BAD and told.reason is reason and now < self.repeat_at:
            return None
        return self._tell(Sample(self.tag_id, time_us, None, _BAD, reason), now)

    def grow_stale(self, read_us: int, now: float) -> Sample | None:
        """Nobody has read it for too long; `read_us` is when it was last read."""
        if (self.quality is _BAD and self.sample is not None) or (self.quality is _STALE and now < self.repeat_at):
            return None
        self.quality, self.reason = _STALE, Reason.NOT_REFRESHED
        return self._tell(Sample(self.tag_id, read_us, self.value, _STALE, Reason.NOT_REFRESHED), now)

    def repeat(self, read_us: int, now: float) -> Sample | None:
        """Say it again if it has not been said for so long; `read_us` is when it was last read."""
        if now < self.repeat_at or self.sample is None:
            return None
        value = None if self.quality is _BAD else self.value
        return self._tell(Sample(self.tag_id, read_us, value, self.quality, self.reason), now)

    def record_bug(self, error: Exception) -> None:
        """An error of ours: log the first one, and keep it to be shown."""
        if not self.bug:
            self.bug = describe_bug(error)
            _log.error("tag %d: %s", self.tag_id, self.bug, exc_info=error)

    def current(self) -> Sample | None:
        """What it says now, told or not."""
        told = self.sample
        if told is None or self.quality is _BAD:
            return told
        time_us = told.time_us if self.block is None else max(self.block.read_us, told.time_us)
        return Sample(self.tag_id, time_us, self.value, self.quality, self.reason)

    def _differs(self, value: SampleValue, told: SampleValue | None) -> bool:
        if value == told:
            return False
        if self._dead_band and isinstance(value, int | float) and isinstance(told, int | float):
            return abs(value - told) > self._dead_band
        return True

    def _tell(self, sample: Sample, now: float) -> Sample:
        told = self.sample
        if told is None:
            share = self.tag_id * _SPREAD % 1.0
            self.repeat_at = now + self.max_interval_s * (0.5 + 0.5 * share)
        else:
            self.repeat_at = now + self.max_interval_s
            if sample.time_us <= told.time_us < sample.time_us + SLEWED_US:
                sample = Sample(sample.tag_id, told.time_us + 1, sample.value, sample.quality, sample.reason)
        self.sample = sample
        return sample
