"""Is the chain complete? Every segment is read, every hash computed, and the first bad record named.

It works beside a gateway that is writing: zero bytes behind the last line are allocated space, a segment that grows or
is closed meanwhile is read further, and when the bound removes a segment before it was read, the check starts again.
After a break the header of the next segment is trusted and its chain followed, so that one damaged segment does not
hide the others.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealbus.errors import ConfigError
from sealbus.records.chain import GENESIS
from sealbus.records.segments import ChainError, Fault, Walk, list_segments, read_bytes, segment_path
from sealbus.records.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Break", "Verification", "verify"]

_ATTEMPTS = 10  # to start before the bound removes the first segment
_READ_ATTEMPTS = 4  # of a line that the gateway may be writing
_RETRY_S = 0.02


@dataclass(frozen=True, slots=True)
class Break:
    """Where the chain breaks: file, line (from 1, the header), and the number of the record that belongs there."""

    file: str
    line: int
    sequence: int | None
    fault: Fault
    detail: str

    def __str__(self) -> str:
        record = f" (record {self.sequence})" if self.sequence else ""
        return f"{self.file}, line {self.line}{record}: {self.fault}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Verification:
    """The result. Times are RFC 3339 texts, hashes hexadecimal; `first` and `last` are (sequence number, time).

    Segments before `first_segment` were removed by the bound, as record `removal_recorded_by` states. `recoveries` are
    the records that state a crash. `writes_without_outcome` may include writes whose outcome is still to come.
    `clock_set_back` counts records with an earlier time than the one before. `head` is the last good sequence number
    and hash.
    """

    gateway: str
    segments: int
    records: int
    first_segment: int
    first: tuple[int, str] | None
    last: tuple[int, str] | None
    head: tuple[int, str]
    removal_recorded_by: int | None
    recoveries: tuple[int, ...]
    writes_without_outcome: int
    clock_set_back: int
    breaks: tuple[Break, ...]


def verify(
    directory: str | Path,
    *,
    noted: tuple[int, str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Verification:
    """Check every record in `directory`. Takes no lock and changes nothing.

    `noted` is a head (sequence number, hash) that was stored elsewhere: it must still be in the chain. `progress` is
    called with the number of the segment about to be read and of the last one. Raises ConfigError when there are no
    records.
    """
    folder = Path(directory)
    problem = "the bound removes segments faster than they are read"
    for _ in range(_ATTEMPTS):
        try:
            return _Check(folder, noted=noted, progress=progress).run()
        except FileNotFoundError as error:
            if not folder.is_dir():
                problem = f"the records cannot be read: {error.strerror}"
                break
        except OSError as error:
            problem = f"the records cannot be read: {error.strerror}"
            break
    raise ConfigError(problem, file=str(folder), hint="name a directory of records")


class _Check:
    """One pass over all segments. Raises FileNotFoundError when the bound removes a segment too early."""

    def __init__(
        self, folder: Path, *, noted: tuple[int, str] | None, progress: Callable[[int, int], None] | None
    ) -> None:
        self._folder = folder
        self._noted = noted
        self._progress = progress
        self._tally = Tally(noted[0] if noted else 0)
        self._breaks: list[Break] = []

    def run(self) -> Verification:
        numbers = list_segments(self._folder)
        if not numbers:
            raise ConfigError("there are no records here", file=str(self._folder), hint="name a directory of records")
        first = walk = Walk(1, digest=GENESIS, sequence=0) if numbers[0] == 1 else Walk(numbers[0])
        segments = 0
        while True:
            sound, after = self._follow(walk)
            segments += 1
            if after is None:
                break
            if after != walk.number + 1:
                sound = False
                self._report_missing(walk, after)
            walk = Walk(after, digest=walk.digest, sequence=walk.sequence) if sound else Walk(after)
        recorded_by = self._check_beginning(first)
        if self._noted is not None:
            self._check_noted(walk, *self._noted)
        return self._result(first, walk, segments, recorded_by)

    def _follow(self, walk: Walk) -> tuple[bool, int | None]:
        """Follow one segment to its end. Returns whether it is sound, and the number of the next one.

        A segment is known to be complete only if there was a next one before it was read.
        """
        attempts = 0
        while True:
            if self._progress is not None and not attempts:
                self._progress(walk.number, list_segments(self._folder)[-1])
            attempts += 1
            after = self._segment_after(walk.number)
            data = read_bytes(self._folder, walk.number, walk.offset)
            try:
                for stamp, line in walk.follow(data):
                    self._tally.count(stamp, line)
            except ChainError as error:
                if error.fault is Fault.TORN and after is None and attempts < _READ_ATTEMPTS:
                    time.sleep(_RETRY_S)
                    continue
                self._break(walk.number, error)
                return False, after or self._segment_after(walk.number)
            finally:
                if walk.header is not None:
                    self._tally.count_header(walk.header, walk.header_digest)
            if after is not None or self._segment_after(walk.number) is None:
                return True, after

    def _segment_after(self, number: int) -> int | None:
        if segment_path(self._folder, number + 1).exists():
            return number + 1
        numbers = list_segments(self._folder)
        after = [each for each in numbers if each > number]
        if after and after[0] == numbers[0]:  # this segment and the next were removed during the check
            raise FileNotFoundError
        return after[0] if after else None

    def _report_missing(self, walk: Walk, after: int) -> None:
        missing = (
            f"segment {walk.number + 1}" if after == walk.number + 2 else f"segments {walk.number + 1} to {after - 1}"
        )
        error = ChainError(
            Fault.MISSING,
            f"{missing} should follow and cannot be found",
            line=walk.line,
            sequence=None if walk.sequence is None else walk.sequence + 1,
        )
        self._break(walk.number, error)

    def _check_beginning(self, first: Walk) -> int | None:
        """The record that states the removal of the segments before the first."""
        if first.number == 1 or first.header is None:
            return None
        sequence, last_hash = self._tally.removals.get(first.number - 1, (None, ""))
        if last_hash != first.header.previous:
            detail = "the segments before this one are missing, and no record states that the bound removed them"
            if sequence is not None:
                detail = (
                    f"record {sequence} states that the bound removed the segment before, but with another last hash"
                )
            self._break(first.number, ChainError(Fault.UNRECORDED, detail, line=1, sequence=first.header.first), at=0)
        return sequence

    def _check_noted(self, walk: Walk, sequence: int, hash_: str) -> None:
        first, last = self._tally.first, self._tally.last
        if hash_.lower() in self._tally.watched_hashes:
            return
        if first is not None and sequence < first[0] and not self._breaks:
            raise ConfigError(
                f"record {sequence} is no longer kept; the records begin at {first[0]}",
                file=str(self._folder),
                hint="use a newer one",
            )
        detail = f"record {sequence} was noted with another hash"
        if not self._tally.watched_hashes:
            detail = f"record {sequence} was noted and is missing; the last good record is {last[0] if last else 0}"
        self._break(walk.number, ChainError(Fault.HEAD_MISMATCH, detail, line=walk.line, sequence=sequence))

    def _break(self, number: int, error: ChainError, *, at: int | None = None) -> None:
        file = segment_path(self._folder, number).name
        found = Break(file, error.line, error.sequence, error.fault, error.detail)
        self._breaks.insert(len(self._breaks) if at is None else at, found)

    def _result(self, first: Walk, last: Walk, segments: int, recorded_by: int | None) -> Verification:
        tally = self._tally
        header = last.header or first.header
        return Verification(
            gateway=header.gateway if header else "",
            segments=segments,
            records=tally.records,
            first_segment=first.number,
            first=tally.first,
            last=tally.last,
            head=(last.sequence or 0, last.digest.hex() if last.digest else ""),
            removal_recorded_by=recorded_by,
            recoveries=tuple(tally.recoveries),
            writes_without_outcome=len(tally.open_writes),
            clock_set_back=tally.clock_set_back,
            breaks=tuple(self._breaks),
        )
