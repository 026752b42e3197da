"""One request to one unit, awaited: commands consist of these.

A request goes through the same channel as the polls. A request that a user waits for is urgent and goes ahead of them;
those of a long command, such as a scan, take turns with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sealbus.acquisition.reasons import Miss, miss_of_exception, miss_of_failure
from sealbus.client import Failure, Transaction
from sealbus.errors import DeviceException
from sealbus.protocol import ANSWER_DATA_AT, ANSWER_FUNCTION_AT, EXCEPTION_BIT, WireRequest
from sealbus.samples import Reason

if TYPE_CHECKING:
    import asyncio

    from sealbus.client import Channel

__all__ = ["Answer", "CommandClient"]

_SEND_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of a request. Exactly one of `data` (after the byte count), `exception` and `failure` is set."""

    took_s: float
    data: bytes | None = None
    exception: int | None = None
    failure: Failure | None = None
    detail: str = ""

    @property
    def text(self) -> str:
        """The reason why there is no data, as a sentence."""
        if self.exception is not None:
            return str(DeviceException(self.exception))
        if self.failure is not None:
            return self.detail or self.failure.text
        return ""

    @property
    def miss(self) -> Miss | None:
        """Why there are no data; None: there are."""
        if self.exception is not None:
            return miss_of_exception(self.exception)
        if self.failure is not None:
            return miss_of_failure(self.failure) or Miss(Reason.TIMEOUT)
        return None


class _UnitRequest(Transaction):
    __slots__ = ("_began", "_future")

    skips_breaker = True  # what was not asked must not be reported as not answered

    def __init__(
        self, source: CommandClient, request: WireRequest, send_by: float, future: asyncio.Future[Answer]
    ) -> None:
        super().__init__(source, request, send_by)
        self._future = future
        self._began = future.get_loop().time()

    def finish(self, answer: bytes) -> None:
        if answer[ANSWER_FUNCTION_AT] & EXCEPTION_BIT:
            self._end(Answer(self._took_s(), exception=answer[ANSWER_DATA_AT]))
        else:
            self._end(Answer(self._took_s(), data=answer[ANSWER_DATA_AT + 1 :]))  # behind the byte count

    def fail(self, failure: Failure, detail: str = "") -> None:
        self._end(Answer(self._took_s(), failure=failure, detail=detail))

    def _took_s(self) -> float:
        return self._future.get_loop().time() - self._began

    def _end(self, answer: Answer) -> None:
        if not self._future.done():
            self._future.set_result(answer)


class _UrgentUnitRequest(_UnitRequest):
    __slots__ = ()

    is_urgent = True


class CommandClient:
    """Sends the requests of one command. What is not sent by `send_by` (the loop's clock) is never sent."""

    def __init__(self, channel: Channel, *, is_urgent: bool, send_by: float) -> None:
        self.channel = channel
        self._kind = _UrgentUnitRequest if is_urgent else _UnitRequest
        self._send_by = send_by
        self.requests = 0

    async def request(self, unit_id: int, pdu: bytes) -> Answer:
        """Send a request and wait for its answer, which is bounded by the deadlines of the channel."""
        return await self.submit(unit_id, pdu)

    def submit(self, unit_id: int, pdu: bytes) -> asyncio.Future[Answer]:
        """Send a request, or let it wait for its turn. The future always gets an answer."""
        loop = self.channel.loop
        future: asyncio.Future[Answer] = loop.create_future()
        send_by = min(loop.time() + _SEND_TIMEOUT_S, self._send_by)
        self.requests += 1
        self.channel.submit(self._kind(self, WireRequest(bytes((unit_id,)) + pdu), send_by, future))
        return future

    def close(self) -> None:
        """End the requests that still wait for their turn: they are not sent."""
        self.channel.abandon(self)
