"""The client under test, in a process of its own: reads ten registers, one request in flight, and says what that cost.

`python -m benchmarks.api_client LIBRARY STYLE PORT WARMUP_S SECONDS`, LIBRARY sealbus or pymodbus, STYLE asyncio,
uvloop or sync. CPU time is the process's own (user and system, all threads), read at the two ends of the measured
window.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

__all__ = ["EXPECTED", "main"]

_COUNT = 10
EXPECTED = [address * 31 + 7 for address in range(_COUNT)]  # register_value() of modbus.h
_BATCH = 50  # requests between two looks at the clock


@dataclass(slots=True)
class _Window:
    """Counts what falls between the end of the warm-up and the end of the run."""

    warmup_s: float
    seconds: float
    began: float = field(default_factory=time.monotonic)
    requests: int = 0
    cpu_s: float = 0.0
    opened: float = 0.0

    def still(self, requests: int) -> bool:
        """Count the batch just done; false when the run is over."""
        now = time.monotonic()
        if not self.opened:
            if now - self.began >= self.warmup_s:
                self.opened, self.cpu_s = now, time.process_time()
            return True
        self.requests += requests
        if now - self.opened < self.seconds:
            return True
        self.cpu_s = time.process_time() - self.cpu_s
        self.seconds = now - self.opened
        return False

    def report(self) -> str:
        return json.dumps({"requests": self.requests, "cpu_s": self.cpu_s, "seconds": self.seconds})


def _check(words: Sequence[object]) -> None:
    if list(words) != EXPECTED:
        raise ValueError(f"a wrong answer: {words}")


async def _repeat(read: Callable[[], Awaitable[Sequence[object]]], window: _Window) -> None:
    while window.still(_BATCH):
        for _ in range(_BATCH):
            _check(await read())


async def _sealbus(port: int, window: _Window) -> None:
    import sealbus

    async with sealbus.connect(f"tcp://127.0.0.1:{port}") as modbus:
        await _repeat(lambda: modbus.read_holding_registers(0, _COUNT, unit=1), window)


def _sealbus_sync(port: int, window: _Window) -> None:
    import sealbus.sync

    with sealbus.sync.connect(f"tcp://127.0.0.1:{port}") as modbus:
        while window.still(_BATCH):
            for _ in range(_BATCH):
                _check(modbus.read_holding_registers(0, _COUNT, unit=1))


async def _pymodbus(port: int, window: _Window) -> None:
    from pymodbus.client import AsyncModbusTcpClient

    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    if not await client.connect():
        raise ConnectionError("pymodbus did not connect")

    async def read() -> Sequence[object]:
        return (await client.read_holding_registers(0, count=_COUNT, device_id=1)).registers

    await _repeat(read, window)
    client.close()


def _pymodbus_sync(port: int, window: _Window) -> None:
    from pymodbus.client import ModbusTcpClient

    client = ModbusTcpClient("127.0.0.1", port=port)
    if not client.connect():  # type: ignore[no-untyped-call]
        raise ConnectionError("pymodbus did not connect")
    while window.still(_BATCH):
        for _ in range(_BATCH):
            _check(client.read_holding_registers(0, count=_COUNT, device_id=1).registers)
    client.close()  # type: ignore[no-untyped-call]


def main(arguments: Sequence[str]) -> None:
    """Run one client and print its report as JSON."""
    library, style, port = arguments[0], arguments[1], int(arguments[2])
    logging.disable(logging.WARNING)
    window = _Window(warmup_s=float(arguments[3]), seconds=float(arguments[4]))
    if style == "sync":
        (_sealbus_sync if library == "sealbus" else _pymodbus_sync)(port, window)
    else:
        work = (_sealbus if library == "sealbus" else _pymodbus)(port, window)
        if style == "uvloop":
            import uvloop

            uvloop.run(work)
        else:
            asyncio.run(work)
    print(window.report())


if __name__ == "__main__":
    main(sys.argv[1:])
