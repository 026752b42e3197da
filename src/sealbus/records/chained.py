"""Read records in order and check the chain, round by round: for a reader that takes records to another place.

The reader keeps a `Position` between its rounds. Each record comes with the position behind it, which says whether the
chain proves the record: its hash is computed over its own bytes and the hash of the line before, back to what earlier
rounds have taken. What was taken is not read again, so a later change of it neither disturbs nor passes.

From the first line that does not follow, nothing proves a record: `Position.broken` names that line in every position
after it. There are two ways back. A segment whose header states the damage and follows the last proven line is what a
gateway begins when it is started on a damaged record; the chain continues there. A new record is proven from its beginning.

A missing beginning is no break, because the bound removes the oldest segments: the header of the oldest one is trusted
if the records before it are missing. The jump in the numbers shows that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sealbus.errors import ConfigError
from sealbus.records.chain import GENESIS, Header
from sealbus.records.reading import Line, Stored, read_lines
from sealbus.records.segments import DECODE_ERRORS, ChainError, Walk, list_segments, segment_path
from sealbus.records.verification import Break

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Chained", "Position", "read_chained"]

_NO_HASH = b""  # no line has it
_decode_header = msgspec.json.Decoder(Header).decode


@dataclass(frozen=True, slots=True)
class Position:
    """How far a reader has read a log; the default is its beginning. Hashes are hexadecimal.

    `hash` is stored with the record `sequence`. `proven_hash` is that of the last record that the chain proves. `broken`
    says where the chain broke after that record; it is empty while the chain holds.
    """

    sequence: int = 0
    hash: str = ""
    proven_hash: str = ""
    broken: str = ""


@dataclass(frozen=True, slots=True)
class Chained:
    """A stored record, and the position behind it. The record is proven if the chain is not broken at that position."""

    stored: Stored
    position: Position


def read_chained(directory: str | Path, position: Position) -> Iterator[Chained]:
    """Every record behind `position`, up to the last one that is completely stored. Raises ConfigError as `read` does."""
    folder = Path(directory)
    chain = _Chain(folder, position)
    for line in read_lines(folder, first=max(position.sequence, 1)):
        if line.stored is None:
            chain.begin_segment(line)
        elif line.stored.sequence > chain.position.sequence:
            yield Chained(line.stored, chain.add(line, line.stored))


class _Chain:
    """Follows the chain from `position` on."""

    def __init__(self, folder: Path, position: Position) -> None:
        self.position = position
        self._folder = folder
        self._digest = bytes.fromhex(position.proven_hash)  # of the last line that is proven, if there is one
        self._walk = Walk(0)

    def begin_segment(self, line: Line) -> None:
        """Check the header of a segment, unless records behind it were taken already."""
        header = _header_of(line.data)
        taken = self.position.sequence
        if header is not None and header.first <= taken:
            self._walk = Walk.behind(header, digest=self._digest, sequence=taken)
            return
        walk = self._walk_from(line, header)
        try:
            walk.check(line.data)
        except ChainError as error:
            self._break(line, error)
            return
        self._walk, self._digest = walk, walk.header_digest
        self.position = replace(self.position, broken="")

    def add(self, line: Line, stored: Stored) -> Position:
        """The position behind a record."""
        if not self.position.broken:
            self._walk.line = line.number - 1
            try:
                self._walk.check(line.data)
            except ChainError as error:
                self._break(line, error)
        place = replace(self.position, sequence=stored.sequence, hash=stored.hash)
        if not place.broken:
            self._digest = bytes.fromhex(stored.hash)
            place = replace(place, proven_hash=stored.hash)
        self.position = place
        return place

    def _walk_from(self, line: Line, header: Header | None) -> Walk:
        """The check of a segment from its header on: what must be before it."""
        number, taken = line.segment, self.position.sequence
        if self.position.broken:
            # Only the statement of the gateway itself leads back: a header as of any other segment could be made by
            # whoever broke the chain, and the lines between would not be missed.
            states_damage = header is not None and header.broken is not None
            return Walk(number, digest=self._digest if states_damage else _NO_HASH)
        if not taken and not self._digest:
            return Walk(number, digest=GENESIS, sequence=0) if number == 1 else Walk(number)
        if header is not None and header.first > taken + 1 and self._is_oldest(number):
            return Walk(number)
        return Walk(number, digest=self._digest, sequence=taken)

    def _is_oldest(self, number: int) -> bool:
        try:
            return not any(other < number for other in list_segments(self._folder))
        except OSError as error:
            raise ConfigError(f"the records cannot be read: {error.strerror}", file=str(self._folder)) from error

    def _break(self, line: Line, error: ChainError) -> None:
        if not self.position.broken:
            file = segment_path(self._folder, line.segment).name
            broken = str(Break(file, error.line, error.sequence, error.fault, error.detail))
            self.position = replace(self.position, broken=broken)


def _header_of(line: bytes) -> Header | None:
    try:
        return _decode_header(line)
    except DECODE_ERRORS:
        return None
