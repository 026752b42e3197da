"""A few connections that threads take turns with.

One that was in use when an error came is closed, not kept: nobody knows in what state it is. A new one costs little.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from sealbus.history.results import HistoryUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Pool"]

_Connection = TypeVar("_Connection")
_MOST = 16
_PATIENCE_S = 30.0


class Pool(Generic[_Connection]):
    """At most sixteen connections. Raises HistoryUnavailable: none has come free for half a minute, or it is closed."""

    def __init__(self, connect: Callable[[], _Connection], close: Callable[[_Connection], None]) -> None:
        self._connect = connect
        self._close = close
        self._idle: list[_Connection] = []
        self._lock = threading.Lock()
        self._free = threading.Semaphore(_MOST)
        self._closed = False

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[_Connection]:
        """A connection for the length of the block."""
        if not self._free.acquire(timeout=_PATIENCE_S):
            raise HistoryUnavailable("history has more to do than it can: no connection came free")
        try:
            connection = self._take()
            try:
                yield connection
            except BaseException:
                self._close(connection)
                raise
            self._put(connection)
        finally:
            self._free.release()

    def _take(self) -> _Connection:
        with self._lock:
            if self._closed:
                raise HistoryUnavailable("history is closed")
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _put(self, connection: _Connection) -> None:
        with self._lock:
            kept = not self._closed
            if kept:
                self._idle.append(connection)
        if not kept:
            self._close(connection)

    def close(self) -> None:
        """Close those that are idle now, and the others when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            self._close(connection)
