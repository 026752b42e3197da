"""The client under test, in its own process: reads ten registers over plain tcp and reports the CPU time.

`python -m benchmarks.api_client LIBRARY STYLE CONNECTIONS CALLERS PORT WARMUP_S SECONDS`: LIBRARY is sealbus or pymodbus,
STYLE is asyncio, uvloop or sync (one connection). CALLERS share each connection; Sealbus has that many requests in flight
on it, pymodbus one. CPU time is that of the process (user and system, all threads), read at the start and the end of the
measured window.
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
_BATCH = 50  # requests between two readings of the clock


@dataclass(slots=True)
class _Window:
    """Counts the requests between the end of the warm-up and the end of the run."""

    warmup_s: float
    seconds: float
    began: float = field(default_factory=time.monotonic)
    opened: float = 0.0
    cpu_s: float = 0.0
    requests: int = 0
    report: str = ""

    def is_running(self) -> bool:
        """False after the end of the run; then `report` is set."""
        now = time.monotonic()
        if self.report:
            return False
        if not self.opened:
            if now - self.began >= self.warmup_s:
                self.opened, self.requests, self.cpu_s = now, 0, time.process_time()
        elif now - self.opened >= self.seconds:
            used = time.process_time() - self.cpu_s
            self.report = json.dumps({"requests": self.requests, "cpu_s": used, "seconds": now - self.opened})
        return not self.report


def _check(words: Sequence[object]) -> None:
    if list(words) != EXPECTED:
        raise ValueError(f"a wrong answer: {words}")


async def _repeat(read: Callable[[], Awaitable[Sequence[object]]], window: _Window) -> None:
    while window.is_running():
        for _ in range(_BATCH):
            _check(await read())
            window.requests += 1


async def _sealbus(port: int, callers: int, window: _Window) -> None:
    import sealbus

    rules = sealbus.ChannelRules(in_flight=callers)
    async with sealbus.connect(f"tcp://127.0.0.1:{port}", rules=rules) as modbus:

        async def read() -> Sequence[object]:
            return await modbus.read_holding_registers(0, _COUNT, unit=1)

        await asyncio.gather(*(_repeat(read, window) for _ in range(callers)))


def _sealbus_sync(port: int, window: _Window) -> None:
    import sealbus.sync

    with sealbus.sync.connect(f"tcp://127.0.0.1:{port}") as modbus:
        while window.is_running():
            for _ in range(_BATCH):
                _check(modbus.read_holding_registers(0, _COUNT, unit=1))
                window.requests += 1


async def _pymodbus(port: int, callers: int, window: _Window) -> None:
    from pymodbus.client import AsyncModbusTcpClient

    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    if not await client.connect():
        raise ConnectionError("pymodbus did not connect")

    async def read() -> Sequence[object]:
        return (await client.read_holding_registers(0, count=_COUNT, device_id=1)).registers

    await asyncio.gather(*(_repeat(read, window) for _ in range(callers)))
    client.close()


def _pymodbus_sync(port: int, window: _Window) -> None:
    from pymodbus.client import ModbusTcpClient

    client = ModbusTcpClient("127.0.0.1", port=port)
    if not client.connect():  # type: ignore[no-untyped-call]
        raise ConnectionError("pymodbus did not connect")
    while window.is_running():
        for _ in range(_BATCH):
            _check(client.read_holding_registers(0, count=_COUNT, device_id=1).registers)
            window.requests += 1
    client.close()  # type: ignore[no-untyped-call]


async def _together(library: str, connections: int, callers: int, port: int, window: _Window) -> None:
    one = _sealbus if library == "sealbus" else _pymodbus
    await asyncio.gather(*(one(port, callers, window) for _ in range(connections)))


def main(arguments: Sequence[str]) -> None:
    """Run one client and print its report as JSON."""
    library, style = arguments[:2]
    connections, callers, port = (int(text) for text in arguments[2:5])
    logging.disable(logging.WARNING)
    window = _Window(warmup_s=float(arguments[5]), seconds=float(arguments[6]))
    if style == "sync":
        (_sealbus_sync if library == "sealbus" else _pymodbus_sync)(port, window)
    elif style == "uvloop":
        import uvloop

        uvloop.run(_together(library, connections, callers, port, window))
    else:
        asyncio.run(_together(library, connections, callers, port, window))
    print(window.report)


if __name__ == "__main__":
    main(sys.argv[1:])
