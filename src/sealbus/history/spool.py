"""Samples that the store has not taken yet: on disk, in order, bounded.

One thread appends and syncs, another reads and releases. A frame is kept until the store has it. The position up to
which the store has all frames is written next to the segments, without a sync: after a power failure some frames are
stored again, which changes nothing. At the start all frames in the folder are read before new ones.

A frame that cannot be written (disk full, bound reached) is refused: `append` raises and leaves no partial frame. After
a failed sync the content of the disk is unknown: the frames since the last good sync are written again, into another
segment.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from typing import TYPE_CHECKING

from sealbus.durable_files import lock_file
from sealbus.errors import ConfigError
from sealbus.history.sample_block import SampleBlock
from sealbus.history.spool_segments import encode_frame, frame_counts, numbers, read_frame, segment_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Spool"]

_POSITION = "place"
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class Spool:
    """A folder of segments. Raises ConfigError when the folder cannot be used, or another process uses it."""

    def __init__(
        self, folder: Path, *, bound_bytes: int, segment_bytes: int, sync: Callable[[int], None] = os.fsync
    ) -> None:
        self._damaged: set[int] = set()
        self._folder = folder
        self._bound_bytes = bound_bytes
        self._segment_bytes = segment_bytes
        self._sync = sync
        self._lock = threading.Lock()
        self._lock_file = _locked(folder)
        self._segments: dict[int, int] = {}  # number: bytes
        self._samples = 0
        self._read_number, self._read_offset = self._load()
        self._number = max([*self._segments, self._read_number]) + 1
        self._descriptor: int | None = None
        self._unsynced: list[bytes] = []
        self._directory_changed = False

    @property
    def samples(self) -> int:
        """How many samples the store has not taken."""
        return max(self._samples, 0)

    @property
    def damaged_segments(self) -> int:
        """Segments whose end could not be read: torn by a kill, or damaged."""
        return len(self._damaged)

    @property
    def size_bytes(self) -> int:
        """The size of the frames that the store has not taken; on disk they take up to one segment more."""
        with self._lock:
            read = self._read_offset if self._read_number in self._segments else 0
            return sum(self._segments.values()) - read

    @property
    def is_synced(self) -> bool:
        return not self._unsynced

    def append(self, block: SampleBlock) -> None:
        """Write a block to the operating system. Raises OSError, because of the disk or the bound; then the block was
        not taken.
        """
        frame = encode_frame(block)
        if self.size_bytes + len(frame) > self._bound_bytes:
            raise OSError(errno.ENOSPC, f"the spool has reached its bound of {self._bound_bytes} bytes")
        self._write(frame)
        self._unsynced.append(frame)
        with self._lock:
            self._samples += len(block)

    def sync(self) -> None:
        """Bring all that was appended to the disk. Raises OSError; call it again then."""
        if self._descriptor is None or not self._unsynced:
            return
        try:
            self._sync(self._descriptor)
            if self._directory_changed:
                _sync_folder(self._folder, self._sync)
                self._directory_changed = False
        except OSError:
            self._close_segment()
            for frame in self._unsynced:
                self._write(frame)
            raise
        self._unsynced.clear()
        if self._segments[self._number] >= self._segment_bytes:
            self._close_segment()

    def next(self, most_samples: int) -> tuple[SampleBlock, tuple[int, int]] | None:
        """The oldest frames that are not released, joined, and the position behind them. Raises OSError."""
        blocks: list[SampleBlock] = []
        count, position = 0, (self._read_number, self._read_offset)
        current, readable = self._readable()
        for number, size in readable:
            offset = position[1] if number == position[0] else 0
            with segment_path(self._folder, number).open("rb") as file:
                while count < most_samples and (frame := read_frame(file.fileno(), offset)):
                    blocks.append(frame.block)
                    count, offset = count + len(frame.block), frame.end
            position = (number, offset)
            if count >= most_samples:
                break
            if number < current and offset < size:
                self._damaged.add(number)
        if not blocks:
            self._drop_read(position)
            return None
        return SampleBlock.joined(blocks), position

    def release(self, position: tuple[int, int], count: int) -> None:
        """Drop the frames up to this position, which hold `count` samples: the store has them."""
        with self._lock:
            self._samples -= count
        self._drop_read(position)
        with contextlib.suppress(OSError):  # a restart then stores some frames again
            _write_position(self._folder, position)

    def close(self) -> None:
        """Sync and unlock the folder. Samples that are not stored stay for the next run."""
        with contextlib.suppress(OSError):
            self.sync()
        self._close_segment()
        with contextlib.suppress(OSError):
            self._drop_read((self._read_number, self._read_offset))
        os.close(self._lock_file)

    def _readable(self) -> tuple[int, list[tuple[int, int]]]:
        """The number of the growing segment, and all readable segments with their sizes. Segments before the growing
        one are final.
        """
        with self._lock:
            return self._number, sorted(each for each in self._segments.items() if each[0] >= self._read_number)

    def _drop_read(self, position: tuple[int, int]) -> None:
        """Remove the segments before this position, and its own segment if that is final and read to the end."""
        with self._lock:
            self._read_number, self._read_offset = position
            size = self._segments.get(position[0], 0)
            is_done = position[0] < self._number and (position[1] >= size or position[0] in self._damaged)
            last_done = position[0] if is_done else position[0] - 1
            gone = [number for number in self._segments if number <= last_done]
            for number in gone:
                del self._segments[number]
            if not self._segments or (position[0] == self._number and position[1] >= size):
                self._samples = 0
        for number in gone:
            segment_path(self._folder, number).unlink(missing_ok=True)

    def _write(self, frame: bytes) -> None:
        if self._descriptor is None:
            path = segment_path(self._folder, self._number)
            self._descriptor = os.open(path, _FLAGS, 0o600)
            self._directory_changed = True
            with self._lock:
                self._segments[self._number] = 0
        end = self._segments[self._number]
        try:
            _write_all(self._descriptor, frame, end)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, end)
            raise
        with self._lock:
            self._segments[self._number] = end + len(frame)

    def _close_segment(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            with self._lock:
                self._number += 1

    def _load(self) -> tuple[int, int]:
        """The position at which an earlier run stopped."""
        number, offset = _read_position(self._folder)
        for each in numbers(self._folder):
            path = segment_path(self._folder, each)
            if each < number:
                path.unlink()
                continue
            self._segments[each] = path.stat().st_size
            self._samples += frame_counts(path, offset if each == number else 0)
        return number, offset


def _locked(folder: Path) -> int:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return lock_file(folder / "lock")
    except BlockingIOError:
        raise ConfigError(
            "another process spools its samples here",
            file=str(folder),
            hint="stop it, or give each collector its own folder",
        ) from None
    except OSError as error:
        raise ConfigError(
            f"samples cannot be spooled here: {error.strerror}",
            file=str(folder),
            hint="name a folder that can be written",
        ) from error


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def _sync_folder(folder: Path, sync: Callable[[int], None]) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def _write_position(folder: Path, position: tuple[int, int]) -> None:
    """Written in place with a fixed length, so that it needs no space on a full disk."""
    descriptor = os.open(folder / _POSITION, _FLAGS, 0o600)
    try:
        os.pwrite(descriptor, b"%020d %020d\n" % position, 0)
    finally:
        os.close(descriptor)


def _read_position(folder: Path) -> tuple[int, int]:
    """The beginning when it cannot be read: storing frames again is harmless."""
    try:
        number, offset = (folder / _POSITION).read_text(encoding="ascii").split()
        return int(number), int(offset)
    except (OSError, ValueError):
        return 0, 0
