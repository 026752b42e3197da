"""A transport that keeps what is written to it, a device at its other end, and transactions that keep their ends."""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING, Any

from sealbus.client import Failure, Transaction
from sealbus.protocol import WireRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealbus.client.line import Line
    from sealbus.endpoints import Endpoint
    from sealbus.errors import SealbusError

__all__ = ["Attempt", "Dialler", "FakeTransport", "RecordedTransaction", "adu", "read", "turns", "words", "write"]

FOR_EVER = 1e9


def read(address: int, count: int = 1) -> bytes:
    """Function 03."""
    return struct.pack(">BHH", 3, address, count)


def write(address: int, value: int) -> bytes:
    """Function 06."""
    return struct.pack(">BHH", 6, address, value)


def words(*values: int) -> bytes:
    """The answer to function 03."""
    return struct.pack(f">BB{len(values)}H", 3, 2 * len(values), *values)


def adu(transaction_id: int, pdu: bytes, *, unit: int = 1) -> bytes:
    """An MBAP ADU."""
    return struct.pack(">HHHB", transaction_id, 0, len(pdu) + 1, unit) + pdu


async def turns(count: int = 10) -> None:
    """Let the loop run without letting time pass."""
    for _ in range(count):
        await asyncio.sleep(0)


class RecordedTransaction(Transaction):
    """A transaction that records its ends: there must be exactly one."""

    __slots__ = ("ends", "name")

    def __init__(
        self, pdu: bytes, *, unit: int = 1, source: object = "client", send_by: float = FOR_EVER, name: str = ""
    ) -> None:
        super().__init__(source, WireRequest(bytes((unit,)) + pdu), send_by)
        self.name = name
        self.ends: list[bytes | Failure] = []

    @property
    def end(self) -> bytes | Failure | None:
        """How it ended: the PDU of the answer, a failure, or None while it has not."""
        assert len(self.ends) <= 1, f"{self.name} ended {len(self.ends)} times"
        return self.ends[0] if self.ends else None

    def finish(self, answer: bytes) -> None:
        self.ends.append(answer[5:])

    def fail(self, failure: Failure, detail: str = "") -> None:
        self.ends.append(failure)


class FakeTransport(asyncio.Transport):
    """`written` are the chunks that were written. `closing_turns`: turns between `abort` and `connection_lost`."""

    def __init__(self, protocol: asyncio.Protocol, *, closing_turns: int = 1) -> None:
        super().__init__()
        self.protocol = protocol
        self.written: list[bytes] = []
        self.is_open = True
        self._closing_turns = closing_turns

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        assert self.is_open, "something was written to a connection that is closed"
        self.written.append(bytes(data))

    def abort(self) -> None:
        if self.is_open:
            self.is_open = False
            self._report_end(self._closing_turns)

    def close(self) -> None:
        self.abort()

    def lose(self, error: Exception | None = None) -> None:
        """The other side closes."""
        self.is_open = False
        self.protocol.connection_lost(error)

    @property
    def adus(self) -> list[bytes]:
        """All frames that were written, one by one."""
        stream, found = b"".join(self.written), []
        while stream:
            end = 6 + int.from_bytes(stream[4:6], "big")
            found.append(stream[:end])
            stream = stream[end:]
        return found

    def _report_end(self, turns_left: int) -> None:
        loop = asyncio.get_running_loop()
        if turns_left:
            loop.call_soon(self._report_end, turns_left - 1)
        else:
            self.protocol.connection_lost(None)


class Attempt:
    """A dialling that the test lets succeed or fail."""

    def __init__(self, protocol_factory: Callable[[], Line]) -> None:
        self._factory = protocol_factory
        self.outcome: asyncio.Future[tuple[FakeTransport, Line]] = asyncio.get_running_loop().create_future()

    def succeed(self, *, closing_turns: int = 1) -> FakeTransport:
        """Connect. The dialler continues in the next turn."""
        line = self._factory()
        transport = FakeTransport(line, closing_turns=closing_turns)
        line.connection_made(transport)
        self.outcome.set_result((transport, line))
        return transport

    def fail(self, error: SealbusError) -> None:
        self.outcome.set_exception(error)


class Dialler:
    """Takes the place of `dial`."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []

    async def __call__(
        self, endpoint: Endpoint, protocol_factory: Callable[[], Line], *, tls: object, timeout_s: float
    ) -> tuple[FakeTransport, Line]:
        attempt = Attempt(protocol_factory)
        self.attempts.append(attempt)
        return await attempt.outcome
