"""Detects changed files: compares time, size and inode of a few files more than twice a second.

Polling is deliberate: it works with editors that replace files, with links that are switched and with network file
systems, and needs no library. A file that is missing for a moment counts as changed, and again when it is back.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from sealbus.durable_files import FileStamp, file_stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["FileWatch"]


class FileWatch:
    """Calls `changed` when one of the files returned by `files` differs from the last check. Runs until stopped."""

    def __init__(self, files: Callable[[], Iterable[str]], changed: Callable[[], None], *, interval_s: float) -> None:
        self._interval_s = interval_s
        self._files = files
        self._changed = changed
        self._stamps = self._read_stamps()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._interval_s, self._check)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _check(self) -> None:
        self.start()  # before `changed`: if it raises, the next change is still detected
        stamps = self._read_stamps()
        if stamps != self._stamps:
            self._stamps = stamps
            self._changed()

    def _read_stamps(self) -> dict[str, FileStamp | None]:
        return {file: file_stamp(Path(file)) for file in self._files()}
