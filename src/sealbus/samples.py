"""What a tag said, when, and how far it can be believed: the value that acquisition, history, alarms and the web share.

A value never travels without its time and its quality, and no data is never zero: a sample that is BAD has no value. A
STALE one repeats the last value that was good, at the time of that value; an UNCERTAIN one has a value that something
speaks against.

Times are microseconds since 1970-01-01 in UTC, as integers: they sort, subtract exactly and are the same in every store.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

__all__ = ["US_PER_S", "Quality", "Reason", "Sample", "SampleValue"]

US_PER_S = 1_000_000

SampleValue: TypeAlias = bool | int | float | str
"""What a tag holds, scaled. A number that is not finite is no value."""


class Quality(IntEnum):
    """How far a value can be believed. The numbers are stored: they never change."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2
    STALE = 3


class Reason(IntEnum):
    """Why a sample is not GOOD. The numbers are stored: they never change."""

    NONE = 0
    UNREACHABLE = 1
    """No connection to the device."""
    TIMEOUT = 2
    """The device did not answer."""
    DEVICE_EXCEPTION = 3
    """The device refused, with a Modbus exception other than 01 and 02."""
    NO_SUCH_PLACE = 4
    """Exception 02: the device has no such address."""
    NOT_ALLOWED = 5
    """Exception 01: a gateway denied it, or the device does not know the function."""
    WRONG_ANSWER = 6
    """The device broke the protocol."""
    NOT_AVAILABLE = 7
    """The device says by a reserved value that it has none."""
    NOT_DECODABLE = 8
    """The registers hold no value of the tag's type."""
    NOT_COMPUTABLE = 9
    """A calculated tag: an input is bad, or the expression has no value."""
    OUT_OF_RANGE = 10
    """Outside the range that the tag can have (UNCERTAIN)."""
    NOT_REFRESHED = 11
    """Not read for longer than the tag allows (STALE)."""
    NOT_COLLECTED = 12
    """Nobody polls it: it is switched off, or its configuration cannot be used."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one tag. `value` is None exactly where quality is BAD, or STALE without any value before."""

    tag_id: int
    time_us: int
    value: SampleValue | None
    quality: Quality = Quality.GOOD
    reason: Reason = Reason.NONE
