"""Threads in which the live side calls the database and history, so that its event loop never blocks.

Each call has a deadline, and the number of concurrent calls is bounded by the number of sockets. A database connection that
failed or is too old is closed between two calls, so no call inherits a broken one.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from django.db import close_old_connections, connections

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["QueryThreads"]

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


class QueryThreads:
    """A few threads for one kind of call."""

    def __init__(self, name: str, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(
        self, within_s: float, call: Callable[_Given, _Result], *args: _Given.args, **options: _Given.kwargs
    ) -> _Result:
        """Call in one of the threads. Raises what the call raises, and TimeoutError if it is not done in time."""

        def in_thread() -> _Result:
            close_old_connections()
            try:
                return call(*args, **options)
            finally:
                close_old_connections()

        async with asyncio.timeout(within_s):
            return await asyncio.get_running_loop().run_in_executor(self._threads, in_thread)

    def close(self) -> None:
        """Take no more calls; running ones end by themselves."""
        self._threads.submit(connections.close_all)
        self._threads.shutdown(wait=False)
