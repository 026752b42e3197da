"""The server under test, in its own process: a thousand holding registers over plain tcp, until it is stopped.

`python -m benchmarks.api_server LIBRARY STYLE PORT`: LIBRARY is sealbus or pymodbus, STYLE is asyncio or uvloop. Both
libraries serve the values of modbus.h in the way that their documentation shows first: pymodbus from its SimDevice,
Sealbus from a Device with a policy that allows every client to read.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_VALUES = [(address * 31 + 7) & 0xFFFF for address in range(1000)]
_POLICY = '[[role]]\nname = ""\n[[role.allow]]\nunits = "1"\nread = ["holding:0-9999"]\n'  # plain clients have no role


async def _sealbus(port: int) -> None:
    import sealbus

    device = sealbus.Device({"holding": list(_VALUES)})
    policy = sealbus.parse_policy(_POLICY, file="benchmark")
    await sealbus.serve(f"tcp://127.0.0.1:{port}", {1: device}, policy=policy).serve_forever()


async def _pymodbus(port: int) -> None:
    from pymodbus.server import ModbusTcpServer
    from pymodbus.simulator import DataType, SimData, SimDevice

    registers = SimData(0, values=list(_VALUES), datatype=DataType.REGISTERS)
    await ModbusTcpServer(SimDevice(1, simdata=[registers]), address=("127.0.0.1", port)).serve_forever()


def main(arguments: Sequence[str]) -> None:
    """Serve until the process is stopped."""
    library, style, port = arguments[0], arguments[1], int(arguments[2])
    logging.disable(logging.WARNING)
    work = (_sealbus if library == "sealbus" else _pymodbus)(port)
    if style == "uvloop":
        import uvloop

        uvloop.run(work)
    else:
        asyncio.run(work)


if __name__ == "__main__":
    main(sys.argv[1:])
