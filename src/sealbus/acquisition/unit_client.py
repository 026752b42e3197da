"""One question to one unit, awaited: what orders are made of.

A question goes through the same channel as the polls. What a person waits for is urgent and goes ahead of them; what
takes its time, such as a scan, takes turns with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sealbus.client import Failure, Transaction
from sealbus.errors import DeviceException
from sealbus.protocol import RawRequest

if TYPE_CHECKING:
    import asyncio

    from sealbus.client import Channel

__all__ = ["Answer", "UnitClient"]

_EXCEPTION_BIT: Final = 0x80
_PATIENCE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """Exactly one of `data` (behind the byte count), `exception` and `failure` is there."""

    took_s: float
    data: bytes | None = None
    exception: int | None = None
    failure: Failure | None = None
    detail: str = ""

    @property
    def text(self) -> str:
        """A sentence for what is not data."""
        if self.exception is not None:
            return str(DeviceException(self.exception))
        if self.failure is not None:
            return self.detail or self.failure.text
        return ""


class _Question(Transaction):
    __slots__ = ("future",)

    future: asyncio.Future[Answer]

    def finish(self, answer: bytes) -> None:
        if answer[5] & _EXCEPTION_BIT:
            self._end(Answer(0.0, exception=answer[6]))
        else:
            self._end(Answer(0.0, data=answer[7:]))

    def fail(self, failure: Failure, detail: str = "") -> None:
        self._end(Answer(0.0, failure=failure, detail=detail))

    def _end(self, answer: Answer) -> None:
        if not self.future.done():
            self.future.set_result(answer)


class _UrgentQuestion(_Question):
    __slots__ = ()

    is_urgent = True


class UnitClient:
    """Asks in the name of one order; `close` withdraws what has not been sent."""

    def __init__(self, channel: Channel, *, is_urgent: bool) -> None:
        self.channel = channel
        self._kind = _UrgentQuestion if is_urgent else _Question
        self.requests = 0

    async def ask(self, unit_id: int, pdu: bytes) -> Answer:
        """Send a request and wait for what comes of it, which is bounded by the channel's own deadlines."""
        loop = self.channel.loop
        began = loop.time()
        question = self._kind(self, RawRequest(bytes((unit_id,)) + pdu), began + _PATIENCE_S)
        question.future = loop.create_future()
        self.requests += 1
        self.channel.submit(question)
        answer = await question.future
        return Answer(loop.time() - began, answer.data, answer.exception, answer.failure, answer.detail)

    def close(self) -> None:
        """Whoever asked is gone."""
        self.channel.abandon(self)
