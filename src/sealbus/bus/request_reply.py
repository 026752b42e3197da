"""Requests and replies: which requests are pending, and which are being answered.

A request has a random id, by which its reply is matched; a late reply matches none. A request carries the time left in
milliseconds, counted from its arrival, because the clocks of two machines may differ. A handler that is not done by
then is cancelled, because no caller waits any more. At most 32 handlers run together and at most 256 requests wait or
run; further ones are refused.

The text of a handler's SealbusError is sent to the caller. Of any other error only the type name is sent; the traceback
is in the log of the process that serves.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from sealbus.bus.message import (
    REPLY_LIMIT_BYTES,
    BusReply,
    BusRequest,
    ReplyStatus,
    check_payload,
    check_topic,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
)
from sealbus.errors import LocalError, ResponseTimeout, SealbusError, Unreachable

if TYPE_CHECKING:
    from sealbus.bus.bus_connection import BusConnection
    from sealbus.bus.bus_state import Counters

__all__ = ["Handler", "RequestRefused", "RequestReply"]

Handler = Callable[[bytes], Awaitable[bytes]]
"""Answers a request. The text of a SealbusError that it raises is sent to the caller."""

_MAX_PENDING = 1024
_MAX_RUNNING = 32
_MAX_ACCEPTED = 256
_MAX_REASON = 1000  # characters

_log = logging.getLogger("sealbus.bus")


class RequestRefused(SealbusError):
    """The server could not or would not answer; the text is its own."""

    code = "refused"


class RequestReply:
    """Sends and serves requests for one process."""

    def __init__(self, sender: int, connection: BusConnection, counters: Counters) -> None:
        self._sender = sender
        self._connection = connection
        self._counters = counters
        self._pending: dict[int, asyncio.Future[BusReply | SealbusError]] = {}
        self._handlers: dict[str, Handler] = {}
        self._turns = asyncio.Semaphore(_MAX_RUNNING)
        self._tasks: set[asyncio.Task[None]] = set()

    async def request(self, topic: str, payload: bytes, timeout_s: float) -> bytes:
        """Raises Unreachable, ResponseTimeout, RequestRefused; LocalError for an invalid request."""
        check_topic(topic)
        check_payload(payload)
        if len(self._pending) >= _MAX_PENDING:
            raise LocalError(f"{_MAX_PENDING} requests are pending; wait for their replies")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        await self._wait_connected(deadline)
        request_id = secrets.randbits(64)
        reply = self._pending[request_id] = loop.create_future()
        try:
            ttl_ms = max(1, int((deadline - loop.time()) * 1000))
            frame = encode_request(BusRequest(self._sender, request_id, ttl_ms, payload))
            if not self._connection.send_request(topic, frame):
                raise Unreachable(f'the request on "{topic}" could not be sent: the bus is down or its queue is full')
            async with asyncio.timeout_at(deadline):
                return _result(topic, await reply)
        except TimeoutError:
            raise ResponseTimeout(f'no reply on "{topic}" within {timeout_s:g} s') from None
        finally:
            del self._pending[request_id]

    async def _wait_connected(self, deadline: float) -> None:
        connectivity = self._connection.connectivity
        try:
            async with asyncio.timeout_at(deadline):
                await connectivity.wait()
        except TimeoutError:
            raise Unreachable(f"the bus cannot be reached: {connectivity.problem}") from None

    def serve(self, topic: str, handler: Handler) -> None:
        """Answer requests on the topic. Raises LocalError when this process serves it already."""
        check_topic(topic)
        if topic in self._handlers:
            raise LocalError(f'"{topic}" is served already; use one handler per topic')
        self._handlers[topic] = handler
        self._connection.serve(topic)

    def on_reply(self, frame: bytes) -> None:
        """Match a reply to its request; a late one is dropped."""
        reply = decode_reply(frame)
        if reply is None:
            self._counters.malformed += 1
            return
        pending = self._pending.get(reply.request_id)
        if pending is not None and not pending.done():
            pending.set_result(reply)

    def on_not_served(self, frame: bytes) -> None:
        """Fail the request that this frame is."""
        request = decode_request(frame)
        pending = None if request is None else self._pending.get(request.request_id)
        if request is not None and pending is not None and not pending.done():
            pending.set_result(BusReply(request.request_id, ReplyStatus.NOT_SERVED, b""))

    def on_down(self, problem: str) -> None:
        """Fail all pending requests."""
        for pending in self._pending.values():
            if not pending.done():
                pending.set_result(Unreachable(f"the bus went down before the reply came: {problem}"))

    def on_request(self, topic: str, frame: bytes) -> None:
        """Start a handler, or refuse."""
        request = decode_request(frame)
        handler = self._handlers.get(topic)
        if request is None:
            self._counters.malformed += 1
        elif handler is None:
            self._reply(request, ReplyStatus.NOT_SERVED, b"")
        elif len(self._tasks) >= _MAX_ACCEPTED:
            self._reply(request, ReplyStatus.REFUSED, b"too many requests at once; try again later")
        else:
            task = asyncio.get_running_loop().create_task(self._answer(handler, request), name=f"answer {topic}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, handler: Handler, request: BusRequest) -> None:
        status, payload = ReplyStatus.REFUSED, b""
        limit = asyncio.timeout(request.ttl_ms / 1000)
        try:
            async with limit, self._turns:
                payload = await handler(request.payload)
            check_payload(payload, REPLY_LIMIT_BYTES)
            status = ReplyStatus.DONE
        except SealbusError as error:
            payload = str(error)[:_MAX_REASON].encode("utf-8", "replace")
        except Exception as error:  # noqa: BLE001
            if limit.expired():
                return
            _log.exception("a bus handler failed")
            payload = f"the server failed ({type(error).__name__})".encode()
        self._reply(request, status, payload)

    def _reply(self, request: BusRequest, status: ReplyStatus, payload: bytes) -> None:
        frame = encode_reply(self._sender, BusReply(request.request_id, status, payload))
        if not self._connection.send_reply(request.sender, frame):
            self._counters.dropped += 1

    async def close(self) -> None:
        """Cancel the handlers and fail the pending requests."""
        self.on_down("it is closed")
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _result(topic: str, reply: BusReply | SealbusError) -> bytes:
    if isinstance(reply, SealbusError):
        raise reply
    if reply.status is ReplyStatus.NOT_SERVED:
        raise Unreachable(f'no process serves "{topic}"')
    if reply.status is ReplyStatus.REFUSED:
        raise RequestRefused(reply.payload[: 4 * _MAX_REASON].decode("utf-8", "replace"))
    return reply.payload
