"""`/ws/live`: one live socket from handshake to close, as an ASGI application.

    handshake -> entry (refused: an HTTP answer) -> accept -> reader | writer | ended from outside -> close

The reader takes one message after the other and answers it before it takes the next, so whoever sends faster than he
reads waits for himself. The writer tells what is news, at most five times a second, and only when the transport has
room: what changes meanwhile is told once, with its newest value. Both write in turns, so a snapshot is never overtaken
by a newer value of it. Who does not read for `slow_s` is let go; nobody else waits for him.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.db import Error as DatabaseError

from sealbus.errors import PeerError
from sealbus.web.http.problems import CONTENT_TYPE, TOKEN_CHALLENGE, problem_body
from sealbus.web.trends.allowance import Allowance
from sealbus.web.trends.conversation import Conversation
from sealbus.web.trends.entry import Denied
from sealbus.web.trends.guests import CloseCode, Guest
from sealbus.web.trends.messages import MOST_MESSAGE_BYTES, SUBPROTOCOL, Problem, encode, parse_message
from sealbus.web.trends.service import LiveService, running_service

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sealbus.web.trends.entry import Entered

    Receive = Callable[[], Awaitable[Any]]
    Send = Callable[[Any], Awaitable[None]]

__all__ = ["PATH", "live_socket"]

PATH = "/ws/live"
_PAUSE_S = 0.2
_GOODBYE_S = 2.0
_RATE, _BURST = 20.0, 40.0
_LONGEST_DETAIL = 300

_log = logging.getLogger(__name__)


async def live_socket(scope: Any, receive: Receive, send: Send) -> None:
    """The application: as ASGI has it."""
    await receive()  # websocket.connect
    service = running_service()
    if scope["path"] != PATH:
        await _deny(send, HTTPStatus.NOT_FOUND, "not-found")
    elif scope["query_string"]:
        await _deny(send, HTTPStatus.BAD_REQUEST, "no-query")
    elif scope["subprotocols"] and SUBPROTOCOL not in scope["subprotocols"]:
        await _deny(send, HTTPStatus.BAD_REQUEST, "unknown-subprotocol")
    elif service is None:
        await _deny(send, HTTPStatus.SERVICE_UNAVAILABLE, "not-ready")
    else:
        await _enter(service, scope, receive, send)


async def _enter(service: LiveService, scope: Any, receive: Receive, send: Send) -> None:
    try:
        outcome = await service.enter(scope)
    except (DatabaseError, TimeoutError) as error:
        _log.warning("nobody can be asked whether a socket may open: %s", type(error).__name__)
        await _deny(send, HTTPStatus.SERVICE_UNAVAILABLE, "not-ready")
        return
    if isinstance(outcome, Denied):
        await _deny(send, outcome.status, outcome.kind)
    elif not service.guests.has_room_for(outcome):
        await _deny(send, HTTPStatus.TOO_MANY_REQUESTS, "too-many-sockets")
    else:
        await _serve(service, scope, outcome, _Wire(receive, send, service.limits.slow_s))


async def _serve(service: LiveService, scope: Any, entered: Entered, wire: _Wire) -> None:
    conversation = Conversation(service.hub, entered.subject.rights)
    guest = Guest(scope, entered, conversation, asyncio.get_running_loop().create_future())
    service.guests.add(guest)
    try:
        await wire.accept(SUBPROTOCOL if scope["subprotocols"] else None)
        code = await _converse(service, guest, wire)
        if code is not None:
            await wire.close(code)
    except TimeoutError:
        _log.info("let go of a live client that does not read: %s", entered.subject.actor.name)
    except OSError:
        pass  # it has gone while something was said to it
    finally:
        service.guests.remove(guest)
        await service.note_refused(guest)


async def _converse(service: LiveService, guest: Guest, wire: _Wire) -> CloseCode | None:
    """Until one side has enough; None when the client has gone."""
    reader = asyncio.create_task(_read(service, guest.conversation, wire), name="live reader")
    writer = asyncio.create_task(_write(guest.conversation, wire), name="live writer")
    try:
        tasks: set[asyncio.Future[Any]] = {reader, writer, guest.ended}
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if guest.ended.done():
            return guest.ended.result()
        if writer.done():
            writer.result()  # raises: it never ends by itself
        return reader.result()
    finally:
        guest.ended.cancel()
        for task in (reader, writer):
            task.cancel()
        await asyncio.gather(reader, writer, return_exceptions=True)


async def _read(service: LiveService, conversation: Conversation, wire: _Wire) -> CloseCode | None:
    allowance = Allowance(_RATE, _BURST, time.monotonic())
    while True:
        event = await wire.receive()
        if event["type"] != "websocket.receive":
            return None
        text = event.get("text")
        if text is None:
            return CloseCode.NOT_TEXT
        if len(text.encode("utf-8", "replace")) > MOST_MESSAGE_BYTES:
            return CloseCode.TOO_BIG
        if not allowance.spend(time.monotonic()):
            await wire.tell(partial(_problem, "too-often", f"at most {_RATE:g} messages a second"))
            return CloseCode.AGAINST_THE_RULES
        try:
            message = parse_message(text)
        except PeerError as error:
            await wire.tell(partial(_problem, "invalid", str(error)[:_LONGEST_DETAIL]))
            return CloseCode.AGAINST_THE_RULES
        if conversation.would_be_refused(message):
            await service.look_now()  # it may have been made a moment ago
        await wire.tell(partial(conversation.answer, message))


def _problem(code: str, detail: str) -> list[str]:
    return [encode(Problem(None, code, detail))]


async def _write(conversation: Conversation, wire: _Wire) -> None:
    while True:
        await conversation.follower.woken.wait()
        await wire.tell(conversation.take_news)
        await asyncio.sleep(_PAUSE_S)


class _Wire:
    """The socket, written to in turns. What is told is made when its turn has come."""

    def __init__(self, receive: Receive, send: Send, slow_s: float) -> None:
        self.receive = receive
        self._send = send
        self._slow_s = slow_s
        self._turns = asyncio.Lock()

    async def accept(self, subprotocol: str | None) -> None:
        await self._within(self._slow_s, {"type": "websocket.accept", "subprotocol": subprotocol})

    async def tell(self, news: Callable[[], list[str]]) -> None:
        """Raises TimeoutError for a client that does not read."""
        async with self._turns:
            for text in news():
                await self._within(self._slow_s, {"type": "websocket.send", "text": text})

    async def close(self, code: CloseCode) -> None:
        with suppress(OSError):  # it has gone meanwhile
            await self._within(_GOODBYE_S, {"type": "websocket.close", "code": int(code), "reason": code.name.lower()})

    async def _within(self, seconds: float, event: Any) -> None:
        async with asyncio.timeout(seconds):
            await self._send(event)


async def _deny(send: Send, status: HTTPStatus, kind: str) -> None:
    """An HTTP answer instead of a socket."""
    content = json.dumps(problem_body(status.value, kind)).encode()
    headers = [(b"content-type", CONTENT_TYPE.encode()), (b"content-length", str(len(content)).encode())]
    if status is HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", TOKEN_CHALLENGE.encode()))
    await send({"type": "websocket.http.response.start", "status": status.value, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": content, "more_body": False})
