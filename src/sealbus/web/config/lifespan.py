"""The parts of the web process besides requests: started before the first request, stopped after the last.

Each part is an async context manager that takes the limits; one line in `_PARTS` adds it. They are entered in order and
left in reverse order.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from sealbus.web.trends.live_service import live_service

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from contextlib import AbstractAsyncContextManager

    from sealbus.web.trends.limits import LiveLimits

__all__ = ["running_parts"]

_PARTS: tuple[Callable[[LiveLimits], AbstractAsyncContextManager[object]], ...] = (live_service,)


@asynccontextmanager
async def running_parts(limits: LiveLimits) -> AsyncGenerator[None]:
    """Run all parts within this context."""
    async with AsyncExitStack() as stack:
        for part in _PARTS:
            await stack.enter_async_context(part(limits))
        yield
