"""The maintenance of a store: samples are compacted, hours that are over are rolled up, expired data is deleted.

It runs in small steps, each a transaction, so that samples wait only briefly. Several processes may run it at the same time.
Samples are deleted after their hours are rolled up, and a little later than appending refuses them, so that the first
hour that is kept still has the value it began with.

When the time zone changes, or the rules of the zone, the days of each tag whose cut changes are folded again from hours.
Days whose hours are not kept any more stay as they were cut.
"""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

import numpy as np

from sealbus.history.results import Source
from sealbus.history.rollup_builder import MAX_DAY_US, RollupBuilder
from sealbus.history.rules import DAY_US
from sealbus.history.sample_block import LAST_US
from sealbus.history.store import HOUR_US, Floors
from sealbus.history.tag_batch import roll_up
from sealbus.samples import US_PER_S
from sealbus.time_zones import rules_of

if TYPE_CHECKING:
    from sealbus.history.rules import HistoryRules
    from sealbus.history.store import Statements, Store
    from sealbus.plant import RetentionClass

__all__ = ["Maintenance"]

_GRACE_US = 120 * US_PER_S
_COMPACT_EVERY_US = 60 * US_PER_S
_HOURS_AT_ONCE = 100
_TAGS_AT_ONCE = 20
_TAGS_TO_DELETE_AT_ONCE = 150
_ROWS_AT_ONCE = 20_000
_REFOLDED_US = 7 * DAY_US  # a changed hold applies to the samples of the last week, and to later ones


class Maintenance:
    """Runs one step at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._due: list[int] = []
        self._rules_of_holds: HistoryRules | None = None
        self._checked_hour = -1
        self._compacted_us = -_COMPACT_EVERY_US

    def step(self, rules: HistoryRules, now_us: int) -> bool:
        """Do the step that is due first. Returns whether more is due. Raises HistoryUnavailable."""
        with self._lock:
            return (
                self._compact(now_us)
                or self._change_holds(rules, now_us)
                or self._recut_days(rules, now_us)
                or self._roll_up_hours(rules, now_us)
                or self._delete_expired(rules, now_us)
            )

    def _compact(self, now_us: int) -> bool:
        """Returns whether samples were compacted: when many wait, or after a minute. The clock may have been set back."""
        is_due = not self._compacted_us <= now_us < self._compacted_us + _COMPACT_EVERY_US
        compacted = self._store.compact(everything=is_due)
        nothing_is_left = is_due and not compacted
        many_were_waiting = compacted and not is_due
        if nothing_is_left or many_were_waiting:
            self._compacted_us = now_us
        return compacted

    def _change_holds(self, rules: HistoryRules, now_us: int) -> bool:
        if rules is self._rules_of_holds:
            return False
        with self._store.changing() as statements:
            newest = statements.holds.newest()
            changed = [tag_id for tag_id, hold_us in newest.items() if hold_us != rules.of(tag_id).hold_us]
            from_us = max(now_us - _REFOLDED_US, 0)
            for tag_id in changed[:_TAGS_AT_ONCE]:
                begin_us, hold_us = (
                    max(statements.floors(tag_id).raw, from_us - from_us % HOUR_US),
                    rules.of(tag_id).hold_us,
                )
                statements.holds.change(tag_id, begin_us, hold_us)
                for last_us in statements.raw.sample_before(tag_id, LAST_US).times_us.tolist():
                    # It may hold beyond the present: its last hours are rolled up again when they are over.
                    first_us = max(last_us - last_us % HOUR_US, begin_us)
                    statements.mark([(tag_id, hour_us) for hour_us in range(first_us, last_us + hold_us + 1, HOUR_US)])
            if changed:
                statements.bump_epoch()
        if not changed:
            self._rules_of_holds = rules
        return bool(changed)

    def _roll_up_hours(self, rules: HistoryRules, now_us: int) -> bool:
        open_us = now_us - _GRACE_US
        open_us -= open_us % HOUR_US
        with self._store.changing() as statements:
            marks = statements.marks_before(open_us, _HOURS_AT_ONCE)
            holds, zone = statements.holds.of(sorted({tag_id for tag_id, _ in marks})), rules_of(rules.zone)
            groups: dict[tuple[tuple[int, ...], int], list[RollupBuilder]] = {}
            for tag_id, of_tag in itertools.groupby(marks, key=lambda mark: mark[0]):
                hours = tuple(hour for _, hour in of_tag)
                # The samples of the oldest hours may be deleted already; the others are the last ones of `hours`.
                with_samples = sum(hour >= statements.floors(tag_id).raw for hour in hours)
                builder = RollupBuilder(statements, tag_id, holds[tag_id], now_us, zone, open_us)
                groups.setdefault((hours, with_samples), []).append(builder)
            for (hours, with_samples), builders in groups.items():
                roll_up(builders, hours, hours[len(hours) - with_samples :])
            if marks:
                statements.bump_epoch()
        return bool(marks)

    def _recut_days(self, rules: HistoryRules, now_us: int) -> bool:
        zone = rules_of(rules.zone)
        with self._store.changing() as statements:
            if statements.meta().zone != zone:
                statements.set_zone(zone)
                statements.mark_days_outdated()
            tags = statements.tags_with_outdated_days(_TAGS_AT_ONCE)
            holds = statements.holds.of(tags)
            for tag_id in tags:
                _recut(RollupBuilder(statements, tag_id, holds[tag_id], now_us, zone))
                statements.mark_days_current(tag_id)
        return bool(tags)

    def _delete_expired(self, rules: HistoryRules, now_us: int) -> bool:
        if not self._due:
            if self._checked_hour == now_us // HOUR_US:
                return False
            with self._store.reading() as statements:
                known = statements.tags()
            self._due = [
                tag_id
                for tag_id, floors in sorted(known.items())
                if floors != _raised(floors, rules.of(tag_id), now_us)
            ]
        batch, self._due = self._due[:_TAGS_TO_DELETE_AT_ONCE], self._due[_TAGS_TO_DELETE_AT_ONCE:]
        deleted = 0
        if batch:
            with self._store.changing() as statements:
                for index, tag_id in enumerate(batch):
                    count = self._delete(statements, rules, tag_id, now_us)
                    deleted += count
                    if deleted >= _ROWS_AT_ONCE:  # most tags delete nothing; after many rows let writers in
                        may_have_more = count >= _ROWS_AT_ONCE  # of this tag; then it is due again
                        self._due += batch[index if may_have_more else index + 1 :]
                        break
                statements.bump_epoch()
        if self._due:
            return True
        self._checked_hour = now_us // HOUR_US
        reclaimed = self._store.reclaim_space(self._cutoffs())
        return bool(reclaimed and deleted)  # after a step that did both, more free space may be left

    def _cutoffs(self) -> dict[Source, int]:
        """The end of what no tag keeps or needs any more. Only a floor that is stored counts: before it is raised, the
        samples of a tag are rolled up.
        """
        with self._store.reading() as statements:
            known = statements.tags().values()
            longest_us = max(statements.holds.longest().values(), default=0)
        return {
            source: _unneeded_us(source, min((floors.of(source) for floors in known), default=0)) - longest_us
            for source in Source
        }

    def _delete(self, statements: Statements, rules: HistoryRules, tag_id: int, now_us: int) -> int:
        retention = rules.of(tag_id)
        floors = _raised(statements.floors(tag_id), retention, now_us)
        if statements.marks(tag_id, 0, floors.raw):
            return 0  # late samples arrived: roll up their hours first
        statements.set_floors(tag_id, floors)
        deleted = 0
        for source in Source:
            soon_us = min(_raised(Floors(), each, now_us).of(source) for each in rules.classes) + DAY_US
            is_dropped_with_its_partition = source in self._store.partitioned and floors.of(source) <= soon_us
            if not is_dropped_with_its_partition:
                end_us = _unneeded_us(source, floors.of(source))
                deleted += statements.delete(source, tag_id, end_us, _ROWS_AT_ONCE)
        return deleted


def _recut(builder: RollupBuilder) -> None:
    """Cut the stored days again whose begin or end is another one now."""
    statements, tag_id = builder.statements, builder.tag_id
    rows = statements.rows(Source.DAY, tag_id, builder.recut_from_us(), LAST_US)
    if not len(rows):
        return
    cuts = builder.day_edges(int(rows.starts_us[0]), int(rows.ends_us[-1]))
    place = np.minimum(np.searchsorted(cuts, rows.starts_us), len(cuts) - 2)
    changed = rows.select((cuts[place] != rows.starts_us) | (cuts[place + 1] != rows.ends_us))
    if len(changed):
        first_us = int(cuts[np.searchsorted(cuts, changed.starts_us[0], "right") - 1])
        last_us = int(cuts[np.searchsorted(cuts, changed.ends_us[-1])])
        days = builder.days_from_hours(first_us, last_us)
        statements.replace(Source.DAY, (first_us, last_us), [tag_id], (np.full(len(days), tag_id), days))


def _raised(floors: Floors, retention: RetentionClass, now_us: int) -> Floors:
    """The floors that this retention gives now, whole hours. A floor is never lowered: what is deleted does not return."""
    days = (retention.raw_days, retention.minute_days, retention.hour_days, retention.day_days)
    ends = (0 if each is None else max(now_us - each * DAY_US, 0) for each in days)
    return Floors(*(max(floors.of(source), end - end % HOUR_US) for source, end in zip(Source, ends, strict=True)))


def _unneeded_us(source: Source, floor_us: int) -> int:
    """The end of what is neither kept nor needed. Minutes and hours are needed for the day that contains the floor: a
    late sample is folded into all of it.
    """
    return floor_us - (MAX_DAY_US if source in (Source.MINUTE, Source.HOUR) else 0)
