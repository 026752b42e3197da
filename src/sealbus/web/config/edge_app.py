"""The ASGI application in front of Django, for checks that Django cannot make or makes too late.

In this order: host and proxy (`host_policy`), the body (`bodies`), a free worker thread (`lanes`); then Django answers.
Every HTTP response gets the security headers of the site (`headers`) and is counted. Handshakes of sockets pass the same
host and proxy policy and go to the live side.
"""

from __future__ import annotations

import json
from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from sealbus.web.config.bodies import BodyBudget, BodyRefused, Gone
from sealbus.web.config.headers import complete_headers
from sealbus.web.config.host_policy import Refusal
from sealbus.web.config.lanes import Busy, Lanes
from sealbus.web.config.lifespan import running_parts
from sealbus.web.http.problems import CONTENT_TYPE, problem_body

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sealbus.web.config.host_policy import HostAndProxyPolicy
    from sealbus.web.trends.limits import LiveLimits

    Receive = Callable[[], Awaitable[Any]]
    Send = Callable[[Any], Awaitable[None]]
    Application = Callable[[Any, Receive, Send], Awaitable[None]]

__all__ = ["EdgeApp"]

_RETRY_AFTER_S = 2
_UNAVAILABLE = frozenset({HTTPStatus.SERVICE_UNAVAILABLE})


class EdgeApp:
    """The ASGI application of the process. `http` and `websocket` are the applications behind it."""

    def __init__(
        self,
        http: Application,
        websocket: Application | None,
        host_policy: HostAndProxyPolicy,
        headers: Sequence[tuple[bytes, bytes]],
        live: LiveLimits,
    ) -> None:
        self._http = http
        self._websocket = websocket
        self._host_policy = host_policy
        self._headers = headers
        self._live_limits = live
        self._budget = BodyBudget()
        self._lanes: Lanes | None = None
        self.answered: Counter[int] = Counter()
        """The number of answers by status, since the start."""

    @property
    def busy_lanes(self) -> int:
        """The number of requests that Django is answering."""
        return self._lanes.busy if self._lanes is not None else 0

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        if scope["type"] == "lifespan":
            await self._run_lifespan(receive, send)
        elif scope["type"] == "websocket":
            await self._serve_socket(scope, receive, self._socket_sender(send))
        elif scope["type"] == "http":
            await self._serve_http(scope, receive, self._sender(send))

    async def _run_lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        async with running_parts(self._live_limits):
            await send({"type": "lifespan.startup.complete"})
            await receive()
        if self._lanes is not None:
            self._lanes.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve_http(self, scope: Any, receive: Receive, send: Send) -> None:
        refusal = self._host_policy.judge(scope)
        if refusal is not None:
            await _answer(scope, send, refusal)
            return
        try:
            body = await self._budget.take(scope, receive)
        except Gone:
            return
        except BodyRefused as refused:
            await _answer(scope, send, Refusal(refused.status, refused.status.phrase))
            return
        self._lanes = self._lanes or Lanes()
        try:
            async with self._lanes.one():
                await self._http(scope, body.receive, send)
        except Busy:
            await _answer(scope, send, Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "busy"))
        finally:
            self._budget.give_back(body)

    async def _serve_socket(self, scope: Any, receive: Receive, send: Send) -> None:
        refusal = self._host_policy.judge(scope)
        if refusal is None and self._websocket is not None:
            await self._websocket(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.close", "code": 1008})

    def _sender(self, send: Send) -> Send:
        async def complete(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": complete_headers(message.get("headers", ()), self._headers)}
                self.answered[int(message["status"])] += 1
            await send(message)

        return complete

    def _socket_sender(self, send: Send) -> Send:
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


async def _answer(scope: Any, send: Send, refusal: Refusal) -> None:
    status = refusal.status
    kind = status.phrase.lower().replace(" ", "-")
    content = json.dumps(problem_body(status.value, kind, refusal.reason)).encode()
    headers = [(b"content-type", CONTENT_TYPE.encode()), (b"content-length", str(len(content)).encode())]
    headers.append((b"connection", b"close"))
    if refusal.location:
        headers.append((b"location", refusal.location.encode("ascii", "replace")))
    if status in _UNAVAILABLE:
        headers.append((b"retry-after", str(_RETRY_AFTER_S).encode()))
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})
