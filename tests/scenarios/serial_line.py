"""A serial line without hardware: a pseudo-terminal with an RTU device at its far end, scripted by the test.

    async with RtuDevice() as device:
        ...  # device.url is the endpoint for the gateway
        device.answer = lambda request: device.normal_answer(request)[:-1] + b"?"      # a damaged frame

The device computes the checksum itself and uses it to find the end of a request, so it does not depend on the code
under test. `answer` returns bytes, several pieces that are sent one after the other, or None for no answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
import tty
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

__all__ = ["PtyPair", "RtuDevice", "RtuRequest", "checksum", "joined", "rtu_frame"]


def checksum(data: bytes) -> bytes:
    """CRC-16 bit by bit, low byte first (MODBUS over Serial Line V1.02, 6.2.2)."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return value.to_bytes(2, "little")


def rtu_frame(unit: int, pdu: bytes) -> bytes:
    return (body := bytes((unit,)) + pdu) + checksum(body)


class PtyPair:
    """A pseudo-terminal in raw mode. `near` is the path that a program opens as its serial line, `far` the other end."""

    def __init__(self) -> None:
        self.far, self._near = os.openpty()
        tty.setraw(self._near)
        os.set_blocking(self.far, False)
        self.near = os.ttyname(self._near)

    def close(self) -> None:
        """Close both ends, as when a serial adapter is unplugged."""
        for descriptor in (self.far, self._near):
            with contextlib.suppress(OSError):
                os.close(descriptor)


class RtuRequest:
    """A request as it was received."""

    def __init__(self, frame: bytes) -> None:
        self.unit = frame[0]
        self.pdu = frame[1:-2]

    def __repr__(self) -> str:
        return f"<unit {self.unit} {self.pdu.hex()}>"


Answer = Callable[[RtuRequest], "bytes | list[bytes] | None"]


class RtuDevice:
    """All slaves of one line: every unit but 0. Holding register n of unit u holds 100 * u + n until it is written.

    `delay_s` is the time until it answers. `overlaps` counts requests received before the last answer was sent: a
    conforming master causes none.
    """

    def __init__(self) -> None:
        self.pty = PtyPair()
        self.requests: list[RtuRequest] = []
        self.registers: dict[tuple[int, int], int] = {}
        self.answer: Answer = self.normal_answer
        self.delay_s = 0.0
        self.overlaps = 0
        self._owes = False
        self._is_plugged = False
        self._held = b""
        self._loop = asyncio.get_running_loop()

    @property
    def url(self) -> str:
        return f"rtu://{self.pty.near}"

    def normal_answer(self, request: RtuRequest) -> bytes | None:
        """Functions 3, 6 and 16; exception 01 for others. A broadcast is executed and not answered."""
        function_code = request.pdu[0]
        address, value = struct.unpack_from(">HH", request.pdu, 1)
        pdu = request.pdu[:5]
        if function_code == 3:
            words = [self.registers.get((request.unit, at), 100 * request.unit + at) for at in _span(address, value)]
            pdu = struct.pack(f">BB{value}H", 3, 2 * value, *words)
        elif function_code in (6, 16):
            written = [value] if function_code == 6 else struct.unpack_from(f">{value}H", request.pdu, 6)
            for unit in range(1, 248) if request.unit == 0 else [request.unit]:
                self.registers.update({(unit, address + place): word for place, word in enumerate(written)})
        else:
            pdu = bytes((function_code | 0x80, 1))
        return None if request.unit == 0 else rtu_frame(request.unit, pdu)

    def send_bytes(self, data: bytes) -> None:
        """Send bytes at any time; does nothing when unplugged."""
        if self._is_plugged:
            os.write(self.pty.far, data)

    async def __aenter__(self) -> RtuDevice:
        self._loop.add_reader(self.pty.far, self._readable)
        self._is_plugged = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unplug()

    def unplug(self) -> None:
        self._is_plugged = False
        self._loop.remove_reader(self.pty.far)
        self.pty.close()

    def _readable(self) -> None:
        try:
            self._held += os.read(self.pty.far, 4096)
        except OSError:  # the other end is not open at the moment
            return
        if len(self._held) > 3 and checksum(self._held[:-2]) == self._held[-2:]:
            request, self._held = RtuRequest(self._held), b""
            self.overlaps += self._owes
            self.requests.append(request)
            answer = self.answer(request)
            if answer is not None:
                self._owes = True
                self._loop.call_later(self.delay_s, self._reply, answer if isinstance(answer, list) else [answer])

    def _reply(self, pieces: list[bytes]) -> None:
        self._owes = False
        for number, piece in enumerate(pieces):
            self._loop.call_later(0.002 * number, self.send_bytes, piece)


@contextlib.contextmanager
def joined(first: PtyPair, second: PtyPair) -> Iterator[None]:
    """Connect the far ends of two pseudo-terminals, so that a program can open each near end by its path."""
    loop = asyncio.get_running_loop()
    ends = ((first.far, second.far), (second.far, first.far))
    for source, target in ends:
        loop.add_reader(source, _carry, source, target)
    try:
        yield
    finally:
        for source, _ in ends:
            loop.remove_reader(source)


def _carry(source: int, target: int) -> None:
    with contextlib.suppress(OSError):
        os.write(target, os.read(source, 4096))


def _span(address: int, count: int) -> range:
    return range(address, address + count)
