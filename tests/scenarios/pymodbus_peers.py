"""Devices simulated by pymodbus, for scenarios that need an independent implementation of Modbus.

The scenarios test Sealbus against pymodbus and not pymodbus itself, so known faults of pymodbus are avoided. Its TLS
framing ignores the length in the header: it cannot read a request in two records or two requests in one, and no
request may be pipelined.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pymodbus.pdu.device import ModbusDeviceIdentification
from pymodbus.simulator import DataType, SimData, SimDevice

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pymodbus.server import ModbusTcpServer

__all__ = ["IDENTITY", "pymodbus_device", "pymodbus_identity", "serving"]

IDENTITY = {0: b"Example Pumps", 1: b"EP-7", 2: b"1.4"}
"""The answer of function 43/14 from a server with `pymodbus_identity()`."""


def pymodbus_device(unit_id: int = 1) -> SimDevice:
    """Coils 0-95 off, discrete input n on where 3 divides n, holding 0-499 zero, input register n 1000 + n to 99."""
    return SimDevice(
        unit_id,
        simdata=(
            [SimData(0, count=96, datatype=DataType.BITS)],
            [SimData(0, values=[place % 3 == 0 for place in range(96)], datatype=DataType.BITS)],
            [SimData(0, count=500, datatype=DataType.REGISTERS)],
            [SimData(0, values=[1000 + place for place in range(100)], datatype=DataType.REGISTERS)],
        ),
    )


def pymodbus_identity() -> ModbusDeviceIdentification:
    """The value of the argument `identity` of a server."""
    names = ("VendorName", "ProductCode", "MajorMinorRevision")
    texts = (text.decode() for text in IDENTITY.values())
    return ModbusDeviceIdentification(info_name=dict(zip(names, texts, strict=True)))  # type: ignore[no-untyped-call]


@contextlib.asynccontextmanager
async def serving(server: ModbusTcpServer) -> AsyncIterator[int]:
    """Run a server on its configured port and return the port."""
    await server.serve_forever(background=True)
    try:
        yield server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]  # what asyncio calls a server
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]
