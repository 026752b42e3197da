"""The connection of one live socket, with a deadline that uvicorn lacks: a client that never reads is cut.

When the application has ended, uvicorn closes the connection once everything in its buffer is sent. A client that does
not read would keep the connection and the buffer for ever. Here it gets a few seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

__all__ = ["GuardedSocket"]


class GuardedSocket(WebSocketsSansIOProtocol):
    """uvicorn's protocol on websockets, with a deadline at the end."""

    def __init__(self, *args: Any, gone: Callable[[], None], close_s: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self._gone = gone
        self._close_s = close_s
        self._cut: asyncio.TimerHandle | None = None

    async def run_asgi(self) -> None:
        """As uvicorn's; then the connection may stay open for a few seconds."""
        try:
            await super().run_asgi()
        finally:
            if not self.disconnected:
                self._cut = self.loop.call_later(self._close_s, self.transport.abort)

    async def send(self, message: Any) -> None:
        """As uvicorn's, which does not note that a handshake answered with HTTP is complete."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Call `gone`, once."""
        self._gone()
        if self._cut is not None:
            self._cut.cancel()
        super().connection_lost(exc)
