"""Where did the last run stop, and how does the chain continue?

The last segment is read and its chain followed. After the last good line there is one of three things.

* Nothing, or zero bytes: the next line goes there.
* Bytes without a complete line: a write that a crash interrupted. They are dropped, and a record states how many.
* More complete lines, or a changed line: damage. Nothing is repaired or deleted. A new segment is begun, whose header
  names the place of the break and follows the last good hash; the verification reports the break for as long as the
  damaged segment is kept.

A power failure may leave a hole in unsynced bytes, with complete lines after it; that is the third case as well.
Writes without an outcome are searched in the last two segments, so that each gets the outcome unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from sealbus.records.chain import GENESIS, BrokenAt, Stamp
from sealbus.records.segments import DECODE_ERRORS, ChainError, Walk, list_segments, read_bytes, segment_path

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Tip", "find_tip"]

_WHOLE_LINE_END = b'"}\n'
_ABOUT_WRITES = b',"kind":"write_'

_decode_stamp = msgspec.json.Decoder(Stamp).decode


@dataclass(frozen=True, slots=True)
class Tip:
    """The end of the chain. `segment` is the number of the last one, 0 if there is none.

    `can_continue`: that segment can be continued, at byte `end`, with remains up to byte `dirty_end`.
    """

    segment: int = 0
    can_continue: bool = False
    end: int = 0
    dirty_end: int = 0
    sequence: int = 0
    digest: bytes = GENESIS
    dropped_bytes: int = 0
    was_closed: bool = True
    broken: BrokenAt | None = None
    open_writes: tuple[int, ...] = ()


def find_tip(directory: Path) -> Tip:
    """Read the end of the chain. Removes a last segment without a header, and counts it in `dropped_bytes`.

    Raises OSError.
    """
    numbers = list_segments(directory)
    if not numbers:
        return Tip()
    open_writes = _find_open_writes(directory, numbers[-2:])
    broken: BrokenAt | None = None
    last = lines_behind = dropped_bytes = 0
    for number in reversed(numbers):
        data = read_bytes(directory, number)
        walk = Walk(number)
        closed, problem = _follow(walk, data)
        remains = data[walk.offset :].rstrip(b"\0")
        if problem is not None and _WHOLE_LINE_END in remains:
            broken = broken or BrokenAt(number, problem.line, problem.detail)
            lines_behind += remains.count(b"\n")
        elif broken is None:
            dropped_bytes += len(remains)
            if walk.header is None:
                segment_path(directory, number).unlink()
                continue
        last = last or number
        if walk.header is not None:
            return Tip(
                segment=last,
                can_continue=broken is None,
                end=walk.offset,
                dirty_end=walk.offset + len(remains),
                sequence=(walk.sequence or 0) + lines_behind,
                digest=walk.digest or GENESIS,
                dropped_bytes=dropped_bytes,
                was_closed=closed and not dropped_bytes and broken is None,
                broken=broken,
                open_writes=open_writes,
            )
    return Tip(
        segment=last,
        sequence=lines_behind,
        dropped_bytes=dropped_bytes,
        was_closed=not (dropped_bytes or broken),
        broken=broken,
    )


def _follow(walk: Walk, data: bytes) -> tuple[bool, ChainError | None]:
    """Whether the log was closed in order, and where the chain breaks."""
    last = ""
    try:
        for stamp, _ in walk.follow(data):
            last = stamp.kind
    except ChainError as error:
        return False, error
    return last == "stopped" or walk.offset == len(data), None


def _find_open_writes(directory: Path, numbers: list[int]) -> tuple[int, ...]:
    open_writes: dict[int, None] = {}
    for number in numbers:
        for line in read_bytes(directory, number).split(b"\n"):
            if _ABOUT_WRITES not in line[:100]:
                continue
            try:
                stamp = _decode_stamp(line)
            except DECODE_ERRORS:
                continue
            if stamp.kind == "write_requested":
                open_writes[stamp.sequence] = None
            else:
                open_writes.pop(stamp.request, None)
    return tuple(open_writes)
