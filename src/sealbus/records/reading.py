"""Read records in order, without checking the chain: for a reader that follows a log while it is written.

A reader stores the last sequence number it has processed and reads the records after it. Each record has one position
and one number, so none is processed twice. A line that cannot be decoded, because it is damaged or of a kind that a
newer version wrote, is returned as `Unreadable` under the number that belongs there; it is not skipped silently.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sealbus.errors import ConfigError
from sealbus.records.chain import Stamp
from sealbus.records.kinds import Record
from sealbus.records.segments import DECODE_ERRORS, list_segments, read_bytes, read_header, segment_path

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Stored", "Unreadable", "newest_sequence", "read"]

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
    where the line cannot be decoded.
    """

    sequence: int
    time: str
    record: Record | Unreadable
    hash: str = ""


def read(directory: str | Path, *, after: int = 0) -> Iterator[Stored]:
    """Every record with a sequence number above `after`, up to the last one that is completely stored.

    Raises ConfigError when the directory does not exist or cannot be read.
    """
    folder = Path(directory)
    try:
        numbers = list_segments(folder)
        for number in _without_gaps(folder, numbers[_position_of(folder, numbers, after + 1) :]):
            for stored in _read_segment(folder, number):
                if stored.sequence > after:
                    yield stored
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
            newest = max((stored.sequence for stored in _read_segment(folder, number)), default=newest)
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


def _read_segment(folder: Path, number: int) -> Iterator[Stored]:
    try:
        lines = read_bytes(folder, number).split(b"\n")[:-1]
    except FileNotFoundError:  # the bound removed it
        return
    header = read_header(folder, number)
    sequence = header.first if header else 0
    for line_number, line in enumerate(lines[1:], start=2):
        stored = _decode(line, sequence)
        if stored is None:
            text = line.decode("utf-8", "replace")
            stored = Stored(sequence, "", Unreadable(segment_path(folder, number).name, line_number, text))
        yield stored
        sequence = stored.sequence + 1


def _decode(line: bytes, sequence: int) -> Stored | None:
    try:
        stamp = _decode_stamp(line)
        if stamp.sequence < sequence:
            return None
        return Stored(stamp.sequence, stamp.time, _decode_record(line), stamp.hash)
    except DECODE_ERRORS:
        return None


def _unreadable(folder: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"the records cannot be read: {error.strerror}", file=str(folder), hint="name a directory of records"
    )
