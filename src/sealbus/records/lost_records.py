"""Counts of the records that could not be stored, by kind, until a record can state them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sealbus.records.kinds import RecordsLost

if TYPE_CHECKING:
    from sealbus.records.state import RecordState

__all__ = ["LostRecords"]


class LostRecords:
    """Counts since the last `records_lost` record, and `total` since the log was opened."""

    __slots__ = ("_by_kind", "_reason", "_since_ns", "_until_ns", "total")

    def __init__(self) -> None:
        self.total = 0
        self._by_kind: dict[str, int] = {}
        self._reason = ""
        self._since_ns = 0
        self._until_ns = 0

    def __bool__(self) -> bool:
        return bool(self._by_kind)

    def add(self, kind: str, time_ns: int, state: RecordState) -> None:
        """A record of this kind was not stored, because of the state of the log."""
        if not self._by_kind:
            self._since_ns = time_ns
        self._until_ns = time_ns
        self._reason = state.value
        self._by_kind[kind] = self._by_kind.get(kind, 0) + 1
        self.total += 1

    def record(self) -> RecordsLost:
        """The record that states the counts."""
        return RecordsLost(
            count=sum(self._by_kind.values()),
            since=_time(self._since_ns),
            until=_time(self._until_ns),
            by_kind=dict(self._by_kind),
            reason=self._reason,
        )

    def clear(self) -> None:
        """The record was stored: start counting again."""
        self._by_kind = {}


def _time(time_ns: int) -> datetime:
    return datetime.fromtimestamp(time_ns // 1000 / 1_000_000, UTC)
