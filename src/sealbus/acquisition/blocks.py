"""One request that is sent in each round, and the changes of tags that follow from its answers.

Most answers of most devices are the same as the ones before, byte by byte. Then nothing is decoded and no tag is
compared; that makes ten thousand tags cheap. When bytes differ, all raw values are unpacked in one step, and only
the tags whose own raw value differs are touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sealbus.acquisition.decoder import build_decoder
from sealbus.errors import LocalError
from sealbus.protocol import MAX_COUNT_READ_BITS, MAX_COUNT_READ_REGISTERS, READ_TABLES, Table, WireRequest
from sealbus.samples import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sealbus.acquisition.tag_states import LastRead, TagState
    from sealbus.plant import PlannedBlock, Raw
    from sealbus.protocol import Place
    from sealbus.samples import Sample

__all__ = ["Block", "read_pdu"]

_FIRST_SEARCH_S: Final = 60.0
_LAST_SEARCH_S: Final = 600.0
_FUNCTIONS: Final = {table: function_code for function_code, table in READ_TABLES.items()}


def read_pdu(place: Place) -> bytes:
    """The request PDU that reads a place. Raises LocalError for one that is longer than a request can name."""
    most = MAX_COUNT_READ_BITS if place.table in (Table.COILS, Table.DISCRETE) else MAX_COUNT_READ_REGISTERS
    if place.count > most:
        raise LocalError(f"{place} is longer than one request can read; name no more than {most}")
    return bytes((_FUNCTIONS[place.table],)) + place.address.to_bytes(2, "big") + place.count.to_bytes(2, "big")


class Block:
    """A request of one unit and its tags.

    `last_read` is that of the block which read these tags before, also where that was split or merged: a tag must not count
    as just read, nor as never read, because its block is a new one. All tags of the block share it from now on.
    """

    __slots__ = (
        "_data",
        "_decode",
        "_raws",
        "_repeat_at",
        "_stale_after_s",
        "failed_at",
        "failures",
        "is_proven",
        "last_read",
        "planned",
        "request",
        "search_at",
        "search_wait_s",
        "states",
    )

    def __init__(self, planned: PlannedBlock, states: Sequence[TagState], unit_id: int, last_read: LastRead) -> None:
        self.planned = planned
        self.states = tuple(states)
        self.request = WireRequest(bytes((unit_id,)) + read_pdu(planned.place))
        self._decode = build_decoder(planned)
        self._data: bytes | None = None
        self._raws: Sequence[Raw] | None = None
        self._repeat_at = 0.0
        self._stale_after_s = min(tag.stale_after_s for tag in planned.tags)
        self.last_read = last_read
        self.is_proven = False
        """Whether it was answered as this block."""
        self.failures = 0
        """How often it was not, since the last answer."""
        self.failed_at = 0.0
        """When it was not, on the loop's clock; 0: the last time it was answered."""
        self.search_at = self.search_wait_s = 0.0
        """From when on a failure may begin a search for the place that causes it (see `splitting`)."""
        self.attach()

    def attach(self) -> None:
        """This is the block that reads its tags from now on."""
        for state in self.states:
            state.attach(self.last_read)

    def forget(self) -> None:
        """Its tags may be changed by other blocks: decode the next answer even if it is the same."""
        self._data = self._raws = None

    def postpone_search(self, now: float) -> None:
        """A search found nothing: wait twice as long as before until the next one."""
        self.search_wait_s = min(2 * self.search_wait_s, _LAST_SEARCH_S) if self.search_wait_s else _FIRST_SEARCH_S
        self.search_at = now + self.search_wait_s

    def take(self, data: bytes, time_us: int, now: float) -> list[Sample]:
        """The device answered with `data`, which has the right length."""
        last_read = self.last_read
        last_read.at, last_read.time_us = now, time_us
        if data == self._data:
            changes = []
        else:
            raws, before = self._decode(data), self._raws
            if before is None:
                changes = _only(state.take(raw, time_us, now) for state, raw in zip(self.states, raws, strict=True))
            else:
                changes = [
                    change
                    for state, raw, last in zip(self.states, raws, before, strict=True)
                    if raw != last and (change := state.take(raw, time_us, now)) is not None
                ]
            self._data, self._raws = data, raws
            # Only here, because the data of an answer after a failure always counts as other data.
            self.is_proven = True
            self.failures, self.failed_at, self.search_at, self.search_wait_s = 0, 0.0, 0.0, 0.0
        if now >= self._repeat_at:
            changes += self.repeat(now)
        return changes

    def repeat(self, now: float) -> list[Sample]:
        """The tags that are due to be reported again."""
        changes = _only(state.repeat(now) for state in self.states)
        self._repeat_at = min(state.repeat_at for state in self.states)
        return changes

    def fail(self, reason: Reason, time_us: int, now: float) -> list[Sample]:
        """There is no answer, or an exception."""
        self.forget()
        return _only(state.fail(reason, time_us, now) for state in self.states)

    def fail_undecoded(self, error: Exception, time_us: int, now: float) -> list[Sample]:
        """There is an answer, and decoding it met an unforeseen error."""
        for state in self.states:
            state.record_bug(error)
        return self.fail(Reason.NOT_DECODABLE, time_us, now)

    def sweep(self, now: float) -> list[Sample]:
        """Once in a while: tags that were not read for too long become stale."""
        age_s = now - self.last_read.at
        if age_s < self._stale_after_s:
            return []
        changes = _only(
            state.grow_stale(now)
            for state, tag in zip(self.states, self.planned.tags, strict=True)
            if now - state.last_read.at >= tag.stale_after_s  # that of a part of this block, while it is searched
        )
        if changes:
            self.forget()  # so that the next answer makes them good again
        return changes


def _only(changes: Iterable[Sample | None]) -> list[Sample]:
    return [change for change in changes if change is not None]
