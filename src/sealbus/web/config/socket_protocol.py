"""One live socket's connection, with what uvicorn leaves open: a client that never reads is cut, not waited for.

When the application is done with a socket, uvicorn closes the connection as soon as what waits in it is sent. A client
that does not read keeps it waiting for ever, and what waits with it in memory. Here it gets a few seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

__all__ = ["GuardedSocket"]


class GuardedSocket(WebSocketsSansIOProtocol):
    """uvicorn's protocol on websockets, bounded at its end."""

    def __init__(self, *args: Any, gone: Callable[[], None], close_s: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self._gone = gone
        self._close_s = close_s
        self._cut: asyncio.TimerHandle | None = None

    async def run_asgi(self) -> None:
        """As uvicorn's; then the connection has a few seconds left."""
        try:
            await super().run_asgi()
        finally:
            if not self.disconnected:
                self._cut = self.loop.call_later(self._close_s, self.transport.abort)

    async def send(self, message: Any) -> None:
        """As uvicorn's, which forgets that a handshake that is answered with HTTP is over."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone: `gone` is told, once."""
        self._gone()
        if self._cut is not None:
            self._cut.cancel()
        super().connection_lost(exc)
