"""A serial port as an asyncio transport.

pyserial opens and configures the port. Its own reads and writes, and the asyncio port built on them, are not used: with a
full output buffer `Serial.write` in non-blocking mode spins until there is room and blocks the event loop, so one device
that holds its line would stop every other (seen with pyserial 3.5 on asyncio and uvloop). Here the file descriptor is read
and written when the loop reports it ready, on any loop with `add_reader`.

The port is locked: by `flock` against programs that use it, by TIOCEXCL against those that do not. Two masters on one line
would receive each other's answers. A pseudo-terminal has no line parameters; Linux refuses to set them, so none are set.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import termios
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import serial

from sealbus.errors import LocalError, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealbus.endpoints import Endpoint, SerialLine

__all__ = ["SerialTransport", "open_serial"]

_READ_SIZE_BYTES = 4096
_FLUSH_S = 2.0
_PSEUDO_TERMINALS = "/dev/pts/"
_REASONS = {
    errno.ENOENT: "there is no such device",
    errno.EACCES: "no permission; add the user to the group that owns the device, usually dialout",
    errno.EPERM: "no permission; add the user to the group that owns the device, usually dialout",
    errno.EAGAIN: "another program has it open",
    errno.EBUSY: "another program has it open",
    errno.ENOTTY: "it is not a serial device",
    errno.EISDIR: "it is not a serial device",
    errno.EIO: "the device does not work",
    errno.ENXIO: "the device is not plugged in",
    errno.ENODEV: "the device is not plugged in",
}

_P = TypeVar("_P", bound=asyncio.Protocol)


class _Phase(Enum):
    OPEN = "open"
    FLUSHING = "flushing"  # closed by the protocol, bytes still to send
    ENDED = "ended"


async def open_serial(endpoint: Endpoint, protocol_factory: Callable[[], _P]) -> tuple[SerialTransport, _P]:
    """Open the line of an `rtu` or `ascii` endpoint, as its master or as a simulated device. Raises Unreachable."""
    if endpoint.line is None:
        raise LocalError(f"{endpoint} is not a serial endpoint")
    loop = asyncio.get_running_loop()
    # Opening a USB port talks to the adapter and is slow, so a thread does it; a port that was opened too late is closed.
    opening = loop.run_in_executor(None, _open, endpoint.line)
    try:
        port = await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_unclaimed)
        raise
    except (serial.SerialException, termios.error, OSError, ValueError) as error:
        raise Unreachable(f"{endpoint} cannot be opened: {_reason(error)}") from error
    protocol = protocol_factory()
    transport = SerialTransport(loop, port, protocol)
    transport._begin()  # before `dial` returns the protocol has its transport, as with every other scheme
    return transport, protocol


def _open(line: SerialLine) -> serial.Serial:
    options: dict[str, Any] = {"exclusive": True, "timeout": 0, "write_timeout": 0}
    if not str(Path(line.device).resolve()).startswith(_PSEUDO_TERMINALS):
        options |= {"baudrate": line.baud, "parity": line.parity.value}
        options |= {"stopbits": line.stop_bits, "bytesize": line.data_bits}
    port = serial.Serial(line.device, **options)
    with contextlib.suppress(OSError):
        fcntl.ioctl(port.fileno(), termios.TIOCEXCL)
    return port


def _close(port: serial.Serial) -> None:
    with contextlib.suppress(OSError):
        fcntl.ioctl(port.fileno(), termios.TIOCNXCL)
    port.close()


def _close_unclaimed(opening: asyncio.Future[serial.Serial]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        _close(opening.result())


def _reason(error: Exception) -> str:
    code = getattr(error, "errno", None)
    if code is None and isinstance(error, termios.error):
        code = error.args[0]
    if code is None and "Inappropriate ioctl" in str(error):
        code = errno.ENOTTY
    if code == errno.EINVAL or isinstance(error, ValueError):
        return "the device cannot do this baud rate, parity or stop bits"
    return _REASONS.get(code or 0) or str(error)


class SerialTransport(asyncio.Transport):
    """The transport of `open_serial`. A write never blocks; `close` sends the buffer, for 2 s at most."""

    __slots__ = ("_buffer", "_file", "_high", "_loop", "_low", "_paused", "_phase", "_port", "_protocol", "_reading")

    def __init__(self, loop: asyncio.AbstractEventLoop, port: serial.Serial, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._loop = loop
        self._port = port
        self._file: int = port.fileno()
        self._protocol = protocol
        self._buffer = bytearray()
        self._high, self._low = 65536, 16384
        self._paused = self._reading = False
        self._phase = _Phase.OPEN

    def _begin(self) -> None:
        self._protocol.connection_made(self)
        if self._phase is _Phase.OPEN:
            self.resume_reading()

    # reading

    def is_reading(self) -> bool:
        return self._reading

    def pause_reading(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._file)

    def resume_reading(self) -> None:
        if not self._reading and self._phase is _Phase.OPEN:
            self._reading = True
            self._loop.add_reader(self._file, self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self._file, _READ_SIZE_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._end(error)
            return
        if data:
            self._protocol.data_received(data)
        else:
            self._end(ConnectionResetError(errno.ECONNRESET, "the serial device is gone"))

    # writing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._phase is not _Phase.OPEN:
            return
        if not self._buffer:
            data = data[self._written(data) :]
            if not data or self._has_ended():
                return
            self._loop.add_writer(self._file, self._writable)
        self._buffer += data
        self._update_flow_control()

    def _written(self, data: bytes | bytearray | memoryview) -> int:
        try:
            return os.write(self._file, data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            self._end(error)
            return 0

    def _writable(self) -> None:
        del self._buffer[: self._written(self._buffer)]
        if self._has_ended():
            return
        self._update_flow_control()
        if not self._buffer:
            self._loop.remove_writer(self._file)
            if self._phase is _Phase.FLUSHING:
                self._end(None)

    def _update_flow_control(self) -> None:
        if not self._paused and len(self._buffer) > self._high:
            self._paused = True
            self._protocol.pause_writing()
        elif self._paused and len(self._buffer) <= self._low:
            self._paused = False
            self._protocol.resume_writing()

    def get_write_buffer_size(self) -> int:
        return len(self._buffer)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = high if high is not None else 65536 if low is None else 4 * low
        self._low = low if low is not None else self._high // 4
        self._update_flow_control()

    def can_write_eof(self) -> bool:
        return False

    # ending

    def is_closing(self) -> bool:
        return self._phase is not _Phase.OPEN

    def close(self) -> None:
        if self._phase is not _Phase.OPEN:
            return
        self.pause_reading()
        self._phase = _Phase.FLUSHING
        if self._buffer:
            self._loop.call_later(_FLUSH_S, self.abort)
        else:
            self._end(None)

    def abort(self) -> None:
        self._end(None)

    def _end(self, error: Exception | None) -> None:
        if self._has_ended():
            return
        self.pause_reading()
        self._loop.remove_writer(self._file)
        self._phase = _Phase.ENDED
        self._buffer.clear()
        self._loop.call_soon(self._finish, error)

    def _has_ended(self) -> bool:
        return self._phase is _Phase.ENDED

    def _finish(self, error: Exception | None) -> None:
        _close(self._port)
        self._protocol.connection_lost(error)

    # protocol and extras

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        if not isinstance(protocol, asyncio.Protocol):
            raise LocalError("a serial line needs an asyncio.Protocol")
        self._protocol = protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """`"serial"` gives the pyserial port, to look at."""
        return self._port if name == "serial" else default
