"""Scans: the units that answer on a connection, and the places that a unit has.

A scan takes turns with the polls of its connection and has one request under way. A unit that does not answer costs the
time-out of the connection. A range is read in pieces as large as the device allows. A piece that is refused is halved
until single places are left; neighbours with the same kind of answer are merged in the result. A piece without an answer,
or with a wrong one, is halved down to 16 places, and further only if its first or its last place is answered: each
request costs a time-out. After a number of them in a row the scan asks again for a place that was answered before, and
ends if that is silent too, or if there is none. Places that the plan forbids are not read, and the result lists them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sealbus.acquisition.blocks import read_pdu
from sealbus.acquisition.outcome import ExecutionOutcome, failed_step
from sealbus.acquisition.reading import limits_of, request_read
from sealbus.client import Failure
from sealbus.errors import LocalError
from sealbus.plant import CommandState, RangeFound, RegistersScanned, Step, UnitAnswer, UnitsScanned
from sealbus.protocol import ExceptionCode, Place, Table, parse_place, unpack_bits, unpack_words

if TYPE_CHECKING:
    from sealbus.acquisition.command_client import Answer, CommandClient
    from sealbus.acquisition.outcome import Execution
    from sealbus.acquisition.polled_connection import PolledConnection
    from sealbus.plant import DeviceLimits, ScanRegisters, ScanUnits

__all__ = ["scan_registers", "scan_units"]

_MAX_SILENCES: Final = 12
_COARSE: Final = 16
_ABSENT: Final = (ExceptionCode.GATEWAY_PATH_UNAVAILABLE, ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND)


async def scan_units(
    command: ScanUnits, execution: Execution, connection: PolledConnection, client: CommandClient
) -> ExecutionOutcome:
    """Execute a `ScanUnits`."""
    try:
        place = parse_place(command.place)
        pdu = read_pdu(place)
    except LocalError as error:
        return ExecutionOutcome(CommandState.REFUSED, str(error))
    if not connection.channel.open_lines:
        await connection.channel.open()
    units = range(command.first, command.last + 1)
    found: list[UnitAnswer] = []
    left_out: list[int] = []
    execution.found = lambda: UnitsScanned(units=tuple(found), requests=client.requests)
    for number, unit_id in enumerate(units, start=1):
        if limits_of(connection, unit_id).prohibition(place) is not None:
            left_out.append(unit_id)
            continue
        answer = await client.request(unit_id, pdu)
        if answer.failure is Failure.UNREACHABLE:
            return ExecutionOutcome(
                CommandState.FAILED, answer.text, failed_at=failed_step(answer, connection), found=execution.found()
            )
        if answer.failure is None and answer.exception not in _ABSENT:
            found.append(
                UnitAnswer(unit_id=unit_id, took_s=answer.took_s, exception=answer.exception, text=answer.text)
            )
        execution.progress(number, len(units), f"unit {unit_id}")
    reason = (
        f"{place} is forbidden in these units, so they were not read: {', '.join(map(str, left_out))}"
        if left_out
        else ""
    )
    return ExecutionOutcome(CommandState.DONE, reason, found=execution.found())


async def scan_registers(
    command: ScanRegisters, execution: Execution, connection: PolledConnection, client: CommandClient
) -> ExecutionOutcome:
    """Execute a `ScanRegisters`."""
    try:
        place = parse_place(command.place)
    except LocalError as error:
        return ExecutionOutcome(CommandState.REFUSED, str(error))
    scan = _Scan(place, limits_of(connection, command.unit_id))
    if scan.todo and not connection.channel.open_lines:
        await connection.channel.open()
    execution.found = lambda: RegistersScanned(ranges=scan.ranges(), requests=client.requests)
    outcome = ExecutionOutcome(CommandState.DONE)
    while scan.todo:
        if client.requests >= command.max_requests:
            outcome = ExecutionOutcome(
                CommandState.FAILED, f"not done with {command.max_requests} requests", failed_at=Step.VALUE
            )
            break
        piece = scan.todo.popleft()
        answer = await request_read(connection, client, command.unit_id, piece.place)
        scan.take(piece, answer)
        execution.progress(scan.done, place.count, str(piece.place))
        if scan.silences >= _MAX_SILENCES and scan.answered is not None:
            answer = await request_read(connection, client, command.unit_id, scan.answered)
            scan.silences = 0 if answer.data is not None else scan.silences
        if answer.failure is Failure.UNREACHABLE or scan.silences >= _MAX_SILENCES:
            outcome = ExecutionOutcome(CommandState.FAILED, answer.text, failed_at=failed_step(answer, connection))
            break
    return ExecutionOutcome(outcome.state, outcome.reason, outcome.failed_at, execution.found())


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """A part of the range; or one end of the piece `whole`, which had this answer."""

    place: Place
    whole: Place | None = None
    answer: Answer | None = None
    other_end: Place | None = None


class _Scan:
    def __init__(self, place: Place, limits: DeviceLimits) -> None:
        most, _ = limits.of_table(place.table)
        allowed, self._denied = limits.split_off(place)
        self.todo = deque(
            _Piece(Place(each.table, first, min(most, each.last + 1 - first)))
            for each in allowed
            for first in range(each.address, each.last + 1, most)
        )
        self.done = sum(each.count for each in self._denied)
        self.silences = 0
        """The requests in a row that were not answered."""
        self.answered: Place | None = None
        """A single place that was answered."""
        self._answers: list[tuple[Place, Answer]] = []

    def take(self, piece: _Piece, answer: Answer) -> None:
        miss = answer.miss
        self.silences = self.silences + 1 if miss is not None and miss.is_slow else 0
        if miss is None:
            self.answered = Place(piece.place.table, piece.place.address, 1)
        if piece.whole is not None and piece.answer is not None:
            if miss is None:
                self._halve(piece.whole)
            elif piece.other_end is not None:
                self.todo.appendleft(_Piece(piece.other_end, piece.whole, piece.answer))
            else:
                self._keep(piece.whole, piece.answer)
        elif miss is None or not miss.may_be_of_a_part or piece.place.count == 1:
            self._keep(piece.place, answer)
        elif miss.is_slow and 2 < piece.place.count <= _COARSE:
            table, first, last = piece.place.table, piece.place.address, piece.place.last
            self.todo.appendleft(_Piece(Place(table, first, 1), piece.place, answer, Place(table, last, 1)))
        else:
            self._halve(piece.place)

    def _halve(self, place: Place) -> None:
        left = place.count // 2
        self.todo.appendleft(_Piece(Place(place.table, place.address + left, place.count - left)))
        self.todo.appendleft(_Piece(Place(place.table, place.address, left)))

    def _keep(self, place: Place, answer: Answer) -> None:
        self.done += place.count
        self._answers.append((place, answer))

    def ranges(self) -> tuple[RangeFound, ...]:
        """All ranges by address: those read, neighbours with the same kind of answer merged, and those forbidden."""
        merged: list[tuple[Place, Answer, list[int]]] = []
        for piece, answer in self._answers:
            values = _values(piece, answer)
            if merged and _is_alike(merged[-1][1], answer) and merged[-1][0].last + 1 == piece.address:
                before = merged[-1][0]
                merged[-1] = (
                    Place(before.table, before.address, before.count + piece.count),
                    answer,
                    merged[-1][2] + values,
                )
            else:
                merged.append((piece, answer, values))
        found = {
            place.address: RangeFound(
                place=str(place), values=tuple(values), exception=answer.exception, text=answer.text
            )
            for place, answer, values in merged
        }
        denied = {each.address: RangeFound(place=str(each), text="not read: it is forbidden") for each in self._denied}
        return tuple(each for _, each in sorted({**found, **denied}.items()))


def _values(piece: Place, answer: Answer) -> list[int]:
    if answer.data is None:
        return []
    if piece.table in (Table.COILS, Table.DISCRETE):
        return [int(bit) for bit in unpack_bits(answer.data, piece.count)]
    return unpack_words(answer.data)


def _is_alike(one: Answer, other: Answer) -> bool:
    return (one.data is None, one.exception, one.failure) == (other.data is None, other.exception, other.failure)
