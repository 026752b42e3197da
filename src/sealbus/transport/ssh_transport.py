"""An SSH channel with the interface of an asyncio transport.

asyncssh's sessions are protocols in all but name. This module adds the rest: writes after the end are dropped, not raised;
an end of file closes unless the protocol keeps it open; what ends a connection arrives as an OSError.
"""

from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING, Any

import asyncssh

from sealbus.errors import LocalError

if TYPE_CHECKING:
    from asyncssh import DataType

__all__ = ["SshSession", "SshTransport"]

_CLOSE_S = 2.0


class SshSession(asyncssh.SSHTCPSession[bytes]):
    """Passes the callbacks of asyncssh to an asyncio protocol."""

    transport: SshTransport

    def __init__(
        self, loop: asyncio.AbstractEventLoop, connection: asyncssh.SSHClientConnection, protocol: asyncio.Protocol
    ) -> None:
        self._loop = loop
        self._connection = connection
        self._protocol = protocol

    def connection_made(self, chan: asyncssh.SSHTCPChannel[bytes]) -> None:
        self.transport = SshTransport(self._loop, self._connection, chan, self._protocol)
        self._protocol.connection_made(self.transport)

    def data_received(self, data: bytes, datatype: DataType) -> None:
        self.transport.protocol.data_received(data)

    def eof_received(self) -> bool:
        keep_open = bool(self.transport.protocol.eof_received())
        if not keep_open:
            self.transport.close()
        return keep_open

    def pause_writing(self) -> None:
        self.transport.protocol.pause_writing()

    def resume_writing(self) -> None:
        self.transport.protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport.finish(exc)


class SshTransport(asyncio.Transport):
    """The transport of `open_forward`: one forwarded connection, and the SSH connection under it."""

    __slots__ = ("_channel", "_connection", "_give_up", "_loop", "protocol")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: asyncssh.SSHClientConnection,
        channel: asyncssh.SSHTCPChannel[bytes],
        protocol: asyncio.Protocol,
    ) -> None:
        super().__init__()
        self._loop = loop
        self._connection = connection
        self._channel = channel
        self._give_up: asyncio.TimerHandle | None = None
        self.protocol = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._channel.is_closing():
            self._channel.write(bytes(data))

    def get_write_buffer_size(self) -> int:
        return self._channel.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._channel.set_write_buffer_limits(high, low)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self._channel.write_eof()

    def pause_reading(self) -> None:
        self._channel.pause_reading()

    def resume_reading(self) -> None:
        self._channel.resume_reading()

    def is_closing(self) -> bool:
        return self._channel.is_closing()

    def close(self) -> None:
        """Send the buffer, then close. The SSH connection is cut if the server does not answer in two seconds."""
        if self._give_up is None:
            self._give_up = self._loop.call_later(_CLOSE_S, self._connection.abort)
            self._channel.close()

    def abort(self) -> None:
        self._channel.abort()
        self._connection.abort()

    def finish(self, error: Exception | None) -> None:
        """The channel has ended: close the SSH connection that carried it."""
        if self._give_up is not None:
            self._give_up.cancel()
        self._connection.close()
        if error is not None and not isinstance(error, OSError):
            error = ConnectionResetError(errno.ECONNRESET, f"the SSH connection ended: {error}")
        self.protocol.connection_lost(error)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        if not isinstance(protocol, asyncio.Protocol):
            raise LocalError("an SSH forward needs an asyncio.Protocol")
        self.protocol = protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What asyncssh knows of the channel, such as `"remote_peername"` and `"connection"`."""
        return self._channel.get_extra_info(name, default)
