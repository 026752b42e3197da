"""Moves samples to the store. Handing them over never blocks and never raises.

Two threads. The spooling thread writes the samples that were put to the spool a few times a second, and syncs it at most
twice a second. Synced samples are acknowledged: they survive a kill of the process, of the store and of the machine. The
storing thread reads the spool in order, stores the samples, and releases those that the store has. So a restart takes the
same path as normal work, always in order, and a sample that is sent twice is stored once. Between batches the storing thread
runs maintenance.

When the spool takes no more (its bound is reached, or the disk is full), samples wait in memory, and the store is fed
from there when it is up. When the memory bound is reached too, the newest samples are dropped, because older ones may
be acknowledged; `state` reports how many, and from which time range.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealbus.errors import SealbusError
from sealbus.history.dropped_samples import DroppedSamples
from sealbus.history.maintenance_schedule import MaintenanceSchedule
from sealbus.history.sample_block import SampleBlock, is_storable
from sealbus.history.spool import Spool
from sealbus.outage_log import OutageLog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sealbus.history.history import History
    from sealbus.samples import Sample

__all__ = ["HistoryWriter", "WriterLimits", "WriterState"]

_log = logging.getLogger("sealbus.history")
_TURN_S = 0.2
_SYNC_S = 0.5


@dataclass(frozen=True, slots=True)
class WriterLimits:
    """How much may wait, and how much is stored in one batch."""

    buffered_samples: int = 500_000
    spool_bytes: int = 512 * 1024 * 1024
    segment_bytes: int = 8 * 1024 * 1024
    batch_samples: int = 50_000
    store_every_s: float = 2.0
    """Fewer, larger transactions: one write of a database page then stores several samples of a tag."""
    first_retry_s: float = 0.2
    longest_retry_s: float = 5.0
    """The wait after a failure of the store: the first one, and the longest, as it doubles each time."""


@dataclass(frozen=True, slots=True)
class WriterState:
    """The state of a writer. Times are microseconds in UTC; `down_since_us` is None while the store takes samples."""

    buffered: int
    """Samples that are in memory only."""
    spooled: int
    """Samples on disk that the store does not have yet."""
    spooled_bytes: int
    stored: int
    """Samples handed to the store since the start, including those it had already."""
    dropped: int
    """Samples lost because there was no space, or because no store can hold them."""
    dropped_from_us: int | None
    dropped_to_us: int | None
    too_old: int
    """Samples from before the retention."""
    damaged_segments: int
    """Segments of the spool whose end could not be read."""
    down_since_us: int | None
    spool_error: str
    """Why samples cannot be written to disk; empty while they can."""
    last_error: str


class HistoryWriter:
    """Owns a folder for its spool, and two threads until it is closed. Raises ConfigError when the folder cannot be
    used.
    """

    def __init__(
        self,
        history: History,
        folder: Path,
        *,
        limits: WriterLimits | None = None,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._history = history
        self._limits = limits or WriterLimits()
        self._now_us = now_us
        self._spool = Spool(folder, bound_bytes=self._limits.spool_bytes, segment_bytes=self._limits.segment_bytes)
        self._lock = threading.Lock()
        self._progress = threading.Condition(self._lock)
        self._incoming: deque[Sequence[Sample]] = deque()
        self._unspooled: deque[SampleBlock] = deque()
        self._buffered = 0
        self._dropped = DroppedSamples()
        self._stored = 0
        self._too_old = 0
        self._flushes_requested = 0
        self._flushes_done = 0
        self._down_since_us: int | None = None
        self._store_error = ""
        self._spool_error = ""
        self._store_outage, self._spool_outage = OutageLog(_log), OutageLog(_log)
        self._loss = OutageLog(_log)
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._stopped = threading.Event()
        self._last_sync = 0.0
        self._next_store = 0.0
        self._maintenance = MaintenanceSchedule(history)
        self._draining = 0
        self._threads = [
            threading.Thread(target=self._spool_all, name="history spool", daemon=True),
            threading.Thread(target=self._store_all, name="history store", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def put(self, samples: Sequence[Sample]) -> None:
        """Take samples and return at once. They are acknowledged within a second, or counted as dropped."""
        if not samples:
            return
        with self._lock:
            if self._buffered + len(samples) > self._limits.buffered_samples or self._stopped.is_set():
                self._dropped.add(samples)
            else:
                self._buffered += len(samples)
                self._incoming.append(tuple(samples))
                return
        self._loss.failed(f"history: samples are lost, {self._dropped.count} until now: no room for more", "lost")

    def state(self) -> WriterState:
        with self._lock:
            return WriterState(
                buffered=self._buffered,
                spooled=self._spool.samples,
                spooled_bytes=self._spool.size_bytes,
                stored=self._stored,
                dropped=self._dropped.count,
                dropped_from_us=self._dropped.from_us,
                dropped_to_us=self._dropped.to_us,
                too_old=self._too_old,
                damaged_segments=self._spool.damaged_segments,
                down_since_us=self._down_since_us,
                spool_error=self._spool_error,
                last_error=self._store_error or self._spool_error or self._maintenance.error,
            )

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was put is on disk. Returns False on timeout, or when the spool failed."""
        with self._progress:
            self._flushes_requested += 1
            wanted = self._flushes_requested
            self._wake.set()
            done = self._progress.wait_for(lambda: self._flushes_done >= wanted, timeout_s)
            return done and not self._unspooled and self._spool.is_synced

    def drain(self, timeout_s: float) -> bool:
        """Wait until all that was put is in the store. Returns False on timeout."""
        return self._wait_until(self._is_empty, timeout_s)

    def close(self, timeout_s: float = 5.0) -> None:
        """Spool the rest, store as much as the timeout allows, and end. The rest stays in the spool for the next run."""
        self._closing.set()
        self._wake.set()
        self._threads[0].join(timeout_s)
        self._wait_until(lambda: self._is_empty() or self._down_since_us is not None, timeout_s)
        self._stopped.set()
        for thread in self._threads:
            thread.join(timeout_s)
        self._spool.close()

    def _is_empty(self) -> bool:
        return not self._buffered and not self._spool.samples

    def _wait_until(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """Wait. During the wait batches are stored immediately instead of at their interval."""
        with self._progress:
            self._draining += 1
            try:
                return self._progress.wait_for(done, timeout_s)
            finally:
                self._draining -= 1

    # the spooling thread

    def _spool_all(self) -> None:
        while True:
            at_once, closing = self._wake.wait(_TURN_S), self._closing.is_set()
            self._wake.clear()
            requested = self._flushes_requested
            try:
                try:
                    self._spool_incoming()
                finally:
                    self._sync(at_once=at_once)
                self._spool_error = ""
                self._spool_outage.works("history: samples are spooled again")
            except OSError as error:
                self._fail_spool(error.strerror or str(error))
            except Exception as error:  # noqa: BLE001  # a bug must not end the spooling thread
                _log.exception("history: samples could not be spooled")
                self._fail_spool(str(error))
            with self._progress:
                self._flushes_done = requested
                self._progress.notify_all()
            if closing:
                return

    def _spool_incoming(self) -> None:
        """Convert what was put into batches, and write these to the spool in order, as far as it takes them."""
        with self._lock:
            taken = list(self._incoming)
            self._incoming.clear()
        for portion in _portions(taken, self._limits.batch_samples):
            fit = [sample for sample in portion if is_storable(sample)]
            unstorable = [sample for sample in portion if not is_storable(sample)]
            with self._lock:
                self._dropped.add(unstorable)
                self._buffered -= len(unstorable)
                if fit:
                    self._unspooled.append(SampleBlock.of(fit))
        while self._unspooled:
            self._spool_first()

    def _spool_first(self) -> None:
        with self._lock:
            if not self._unspooled:
                return  # the storing thread has taken it
            batch = self._unspooled.popleft()
        try:
            self._spool.append(batch)
        except BaseException:
            with self._lock:
                self._unspooled.appendleft(batch)
            raise
        with self._lock:
            self._buffered -= len(batch)

    def _sync(self, *, at_once: bool) -> None:
        now = time.monotonic()
        if not self._spool.is_synced and (at_once or now - self._last_sync >= _SYNC_S):
            self._last_sync = now
            self._spool.sync()

    def _fail_spool(self, error: str) -> None:
        self._spool_outage.failed(f"history: samples cannot be spooled: {error}")
        self._spool_error = error

    # the storing thread

    def _store_all(self) -> None:
        pause_s = self._limits.first_retry_s
        while not self._stopped.is_set():
            try:
                if stored := self._store_next():  # a turn without a batch does not show that the store is up
                    self._recover()
                    pause_s = self._limits.first_retry_s
                busy = self._maintenance.step() or stored
            except (SealbusError, OSError) as error:
                self._fail_store(str(error))
            except Exception as error:  # noqa: BLE001  # a bug must not end the storing thread
                _log.exception("history: samples could not be stored")
                self._fail_store(str(error))
            else:
                if not busy:
                    self._stopped.wait(_TURN_S)
                continue
            self._stopped.wait(pause_s * random.uniform(0.8, 1.2))  # noqa: S311  # only to spread retries
            pause_s = min(pause_s * 2, self._limits.longest_retry_s)

    def _store_next(self) -> bool:
        """Store the next batch if it is due. Returns whether there was one."""
        now, waiting = time.monotonic(), self._spool.samples
        if now < self._next_store and waiting < self._limits.batch_samples and not self._draining:
            return False
        self._next_store = now + self._limits.store_every_s
        found = self._spool.next(self._limits.batch_samples)
        if found is None:
            return self._store_unspooled()
        batch, position = found
        appended = self._history.append_block(batch)
        self._spool.release(position, len(batch))
        self._count(len(batch), appended.too_old)
        return True

    def _store_unspooled(self) -> bool:
        """Store a batch from memory when the spool is empty and takes nothing."""
        if not self._spool_error:
            return False
        with self._lock:
            if self._spool.samples or not self._unspooled:
                return False
            batch = self._unspooled.popleft()
        try:
            appended = self._history.append_block(batch)
        except BaseException:
            with self._lock:
                self._unspooled.appendleft(batch)
            raise
        with self._lock:
            self._buffered -= len(batch)
        self._count(len(batch), appended.too_old)
        return True

    def _count(self, stored: int, too_old: int) -> None:
        with self._progress:
            self._stored += stored
            self._too_old += too_old
            self._progress.notify_all()

    def _recover(self) -> None:
        self._store_outage.works("history: the store takes samples again")
        self._down_since_us, self._store_error = None, ""

    def _fail_store(self, error: str) -> None:
        if self._down_since_us is None:
            self._down_since_us = self._now_us()
        self._store_error = error
        self._store_outage.failed(f"history: the store takes no samples; they are spooled: {error}")
        with self._progress:
            self._progress.notify_all()


def _portions(taken: list[Sequence[Sample]], most: int) -> list[list[Sample]]:
    """The samples in lists of at most `most`."""
    samples = [sample for each in taken for sample in each]
    return [samples[start : start + most] for start in range(0, len(samples), most)]
