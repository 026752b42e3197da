"""What a store needs from time to time: hours that are over are rolled up, what is past keeping is deleted.

All in small steps, each a transaction of its own, so that samples need not wait long. Several processes may do it beside
each other. Samples are deleted only after their hours are rolled, and a little later than they are refused, so that the
first hour that is kept still knows what it began with.

When the zone has changed, the days of each tag are folded again from hours. Days from before the oldest hour that is
kept cannot be, and stay as they are.
"""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

import numpy as np

from sealbus.history.lanes import roll
from sealbus.history.local_days import edges, floor_us
from sealbus.history.rolling import Folder
from sealbus.history.rules import DAY_US
from sealbus.history.shapes import Bucket, Source, Tended
from sealbus.history.store import HOUR_US
from sealbus.samples import US_PER_S

if TYPE_CHECKING:
    from sealbus.history.rules import HistoryRules
    from sealbus.history.store import Statements, Store
    from sealbus.plant import RetentionClass

__all__ = ["Upkeep"]

_GRACE_US = 120 * US_PER_S
_SETTLE_US = 60 * US_PER_S
_HOURS_AT_ONCE = 100
_TAGS_AT_ONCE = 20
_FLOORS_AT_ONCE = 500
_ROWS_AT_ONCE = 20_000


class Upkeep:
    """Does one step at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._due: list[tuple[Source, int]] = []
        self._retained_hour = -1
        self._settled_us = -_SETTLE_US

    def step(self, rules: HistoryRules, now_us: int) -> Tended:
        """One step of what is most needed. Raises HistoryUnavailable."""
        with self._lock:
            if self._settle(now_us):
                return Tended(0, 0, more=True)
            rolled = self._roll(rules, now_us)
            if rolled:
                return Tended(rolled, 0, more=True)
            if self._cut_days(rules, now_us):
                return Tended(0, 0, more=True)
            return self._retain(rules, now_us)

    def _settle(self, now_us: int) -> bool:
        """Whether there was something: much, or a minute has gone by. The clock may have been set back."""
        everything = not self._settled_us <= now_us < self._settled_us + _SETTLE_US
        settled = self._store.settle(everything=everything)
        if settled != everything:  # there was nothing left, or much has been settled before its time
            self._settled_us = now_us
        return settled

    def _roll(self, rules: HistoryRules, now_us: int) -> int:
        open_us = now_us - _GRACE_US
        open_us -= open_us % HOUR_US
        with self._store.changing() as statements:
            if statements.meta().zone != rules.zone:
                statements.set_zone(rules.zone)
                statements.make_days_stale()
            marks = statements.marks_before(open_us, _HOURS_AT_ONCE)
            alike: dict[tuple[tuple[int, ...], int], list[Folder]] = {}
            for tag_id, of_tag in itertools.groupby(marks, key=lambda mark: mark[0]):
                hours = tuple(hour for _, hour in of_tag)
                kept = sum(hour >= statements.floors(tag_id).raw for hour in hours)
                folder = Folder(statements, tag_id, rules.of(tag_id).hold_us, now_us, rules.zone, open_us)
                alike.setdefault((hours, kept), []).append(folder)
            for (hours, kept), folders in alike.items():
                roll(folders, hours, hours[len(hours) - kept :])
            if marks:
                statements.bump()
        return len(marks)

    def _cut_days(self, rules: HistoryRules, now_us: int) -> int:
        with self._store.changing() as statements:
            tags = statements.stale_days(_TAGS_AT_ONCE)
            for tag_id in tags:
                _cut_days(Folder(statements, tag_id, rules.of(tag_id).hold_us, now_us, rules.zone))
        return len(tags)

    def _retain(self, rules: HistoryRules, now_us: int) -> Tended:
        if not self._due:
            if self._retained_hour == now_us // HOUR_US:
                return Tended(0, 0, more=False)
            with self._store.reading() as statements:
                known = statements.tags()
            self._due = [
                (source, tag_id)
                for tag_id, floors in sorted(known.items())
                for source in Source
                if floors.of(source) < _target_us(rules.of(tag_id), source, now_us)
            ]
        batch, self._due = self._due[:_FLOORS_AT_ONCE], self._due[_FLOORS_AT_ONCE:]
        deleted = 0
        if batch:
            with self._store.changing() as statements:
                for place, what in enumerate(batch):
                    count = self._delete(statements, rules, what, now_us)
                    deleted += count
                    if deleted >= _ROWS_AT_ONCE:  # most have nothing to delete; after much, somebody else may write
                        self._due += batch[place if count >= _ROWS_AT_ONCE else place + 1 :]
                        break
                statements.bump()
        if not self._due:
            self._retained_hour = now_us // HOUR_US
        given = self._store.give_back({source: _dropped_us(rules, source, now_us) for source in Source})
        return Tended(0, deleted, more=bool(self._due or (given and deleted)))

    def _delete(self, statements: Statements, rules: HistoryRules, what: tuple[Source, int], now_us: int) -> int:
        source, tag_id = what
        kept = rules.of(tag_id)
        target_us = _target_us(kept, source, now_us)
        if source is Source.RAW and statements.marks(tag_id, 0, target_us):
            return 0  # somebody brought late samples meanwhile: first their hours are rolled
        statements.set_floor(source, tag_id, target_us)
        if target_us <= _dropped_us(rules, source, now_us) + DAY_US and source in self._store.drops:
            return 0  # it goes with its partition
        end_us = target_us - (kept.hold_us if source is Source.RAW else 0)
        return statements.delete(source, tag_id, end_us, _ROWS_AT_ONCE)


def _cut_days(folder: Folder) -> None:
    statements, tag_id = folder.statements, folder.tag_id
    oldest = statements.first_row(Source.HOUR, tag_id)
    if oldest is not None:
        first_us = floor_us(Bucket.DAY, oldest, folder.zone)
        if first_us < statements.floors(tag_id).hour:  # its beginning is deleted: that day stays as it was
            first_us = int(edges(Bucket.DAY, oldest, oldest + 1, folder.zone)[-1])
        end_us = int(edges(Bucket.DAY, folder.now_us, folder.now_us + 1, folder.zone)[-1])
        rows = folder.days_from_hours(first_us, max(end_us, first_us + 1))
        span = (first_us - DAY_US + HOUR_US, end_us + DAY_US)
        statements.replace(Source.DAY, span, [tag_id], (np.full(len(rows), tag_id), rows))
    statements.days_are_done(tag_id)


def _days(kept: RetentionClass, source: Source) -> int | None:
    days = {Source.RAW: kept.raw_days, Source.MINUTE: kept.minute_days, Source.HOUR: kept.hour_days}
    return days.get(source, kept.day_days)


def _target_us(kept: RetentionClass, source: Source, now_us: int) -> int:
    """What is before is past keeping; a whole hour."""
    days = _days(kept, source)
    target_us = 0 if days is None else max(now_us - days * DAY_US, 0)
    return target_us - target_us % HOUR_US


def _dropped_us(rules: HistoryRules, source: Source, now_us: int) -> int:
    """What is before is past keeping for every class."""
    return min(_target_us(kept, source, now_us) - kept.hold_us for kept in rules.classes)
