"""Reading tags once: the same requests, decoders and quality rules as in polling, without the state of polling.

A tag is read as the command has it, so that it can be tested before it is stored. The values go into the result of the
command and nowhere else. Polls are not affected.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from typing import TYPE_CHECKING, Final

from sealbus.acquisition.block_search import BlockSearch
from sealbus.acquisition.blocks import Block, read_pdu
from sealbus.acquisition.outcome import ExecutionOutcome, failed_step
from sealbus.acquisition.tag_states import LastRead, TagState
from sealbus.client import Failure
from sealbus.errors import ConfigError, Unreachable
from sealbus.plant import (
    CommandState,
    DeviceLimits,
    Step,
    ValueRead,
    ValuesRead,
    build_conversion,
    compile_tag,
    plan_blocks,
)
from sealbus.protocol import Table
from sealbus.samples import Quality, Reason, Sample

if TYPE_CHECKING:
    from sealbus.acquisition.command_client import Answer, CommandClient
    from sealbus.acquisition.outcome import Execution
    from sealbus.acquisition.polled_connection import PolledConnection
    from sealbus.plant import PlannedBlock, ReadNow, Tag, TagPlan
    from sealbus.protocol import Place

__all__ = ["limits_of", "read_now", "request_read"]

_MAX_TAGS: Final = 1000


def limits_of(connection: PolledConnection, unit_id: int) -> DeviceLimits:
    """The limits and forbidden places of this unit: those of all its devices in the plan, enabled or not.

    Raises ConfigError if a device of the plan cannot be used, because its forbidden places are not known then.
    """
    known = [DeviceLimits.of(device) for device in connection.plan.devices if device.unit_id == unit_id]
    if not known:
        return DeviceLimits()
    return dataclasses.replace(
        known[0],
        max_registers=min(each.max_registers for each in known),
        max_bits=min(each.max_bits for each in known),
        forbidden=tuple(place for each in known for place in each.forbidden),
    )


async def request_read(connection: PolledConnection, client: CommandClient, unit_id: int, place: Place) -> Answer:
    """Read a place. Where a device closed the connection at the request before, it is dialled without back-off, once."""
    answer = await client.request(unit_id, read_pdu(place))
    if answer.failure is not Failure.UNREACHABLE:
        return answer
    try:
        await connection.channel.open()
    except Unreachable:
        return answer
    return await client.request(unit_id, read_pdu(place))


async def read_now(
    command: ReadNow, execution: Execution, connection: PolledConnection, client: CommandClient
) -> ExecutionOutcome:
    """Execute a `ReadNow`."""
    if not 1 <= len(command.tags) <= _MAX_TAGS:
        return ExecutionOutcome(CommandState.REFUSED, f"{len(command.tags)} tags; give 1 to {_MAX_TAGS}")
    reading = _Reading(command, connection, client)
    execution.found = reading.found
    await reading.open()
    total = len(command.tags)
    while reading.todo:
        await reading.read(reading.todo.popleft())
        execution.progress(len(reading.values), total, "")
    found = reading.found()
    if any(value.quality != Quality.BAD for value in found.values) or reading.failed_at is None:
        return ExecutionOutcome(CommandState.DONE, found=found)
    return ExecutionOutcome(CommandState.FAILED, reading.reason, failed_at=reading.failed_at, found=found)


class _Reading:
    def __init__(self, command: ReadNow, connection: PolledConnection, client: CommandClient) -> None:
        self._connection = connection
        self._client = client
        self._command = command
        self._unit_id = command.unit_id
        self._began = client.channel.loop.time()
        self.values: dict[int, ValueRead] = {}
        self.failed_at: Step | None = None
        self.reason = ""
        self._is_silent = False
        """Whether the last block and parts of it were not answered: then no further block is searched."""
        limits = limits_of(connection, command.unit_id)
        tags = [tag for plan in command.tags if (tag := self._tag(plan, limits)) is not None]
        self.todo = deque(plan_blocks(tags, limits))

    def found(self) -> ValuesRead:
        """The values read so far, in the order of the command."""
        return ValuesRead(
            values=tuple(self.values[tag.id] for tag in self._command.tags if tag.id in self.values),
            requests=self._client.requests,
            took_s=self._client.channel.loop.time() - self._began,
        )

    async def open(self) -> None:
        """Dial at once if nothing is connected, without the back-off of the channel: the user wants the present state."""
        if not self._connection.channel.open_lines:
            await self._connection.channel.open()

    async def read(self, block: PlannedBlock) -> None:
        """Read one block. If it fails, its parts are read, unless the unit seems to answer nothing."""
        answer = await self._request(block)
        miss = answer.miss
        is_searched = miss is not None and miss.may_be_of_a_part and block.is_divisible
        if miss is None or not is_searched or (self._is_silent and not miss.is_refusal):
            self._take(block, answer)
            return
        answers = {block.tags: answer}
        search = BlockSearch(block, miss)
        while not search.is_done:
            ask = search.next()
            answer = await self._request(ask.planned)
            miss = answer.miss
            if ask.part_of is None:
                answers[ask.planned.tags] = answer
            if miss is None:
                search.answered(ask)
                if ask.part_of is None:
                    self._take(ask.planned, answer)
            elif (ended := search.missed(ask, miss)) is not None:
                self._take(ended[0], answers[ended[0].tags])
        self._is_silent = not search.has_answer and answer.exception is None

    async def _request(self, block: PlannedBlock) -> Answer:
        return await request_read(self._connection, self._client, self._unit_id, block.place)

    def _take(self, block: PlannedBlock, answer: Answer) -> None:
        states = [TagState(tag.plan, build_conversion(tag)) for tag in block.tags]
        run = Block(block, states, self._unit_id, LastRead())
        time_us = self._connection.dial_context.clock.now_us()
        # The time on the loop's clock is 0: these states end with the command, so nothing is repeated or grows stale.
        miss = answer.miss
        if miss is None:
            self._is_silent = False
            changes = run.take(answer.data or b"", time_us, 0.0)
        else:
            self._note(answer)
            changes = run.fail(miss.reason, time_us, 0.0)
        for change, tag in zip(changes, block.tags, strict=True):
            self.values[tag.plan.id] = _value(change, answer.text, _raw(answer.data, tag, block))

    def _note(self, answer: Answer) -> None:
        if self.failed_at is None:
            self.failed_at, self.reason = failed_step(answer, self._connection), answer.text

    def _tag(self, plan: TagPlan, limits: DeviceLimits) -> Tag | None:
        try:
            tag = compile_tag(plan)
            build_conversion(tag)
            if (objection := limits.objection(tag)) is not None:
                raise objection
        except ConfigError as error:
            time_us = self._connection.dial_context.clock.now_us()
            self.values[plan.id] = ValueRead(
                tag_id=plan.id,
                time_us=time_us,
                value=None,
                quality=Quality.BAD,
                reason=Reason.NOT_COLLECTED,
                text=str(error),
            )
            self.failed_at, self.reason = Step.VALUE, str(error)
            return None
        return tag


def _raw(data: bytes | None, tag: Tag, block: PlannedBlock) -> str:
    if data is None:
        return ""
    at = tag.place.address - block.place.address
    if tag.place.table in (Table.COILS, Table.DISCRETE):
        return f"{data[at // 8] >> at % 8 & 1:02x}"
    return data[2 * at : 2 * (at + tag.place.count)].hex()


def _value(sample: Sample, text: str, raw: str) -> ValueRead:
    return ValueRead(
        tag_id=sample.tag_id,
        time_us=sample.time_us,
        value=sample.value,
        quality=sample.quality,
        reason=sample.reason,
        raw=raw,
        text=text,
    )
