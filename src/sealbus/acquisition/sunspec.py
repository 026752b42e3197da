"""SunSpec discovery: the chain of models of a device, and what stands in them.

SunSpec Information Model Specification, "Device information model": at one of the base addresses stands "SunS", behind
it models one after the other, each with its id and the number of its registers, up to the end model, 0xFFFF. The
bodies are read too, in pieces as large as the device gives, because names, scale factors and what is not implemented
stand in them. What the plan forbids of a unit is not read: a base there is passed over, a body ends before it, and a
chain whose next model stands there breaks off. What the points of a model mean is for whoever asked: the models are
data, not code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sealbus.acquisition.blocks import read_pdu
from sealbus.acquisition.outcome import Outcome, failed_step
from sealbus.acquisition.reading import limits_of
from sealbus.plant import CommandState, ModelFound, Step, SunSpecFound
from sealbus.protocol import ADDRESS_SPACE, Place, Table, unpack_words

if TYPE_CHECKING:
    from sealbus.acquisition.outcome import Execution
    from sealbus.acquisition.planner import DeviceLimits
    from sealbus.acquisition.polled_connection import PolledConnection
    from sealbus.acquisition.unit_client import Answer, UnitClient
    from sealbus.plant import DiscoverSunSpec

__all__ = ["discover"]

_SUNS: Final = b"SunS"
_END: Final = 0xFFFF
_HEAD: Final = 2
_MOST_MODELS: Final = 200


async def discover(
    command: DiscoverSunSpec, execution: Execution, link: PolledConnection, asker: UnitClient
) -> Outcome:
    """Carry out a `DiscoverSunSpec`."""
    limits = limits_of(link, command.unit_id)
    if not link.channel.open_lines:
        await link.channel.open()
    chain = _Chain(command.unit_id, limits, asker)
    passed: list[str] = []
    for base in command.bases:
        if limits.prohibition(Place(Table.HOLDING, base, _HEAD)) is not None:
            passed.append(str(base))
            continue
        last = await chain.ask(base, _HEAD)
        if last.data == _SUNS:
            return await _follow(chain, base, execution, link)
        if last.failure is not None:
            return Outcome(CommandState.FAILED, last.text, failed_at=failed_step(last, link))
    asked = ", ".join(str(base) for base in command.bases if str(base) not in passed)
    reason = f'there is no "SunS" at {asked}' if asked else "nowhere was looked"
    unasked = f"; {', '.join(passed)} is forbidden and was not read" if passed else ""
    return Outcome(CommandState.FAILED, reason + unasked, failed_at=Step.VALUE)


async def _follow(chain: _Chain, base: int, execution: Execution, link: PolledConnection) -> Outcome:
    models: list[ModelFound] = []
    execution.found = lambda: SunSpecFound(base=base, models=tuple(models))
    at = base + _HEAD
    for number in range(_MOST_MODELS):
        execution.progress(number, 0, f"holding:{at}")
        if (prohibition := chain.limits.prohibition(Place(Table.HOLDING, at, _HEAD))) is not None:
            reason = f"the chain of models breaks off: {prohibition.problem}"
            return Outcome(CommandState.FAILED, reason, failed_at=Step.RULES, found=execution.found())
        head = await chain.ask(at, _HEAD)
        if head.data is None:
            # A device that ends its chain by the end of its registers says so with exception 02; the text asks for FFFF.
            reason = f"the chain of models breaks off at holding:{at}: {head.text}"
            return Outcome(CommandState.FAILED, reason, failed_at=failed_step(head, link), found=execution.found())
        model_id, length = unpack_words(head.data)
        if model_id == _END:
            return Outcome(CommandState.DONE, found=execution.found())
        if at + _HEAD + length > ADDRESS_SPACE - _HEAD:
            break
        registers = await chain.read(at + _HEAD, length)
        models.append(
            ModelFound(
                model_id=model_id, address=at, length=length, registers=registers, complete=len(registers) == length
            )
        )
        at += _HEAD + length
    return Outcome(CommandState.FAILED, "the chain of models has no end", failed_at=Step.VALUE, found=execution.found())


class _Chain:
    def __init__(self, unit_id: int, limits: DeviceLimits, asker: UnitClient) -> None:
        self._unit_id = unit_id
        self.limits = limits
        self._asker = asker

    async def ask(self, address: int, count: int) -> Answer:
        return await self._asker.ask(self._unit_id, read_pdu(Place(Table.HOLDING, address, count)))

    async def read(self, address: int, count: int) -> tuple[int, ...]:
        """As many registers as can be read up to the first piece that cannot, or must not."""
        registers: list[int] = []
        readable = _readable(self.limits, address, count)
        while len(registers) < readable:
            piece = min(self.limits.max_registers, readable - len(registers))
            answer = await self.ask(address + len(registers), piece)
            if answer.data is None:
                break
            registers += unpack_words(answer.data)
        return tuple(registers)


def _readable(limits: DeviceLimits, address: int, count: int) -> int:
    """How many registers come before the first that is forbidden."""
    if count == 0:
        return 0
    _, denied = limits.cut(Place(Table.HOLDING, address, count))
    return denied[0].address - address if denied else count
