"""Questions and answers: who waits for which, and who works on which.

A question has an id by chance, so that answers find their question and late ones find none. It carries the time that is
left, measured in milliseconds from its arrival, for the clocks of two machines need not agree; a handler that is not
done by then is cancelled, because nobody waits any more. At most 32 handlers run at once, at most 256 questions wait
for a turn, and the next is refused at once.

A handler's SealbusError is told to the one who asked, in its own words. Of any other error he learns the name and no
more; the traceback is in the log of the process it belongs to.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from sealbus.bus.message import (
    ANSWER_LIMIT_BYTES,
    Answer,
    AnswerStatus,
    Ask,
    check_payload,
    check_topic,
    decode_answer,
    decode_ask,
    encode_answer,
    encode_ask,
)
from sealbus.errors import LocalError, ResponseTimeout, SealbusError, Unreachable

if TYPE_CHECKING:
    from sealbus.bus.link import Link
    from sealbus.bus.state import Counters

__all__ = ["Exchange", "Handler", "RequestRefused"]

Handler = Callable[[bytes], Awaitable[bytes]]
"""Answers a question. What it raises is told to the one who asked."""

_MOST_OPEN = 1024  # questions of ours without an answer
_MOST_RUNNING = 32
_MOST_WAITING = 256
_LONGEST_REASON = 1000  # characters

_log = logging.getLogger("sealbus.bus")


class RequestRefused(SealbusError):
    """The responder could not or would not answer; the text is his."""

    code = "refused"


class Exchange:
    """Asks and answers for one process."""

    def __init__(self, sender: int, link: Link, counters: Counters) -> None:
        self._sender = sender
        self._link = link
        self._counters = counters
        self._open: dict[int, asyncio.Future[Answer | SealbusError]] = {}
        self._handlers: dict[str, Handler] = {}
        self._turns = asyncio.Semaphore(_MOST_RUNNING)
        self._at_work: set[asyncio.Task[None]] = set()

    async def request(self, topic: str, payload: bytes, timeout_s: float) -> bytes:
        """Raises Unreachable, ResponseTimeout, RequestRefused; LocalError for what cannot be asked."""
        check_topic(topic)
        check_payload(payload)
        if len(self._open) >= _MOST_OPEN:
            raise LocalError(f"{_MOST_OPEN} questions are open; wait for their answers")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        await self._wait_for_link(deadline)
        request_id = secrets.randbits(64)
        answer = self._open[request_id] = loop.create_future()
        try:
            ttl_ms = max(1, int((deadline - loop.time()) * 1000))
            if not self._link.ask(topic, encode_ask(Ask(self._sender, request_id, ttl_ms, payload))):
                raise Unreachable(f'the question about "{topic}" could not be sent: the bus is away or overfull')
            async with asyncio.timeout_at(deadline):
                return _result(topic, await answer)
        except TimeoutError:
            raise ResponseTimeout(f'no answer about "{topic}" within {timeout_s:g} s') from None
        finally:
            del self._open[request_id]

    async def _wait_for_link(self, deadline: float) -> None:
        connectivity = self._link.connectivity
        try:
            async with asyncio.timeout_at(deadline):
                await connectivity.wait()
        except TimeoutError:
            raise Unreachable(f"the bus cannot be reached: {connectivity.problem}") from None

    def serve(self, topic: str, handler: Handler) -> None:
        """Answer what is asked about the topic. Raises LocalError when it is served here already."""
        check_topic(topic)
        if topic in self._handlers:
            raise LocalError(f'"{topic}" is served already; one handler answers a topic')
        self._handlers[topic] = handler
        self._link.offer(topic)

    def answered(self, frame: bytes) -> None:
        """Give an answer to its question; a late one has none and is dropped."""
        answer = decode_answer(frame)
        if answer is None:
            self._counters.malformed += 1
            return
        question = self._open.get(answer.request_id)
        if question is not None and not question.done():
            question.set_result(answer)

    def cut_off(self, problem: str) -> None:
        """No open question will be answered."""
        for question in self._open.values():
            if not question.done():
                question.set_result(Unreachable(f"the bus went away before the answer came: {problem}"))

    def asked(self, topic: str, frame: bytes) -> None:
        """Start to work on a question, or refuse it."""
        ask = decode_ask(frame)
        handler = self._handlers.get(topic)
        if ask is None:
            self._counters.malformed += 1
        elif handler is None:
            self._reply(ask, AnswerStatus.NOBODY, b"")
        elif len(self._at_work) >= _MOST_WAITING:
            self._reply(ask, AnswerStatus.REFUSED, b"too many questions at once; ask again later")
        else:
            task = asyncio.get_running_loop().create_task(self._work(handler, ask), name=f"answer {topic}")
            self._at_work.add(task)
            task.add_done_callback(self._at_work.discard)

    async def _work(self, handler: Handler, ask: Ask) -> None:
        status, payload = AnswerStatus.REFUSED, b""
        limit = asyncio.timeout(ask.ttl_ms / 1000)
        try:
            async with limit, self._turns:
                payload = await handler(ask.payload)
            check_payload(payload, ANSWER_LIMIT_BYTES)
            status = AnswerStatus.DONE
        except SealbusError as error:
            payload = str(error)[:_LONGEST_REASON].encode("utf-8", "replace")
        except Exception as error:  # noqa: BLE001
            if limit.expired():
                return
            _log.exception("a handler of the bus failed")
            payload = f"the responder failed ({type(error).__name__})".encode()
        self._reply(ask, status, payload)

    def _reply(self, ask: Ask, status: AnswerStatus, payload: bytes) -> None:
        if not self._link.answer(ask.sender, encode_answer(self._sender, Answer(ask.request_id, status, payload))):
            self._counters.dropped += 1

    async def close(self) -> None:
        """Stop the work and fail what is open."""
        self.cut_off("it was closed")
        tasks = list(self._at_work)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _result(topic: str, answer: Answer | SealbusError) -> bytes:
    if isinstance(answer, SealbusError):
        raise answer
    if answer.status is AnswerStatus.NOBODY:
        raise Unreachable(f'nobody answers questions about "{topic}"')
    if answer.status is AnswerStatus.REFUSED:
        raise RequestRefused(answer.payload[: 4 * _LONGEST_REASON].decode("utf-8", "replace"))
    return answer.payload
