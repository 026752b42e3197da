"""The files of a directory of records, and how a segment is read back.

    lock                       held by the one process that writes
    records-00000001.jsonl     segments, in order; all but the last are closed and exactly as long as their lines
    reserve                    the next segment: its space is allocated, all its bytes are zero

The last segment is allocated in advance too: behind its lines there are zero bytes. `Walk` follows the chain through
the bytes of one segment and reports exactly where it breaks. The verification uses it, and the recovery at the start.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from sealbus.errors import LocalError
from sealbus.records.chain import FORMAT, SUFFIX_BYTES, Header, Stamp, suffix

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

__all__ = [
    "DECODE_ERRORS",
    "LOCK_NAME",
    "MAX_LINE",
    "RESERVE_NAME",
    "ChainError",
    "Fault",
    "Walk",
    "list_segments",
    "read_bytes",
    "read_header",
    "segment_path",
]

LOCK_NAME = "lock"
RESERVE_NAME = "reserve"
MAX_LINE = 8192
"""In bytes. No line is longer."""

DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""The errors of msgspec for bytes that are not JSON of the expected type."""

_NAME = re.compile(r"records-(\d{8})\.jsonl")

_decode_header = msgspec.json.Decoder(Header).decode
_decode_stamp = msgspec.json.Decoder(Stamp).decode


class Fault(StrEnum):
    """The kinds of faults in a chain of records."""

    CHANGED = "changed"
    SEQUENCE = "sequence"
    NOT_JSON = "not JSON"
    TORN = "torn"
    HEADER = "header"
    MISSING = "missing segment"
    UNRECORDED = "unrecorded removal"
    HEAD_MISMATCH = "not as noted"


class ChainError(LocalError):
    """The chain breaks at `line` (from 1, the header) of a segment, where record `sequence` belongs."""

    code = "chain"

    def __init__(self, fault: Fault, detail: str, *, line: int, sequence: int | None) -> None:
        super().__init__(detail)
        self.fault = fault
        self.detail = detail
        self.line = line
        self.sequence = sequence


def segment_path(directory: Path, number: int) -> Path:
    """The file of segment `number`, from 1."""
    return directory / f"records-{number:08d}.jsonl"


def list_segments(directory: Path) -> list[int]:
    """The numbers of all segments, sorted. Raises OSError when there is no such directory."""
    found = (_NAME.fullmatch(path.name) for path in directory.iterdir())
    return sorted(int(name[1]) for name in found if name)


def read_bytes(directory: Path, number: int, offset: int = 0) -> bytes:
    """The bytes of a segment from `offset` on. Raises FileNotFoundError.

    Reads until two reads in a row agree, because a read during a write may return zeros inside a line: reads do not wait
    for writes.
    """
    with segment_path(directory, number).open("rb") as file:
        found = _read_from(file, offset)
        while not (again := _read_from(file, offset)).startswith(found.rstrip(b"\0")):
            found = again
    return found


def _read_from(file: BinaryIO, offset: int) -> bytes:
    file.seek(offset)
    return file.read()


def read_header(directory: Path, number: int) -> Header | None:
    """The header of a segment, unchecked. None when it cannot be decoded."""
    try:
        with segment_path(directory, number).open("rb") as file:
            return _decode_header(file.readline(MAX_LINE))
    except (OSError, *DECODE_ERRORS):
        return None


class Walk:
    """Follows the chain through one segment.

    `digest` and `sequence` are the hash and number of the line before the segment; if they are None, the header is
    trusted. Afterwards they are those of the last good line, and `offset` is where the next line begins.
    """

    __slots__ = ("digest", "header", "header_digest", "line", "number", "offset", "sequence")

    def __init__(self, number: int, *, digest: bytes | None = None, sequence: int | None = None) -> None:
        self.number = number
        self.digest = digest
        self.sequence = sequence
        self.header: Header | None = None
        self.header_digest = b""
        self.line = 0
        self.offset = 0

    @classmethod
    def behind(cls, header: Header, *, digest: bytes, sequence: int) -> Walk:
        """A walk that continues in the middle of a segment: behind record `sequence`, whose hash is `digest`."""
        walk = cls(header.segment, digest=digest, sequence=sequence)
        walk.header = header
        return walk

    def follow(self, data: bytes) -> Iterator[tuple[Stamp, bytes]]:
        """The stamp and line of each record. `data` are the bytes of the segment from `offset` on. Raises ChainError."""
        position = 0
        while data[position : position + 1] not in (b"", b"\0"):
            end = data.find(b"\n", position)
            if end < 0:
                break
            line = data[position:end]
            stamp = self.check(line)
            position = end + 1
            if stamp is not None:
                yield stamp, line
        self._check_tail(data, position)

    def check(self, line: bytes) -> Stamp | None:
        """Check the next line, given without its newline; None for the header. Raises ChainError."""
        stamp = None
        if self.header is None:
            self._check_header(line)
        else:
            stamp = self._check_record(line)
        self.line += 1
        self.offset += len(line) + 1
        return stamp

    def _check_header(self, line: bytes) -> None:
        try:
            header = _decode_header(line)
        except DECODE_ERRORS:
            raise self._unreadable(line, "header") from None
        expected = None if self.sequence is None else self.sequence + 1
        if header.format != FORMAT:
            raise self._error(Fault.HEADER, f"format {header.format} is unknown; use a newer Sealbus")
        if header.segment != self.number:
            raise self._error(Fault.HEADER, f"the header belongs to segment {header.segment}")
        if expected is not None and header.first != expected:
            raise self._error(Fault.SEQUENCE, f"the header begins at record {header.first}, expected {expected}")
        previous = _digest_of(header.previous)
        if previous is None or (self.digest is not None and previous != self.digest):
            raise self._error(Fault.CHANGED, "the header does not follow the last hash of the segment before")
        end, digest = suffix(previous, line[:-SUFFIX_BYTES])
        if line[-SUFFIX_BYTES:] != end:
            raise self._error(Fault.CHANGED, "the header was changed: its hash does not match")
        self.header, self.sequence = header, header.first - 1
        self.digest = self.header_digest = digest

    def _check_record(self, line: bytes) -> Stamp:
        try:
            stamp = _decode_stamp(line)
        except DECODE_ERRORS:
            raise self._unreadable(line, "record") from None
        expected = (self.sequence or 0) + 1
        if stamp.sequence != expected:
            raise self._error(Fault.SEQUENCE, f"found record {stamp.sequence}, expected {expected}")
        end, digest = suffix(self.digest or b"", line[:-SUFFIX_BYTES])
        if line[-SUFFIX_BYTES:] != end:
            raise self._error(Fault.CHANGED, "the record, or one before it, was changed: its hash does not match")
        self.sequence, self.digest = expected, digest
        return stamp

    def _check_tail(self, data: bytes, position: int) -> None:
        left_over = len(data.rstrip(b"\0")) - position
        if left_over > 0:
            raise self._error(
                Fault.TORN, f"the segment ends here, but {left_over} more bytes follow that are not a record"
            )
        if self.header is None:
            raise self._error(Fault.TORN, "the segment has no header")

    def _unreadable(self, line: bytes, what: str) -> ChainError:
        if b"\0" in line:
            return self._error(Fault.TORN, f"the {what} has a hole of zero bytes")
        return self._error(Fault.NOT_JSON, f"the line is not a {what} in JSON")

    def _error(self, fault: Fault, detail: str) -> ChainError:
        expected = None if self.header is None or self.sequence is None else self.sequence + 1
        return ChainError(fault, detail, line=self.line + 1, sequence=expected)


def _digest_of(text: str) -> bytes | None:
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        return None
    return digest if len(digest) == 32 else None
