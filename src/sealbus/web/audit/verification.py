"""Verification of the audit: the whole chain in order, in bounded memory, up to the first fault.

It shows that no entry before a noted head was changed, removed or added. An attacker who can write to the database
without its triggers could compute the chain again or cut off its end; heads noted elsewhere (`checkpoints`, exports,
syslog) show that, so they are compared too.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sealbus.web.audit.chain import FIRST_HASH, hash_of
from sealbus.web.audit.models import ChainHead, Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["ChainReport", "Fault", "Finding", "Head", "verify_chain"]

_AT_ONCE = 2_000


class Fault(StrEnum):
    """The kinds of faults."""

    GAP = "gap"
    """An entry is missing."""
    CHANGED = "changed"
    """The content of an entry does not match its hash."""
    PREVIOUS = "wrong previous"
    """An entry does not name the hash of the one before."""
    HEAD = "head mismatch"
    """The head of the chain does not name the last entry."""
    NOTED = "not as noted"
    """An entry whose hash was noted elsewhere is missing, or has another hash."""


@dataclass(frozen=True, slots=True)
class Head:
    """An entry by its number and hash."""

    sequence: int
    hash: str

    def __str__(self) -> str:
        """The form in which it is noted."""
        return f"{self.sequence}:{self.hash}"


@dataclass(frozen=True, slots=True)
class Finding:
    """The first fault: the number of the entry, the kind, and a text."""

    sequence: int
    fault: Fault
    detail: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """`entries` were good, up to the first `finding`; the chain ends at `head`."""

    entries: int
    head: Head
    finding: Finding | None = None

    @property
    def good(self) -> bool:
        """Whether there is no finding."""
        return self.finding is None


def verify_chain(noted: Iterable[Head] = (), progress: Callable[[int, int], None] | None = None) -> ChainReport:
    """Verify the chain up to its head at the start of this call. `progress` gets the number done and the total."""
    row = ChainHead.objects.first() or ChainHead(sequence=0, hash=FIRST_HASH)
    head = Head(row.sequence, row.hash)
    wanted = {each.sequence: each for each in noted}
    hash_before, good = FIRST_HASH, 0
    for entry in _entries(head.sequence):
        finding = _judge(entry, good + 1, hash_before) or _compare(wanted.pop(entry.sequence, None), entry)
        if finding is not None:
            return ChainReport(good, head, finding)
        hash_before, good = entry.hash, entry.sequence
        if progress is not None and good % _AT_ONCE == 0:
            progress(good, head.sequence)
    return ChainReport(good, head, _judge_end(Head(good, hash_before), head) or _missing(wanted, good))


def _entries(up_to: int) -> Iterator[Entry]:
    after = 0
    while True:
        found = list(Entry.objects.filter(sequence__gt=after, sequence__lte=up_to).order_by("sequence")[:_AT_ONCE])
        yield from found
        if len(found) < _AT_ONCE:
            return
        after = found[-1].sequence


def _judge(entry: Entry, expected: int, hash_before: str) -> Finding | None:
    if entry.sequence != expected:
        missing = f"{expected}" if entry.sequence == expected + 1 else f"{expected} to {entry.sequence - 1}"
        return Finding(expected, Fault.GAP, f"missing: {missing}")
    if entry.previous_hash != hash_before:
        return Finding(expected, Fault.PREVIOUS, "its previous hash is not the hash of the entry before it")
    if hash_of(entry, hash_before) != entry.hash:
        return Finding(expected, Fault.CHANGED, "its content does not match its hash")
    return None


def _judge_end(end: Head, head: Head) -> Finding | None:
    if end == head:
        if not Entry.objects.filter(sequence__gt=head.sequence).exists() or _has_moved(head):
            return None
        return Finding(head.sequence + 1, Fault.HEAD, f"there are entries after {head.sequence}, the head of the chain")
    if end.sequence < head.sequence:
        return Finding(end.sequence + 1, Fault.HEAD, f"entries are missing at the end: the head is {head.sequence}")
    return Finding(end.sequence, Fault.HEAD, "the head of the chain names another hash")


def _has_moved(head: Head) -> bool:
    """Whether entries were added since, in the regular way."""
    return ChainHead.objects.filter(sequence__gt=head.sequence).exists()


def _compare(noted: Head | None, entry: Entry) -> Finding | None:
    if noted is None or noted.hash == entry.hash:
        return None
    return Finding(entry.sequence, Fault.NOTED, f"its hash was noted as {noted.hash}")


def _missing(wanted: dict[int, Head], last: int) -> Finding | None:
    beyond = min((sequence for sequence in wanted if sequence > last), default=None)
    if beyond is None:
        return None
    return Finding(last + 1, Fault.NOTED, f"entry {beyond} was noted, but the chain ends at {last}")
