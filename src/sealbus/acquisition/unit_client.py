"""One request to one unit, awaited: commands consist of these.

A request goes through the same channel as the polls. A request that a user waits for is urgent and goes ahead of them;
those of a long command, such as a scan, take turns with them.
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
    """Exactly one of `data` (the bytes after the byte count), `exception` and `failure` is set."""

    took_s: float
    data: bytes | None = None
    exception: int | None = None
    failure: Failure | None = None
    detail: str = ""

    @property
    def text(self) -> str:
        """A sentence for an exception or a failure."""
        if self.exception is not None:
            return str(DeviceException(self.exception))
        if self.failure is not None:
            return self.detail or self.failure.text
        return ""


class _Read(Transaction):
    __slots__ = ("_future",)

    def __init__(self, source: UnitClient, request: RawRequest, send_by: float, future: asyncio.Future[Answer]) -> None:
        super().__init__(source, request, send_by)
        self._future = future

    def settle(self, answer: bytes) -> None:
        if answer[5] & _EXCEPTION_BIT:
            self._end(Answer(0.0, exception=answer[6]))
        else:
            self._end(Answer(0.0, data=answer[7:]))

    def fail(self, failure: Failure, detail: str = "") -> None:
        self._end(Answer(0.0, failure=failure, detail=detail))

    def _end(self, answer: Answer) -> None:
        if not self._future.done():
            self._future.set_result(answer)


class _UrgentRead(_Read):
    __slots__ = ()

    is_urgent = True


class UnitClient:
    """Sends the requests of one command; `close` withdraws those that were not sent yet."""

    def __init__(self, channel: Channel, *, is_urgent: bool) -> None:
        self.channel = channel
        self._kind = _UrgentRead if is_urgent else _Read
        self.requests = 0

    async def ask(self, unit_id: int, pdu: bytes) -> Answer:
        """Send a request and wait for its end. The deadlines of the channel bound the wait."""
        loop = self.channel.loop
        began = loop.time()
        future: asyncio.Future[Answer] = loop.create_future()
        self.requests += 1
        self.channel.submit(self._kind(self, RawRequest(bytes((unit_id,)) + pdu), began + _PATIENCE_S, future))
        answer = await future
        return Answer(loop.time() - began, answer.data, answer.exception, answer.failure, answer.detail)

    def close(self) -> None:
        """The command has ended."""
        self.channel.abandon(self)
