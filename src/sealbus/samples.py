"""A value of a tag with its time and quality: the type that acquisition, history, alarms and the web share.

A value is never passed on without its time and its quality. Missing data is never zero: a BAD sample has no value. A STALE
sample repeats the last value, with the time at which the tag was last read; a calculated value is STALE when one of its
inputs is. An UNCERTAIN sample has a value that may be wrong.

Times are microseconds since 1970-01-01 in UTC, as integers: they sort, subtract exactly and are the same in every store.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

__all__ = ["MAX_AHEAD_US", "US_PER_S", "Quality", "Reason", "Sample", "SampleValue"]

US_PER_S = 1_000_000
MAX_AHEAD_US = 3600 * US_PER_S
"""How far the time of a sample may be ahead of the wall clock: a step back of so much is made up slowly."""

SampleValue: TypeAlias = bool | int | float | str
"""The scaled value of a tag. Numbers are finite."""


class Quality(IntEnum):
    """How reliable a value is. The numbers are stored: they never change."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2
    STALE = 3


class Reason(IntEnum):
    """Why a sample is not GOOD. The numbers are stored: they never change."""

    NONE = 0
    UNREACHABLE = 1
    """No connection to the device, or exception 0A: a gateway has none."""
    TIMEOUT = 2
    """The device did not answer, or exception 0B: it did not answer a gateway."""
    DEVICE_EXCEPTION = 3
    """The device refused, with a Modbus exception other than 01, 02, 0A and 0B."""
    NO_SUCH_PLACE = 4
    """Exception 02: the device has no such address."""
    NOT_ALLOWED = 5
    """Exception 01: a gateway denied it, or the device does not know the function."""
    WRONG_ANSWER = 6
    """The device broke the protocol."""
    NOT_AVAILABLE = 7
    """The device returned a reserved value that means "not available"."""
    NOT_DECODABLE = 8
    """The registers do not decode to the type of the tag."""
    NOT_COMPUTABLE = 9
    """A calculated tag: an input is bad, or the expression has no value."""
    OUT_OF_RANGE = 10
    """Outside the range that the tag allows (UNCERTAIN)."""
    NOT_REFRESHED = 11
    """Not read for longer than the tag allows (STALE)."""
    NOT_COLLECTED = 12
    """Not polled: it is disabled, or its configuration cannot be used."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one tag. `value` is None if quality is BAD, or STALE with no value before, and never else."""

    tag_id: int
    time_us: int
    value: SampleValue | None
    quality: Quality = Quality.GOOD
    reason: Reason = Reason.NONE
