"""A thread that brings written records to the disk, so that no other thread waits for the disk.

The log requests a sync after each record. The first request wakes the thread, which waits briefly for more and then
syncs everything written so far. A failed sync is reported in `failure`, and the thread does nothing until the log has
written the bytes again and calls `retry`: a second sync alone would succeed without the bytes being on the disk.
"""

from __future__ import annotations

from threading import Condition, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealbus.records.open_segment import OpenSegment

__all__ = ["Syncer"]


class Syncer:
    """One daemon thread. It syncs `segments`: those that are retired and not closed yet, then the current one."""

    def __init__(self, directory_fd: int, *, sync: Callable[[int], None], delay_s: float) -> None:
        self.segments: tuple[OpenSegment, ...] = ()
        self.failure: OSError | None = None
        self.busy = False
        self._directory_changed = False
        self._directory_fd = directory_fd
        self._sync = sync
        self._delay_s = delay_s
        self._condition = Condition()
        self._wanted = False
        self._hurried = False
        self._stopping = False
        self._passes = 0
        self._thread = Thread(target=self._run, name="sealbus-records-sync", daemon=True)
        self._thread.start()

    def replace_segments(self, segments: tuple[OpenSegment, ...]) -> None:
        """Sync these segments from now on, and the directory that got a new one."""
        self.segments = segments
        self.note_directory_change()
        self.request()

    def note_directory_change(self) -> None:
        """Sync the directory too at the next pass."""
        self._directory_changed = True

    def request(self) -> None:
        """Sync soon. Cheap if a sync is requested already."""
        if not self._wanted:
            with self._condition:
                self._wanted = True
                self._condition.notify_all()

    def retry(self) -> None:
        """The bytes of the failed sync were written again: sync them."""
        self.failure = None
        self.request()

    def flush(self) -> None:
        """Sync at once all that was written so far, and wait until that is done or has failed."""
        with self._condition:
            target = self._passes + (2 if self.busy else 1)
            self._wanted = self._hurried = True
            self._condition.notify_all()
            self._condition.wait_for(lambda: self._passes >= target)

    def stop(self) -> None:
        """Sync a last time and end the thread."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._wanted or self._stopping)
                self._condition.wait_for(lambda: self._hurried or self._stopping, timeout=self._delay_s)
                stopping = self._stopping
                self._wanted = self._hurried = False
                self.busy = True
            if self.failure is None:
                self._pass()
            with self._condition:
                self.busy = False
                self._passes += 1
                self._condition.notify_all()
            if stopping:
                return

    def _pass(self) -> None:
        segments = [segment for segment in self.segments if not segment.closed]
        marks = [(segment, segment.end, segment.retired) for segment in segments]
        directory_changed = self._directory_changed
        try:
            for segment, end, retired in marks:
                if retired or segment.synced < end:
                    self._sync(segment.fd)
            if directory_changed:
                self._directory_changed = False
                self._sync(self._directory_fd)
        except OSError as error:
            self._directory_changed = directory_changed
            self.failure = error
            return
        for segment, end, retired in marks:
            segment.mark_synced(end)
            if retired:
                segment.close()
