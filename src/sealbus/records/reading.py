"""Read records in order, without checking the chain: for a reader that follows a log while it is written.

A reader stores the last sequence number it has processed and reads the records after it. Each record has one position
and one number, so none is processed twice. A line that cannot be decoded, because it is damaged or of a kind that a
newer version wrote, is returned as `Unreadable` under the number that belongs there; it is not skipped silently.
`read_chained` of `chained` reads in the same way and checks the chain.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sealbus.errors import ConfigError
from sealbus.records.chain import MAX_NUMBER, Stamp
from sealbus.records.kinds import Record
from sealbus.records.segments import DECODE_ERRORS, list_segments, read_bytes, read_header, segment_path

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Line", "Stored", "Unreadable", "newest_sequence", "read", "read_lines"]

_SHORTEST_LINE = 128
"""In bytes. No record is shorter, so a segment cannot hold more records than this allows."""

_decode_stamp = msgspec.json.Decoder(Stamp).decode
_decode_record = msgspec.json.Decoder(Record).decode


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A stored line that is not a known record. `text` is the line."""

    file: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored record. `time` is RFC 3339 in UTC with microseconds; `hash` ends its line in the chain. Both are empty
    where the line has none.
    """

    sequence: int
    time: str
    record: Record | Unreadable
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a segment without its newline. `number` counts from 1, the header, which has no `stored`."""

    segment: int
    number: int
    data: bytes
    stored: Stored | None


def read(directory: str | Path, *, after: int = 0) -> Iterator[Stored]:
    """Every record with a sequence number above `after`, up to the last one that is completely stored.

    Raises ConfigError when the directory does not exist or cannot be read.
    """
    for line in read_lines(Path(directory), first=after + 1):
        if line.stored is not None and line.stored.sequence > after:
            yield line.stored


def read_lines(folder: Path, *, first: int) -> Iterator[Line]:
    """Every complete line from the beginning of the segment that contains record `first`. Raises ConfigError."""
    try:
        numbers = list_segments(folder)
        for number in _without_gaps(folder, numbers[_position_of(folder, numbers, first) :]):
            yield from _read_segment(folder, number)
    except OSError as error:
        raise _unreadable(folder, error) from error


def newest_sequence(directory: str | Path) -> int:
    """The number of the last record, 0 if there is none. Raises ConfigError like `read`."""
    folder = Path(directory)
    newest = 0
    try:
        for number in list_segments(folder)[-1:]:
            header = read_header(folder, number)
            newest = header.first - 1 if header else 0
            stored = (line.stored for line in _read_segment(folder, number))
            newest = max((each.sequence for each in stored if each is not None), default=newest)
    except OSError as error:
        raise _unreadable(folder, error) from error
    return newest


def _position_of(folder: Path, numbers: list[int], sequence: int) -> int:
    """The index in `numbers` of the segment that contains this record: the last one that begins at or before it."""
    for position in range(len(numbers) - 1, 0, -1):
        header = read_header(folder, numbers[position])
        if header is not None and header.first <= sequence:
            return position
    return 0


def _without_gaps(folder: Path, listed: list[int]) -> Iterator[int]:
    """The listed segments and those between them: a listing may miss a segment that is created while it runs."""
    for number, next_listed in pairwise([*listed, 0]):
        yield number
        between = number + 1
        while between < next_listed and segment_path(folder, between).exists():
            yield between
            between += 1


def _read_segment(folder: Path, number: int) -> Iterator[Line]:
    try:
        data = read_bytes(folder, number)
    except FileNotFoundError:  # the bound removed it
        return
    header = read_header(folder, number)
    sequence = header.first if header else 0
    file, most = segment_path(folder, number).name, len(data) // _SHORTEST_LINE
    for line_number, line in enumerate(data.split(b"\n")[:-1], start=1):
        stored = None
        if line_number > 1:
            # A number that the segment cannot reach is damage. Taken as it stands, it would hide the records after it.
            numbers = range(sequence, sequence + most + 1 if sequence else MAX_NUMBER + 1)
            stored = _decode(line, (file, line_number), numbers)
            sequence = stored.sequence + 1
        yield Line(number, line_number, line, stored)


def _decode(line: bytes, where: tuple[str, int], numbers: range) -> Stored:
    """The record of a line. Its number is one of `numbers`: the first of them if the line has another one, or none."""
    record: Record | Unreadable = Unreadable(*where, line.decode("utf-8", "replace"))
    try:
        stamp = _decode_stamp(line)
        if stamp.sequence not in numbers:
            return Stored(numbers.start, "", record)
    except DECODE_ERRORS:
        return Stored(numbers.start, "", record)
    with suppress(*DECODE_ERRORS):
        record = _decode_record(line)
    return Stored(stamp.sequence, stamp.time, record, stamp.hash)


def _unreadable(folder: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"the records cannot be read: {error.strerror}", file=str(folder), hint="name a directory of records"
    )
