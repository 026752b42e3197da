"""The body of a request, received completely before Django starts: within a size, a time, and a budget for all bodies.

So a body that arrives byte by byte holds no thread and no database connection, and ten thousand of them use no more
memory than the budget. A part of the budget is for small bodies only, and one address has a share: large uploads can keep
each other waiting, but not a sign-in or a command.

Bodies for django-allauth are checked here as JSON too: the library accepts anything that parses.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from sealbus.web.http.json_values import json_problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sealbus.web.config.limits import ServerLimits

__all__ = ["SMALL", "BodyBudget", "BodyRefused", "ClientDisconnected", "TakenBody", "may_be_large"]

SMALL = 64 * 1024
"""What a caller who is not signed in may send: enough to sign in."""
_MAX = 8 * 1024 * 1024
_SIGNING_IN = "/_allauth/"
_MAX_TOTAL_BYTES = 128 * 1024 * 1024
_FOR_SMALL_ONES = 32 * 1024 * 1024
_OF_ONE_ADDRESS = 32 * 1024 * 1024


class BodyRefused(Exception):
    """The body is refused with this status."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class ClientDisconnected(Exception):
    """The client disconnected."""


@dataclass(slots=True)
class TakenBody:
    """A complete body. `receive` returns it to an ASGI application once, and then the events of the connection."""

    content: bytes
    group: str
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

    def __init__(self, limits: ServerLimits, all_together: int = _MAX_TOTAL_BYTES) -> None:
        self._limits = limits
        self._left = all_together
        self._kept = min(_FOR_SMALL_ONES, all_together // 4)
        self._of_address: Counter[str] = Counter()

    async def take(self, scope: Any, receive: Callable[[], Awaitable[Any]], *, group: str, is_known: bool) -> TakenBody:
        """Read the body of a caller of this address group. Raises BodyRefused or ClientDisconnected. The caller
        must pass the body to `give_back`.
        """
        is_signing_in = scope["path"].startswith(_SIGNING_IN)
        limit = _MAX if is_known and not is_signing_in else SMALL
        if _announced_length(scope) > limit:
            raise BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        held = bytearray()
        try:
            await self._read(held, receive, group, limit)
            if is_signing_in and _is_unusable_json(held):
                raise BodyRefused(HTTPStatus.BAD_REQUEST)
        except TimeoutError:
            self._return(len(held), group)
            raise BodyRefused(HTTPStatus.REQUEST_TIMEOUT) from None
        except BaseException:
            self._return(len(held), group)
            raise
        return TakenBody(bytes(held), group, receive)

    def give_back(self, body: TakenBody) -> None:
        """Return the memory of a body to the budget."""
        self._return(len(body.content), body.group)

    async def _read(self, held: bytearray, receive: Callable[[], Awaitable[Any]], group: str, limit: int) -> None:
        """Fill `held`. Raises TimeoutError for a body that is late: in all, or behind the least rate."""
        limits = self._limits
        start = asyncio.get_running_loop().time()
        async with asyncio.timeout(None) as deadline:
            while True:
                in_time = limits.body_grace_s + len(held) / limits.body_bytes_per_s
                deadline.reschedule(start + min(limits.body_s, in_time))
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnected
                self._add(held, message.get("body", b""), group, limit)
                if not message.get("more_body", False):
                    return

    def _add(self, held: bytearray, piece: bytes, group: str, limit: int) -> None:
        total = len(held) + len(piece)
        if total > limit:
            raise BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        available = self._left if total <= SMALL else self._left - self._kept
        if len(piece) > available or (total > SMALL and self._of_address[group] + len(piece) > _OF_ONE_ADDRESS):
            raise BodyRefused(HTTPStatus.SERVICE_UNAVAILABLE)
        held += piece
        self._left -= len(piece)
        self._of_address[group] += len(piece)

    def _return(self, length: int, group: str) -> None:
        self._left += length
        self._of_address[group] -= length
        if not self._of_address[group]:
            del self._of_address[group]


def may_be_large(scope: Any) -> bool:
    """Whether the body may be longer than a caller who is not known may send. Raises BodyRefused as `take`."""
    return _announced_length(scope) > SMALL or b"transfer-encoding" in dict(scope["headers"])


def _announced_length(scope: Any) -> int:
    """What Content-Length says, 0 without it. Raises BodyRefused if it is no length."""
    announced = dict(scope["headers"]).get(b"content-length", b"0")
    if not announced.isdigit():
        raise BodyRefused(HTTPStatus.BAD_REQUEST)
    if len(announced) > 12:
        raise BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return int(announced)


def _is_unusable_json(content: bytearray) -> bool:
    """Whether it is JSON that parses but cannot be used. The library refuses what does not parse."""
    try:
        return bool(json_problem(json.loads(content)))
    except RecursionError:
        return True
    except ValueError:
        return False
