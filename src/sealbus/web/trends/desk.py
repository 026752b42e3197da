"""Threads in which the live side asks the database and history, so that its loop never waits for either.

Each desk has few threads and no queue of its own to speak of: who asks has a deadline, and how many may ask at once is
bounded by the sockets there are. What a thread's connection went through in one question does not reach the next one:
a connection that failed or is too old is closed between them.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from django.db import close_old_connections, connections

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Desk"]

_Asked = ParamSpec("_Asked")
_Answer = TypeVar("_Answer")


class Desk:
    """Some threads with a name."""

    def __init__(self, name: str, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def ask(
        self, within_s: float, question: Callable[_Asked, _Answer], *args: _Asked.args, **options: _Asked.kwargs
    ) -> _Answer:
        """Run it in one of the threads. Raises what it raises; TimeoutError: it takes too long, or had no turn."""

        def answer() -> _Answer:
            close_old_connections()
            try:
                return question(*args, **options)
            finally:
                close_old_connections()

        async with asyncio.timeout(within_s):
            return await asyncio.get_running_loop().run_in_executor(self._threads, answer)

    def close(self) -> None:
        """Ask no more; what is being asked ends by itself."""
        self._threads.submit(connections.close_all)
        self._threads.shutdown(wait=False)
