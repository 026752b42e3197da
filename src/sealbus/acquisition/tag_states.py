"""The state of one tag: its current value and quality, and what was reported of it last.

`take`, `set_value`, `fail` and `grow_stale` set the current state. Each returns a sample if value, quality or reason
changed, or if the state is due to be repeated. A change is reported, which means published and stored, when it leaves the
dead band, when quality or reason have changed, or when nothing was reported for `max_interval_s`. The dead band is measured
from the sample that was reported last, so a slow drift is not lost. It is applied here, while the state is in the
processor's cache: a sample inside it is returned as `HeldBack`. The stages of the `pipeline` before the dead band use it,
and that stage drops it.

Reported samples of one tag have times in strict order. A sample that would come before the last one, or together with it,
gets the time one microsecond after it. Only a clock that was set back by more than `clock.SLEWED_US` breaks the order,
and the clock logs that.

A STALE sample repeats the last value with the time at which the tag was last read. A BAD sample never has a value.

Bytes come from a device, so an unforeseen error in their conversion costs this tag alone: it becomes BAD, NOT_DECODABLE,
and the error is kept as `bug`.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Final

from sealbus.acquisition.bugs import describe_bug
from sealbus.acquisition.clock import SLEWED_US
from sealbus.acquisition.schedule import spread
from sealbus.plant import NoValue
from sealbus.samples import Quality, Reason, Sample, SampleValue

if TYPE_CHECKING:
    from sealbus.plant import CalculatedPlan, Conversion, Raw, TagPlan

__all__ = ["HeldBack", "LastRead", "TagState", "unread"]

_log = logging.getLogger("sealbus.acquisition")
_GOOD: Final = Quality.GOOD
_UNCERTAIN: Final = Quality.UNCERTAIN
_BAD: Final = Quality.BAD
_STALE: Final = Quality.STALE
_NO_REASON: Final = Reason.NONE


def unread(raw: Raw) -> SampleValue:
    """The conversion of a tag that is never read."""
    raise NoValue(Reason.NOT_COLLECTED)


class LastRead:
    """When a block was read last: `at` on the loop's clock, `time_us` on the wall clock. All its tags share it."""

    __slots__ = ("at", "time_us")

    def __init__(self, at: float = -math.inf, time_us: int = 0) -> None:
        self.at = at
        self.time_us = time_us


class HeldBack(Sample):
    """A change inside the dead band: it passes the stages before the dead band, and is not reported."""

    __slots__ = ()


class TagState:
    """The state of one tag. Times: `time_us` on the wall clock, `now` on the loop's."""

    __slots__ = (
        "_convert",
        "_dead_band",
        "_high",
        "_is_limited",
        "_low",
        "bug",
        "last_read",
        "max_interval_s",
        "quality",
        "reason",
        "repeat_at",
        "reported",
        "tag_id",
        "time_us",
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
        self.reported: Sample | None = before.reported if before else None
        """The sample that was reported last."""
        self.repeat_at = 0.0
        """When it is due to be reported again, on the loop's clock."""
        self.value: SampleValue | None = before.value if before else None
        """The last value, reported or not; a STALE sample repeats it."""
        self.quality: Quality = before.quality if before else _BAD
        self.reason: Reason = before.reason if before else Reason.NOT_COLLECTED
        self.time_us: int = before.time_us if before else 0
        """The time of value and quality; 0: nothing is known yet."""
        self.last_read = LastRead()
        """Of the block that reads it. Nothing reads a calculated one."""
        self.bug = ""
        """The first unforeseen error, to be shown."""

    def attach(self, last_read: LastRead) -> None:
        """The block with this `last_read` reads it from now on."""
        self.last_read = last_read

    def take(self, raw: Raw, time_us: int, now: float) -> Sample | None:
        """It was read: convert the raw value and set the state."""
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
        """It has this value; outside `low` to `high` it is UNCERTAIN."""
        if (
            self._is_limited
            and quality is _GOOD
            and not isinstance(value, str)  # a text is neither above nor below
            and not self._low <= value <= self._high
        ):
            quality, reason = _UNCERTAIN, Reason.OUT_OF_RANGE
        self.time_us = time_us
        if value == self.value and quality is self.quality and reason is self.reason and now < self.repeat_at:
            return None
        self.value, self.quality, self.reason = value, quality, reason
        return self._report_or_hold_back(Sample(self.tag_id, time_us, value, quality, reason), now)

    def fail(self, reason: Reason, time_us: int, now: float) -> Sample | None:
        """It has no value, for this reason."""
        self.time_us = time_us
        if self.quality is _BAD and self.reason is reason and now < self.repeat_at:
            return None
        self.quality, self.reason = _BAD, reason
        return self._report_or_hold_back(Sample(self.tag_id, time_us, None, _BAD, reason), now)

    def grow_stale(self, now: float) -> Sample | None:
        """It was not read for too long.

        A BAD tag stays BAD, because its reason says more. A tag of which nothing is known yet (`time_us` 0) becomes STALE.
        """
        if (self.quality is _BAD and self.time_us) or (self.quality is _STALE and now < self.repeat_at):
            return None
        self.quality, self.reason = _STALE, Reason.NOT_REFRESHED
        self.time_us = self.last_read.time_us
        return self._report_or_hold_back(
            Sample(self.tag_id, self.time_us, self.value, _STALE, Reason.NOT_REFRESHED), now
        )

    def repeat(self, now: float) -> Sample | None:
        """The current state again, if nothing was reported for `max_interval_s`."""
        if now < self.repeat_at:
            return None
        sample = self.current()
        return None if sample is None else self._report_or_hold_back(sample, now)

    def current(self) -> Sample | None:
        """The current state, reported or not. None: nothing is known yet."""
        if not self.time_us:
            return None
        if self.quality is _BAD:
            return Sample(self.tag_id, self.time_us, None, _BAD, self.reason)
        # `take` is not called while the raw value is the same, so `time_us` may be older than the last reading.
        return Sample(self.tag_id, max(self.last_read.time_us, self.time_us), self.value, self.quality, self.reason)

    def record_bug(self, error: Exception) -> None:
        """Log the first unforeseen error, and keep it to be shown."""
        if not self.bug:
            self.bug = describe_bug(error)
            _log.error("tag %d: %s", self.tag_id, self.bug, exc_info=error)

    def _report_or_hold_back(self, sample: Sample, now: float) -> Sample:
        """The sample of a change: as `HeldBack` inside the dead band; else kept as the reported one, with a later time if
        it would not come after the last.
        """
        last = self.reported
        if last is None:  # spread, so that tags which begin together are not repeated together
            self.repeat_at = now + self.max_interval_s * (0.5 + 0.5 * spread(self.tag_id))
        else:
            if (
                (sample.value == last.value or (self._dead_band and self._is_inside(sample.value, last.value)))
                and now < self.repeat_at
                and last.quality is sample.quality
                and last.reason is sample.reason
            ):
                return HeldBack(sample.tag_id, sample.time_us, sample.value, sample.quality, sample.reason)
            self.repeat_at = now + self.max_interval_s
            if sample.time_us <= last.time_us < sample.time_us + SLEWED_US:
                sample = Sample(sample.tag_id, last.time_us + 1, sample.value, sample.quality, sample.reason)
        self.reported = sample
        return sample

    def _is_inside(self, value: SampleValue | None, last: SampleValue | None) -> bool:
        if not isinstance(value, int | float) or not isinstance(last, int | float):
            return False
        try:
            return abs(value - last) <= self._dead_band
        except OverflowError:  # an integer beyond all floats and a float: farther apart than any dead band
            return False
