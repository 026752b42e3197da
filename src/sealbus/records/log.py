"""The record log: every write is recorded before it is sent, and the log reports when it could not store a record.

One process writes, from one thread. `append` hands the record to the operating system and returns; another thread
brings it to the disk within a second. Space is allocated in advance: behind the current segment there is a reserve,
fully allocated, so that a full disk first raises an alarm and refuses writes only much later.

    OK        the reserve exists. Everything is stored.
    FLOODED   records that peers can cause at will (connections, handshakes, denials) have used up their share of the
              log. They are counted, and the counts are recorded once a minute; everything else is stored.
    RESERVE   the current segment is the last one the disk has space for. Stored and counted as in FLOODED.
    FULL      no space for another write and its outcome: writes are refused. The outcomes of recorded writes have
              space reserved, and behind it there is a little for alarms and the last record of the run.
    FAILED    the disk fails, or does not answer. As FULL, until it works again and all was written again.

The log recovers by itself: `maintain`, called once a second, tries again. The first record then states what was lost.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from sealbus.errors import ConfigError
from sealbus.records.chain import FRAME_BYTES, encode_record
from sealbus.records.flood_share import FloodShare
from sealbus.records.folder import lock_folder
from sealbus.records.host import Host, Limits
from sealbus.records.kinds import (
    RANKS,
    Alarm,
    AlarmState,
    Outcome,
    Rank,
    Record,
    Recovered,
    Stopped,
    WriteOutcome,
    WriteRequested,
    kind_of,
)
from sealbus.records.lost_records import LostRecords
from sealbus.records.segments import MAX_LINE
from sealbus.records.state import LOWEST_STORED_RANK, RecordsFull, RecordState
from sealbus.records.store import SegmentStore

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ALARM_NAME", "RecordLog"]

ALARM_NAME = "records"

_OUTCOME_LINE = 512
_SHUTDOWN_RESERVE_BYTES = 16384
_LOSS_RECORD_INTERVAL_S = 60.0
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_INTERRUPTED = "the gateway ended before the outcome was recorded"


class RecordLog:
    """An append-only log in a directory. Not thread-safe; it runs a syncing thread of its own."""

    def __init__(
        self,
        store: SegmentStore,
        lock: int,
        *,
        flood_share: FloodShare,
        host: Host,
        on_change: Callable[[RecordState, str], None] | None,
    ) -> None:
        """Use `open`."""
        self._store = store
        self._lock = lock
        self._time_ns = host.time_ns
        self._on_change = on_change
        self._flood_share = flood_share
        self._lost = LostRecords()
        self._lost_recorded_at = 0.0
        self._open_writes: set[int] = set()
        self._state = self._notified = RecordState.OK

    @classmethod
    def open(
        cls,
        directory: str | Path,
        *,
        gateway: str,
        limits: Limits | None = None,
        host: Host | None = None,
        on_change: Callable[[RecordState, str], None] | None = None,
    ) -> RecordLog:
        """Open the log in `directory`, created if missing, and continue where the last run ended.

        `on_change` is called with each new state and its reason, in the call that detects it. Raises ConfigError:
        another process writes there, other users may write there, or the files cannot be read.
        """
        folder = Path(directory).absolute()
        limits, host = limits or Limits(), host or Host()
        lock = lock_folder(folder)
        try:
            store = SegmentStore(folder, gateway=gateway, limits=limits, host=host)
        except OSError as error:
            os.close(lock)
            raise ConfigError(
                f"the records cannot be read: {error.strerror}", file=str(folder), hint="check the disk and the owner"
            ) from error
        log = cls(store, lock, flood_share=FloodShare(limits.bound_bytes), host=host, on_change=on_change)
        log._record_recovery()
        return log

    @property
    def state(self) -> RecordState:
        """The state after the last `append` or `maintain`."""
        return self._state

    @property
    def reason(self) -> str:
        """The text of the state, with the error of the operating system."""
        cause = self._store.failure or self._store.no_reserve_because
        if cause is None or self._state is RecordState.OK:
            return self._state.value
        return f"{self._state.value}: {cause.strerror}"

    @property
    def head(self) -> tuple[int, str]:
        """Sequence number and hash of the last line: store them elsewhere to prove later that nothing was changed."""
        return self._store.sequence, self._store.digest.hex()

    @property
    def lost(self) -> int:
        """How many records were counted instead of stored since the log was opened."""
        return self._lost.total

    def append(self, record: Record) -> int:
        """Store `record` and return its sequence number: it was handed to the operating system.

        Returns 0 when it was counted instead (in any state but OK). Raises RecordsFull for a `WriteRequested` that
        cannot be stored, and nothing else: losing any other record must not stop the event that it describes.
        """
        # Before: the thread that syncs may have failed or recovered since the last call. After: this record may have used up
        # the flood share or the space.
        if self._store.failure is not None:
            self._update_state()
        if isinstance(record, Stopped):
            self._record_losses(Rank.SHUTDOWN)
        sequence = self._put(record, RANKS[type(record)])
        if not sequence:
            self._update_state()
            self._lost.add(kind_of(record), self._time_ns(), self._state)
        if isinstance(record, WriteRequested) and sequence:
            self._open_writes.add(sequence)
        elif isinstance(record, WriteOutcome):
            self._open_writes.discard(record.request)
        if self._flood_share.exhausted or not self._store.has_reserve or self._store.failure is not None:
            self._update_state()
        self._notify()
        if not sequence and isinstance(record, WriteRequested):
            raise RecordsFull(self.reason)
        return sequence

    def maintain(self, now: float) -> None:
        """Call once a second with the monotonic clock, in seconds: allocates, repairs, removes, and records what was
        lost.
        """
        self._store.maintain(now)
        self._flood_share.refill(now)
        self._update_state()
        if self._lost and (self._state is RecordState.OK or now - self._lost_recorded_at >= _LOSS_RECORD_INTERVAL_S):
            self._lost_recorded_at = now
            self._record_losses(Rank.ESSENTIAL)
            self._update_state()
        self._notify()

    def sync(self) -> None:
        """Wait until all records are on the disk, or the disk has failed (see `state`). Blocks: not for the event loop."""
        self._store.flush()
        self._update_state()
        self._notify()

    def close(self) -> None:
        """Record what was lost, sync, and unlock the directory. A second call does nothing."""
        if self._lock < 0:
            return
        self._record_losses(Rank.SHUTDOWN)
        self._store.close()
        os.close(self._lock)
        self._lock = -1

    def _record_recovery(self) -> None:
        """The first records after an earlier run: how it ended, and the writes it left without an outcome."""
        tip = self._store.tip
        self._open_writes.update(tip.open_writes)
        if not tip.was_closed:
            problem = None
            if tip.broken is not None:
                problem = f"segment {tip.broken.segment}, line {tip.broken.line}: {tip.broken.problem}"
            self.append(Recovered(segment=tip.segment, dropped_bytes=tip.dropped_bytes, problem=problem))
        for request in tip.open_writes:
            self.append(WriteOutcome(request=request, outcome=Outcome.UNKNOWN, why=_INTERRUPTED))
        self._update_state()
        self._notify()

    def _put(self, record: Record, rank: Rank) -> int:
        if rank < LOWEST_STORED_RANK[self._state]:
            return 0
        store = self._store
        payload = encode_record(record, (_OUTCOME_LINE if rank is Rank.OUTCOME else MAX_LINE) - FRAME_BYTES)
        floor = self._floor(rank)
        if not store.fits(payload, floor=floor):
            if not store.roll():
                return 0
            if rank < LOWEST_STORED_RANK[self._current_state()]:
                return 0
            floor = self._floor(rank)
        sequence = store.put(payload, floor=floor)
        if sequence and rank is Rank.ORDINARY:
            self._flood_share.spend(len(payload) + FRAME_BYTES)
        return sequence

    def _floor(self, rank: Rank) -> int:
        """Bytes of the current segment that a record of this rank must leave free."""
        if rank is Rank.OUTCOME or self._store.has_reserve:
            return 0
        outcomes = len(self._open_writes) * _OUTCOME_LINE
        return outcomes if rank is Rank.SHUTDOWN else outcomes + _SHUTDOWN_RESERVE_BYTES

    def _has_room(self) -> bool:
        outcomes = (len(self._open_writes) + 1) * _OUTCOME_LINE
        return self._store.room >= MAX_LINE + outcomes + _SHUTDOWN_RESERVE_BYTES

    def _current_state(self) -> RecordState:
        failure = self._store.failure
        if failure is not None:
            return RecordState.FULL if failure.errno in _NO_SPACE else RecordState.FAILED
        if self._store.has_reserve:
            return RecordState.FLOODED if self._flood_share.exhausted else RecordState.OK
        if self._state is RecordState.FULL or not self._has_room():
            return RecordState.FULL
        return RecordState.RESERVE

    def _update_state(self) -> None:
        """Recompute the state and record the change. Losses are recorded before the state returns to OK."""
        while (state := self._current_state()) is not self._state:
            self._state = state
            if state is RecordState.OK and not self._record_losses(Rank.SHUTDOWN):
                continue  # not stored: the store has failed or is full, and the loop computes the state again
            alarm = AlarmState.CLEARED if state is RecordState.OK else AlarmState.RAISED
            self._put(Alarm(name=ALARM_NAME, state=alarm, text=self.reason), Rank.SHUTDOWN)

    def _record_losses(self, rank: Rank) -> bool:
        if not self._lost:
            return True
        if not self._put(self._lost.record(), rank):
            return False
        self._lost.clear()
        return True

    def _notify(self) -> None:
        if self._notified is not self._state:
            self._notified = self._state
            if self._on_change is not None:
                self._on_change(self._state, self.reason)
