"""How many samples were dropped, and from which time range."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealbus.samples import Sample

__all__ = ["DroppedSamples"]


class DroppedSamples:
    """A count and a time range. Not thread-safe: the caller holds a lock."""

    __slots__ = ("count", "from_us", "to_us")

    def __init__(self) -> None:
        self.count = 0
        self.from_us: int | None = None
        self.to_us: int | None = None

    def add(self, samples: Sequence[Sample]) -> None:
        if samples:
            times = [sample.time_us for sample in samples]
            self.count += len(times)
            self.from_us = min(times) if self.from_us is None else min(self.from_us, *times)
            self.to_us = max(times) if self.to_us is None else max(self.to_us, *times)
