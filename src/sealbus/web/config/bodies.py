"""The body of a request, received completely before Django starts: within a size, and within a budget for all bodies.

So a body that arrives byte by byte holds no thread and no database connection, and ten thousand of them use no more
memory than the budget. The time that it may take is bounded in `http_protocol`.

Bodies for django-allauth are checked here as JSON too: the library accepts anything that parses.
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
"""A caller without cookie and token sends only the body of signing in."""
_SIGNING_IN = "/_allauth/"
_ALL_TOGETHER = 128 * 1024 * 1024


class BodyRefused(Exception):
    """The body is refused with this status."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class Gone(Exception):
    """The client disconnected."""


@dataclass(slots=True)
class TakenBody:
    """A complete body. `receive` returns it to an ASGI application once, and then the events of the connection."""

    content: bytes
    _next: Callable[[], Awaitable[Any]]
    _given: bool = False

    async def receive(self) -> Any:
        """The `receive` callable of ASGI."""
        if self._given:
            return await self._next()
        self._given = True
        return {"type": "http.request", "body": self.content, "more_body": False}


class BodyBudget:
    """The memory that all bodies together may use at one moment."""

    def __init__(self, all_together: int = _ALL_TOGETHER) -> None:
        self._left = all_together

    async def take(self, scope: Any, receive: Callable[[], Awaitable[Any]]) -> TakenBody:
        """Read the body. Raises BodyRefused or Gone. The caller must pass the body to `give_back`."""
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
        """Return the memory of a body to the budget."""
        self._left += len(body.content)

    def _add(self, held: bytearray, piece: bytes, limit: int) -> None:
        if len(held) + len(piece) > limit:
            raise BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if len(piece) > self._left:
            raise BodyRefused(HTTPStatus.SERVICE_UNAVAILABLE)
        held += piece
        self._left -= len(piece)


def _is_hostile(content: bytearray) -> bool:
    """Whether it is JSON that parses but cannot be used. The library refuses what does not parse."""
    try:
        return bool(json_problem(json.loads(content)))
    except RecursionError:
        return True
    except ValueError:
        return False
