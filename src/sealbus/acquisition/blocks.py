"""One request that is sent again and again, and what its answers mean for the tags that it serves.

Most answers of most devices are the same as the ones before, byte by byte. Then nothing is decoded and no tag is
looked at; that is what makes ten thousand tags cheap. When bytes differ, all raw values are unpacked at once, and only
the tags whose own raw value differs are touched.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from sealbus.acquisition.decoder import build_decoder
from sealbus.errors import LocalError
from sealbus.protocol import MAX_COUNT_READ_BITS, MAX_COUNT_READ_REGISTERS, FunctionCode, RawRequest, Table
from sealbus.samples import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealbus.acquisition.planner import PlannedBlock
    from sealbus.acquisition.tag_states import TagState
    from sealbus.plant import Raw
    from sealbus.protocol import Place
    from sealbus.samples import Sample

__all__ = ["Block", "read_pdu"]

_FUNCTIONS: Final = {
    Table.COILS: FunctionCode.READ_COILS,
    Table.DISCRETE: FunctionCode.READ_DISCRETE_INPUTS,
    Table.HOLDING: FunctionCode.READ_HOLDING_REGISTERS,
    Table.INPUT: FunctionCode.READ_INPUT_REGISTERS,
}


def read_pdu(place: Place) -> bytes:
    """The request PDU that reads a place. Raises LocalError for one that is longer than a request can name."""
    most = MAX_COUNT_READ_BITS if place.table in (Table.COILS, Table.DISCRETE) else MAX_COUNT_READ_REGISTERS
    if place.count > most:
        raise LocalError(f"{place} is longer than one request can read; name no more than {most}")
    return bytes((_FUNCTIONS[place.table],)) + place.address.to_bytes(2, "big") + place.count.to_bytes(2, "big")


class Block:
    """A request of one unit and its tags. Samples that are to be told are appended to the list that is passed in."""

    __slots__ = (
        "_data",
        "_decode",
        "_raws",
        "_repeat_at",
        "_stale_after_s",
        "planned",
        "read_at",
        "read_us",
        "request",
        "states",
    )

    def __init__(self, planned: PlannedBlock, states: Sequence[TagState], unit_id: int) -> None:
        self.planned = planned
        self.states = tuple(states)
        self.request = RawRequest(bytes((unit_id,)) + read_pdu(planned.place))
        self._decode = build_decoder(planned)
        self._data: bytes | None = None
        self._raws: Sequence[Raw] | None = None
        self._repeat_at = 0.0
        self._stale_after_s = min(tag.stale_after_s for tag in planned.tags)
        self.read_at = -math.inf
        self.read_us = 0
        for state in self.states:
            state.block = self

    def begins(self, now: float, time_us: int, before: Block | None = None) -> None:
        """From now on its tags can grow stale, or rather from when they were last read in another block."""
        self.read_at, self.read_us = (before.read_at, before.read_us) if before else (now, time_us)

    def take(self, data: bytes, time_us: int, now: float, told: list[Sample]) -> None:
        """The device answered with `data`, which has the right length."""
        self.read_us, self.read_at = time_us, now
        if data != self._data:
            raws = self._decode(data)
            self._take_raws(raws, time_us, now, told)
            self._data, self._raws = data, raws
        if now >= self._repeat_at:
            self.repeat(now, told)

    def _take_raws(self, raws: Sequence[Raw], time_us: int, now: float, told: list[Sample]) -> None:
        before = self._raws
        if before is None:
            for state, raw in zip(self.states, raws, strict=True):
                if (sample := state.take(raw, time_us, now)) is not None:
                    told.append(sample)
            return
        for state, raw, last in zip(self.states, raws, before, strict=True):
            if raw != last and (sample := state.take(raw, time_us, now)) is not None:
                told.append(sample)

    def repeat(self, now: float, told: list[Sample]) -> None:
        """Say again what has not been said for its time."""
        samples = (state.repeat(self.read_us, now) for state in self.states)
        told.extend(sample for sample in samples if sample is not None)
        self._repeat_at = min(state.repeat_at for state in self.states)

    def fail(self, reason: Reason, time_us: int, now: float, told: list[Sample]) -> None:
        """There is no answer, or a refusal."""
        self._data = self._raws = None
        samples = (state.fail(reason, time_us, now) for state in self.states)
        told.extend(sample for sample in samples if sample is not None)

    def fail_undecoded(self, error: Exception, time_us: int, now: float, told: list[Sample]) -> None:
        """There is an answer, and an error of ours in decoding it."""
        for state in self.states:
            state.record_bug(error)
        self.fail(Reason.NOT_DECODABLE, time_us, now, told)

    def sweep(self, now: float, told: list[Sample]) -> None:
        """Once in a while: what has not been read for too long is stale."""
        age_s = now - self.read_at
        if age_s < self._stale_after_s:
            return
        for state, tag in zip(self.states, self.planned.tags, strict=True):
            if age_s >= tag.stale_after_s and (sample := state.grow_stale(self.read_us, now)) is not None:
                told.append(sample)
                self._data = self._raws = None  # so that the next answer makes it good again
