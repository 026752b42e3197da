"""The ASGI application in front of Django, for checks that Django cannot make or makes too late.

In this order: host and proxy (`host_policy`), the length of the head, static files (`static_files`), the allowance of
callers who are not known (`callers`), the body (`bodies`), a free worker thread (`lanes`); then Django answers. Every HTTP
response gets the security headers of the site (`headers`) and is counted. Handshakes of sockets pass the same checks and go
to the live side. The connection learns how far each request has come (`connection`).

There are three sets of lanes, so that strangers cannot keep people out, and nobody the health checks: for known callers,
for the others, and for health. A lane is free again when Django has made the answer, not when the client has read it. An
answer that Django makes piece by piece keeps its lane.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from sealbus.endpoints import address_group
from sealbus.errors import ConfigError
from sealbus.web.config.bodies import BodyBudget, BodyRefused, ClientDisconnected, may_be_large
from sealbus.web.config.callers import Callers, credential_of
from sealbus.web.config.connection import CONNECTION
from sealbus.web.config.headers import complete_headers
from sealbus.web.config.host_policy import HEALTH_PATHS, Refusal
from sealbus.web.config.lanes import Busy, Lanes
from sealbus.web.config.lifespan import running_parts
from sealbus.web.config.static_files import StaticFiles
from sealbus.web.http.callers import is_signed_in
from sealbus.web.http.problems import CONTENT_TYPE, problem_body

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sealbus.web.config.connection import GuardedConnection
    from sealbus.web.config.host_policy import HostAndProxyPolicy
    from sealbus.web.config.limits import ServerLimits

    Receive = Callable[[], Awaitable[Any]]
    Send = Callable[[Any], Awaitable[None]]
    Application = Callable[[Any, Receive, Send], Awaitable[None]]

__all__ = ["EdgeApp"]

_RETRY_AFTER_S = 2
_WITH_RETRY = frozenset({HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS})
_MAX_URL = 8 * 1024
_MAX_HEADERS = 100
_LANES_OF_KNOWN = 12
_LANES_OF_STRANGERS = 4
_UNSENT_BYTES = 64 * 1024 * 1024
"""What all finished answers may hold until their clients have read them. Above it an answer keeps its lane."""


class EdgeApp:
    """The ASGI application of the process. `http` and `websocket` are the applications behind it."""

    def __init__(
        self,
        http: Application,
        websocket: Application,
        host_policy: HostAndProxyPolicy,
        headers: Sequence[tuple[bytes, bytes]],
        limits: ServerLimits,
    ) -> None:
        self._http = http
        self._websocket = websocket
        self._host_policy = host_policy
        self._headers = headers
        self._limits = limits
        self._budget = BodyBudget(limits)
        self._callers = Callers(limits.stranger_requests_per_s, limits.stranger_burst)
        self._static = StaticFiles()
        self._known_lanes = Lanes(_LANES_OF_KNOWN)
        self._stranger_lanes = Lanes(_LANES_OF_STRANGERS)
        self._health_lanes = Lanes(1)
        self._unsent_bytes = 0
        self.start_problem: ConfigError | None = None
        """What the operator must change so that the parts of the process can start."""
        self.answered: Counter[int] = Counter()
        """The number of answers by status, since the start."""

    @property
    def busy_lanes(self) -> int:
        """The number of requests that Django is answering."""
        return self._known_lanes.busy + self._stranger_lanes.busy + self._health_lanes.busy

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        if scope["type"] == "lifespan":
            await self._run_lifespan(receive, send)
        elif scope["type"] == "websocket":
            await self._serve_socket(scope, receive, send)
        elif scope["type"] == "http":
            await self._serve_http(scope, receive, send)

    async def _run_lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(running_parts(self._limits.live))
            except ConfigError as error:
                self.start_problem = error
                await send({"type": "lifespan.startup.failed"})
                return
            await send({"type": "lifespan.startup.complete"})
            await receive()
        for lanes in (self._known_lanes, self._stranger_lanes, self._health_lanes):
            lanes.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve_http(self, scope: Any, receive: Receive, send: Send) -> None:
        connection: GuardedConnection = scope["state"][CONNECTION]
        connection.begin_request()
        send = self._completed(connection, send)
        refusal = self._judge(scope)
        if refusal is None and await self._static.serve(scope, send):
            return
        caller = self._caller(scope)
        refusal = refusal or self._judge_allowance(caller)
        if refusal is not None:
            await _answer(scope, send, refusal)
            return
        if caller.is_health:  # no look at sessions: the answer is the same for everybody
            scope["headers"] = [each for each in scope["headers"] if each[0] not in (b"cookie", b"authorization")]
        try:
            body = await self._take_body(scope, receive, caller)
        except ClientDisconnected:
            return
        except BodyRefused as refused:
            await _answer(scope, send, Refusal(refused.status, refused.status.phrase))
            return
        connection.begin_answer()
        try:
            await self._ask_django(scope, body.receive, send, caller)
        except Busy:
            await _answer(scope, send, Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "busy"))
        finally:
            self._budget.give_back(body)

    async def _serve_socket(self, scope: Any, receive: Receive, send: Send) -> None:
        connection: GuardedConnection = scope["state"][CONNECTION]
        connection.begin_socket()
        send = self._completed_socket(send)
        refusal = self._judge(scope) or self._judge_allowance(self._caller(scope))
        try:
            if refusal is None:
                await self._websocket(scope, receive, send)
            else:
                await receive()
                await send({"type": "websocket.close", "code": 1008})
        finally:
            await connection.end_socket()

    # ---- checks

    def _judge(self, scope: Any) -> Refusal | None:
        refusal = self._host_policy.judge(scope)
        if refusal is not None:
            return refusal
        if len(scope["raw_path"]) + len(scope["query_string"]) > _MAX_URL:
            return Refusal(HTTPStatus.REQUEST_URI_TOO_LONG, "the URL is too long")
        if len(scope["headers"]) > _MAX_HEADERS:
            return Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "there are too many headers")
        return None

    def _judge_allowance(self, caller: _Caller) -> Refusal | None:
        if self._is_known(caller) or self._callers.may_ask(caller.allowance, asyncio.get_running_loop().time()):
            return None
        return Refusal(HTTPStatus.TOO_MANY_REQUESTS, "too many requests from this address without a valid sign-in")

    def _caller(self, scope: Any) -> _Caller:
        group = address_group(self._host_policy.client_address(scope))
        is_health = scope["path"] in HEALTH_PATHS
        return _Caller(group, credential_of(scope["headers"]), is_health)

    def _is_known(self, caller: _Caller) -> bool:
        return self._callers.is_known(caller.credential, asyncio.get_running_loop().time())

    # ---- the body

    async def _take_body(self, scope: Any, receive: Receive, caller: _Caller) -> Any:
        is_known = self._is_known(caller)
        if not is_known and caller.credential and may_be_large(scope):
            is_known = await self._prove(scope, caller)
        return await self._budget.take(scope, receive, group=caller.group, is_known=is_known)

    async def _prove(self, scope: Any, caller: _Caller) -> bool:
        """Whether the credential is valid: Django answers a request without a body for the same caller."""
        headers = [each for each in scope["headers"] if each[0] not in (b"content-length", b"transfer-encoding")]
        path = min(HEALTH_PATHS)
        probe = {**scope, "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b""}
        probe |= {"headers": headers, "state": {}}
        never = asyncio.get_running_loop().create_future()
        empty = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> Any:
            return next(empty, None) or await never

        async def discard(message: Any) -> None:
            """Nobody waits for this answer."""

        try:
            await self._ask_django(probe, receive, discard, caller)
        except Busy:
            raise BodyRefused(HTTPStatus.SERVICE_UNAVAILABLE) from None
        return is_signed_in(probe)

    # ---- the answer

    async def _ask_django(self, scope: Any, receive: Receive, send: Send, caller: _Caller) -> None:
        if caller.is_health:
            lanes = self._health_lanes
        else:
            lanes = self._known_lanes if self._is_known(caller) else self._stranger_lanes
        answer = _Answer(send)
        async with lanes.one():
            await self._http(scope, receive, answer.take)
            accepted = is_signed_in(scope)
            self._callers.note(caller.credential, accepted=accepted, now=asyncio.get_running_loop().time())
            if self._unsent_bytes + answer.length > _UNSENT_BYTES:
                await answer.release()
        self._unsent_bytes += answer.length
        try:
            await answer.release()
        finally:
            self._unsent_bytes -= answer.length

    def _completed(self, connection: GuardedConnection, send: Send) -> Send:
        async def complete(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": complete_headers(message.get("headers", ()), self._headers)}
                self.answered[int(message["status"])] += 1
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                connection.end_answer()

        return complete

    def _completed_socket(self, send: Send) -> Send:
        """A refused handshake is answered as HTTP, with all headers."""
        has_opened = False

        async def complete(message: Any) -> None:
            nonlocal has_opened
            if message["type"] in ("websocket.accept", "websocket.http.response.start"):
                has_opened = True
                message = {**message, "headers": complete_headers(message.get("headers", ()), self._headers)}
            elif message["type"] == "websocket.close" and not has_opened:
                has_opened = True
                headers = complete_headers([(b"content-length", b"0")], self._headers)
                await send({"type": "websocket.http.response.start", "status": 403, "headers": headers})
                message = {"type": "websocket.http.response.body", "body": b"", "more_body": False}
            await send(message)

        return complete


@dataclass(frozen=True, slots=True)
class _Caller:
    """Who sent a request: the address group, a digest of the credential, and whether it is a health check."""

    group: str
    credential: bytes
    is_health: bool

    @property
    def allowance(self) -> str:
        """Whose allowance the request is taken from: health checks have their own, they are sent all the time."""
        return f"{self.group} health" if self.is_health else self.group


class _Answer:
    """Django's answer. One with a length is complete in memory already, so it is kept until `release`; one that is made
    piece by piece passes at once.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._kept: list[Any] = []
        self._has_length = False
        self.length = 0

    async def take(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._has_length = any(name.lower() == b"content-length" for name, _ in message["headers"])
        if not self._has_length:
            await self._send(message)
            return
        self._kept.append(message)
        self.length += len(message.get("body", b""))

    async def release(self) -> None:
        """Send what is kept."""
        while self._kept:
            await self._send(self._kept.pop(0))


async def _answer(scope: Any, send: Send, refusal: Refusal) -> None:
    status = refusal.status
    kind = status.phrase.lower().replace(" ", "-")
    content = json.dumps(problem_body(status.value, kind, refusal.reason)).encode()
    headers = [(b"content-type", CONTENT_TYPE.encode()), (b"content-length", str(len(content)).encode())]
    headers.append((b"connection", b"close"))
    if refusal.location:
        headers.append((b"location", refusal.location.encode("ascii", "replace")))
    if status in _WITH_RETRY:
        headers.append((b"retry-after", str(_RETRY_AFTER_S).encode()))
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})
