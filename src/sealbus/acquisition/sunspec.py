"""SunSpec discovery: the chain of models of a device, and their registers.

SunSpec Information Model Specification, "Device information model": one of the base addresses holds "SunS". After it come
the models, each with its id and the number of its registers, up to the end model, 0xFFFF. The registers of each model
are read too, because names, scale factors and unimplemented points are in them: in pieces as large as the device allows,
and in halves of a piece that it refuses or leaves unanswered. A base without an answer does not end the search: many
devices are silent outside of their map.
Places that the plan forbids are not read: a forbidden base is skipped, a model ends before a forbidden register, and a
chain whose next model is at a forbidden place ends there. This module does not interpret the points of a model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sealbus.acquisition.outcome import ExecutionOutcome, failed_step
from sealbus.acquisition.reading import limits_of, request_read
from sealbus.plant import CommandState, ModelFound, Step, SunSpecFound
from sealbus.protocol import ADDRESS_SPACE, Place, Table, unpack_words

if TYPE_CHECKING:
    from sealbus.acquisition.command_client import Answer, CommandClient
    from sealbus.acquisition.outcome import Execution
    from sealbus.acquisition.polled_connection import PolledConnection
    from sealbus.plant import DeviceLimits, DiscoverSunSpec

__all__ = ["discover"]

_SUNS: Final = b"SunS"
_ENDS: Final = (0xFFFF, 0)  # the end model; no model has the id 0, with which some devices end
_HEAD: Final = 2
_MAX_MODELS: Final = 200


async def discover(
    command: DiscoverSunSpec, execution: Execution, connection: PolledConnection, client: CommandClient
) -> ExecutionOutcome:
    """Execute a `DiscoverSunSpec`."""
    limits = limits_of(connection, command.unit_id)
    if not connection.channel.open_lines:
        await connection.channel.open()
    chain = _Chain(command.unit_id, limits, connection, client)
    skipped: list[int] = []
    answers: dict[int, Answer] = {}
    for base in command.bases:
        if limits.prohibition(Place(Table.HOLDING, base, _HEAD)) is not None:
            skipped.append(base)
            continue
        answer = answers[base] = await chain.request(base, _HEAD)
        if answer.data == _SUNS:
            return await _follow(chain, base, execution, connection)
        if answer.failure is not None and not answer.failure.was_sent:
            return ExecutionOutcome(CommandState.FAILED, answer.text, failed_at=failed_step(answer, connection))
    return _not_found(answers, skipped, connection)


def _not_found(answers: dict[int, Answer], skipped: list[int], connection: PolledConnection) -> ExecutionOutcome:
    """Whether the device has no SunSpec at these bases, or did not answer at any of them."""
    without = [str(base) for base, answer in answers.items() if answer.failure is None]
    reasons = [f'there is no "SunS" at {", ".join(without)}'] if without else []
    reasons += [f"{base}: {answer.text}" for base, answer in answers.items() if answer.failure is not None]
    if not answers:
        reasons = ["no base was read"]
    if skipped:
        reasons.append(f"{', '.join(map(str, skipped))} is forbidden and was not read")
    silent = [answer for answer in answers.values() if answer.failure is not None]
    step = failed_step(silent[-1], connection) if silent and not without else Step.VALUE
    return ExecutionOutcome(CommandState.FAILED, "; ".join(reasons), failed_at=step)


async def _follow(chain: _Chain, base: int, execution: Execution, connection: PolledConnection) -> ExecutionOutcome:
    models: list[ModelFound] = []
    execution.found = lambda: SunSpecFound(base=base, models=tuple(models))
    at = base + _HEAD
    for number in range(_MAX_MODELS):
        execution.progress(number, 0, f"holding:{at}")
        if (prohibition := chain.limits.prohibition(Place(Table.HOLDING, at, _HEAD))) is not None:
            reason = f"the chain of models ends early: {prohibition.problem}"
            return ExecutionOutcome(CommandState.FAILED, reason, failed_at=Step.RULES, found=execution.found())
        head = await chain.request(at, _HEAD)
        if head.data is None:
            if head.exception is not None and await chain.ends_with_one_register(at):
                return ExecutionOutcome(CommandState.DONE, found=execution.found())
            reason = f"the chain of models ends early at holding:{at}: {head.text}"
            return ExecutionOutcome(
                CommandState.FAILED, reason, failed_at=failed_step(head, connection), found=execution.found()
            )
        model_id, length = unpack_words(head.data)
        if model_id in _ENDS:
            return ExecutionOutcome(CommandState.DONE, found=execution.found())
        if at + _HEAD + length > ADDRESS_SPACE - _HEAD:
            break
        registers = await chain.read(at + _HEAD, length)
        models.append(
            ModelFound(
                model_id=model_id, address=at, length=length, registers=registers, complete=len(registers) == length
            )
        )
        at += _HEAD + length
    return ExecutionOutcome(
        CommandState.FAILED, "the chain of models has no end", failed_at=Step.VALUE, found=execution.found()
    )


class _Chain:
    def __init__(self, unit_id: int, limits: DeviceLimits, connection: PolledConnection, client: CommandClient) -> None:
        self._unit_id = unit_id
        self._connection = connection
        self.limits = limits
        self._client = client
        self._piece = limits.max_registers

    async def request(self, address: int, count: int) -> Answer:
        place = Place(Table.HOLDING, address, count)
        return await request_read(self._connection, self._client, self._unit_id, place)

    async def ends_with_one_register(self, address: int) -> bool:
        """Whether the end is here, in a device without the length that follows the id."""
        answer = await self.request(address, 1)
        return answer.data is not None and unpack_words(answer.data)[0] in _ENDS

    async def read(self, address: int, count: int) -> tuple[int, ...]:
        """The registers up to the first that is forbidden or cannot be read.

        A device may answer fewer registers at once than configured, with any failure for more. So a piece that fails is
        halved, and the rest of the chain is read in pieces of that size. Where a single register fails, the size was not
        the reason, and the next model is read in large pieces again.
        """
        registers: list[int] = []
        readable = _readable(self.limits, address, count)
        while len(registers) < readable:
            piece = min(self._piece, readable - len(registers))
            answer = await self.request(address + len(registers), piece)
            if answer.data is not None:
                registers += unpack_words(answer.data)
                continue
            if piece == 1 or answer.miss is None or not answer.miss.may_be_of_a_part:
                self._piece = self.limits.max_registers
                break
            self._piece = piece // 2
        return tuple(registers)


def _readable(limits: DeviceLimits, address: int, count: int) -> int:
    """The number of registers before the first forbidden one."""
    if count == 0:
        return 0
    _, denied = limits.split_off(Place(Table.HOLDING, address, count))
    return denied[0].address - address if denied else count
