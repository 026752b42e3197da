"""`/ws/live`: one live socket from handshake to close, as an ASGI application.

    handshake -> `handshake.admit` (refused: HTTP answer) -> accept -> reader | writer | ended from outside -> close

The reader answers each message before it takes the next, so a client that sends faster than it reads slows only itself.
The writer sends what is due, at most five times a second, and only when the transport has room: a value that changes
several times before that is sent once, with its newest sample. Both write under one lock, so a newer value never overtakes
a snapshot. A client that does not read for `slow_s` is disconnected; it delays no other client.
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
from sealbus.token_bucket import TokenBucket
from sealbus.web.coordination.outages import log_database_outage
from sealbus.web.http.problems import CONTENT_TYPE, TOKEN_CHALLENGE, problem_body
from sealbus.web.trends.client_subscriptions import ClientSubscriptions
from sealbus.web.trends.handshake import Denied
from sealbus.web.trends.live_clients import CloseCode, LiveClient
from sealbus.web.trends.live_service import LiveService, running_service
from sealbus.web.trends.messages import MAX_MESSAGE_BYTES, SUBPROTOCOL, Problem, encode, parse_message

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sealbus.web.trends.handshake import AdmittedCaller

    Receive = Callable[[], Awaitable[Any]]
    Send = Callable[[Any], Awaitable[None]]

__all__ = ["PATH", "live_socket"]

PATH = "/ws/live"
_PAUSE_S = 0.2
_CLOSE_S = 2.0
_RATE, _BURST = 20.0, 40.0
_MAX_DETAIL = 300

_log = logging.getLogger(__name__)


async def live_socket(scope: Any, receive: Receive, send: Send) -> None:
    """The ASGI application."""
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
        outcome = await service.admit(scope)
    except (DatabaseError, TimeoutError) as error:
        log_database_outage(error, "a live socket was refused")
        await _deny(send, HTTPStatus.SERVICE_UNAVAILABLE, "not-ready")
        return
    if isinstance(outcome, Denied):
        await _deny(send, outcome.status, outcome.kind)
    elif not service.clients.has_room_for(outcome):
        await _deny(send, HTTPStatus.TOO_MANY_REQUESTS, "too-many-sockets")
    else:
        await _serve(service, scope, outcome, _Socket(receive, send, service.limits.slow_s))


async def _serve(service: LiveService, scope: Any, admitted: AdmittedCaller, socket: _Socket) -> None:
    subscriptions = ClientSubscriptions(service.hub, admitted.subject.rights)
    client = LiveClient(scope, admitted, subscriptions, asyncio.get_running_loop().create_future())
    service.clients.add(client)
    try:
        await socket.accept(SUBPROTOCOL if scope["subprotocols"] else None)
        code = await _run_socket(service, client, socket)
        if code is not None:
            await socket.close(code)
    except TimeoutError:
        _log.info("disconnected a live client that does not read: %s", admitted.subject.actor.name)
    except OSError:
        pass  # the client disconnected
    finally:
        service.clients.remove(client)
        await service.note_refused(client)


async def _run_socket(service: LiveService, client: LiveClient, socket: _Socket) -> CloseCode | None:
    """Serve until one side ends it. Returns the code to close with; None if the client has disconnected."""
    reader = asyncio.create_task(_read(service, client.subscriptions, socket), name="live reader")
    writer = asyncio.create_task(_write(client.subscriptions, socket), name="live writer")
    try:
        tasks: set[asyncio.Future[Any]] = {reader, writer, client.ended}
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if client.ended.done():
            return client.ended.result()
        if writer.done():
            writer.result()  # raises: it never ends by itself
        return reader.result()
    finally:
        client.ended.cancel()
        for task in (reader, writer):
            task.cancel()
        await asyncio.gather(reader, writer, return_exceptions=True)


async def _read(service: LiveService, subscriptions: ClientSubscriptions, socket: _Socket) -> CloseCode | None:
    token_bucket = TokenBucket(_RATE, _BURST)
    while True:
        event = await socket.receive()
        if event["type"] != "websocket.receive":
            return None
        text = event.get("text")
        if text is None:
            return CloseCode.NOT_TEXT
        if len(text.encode("utf-8", "replace")) > MAX_MESSAGE_BYTES:
            return CloseCode.TOO_BIG
        if not token_bucket.take(time.monotonic()):
            await socket.send_texts(partial(_problem, "too-often", f"at most {_RATE:g} messages a second"))
            return CloseCode.AGAINST_THE_RULES
        try:
            message = parse_message(text)
        except PeerError as error:
            await socket.send_texts(partial(_problem, "invalid", str(error)[:_MAX_DETAIL]))
            return CloseCode.AGAINST_THE_RULES
        if subscriptions.names_unknown(message):
            await service.check_now()  # the tag may be a new one
        await socket.send_texts(partial(subscriptions.answer, message))


def _problem(code: str, detail: str) -> list[str]:
    return [encode(Problem(None, code, detail))]


async def _write(subscriptions: ClientSubscriptions, socket: _Socket) -> None:
    while True:
        await subscriptions.follower.woken.wait()
        await socket.send_texts(subscriptions.take_updates)
        await asyncio.sleep(_PAUSE_S)


class _Socket:
    """The socket with a lock for sending. Texts are made under the lock, so they are current when they are sent."""

    def __init__(self, receive: Receive, send: Send, slow_s: float) -> None:
        self.receive = receive
        self._send = send
        self._slow_s = slow_s
        self._sending = asyncio.Lock()

    async def accept(self, subprotocol: str | None) -> None:
        await self._within(self._slow_s, {"type": "websocket.accept", "subprotocol": subprotocol})

    async def send_texts(self, make: Callable[[], list[str]]) -> None:
        """Make texts and send them. Raises TimeoutError for a client that does not read."""
        async with self._sending:
            for text in make():
                await self._within(self._slow_s, {"type": "websocket.send", "text": text})

    async def close(self, code: CloseCode) -> None:
        with suppress(OSError):  # the client has disconnected
            await self._within(_CLOSE_S, {"type": "websocket.close", "code": int(code), "reason": code.name.lower()})

    async def _within(self, seconds: float, event: Any) -> None:
        async with asyncio.timeout(seconds):
            await self._send(event)


async def _deny(send: Send, status: HTTPStatus, kind: str) -> None:
    """Answer the handshake with a problem document instead of a socket."""
    content = json.dumps(problem_body(status.value, kind)).encode()
    headers = [(b"content-type", CONTENT_TYPE.encode()), (b"content-length", str(len(content)).encode())]
    if status is HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", TOKEN_CHALLENGE.encode()))
    await send({"type": "websocket.http.response.start", "status": status.value, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": content, "more_body": False})
