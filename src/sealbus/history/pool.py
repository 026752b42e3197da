"""A bounded pool of connections that threads share.

A connection whose user raised an error is closed, not returned to the pool, because its state is unknown. A new one
costs little.
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
_MAX_CONNECTIONS = 16
_TIMEOUT_S = 30.0


class Pool(Generic[_Connection]):
    """At most sixteen connections. Raises HistoryUnavailable when none becomes free within 30 s, and after `close`."""

    def __init__(self, connect: Callable[[], _Connection], close: Callable[[_Connection], None]) -> None:
        self._connect = connect
        self._close = close
        self._idle: list[_Connection] = []
        self._lock = threading.Lock()
        self._free = threading.Semaphore(_MAX_CONNECTIONS)
        self._closed = False

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[_Connection]:
        """A connection for the duration of the `with` block."""
        if not self._free.acquire(timeout=_TIMEOUT_S):
            raise HistoryUnavailable(f"history is overloaded: no connection became free within {_TIMEOUT_S:.0f} s")
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
        """Close the idle connections now, and the others when they are returned."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            self._close(connection)
