"""The body of a request, taken in whole before anybody works on it: within a size, and within what all may use at once.

So a body that comes drop by drop holds no thread and no database connection, and ten thousand of them hold no more
memory than the budget. The time it may take is watched by the server's protocol (`http_protocol.py`).

What goes to the library that signs people in is judged here as JSON too: it parses by itself, and takes whatever parses.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from sealbus.web.http.json_values import json_problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["BodyBudget", "BodyRefused", "Gone", "TakenBody"]

_LARGEST = 8 * 1024 * 1024
_LARGEST_OF_STRANGERS = 64 * 1024
"""Who shows neither cookie nor token has nothing to send but what he signs in with."""
_SIGNING_IN = "/_allauth/"
_ALL_TOGETHER = 128 * 1024 * 1024


class BodyRefused(Exception):
    """This body is not taken."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class Gone(Exception):
    """The caller went away."""


@dataclass(slots=True)
class TakenBody:
    """A whole body. `receive` gives it to an ASGI application once, and afterwards what the connection says."""

    content: bytes
    _next: Callable[[], Awaitable[Any]]
    _given: bool = False

    async def receive(self) -> Any:
        """As ASGI has it."""
        if self._given:
            return await self._next()
        self._given = True
        return {"type": "http.request", "body": self.content, "more_body": False}


class BodyBudget:
    """How much all bodies that are held at this moment may have together."""

    def __init__(self, all_together: int = _ALL_TOGETHER) -> None:
        self._left = all_together

    async def take(self, scope: Any, receive: Callable[[], Awaitable[Any]]) -> TakenBody:
        """Read it all. Raises BodyRefused, or Gone. Whoever took it gives it back."""
        headers = dict(scope["headers"])
        is_signing_in = scope["path"].startswith(_SIGNING_IN)
        is_known = b"authorization" in headers or b"cookie" in headers
        limit = _LARGEST if is_known and not is_signing_in else _LARGEST_OF_STRANGERS
        announced = headers.get(b"content-length", b"0")
        if not announced.isdigit():
            raise BodyRefused(HTTPStatus.BAD_REQUEST)
        if len(announced) > 12 or int(announced) > limit:
            raise BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        held = bytearray()
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                self._add(held, message.get("body", b""), limit)
                if not message.get("more_body", False):
                    if is_signing_in and _is_hostile(held):
                        raise BodyRefused(HTTPStatus.BAD_REQUEST)
                    return TakenBody(bytes(held), receive)
        except (BodyRefused, Gone):
            self._left += len(held)
            raise

    def give_back(self, body: TakenBody) -> None:
        """It is not held any more."""
        self._left += len(body.content)

    def _add(self, held: bytearray, piece: bytes, limit: int) -> None:
        if len(held) + len(piece) > limit:
            raise BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if len(piece) > self._left:
            raise BodyRefused(HTTPStatus.SERVICE_UNAVAILABLE)
        held += piece
        self._left -= len(piece)


def _is_hostile(content: bytearray) -> bool:
    """JSON that parses and cannot be used. What does not parse, the library refuses."""
    try:
        return bool(json_problem(json.loads(content)))
    except RecursionError:
        return True
    except ValueError:
        return False
