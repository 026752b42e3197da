"""What a program may observe of its connection: made, lost, not to be made; and the bytes that go over it.

`on_event=print` and `on_bytes=print` are a log. The callbacks are the program's code and run within its calls, so they must
be quick; what they raise is logged and changes nothing for the call.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealbus.transport import BlockingTransport

__all__ = ["ConnectionEvent", "ConnectionState", "Observer", "WireBytes"]

_log = logging.getLogger("sealbus.client")


class ConnectionState(StrEnum):
    """What happened to a connection.

    LOST: it was closed after an error, or by the device with requests that were lost by that; a device that closes an idle
    connection is not down. UNREACHABLE: none could be made, or the device closed it before its first answer. `close` of the
    program is no event.
    """

    CONNECTED = "connected"
    LOST = "lost"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class ConnectionEvent:
    """An event of the connection to `endpoint` (its URL); `reason` is text for people, empty where it is connected."""

    state: ConnectionState
    endpoint: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.endpoint} {self.state}" + (f": {self.reason}" if self.reason else "")


@dataclass(frozen=True, slots=True)
class WireBytes:
    """Bytes as they were sent or received, inside TLS where there is TLS. A frame may come in several pieces."""

    is_sent: bool
    data: bytes

    def __str__(self) -> str:
        return f"{'>' if self.is_sent else '<'} {self.data.hex(' ')}"


class Observer:
    """Calls the callbacks of a program. One that is None is left out and costs nothing."""

    def __init__(
        self,
        endpoint: str,
        on_event: Callable[[ConnectionEvent], object] | None = None,
        on_bytes: Callable[[WireBytes], object] | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._on_event = on_event
        self._on_bytes = on_bytes

    def connected(self) -> None:
        self._tell(ConnectionState.CONNECTED)

    def lost(self, reason: str) -> None:
        self._tell(ConnectionState.LOST, reason)

    def unreachable(self, reason: str) -> None:
        self._tell(ConnectionState.UNREACHABLE, reason)

    def tapped(self, protocol: asyncio.Protocol) -> asyncio.Protocol:
        """A protocol that shows what it passes on to this one, and what this one writes."""
        return protocol if self._on_bytes is None else _TappedProtocol(protocol, self)

    def tapped_blocking(self, transport: BlockingTransport) -> BlockingTransport:
        """A transport that shows what is written to it and received from it."""
        return transport if self._on_bytes is None else cast("BlockingTransport", _TappedTransport(transport, self))

    def bytes_seen(self, data: bytes, *, is_sent: bool) -> None:
        if self._on_bytes is not None:
            _call(self._on_bytes, WireBytes(is_sent, bytes(data)))

    def _tell(self, state: ConnectionState, reason: str = "") -> None:
        if self._on_event is not None:
            _call(self._on_event, ConnectionEvent(state, self._endpoint, reason))


def _call(callback: Callable[[Any], object], value: object) -> None:
    try:
        callback(value)
    except Exception:  # noqa: BLE001 - the program's own code must not break its call
        _log.exception("a callback of a connection failed")


class _TappedProtocol(asyncio.Protocol):
    def __init__(self, protocol: asyncio.Protocol, observer: Observer) -> None:
        self._protocol = protocol
        self._observer = observer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._protocol.connection_made(cast("asyncio.BaseTransport", _TappedTransport(transport, self._observer)))

    def data_received(self, data: bytes) -> None:
        self._observer.bytes_seen(data, is_sent=False)
        self._protocol.data_received(data)

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received()

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)


class _TappedTransport:
    """Everything but `write` and `receive` is that of the transport, of an event loop or a blocking one."""

    def __init__(self, transport: Any, observer: Observer) -> None:
        self._transport = transport
        self._observer = observer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        self._observer.bytes_seen(data, is_sent=True)
        self._transport.write(data)

    def receive(self) -> bytes | None:
        data: bytes | None = self._transport.receive()
        if data:
            self._observer.bytes_seen(data, is_sent=False)
        return data
