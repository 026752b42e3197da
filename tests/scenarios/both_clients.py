"""The client with and without `await`, called in one way, for promises that both keep."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

import sealbus

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CLIENTS", "Client"]

CLIENTS = ("awaited", "blocking")


class Client:
    """A connection of either kind. `options` are those of `connect`."""

    def __init__(self, kind: str, url: str, **options: Any) -> None:
        self._is_awaited = kind == "awaited"
        connect: Callable[..., Any] = sealbus.connect if self._is_awaited else sealbus.sync.connect
        self.connection = connect(url, **options)

    async def call(self, use: Callable[[Any], Any]) -> Any:
        """What `use` gets from the connection. The blocking one is used in another thread, beside the device."""
        if self._is_awaited:
            result = use(self.connection)
            return await result if inspect.isawaitable(result) else result
        return await asyncio.to_thread(use, self.connection)

    async def close(self) -> None:
        await self.call(lambda connection: connection.close())
