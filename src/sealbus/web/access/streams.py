"""Answers that are too long for memory: sent piece by piece, as many at once as the site bears.

The pieces come from a plain iterator that reads the database; under ASGI each is fetched in the thread of the request.
Django would otherwise gather all of them first.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse

from sealbus.web.access.problems import problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

__all__ = ["streamed"]

_AT_ONCE = 6
_RETRY_AFTER_S = 10
_open_streams = threading.BoundedSemaphore(_AT_ONCE)


def streamed(request: HttpRequest, pieces: Iterator[bytes], *, content_type: str, filename: str) -> HttpResponseBase:
    """The response; 503 where too many are under way. `pieces` is not begun before it has its place, and each is made
    when it is wanted. An empty one is not sent: it only lets a stream end whose caller has gone.
    """
    if not _open_streams.acquire(blocking=False):
        busy = problem(503, "busy", "Too many exports are under way: try again in a moment")
        busy["Retry-After"] = str(_RETRY_AFTER_S)
        return busy
    place = _Place()
    content = _in_turn(pieces, place) if isinstance(request, ASGIRequest) else _plainly(pieces, place)
    response = _Streamed(place, content, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


class _Place:
    """A place among the streams, given back once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_free = False

    def give_back(self) -> None:
        with self._lock:
            if not self._is_free:
                self._is_free = True
                _open_streams.release()


class _Streamed(StreamingHttpResponse):
    def __init__(self, place: _Place, content: Any, *, content_type: str) -> None:
        super().__init__(streaming_content=content, content_type=content_type)
        self._place = place

    def close(self) -> None:
        super().close()
        self._place.give_back()


def _plainly(pieces: Iterator[bytes], place: _Place) -> Iterator[bytes]:
    try:
        yield from pieces
    finally:
        place.give_back()


async def _in_turn(pieces: Iterator[bytes], place: _Place) -> AsyncIterator[bytes]:
    fetch = sync_to_async(_next_of, thread_sensitive=True)
    try:
        while (piece := await fetch(pieces)) is not None:
            if piece:
                yield piece
    finally:  # also when the caller goes away in the middle
        place.give_back()


def _next_of(pieces: Iterator[bytes]) -> bytes | None:
    return next(pieces, None)
