"""A device in Python: four tables, each a mapping or a list, or two functions that read and write.

The order of checks is that of the per-function diagrams of the MODBUS Application Protocol V1.1b3, section 6: structure
and quantity (03) were judged before a request comes here, then the address (02), then the device does it (04 when it
fails). A write of several places is checked whole before the first place changes.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, MutableMapping, MutableSequence, Sequence
from typing import TYPE_CHECKING, Any

from sealbus.errors import DeviceException, LocalError
from sealbus.protocol import (
    DeviceIdentification,
    Diagnostics,
    ExceptionCode,
    MaskWriteRegister,
    ReadCoils,
    ReadDeviceIdentification,
    ReadDiscreteInputs,
    ReadHoldingRegisters,
    ReadInputRegisters,
    ReadWriteMultipleRegisters,
    Table,
    WriteMultipleCoils,
    WriteMultipleRegisters,
    WriteSingleCoil,
    WriteSingleRegister,
    encode_answer,
    encode_mbap,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealbus.protocol import Request
    from sealbus.server.rulings import Ruling
    from sealbus.server.session import Session

__all__ = ["Cells", "Device", "DeviceBackend", "ReadFunction", "WriteFunction"]

Cells = MutableMapping[int, int] | MutableSequence[int]
"""One table of a device by 0-based address: registers as unsigned 16 bit, coils as 0 or 1."""

ReadFunction = Callable[[Table, int, int, int], Sequence[int] | Awaitable[Sequence[int]]]
"""read(table, address, count, unit_id) -> `count` values."""

WriteFunction = Callable[[Table, int, Sequence[int], int], None | Awaitable[None]]
"""write(table, address, values, unit_id)."""

_log = logging.getLogger("sealbus.server")

_BASIC_OBJECTS = 3  # 6.21: vendor, product code and revision have ids 0 to 2
_REGULAR_OBJECTS = 0x80


class Device:
    """What answers requests. Give tables, or `read` and `write` functions, plain or async.

    The functions may raise `DeviceException(code)` to answer with that exception; any other error is answered with
    exception 04. `identification` maps object ids to bytes for function 43/14.
    """

    def __init__(
        self,
        tables: Mapping[Table | str, Cells] | None = None,
        *,
        read: ReadFunction | None = None,
        write: WriteFunction | None = None,
        identification: Mapping[int, bytes] | None = None,
    ) -> None:
        if (tables is None) == (read is None):
            raise LocalError("a device has either tables or a read function")
        self._tables = {Table(name): cells for name, cells in (tables or {}).items()}
        self._read: ReadFunction = read or self._read_table
        self._write = write or (self._write_table if tables is not None else None)
        self._identification = dict(identification or {})
        self.is_async = inspect.iscoroutinefunction(read) or inspect.iscoroutinefunction(write)
        """Whether answering may have to wait."""

    async def carry_out(self, unit_id: int, request: Request) -> Any:
        """Do what the request asks and return what `encode_answer` takes. Raises DeviceException."""
        match request:
            case ReadHoldingRegisters() | ReadInputRegisters() | ReadCoils() | ReadDiscreteInputs():
                return await self._get(_TABLE_OF[type(request)], request.address, request.count, unit_id)
            case WriteSingleRegister() | WriteSingleCoil():
                await self._set(_TABLE_OF[type(request)], request.address, [int(request.value)], unit_id)
            case WriteMultipleRegisters() | WriteMultipleCoils():
                values = [int(value) for value in request.values]
                await self._set(_TABLE_OF[type(request)], request.address, values, unit_id)
            case MaskWriteRegister():
                (old,) = await self._get(Table.HOLDING, request.address, 1, unit_id)
                new = (old & request.and_mask) | (request.or_mask & ~request.and_mask & 0xFFFF)
                await self._set(Table.HOLDING, request.address, [new], unit_id)
            case ReadWriteMultipleRegisters():  # the write comes first (6.17)
                await self._set(Table.HOLDING, request.write_address, list(request.values), unit_id)
                return await self._get(Table.HOLDING, request.read_address, request.read_count, unit_id)
            case Diagnostics(sub_function=0):
                return request.data
            case ReadDeviceIdentification() if self._identification:
                return self._identify(request)
            case _:
                raise DeviceException(ExceptionCode.ILLEGAL_FUNCTION)
        return None

    async def _get(self, table: Table, address: int, count: int, unit_id: int) -> list[int]:
        values = self._read(table, address, count, unit_id)
        if inspect.isawaitable(values):
            values = await values
        return list(values)

    async def _set(self, table: Table, address: int, values: list[int], unit_id: int) -> None:
        if self._write is None:
            raise DeviceException(ExceptionCode.ILLEGAL_FUNCTION)
        done = self._write(table, address, values, unit_id)
        if inspect.isawaitable(done):
            await done

    def _read_table(self, table: Table, address: int, count: int, unit_id: int) -> list[int]:
        cells = self._cells(table, address, count)
        if isinstance(cells, MutableSequence):
            return [int(value) for value in cells[address : address + count]]
        return [int(cells[place]) for place in range(address, address + count)]

    def _write_table(self, table: Table, address: int, values: Sequence[int], unit_id: int) -> None:
        cells = self._cells(table, address, len(values))
        for place, value in enumerate(values, start=address):
            cells[place] = value

    def _cells(self, table: Table, address: int, count: int) -> Cells:
        cells = self._tables.get(table)
        if cells is None:
            raise DeviceException(ExceptionCode.ILLEGAL_FUNCTION)
        last = address + count - 1
        exists = (
            last < len(cells)
            if isinstance(cells, MutableSequence)
            else all(place in cells for place in range(address, last + 1))
        )
        if not exists:
            raise DeviceException(ExceptionCode.ILLEGAL_DATA_ADDRESS)
        return cells

    def _identify(self, request: ReadDeviceIdentification) -> DeviceIdentification:
        below = {1: _BASIC_OBJECTS, 2: _REGULAR_OBJECTS, 3: 0x100}.get(request.access)
        if below is None:
            if request.object_id not in self._identification:
                raise DeviceException(ExceptionCode.ILLEGAL_DATA_ADDRESS)
            wanted = {request.object_id: self._identification[request.object_id]}
        else:
            start = request.object_id if request.object_id in self._identification else 0
            wanted = {number: text for number, text in sorted(self._identification.items()) if start <= number < below}
        return DeviceIdentification(conformity=0x83, more_follows=False, next_object=0, objects=wanted)


_TABLE_OF: dict[type, Table] = {
    ReadCoils: Table.COILS,
    ReadDiscreteInputs: Table.DISCRETE,
    ReadHoldingRegisters: Table.HOLDING,
    ReadInputRegisters: Table.INPUT,
    WriteSingleCoil: Table.COILS,
    WriteMultipleCoils: Table.COILS,
    WriteSingleRegister: Table.HOLDING,
    WriteMultipleRegisters: Table.HOLDING,
}


class DeviceBackend:
    """Answers the sessions of a service from `Device`s by unit id. A unit that is not there is exception 0A."""

    def __init__(self, devices: Mapping[int, Device]) -> None:
        self._devices = devices
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, session: Session, adu: bytes, ruling: Ruling) -> None:
        device = self._devices.get(adu[6])
        if device is None:
            session.refuse(adu, ExceptionCode.GATEWAY_PATH_UNAVAILABLE)
            return
        work = self._carry_out(device, session, adu, ruling)
        if device.is_async:
            task = asyncio.get_running_loop().create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        try:
            work.send(None)  # a plain device never waits, so this runs to its end: no task for the common case
        except StopIteration:
            return
        work.close()
        session.refuse(adu, ExceptionCode.SERVER_DEVICE_FAILURE)

    def gone(self, session: Session) -> None: ...

    async def _carry_out(self, device: Device, session: Session, adu: bytes, ruling: Ruling) -> None:
        request = ruling.request
        if request is None:  # a malformed request never comes here
            session.refuse(adu, ExceptionCode.ILLEGAL_DATA_VALUE)
            return
        try:
            answer = encode_answer(request, await device.carry_out(adu[6], request))
        except DeviceException as error:
            session.refuse(adu, error.exception_code)
        except Exception:  # a device is the user's code: whatever it raises is a failure of the device, and said so
            _log.exception("the device of unit %d failed", adu[6])
            session.refuse(adu, ExceptionCode.SERVER_DEVICE_FAILURE)
        else:
            session.answer(adu, encode_mbap(0, adu[6], answer)[2:])
