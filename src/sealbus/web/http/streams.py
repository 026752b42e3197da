"""Answers that are too long for memory: sent piece by piece, a bounded number of them concurrently.

The pieces come from a plain iterator that reads the database; under ASGI each is fetched in the thread of the request.
Without this, Django would collect all pieces in memory first.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse

from sealbus.web.http.problems import problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

__all__ = ["streamed"]

_AT_ONCE = 6
_RETRY_AFTER_S = 10
_open_streams = threading.BoundedSemaphore(_AT_ONCE)


def streamed(request: HttpRequest, pieces: Iterator[bytes], *, content_type: str, filename: str) -> HttpResponseBase:
    """The response; 503 where too many streams are open. `pieces` is started only once there is a slot, and each piece is
    made when it is needed. An empty piece is not sent: it lets a stream whose client has disconnected end.
    """
    if not _open_streams.acquire(blocking=False):
        busy = problem(503, "busy", "Too many exports are under way: try again in a moment")
        busy["Retry-After"] = str(_RETRY_AFTER_S)
        return busy
    slot = _Slot()
    content = _async_pieces(pieces, slot) if isinstance(request, ASGIRequest) else _sync_pieces(pieces, slot)
    response = _Streamed(slot, content, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


class _Slot:
    """One of the open streams, released once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_free = False

    def release(self) -> None:
        with self._lock:
            if not self._is_free:
                self._is_free = True
                _open_streams.release()


class _Streamed(StreamingHttpResponse):
    def __init__(self, slot: _Slot, content: Any, *, content_type: str) -> None:
        super().__init__(streaming_content=content, content_type=content_type)
        self._slot = slot

    def close(self) -> None:
        super().close()
        self._slot.release()


def _sync_pieces(pieces: Iterator[bytes], slot: _Slot) -> Iterator[bytes]:
    try:
        yield from pieces
    finally:
        slot.release()


async def _async_pieces(pieces: Iterator[bytes], slot: _Slot) -> AsyncIterator[bytes]:
    fetch = sync_to_async(_next_of, thread_sensitive=True)
    try:
        while (piece := await fetch(pieces)) is not None:
            if piece:
                yield piece
    finally:  # also when the client disconnects in the middle
        slot.release()


def _next_of(pieces: Iterator[bytes]) -> bytes | None:
    return next(pieces, None)
