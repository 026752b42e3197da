"""SunSpec discovery: the chain of models of a device, and what stands in them.

SunSpec Information Model Specification, "Device information model": at one of the base addresses stands "SunS", behind
it models one after the other, each with its id and the number of its registers, up to the end model, 0xFFFF. The
bodies are read too, in pieces as large as the device gives, because names, scale factors and what is not implemented
stand in them. What the points of a model mean is for whoever asked: the models are data, not code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sealbus.acquisition.blocks import read_pdu
from sealbus.acquisition.orders import ModelFound, OrderState, Step, SunSpecFound
from sealbus.acquisition.outcome import Outcome, failed_step
from sealbus.acquisition.reading import limits_of
from sealbus.protocol import ADDRESS_SPACE, Place, Table, unpack_words

if TYPE_CHECKING:
    from sealbus.acquisition.asking import Answer, Asker
    from sealbus.acquisition.link import Link
    from sealbus.acquisition.orders import DiscoverSunSpec
    from sealbus.acquisition.outcome import Errand

__all__ = ["discover"]

_SUNS: Final = b"SunS"
_END: Final = 0xFFFF
_HEAD: Final = 2
_MOST_MODELS: Final = 200


async def discover(order: DiscoverSunSpec, errand: Errand, link: Link, asker: Asker) -> Outcome:
    """Carry out a `DiscoverSunSpec`."""
    if not link.channel.open_lines:
        await link.channel.open()
    chain = _Chain(order.unit_id, limits_of(link, order.unit_id).max_registers, asker)
    last: Answer | None = None
    for base in order.bases:
        last = await chain.ask(base, _HEAD)
        if last.data == _SUNS:
            return await _follow(chain, base, errand, link)
        if last.failure is not None:
            return Outcome(OrderState.FAILED, last.text, failed_at=failed_step(last, link))
    bases = ", ".join(map(str, order.bases))
    return Outcome(OrderState.FAILED, f'there is no "SunS" at {bases}', failed_at=Step.VALUE)


async def _follow(chain: _Chain, base: int, errand: Errand, link: Link) -> Outcome:
    models: list[ModelFound] = []
    errand.found = lambda: SunSpecFound(base=base, models=tuple(models))
    at = base + _HEAD
    for number in range(_MOST_MODELS):
        errand.progress(number, 0, f"holding:{at}")
        head = await chain.ask(at, _HEAD)
        if head.data is None:
            # A device that ends its chain by the end of its registers says so with exception 02; the text asks for FFFF.
            reason = f"the chain of models breaks off at holding:{at}: {head.text}"
            return Outcome(OrderState.FAILED, reason, failed_at=failed_step(head, link), found=errand.found())
        model_id, length = unpack_words(head.data)
        if model_id == _END:
            return Outcome(OrderState.DONE, found=errand.found())
        if at + _HEAD + length > ADDRESS_SPACE - _HEAD:
            break
        registers = await chain.read(at + _HEAD, length)
        models.append(
            ModelFound(
                model_id=model_id, address=at, length=length, registers=registers, complete=len(registers) == length
            )
        )
        at += _HEAD + length
    return Outcome(OrderState.FAILED, "the chain of models has no end", failed_at=Step.VALUE, found=errand.found())


class _Chain:
    def __init__(self, unit_id: int, most: int, asker: Asker) -> None:
        self._unit_id = unit_id
        self._most = most
        self._asker = asker

    async def ask(self, address: int, count: int) -> Answer:
        return await self._asker.ask(self._unit_id, read_pdu(Place(Table.HOLDING, address, count)))

    async def read(self, address: int, count: int) -> tuple[int, ...]:
        """As many registers as can be read up to the first piece that cannot."""
        registers: list[int] = []
        while len(registers) < count:
            answer = await self.ask(address + len(registers), min(self._most, count - len(registers)))
            if answer.data is None:
                break
            registers += unpack_words(answer.data)
        return tuple(registers)
