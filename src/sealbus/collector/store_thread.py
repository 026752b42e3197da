"""A thread for calls to the store, so that the event loop never waits for a database."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from sealbus.errors import SealbusError
from sealbus.outage_log import OutageLog

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

__all__ = ["StoreThread"]

_log = logging.getLogger("sealbus.collect")
_AFTER_BUG_S: Final = 0.5
_Given = ParamSpec("_Given")
_Got = TypeVar("_Got")


class StoreThread:
    """Calls to the store, one at a time, in the one thread of `executor`."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._outage = OutageLog(_log)

    async def call(self, work: Callable[_Given, _Got], *args: _Given.args, **kwargs: _Given.kwargs) -> _Got:
        """Run it in the thread. Raises what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, lambda: work(*args, **kwargs))

    async def attempt(self, work: Callable[_Given, _Got], *args: _Given.args, **kwargs: _Given.kwargs) -> _Got | None:
        """Run it in the thread. None: it failed, which is logged at once and then once a minute for each reason."""
        try:
            return await self.call(work, *args, **kwargs)
        except (SealbusError, OSError) as error:
            self._outage.failed(str(error))
            return None
        except Exception:  # noqa: BLE001 - one call to the store must not end the polling
            _log.exception("a fault of Sealbus in a call to the site; the collector continues")
            await asyncio.sleep(_AFTER_BUG_S)  # it would fail again immediately
            return None
