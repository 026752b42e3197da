"""A device in Python: four tables, each a mapping or a list, or two functions that read and write.

The order of checks is that of the per-function diagrams of the MODBUS Application Protocol V1.1b3, section 6: structure
and quantity (03) are checked before a request comes here, then the address (02), then the device executes it (04 when
it fails). A write of several registers or coils is checked whole before the first one changes.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Generator, Mapping, MutableMapping, MutableSequence, Sequence
from typing import TYPE_CHECKING, Any, cast

from sealbus.errors import DeviceException, LocalError
from sealbus.protocol import (
    READ_TABLES,
    UNIT_AT,
    Diagnostics,
    ExceptionCode,
    MaskWriteRegister,
    ReadDeviceIdentification,
    ReadWriteMultipleRegisters,
    Table,
    WriteMultipleCoils,
    WriteMultipleRegisters,
    WriteSingleCoil,
    WriteSingleRegister,
    encode_answer,
    encode_answer_adu,
)
from sealbus.server.device_values import check_function, check_table
from sealbus.server.identification import IdentificationObjects

if TYPE_CHECKING:
    from sealbus.protocol import Request
    from sealbus.server.rulings import Ruling
    from sealbus.server.session import Session

__all__ = ["Cells", "Device", "DeviceBackend", "ReadFunction", "WriteFunction"]

Cells = MutableMapping[int, int] | MutableSequence[int]
"""One table of a device by 0-based address: registers as unsigned 16 bit, coils as 0 or 1."""

ReadFunction = Callable[[Table, int, int, int], Sequence[int] | Awaitable[Sequence[int]]]
"""read(table, address, count, unit_id) -> `count` values."""

WriteFunction = Callable[[Table, int, Sequence[int], int], Awaitable[None] | None]
"""write(table, address, values, unit_id)."""

_log = logging.getLogger("sealbus.server")


class Device:
    """Answers requests. Give tables, or `read` and `write` functions, plain or async.

    The functions may raise `DeviceException(code)` to answer with that exception; any other error is answered with
    exception 04. `identification` maps object ids, 0 to 255, to at most 244 bytes each, for function 43/14. LocalError names
    a value that no device can answer with.
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
        if tables is not None and not isinstance(tables, Mapping):
            raise LocalError(f"tables {tables!r} are no mapping: give {{'holding': [0, 0]}}")
        check_function("read", read)
        check_function("write", write)
        self._tables = {
            check_table(name, cells): (cells, isinstance(cells, Sequence)) for name, cells in (tables or {}).items()
        }
        self._read: ReadFunction = read or self._read_table
        self._write: WriteFunction = write or (self._write_nothing if tables is None else self._write_table)
        self._identification = IdentificationObjects(identification) if identification else None

    def carry_out(self, unit_id: int, request: Request) -> Any:
        """Execute the request. Returns what `encode_answer` takes, or an awaitable of it."""
        if (table := READ_TABLES.get(request.function_code)) is not None:
            return self._read(table, request.address, request.count, unit_id)  # type: ignore[union-attr]
        # A generator, so that plain functions need no task: it continues in a coroutine from the first awaitable on.
        steps = self._steps(unit_id, request)
        try:
            done = next(steps)
            while not inspect.isawaitable(done):
                done = steps.send(done)
        except StopIteration as end:
            return end.value
        return self._continue_async(steps, done)

    async def _continue_async(self, steps: Generator[Any, Any, Any], done: Any) -> Any:
        try:
            while True:
                done = steps.send(await done if inspect.isawaitable(done) else done)
        except StopIteration as end:
            return end.value

    def _steps(self, unit_id: int, request: Request) -> Generator[Any, Any, Any]:
        """The steps of a request that is not a plain read: yields what a function returned, receives its result."""
        match request:
            case WriteSingleRegister() | WriteSingleCoil():
                yield self._write(_WRITES[type(request)], request.address, [int(request.value)], unit_id)
            case WriteMultipleRegisters() | WriteMultipleCoils():
                values = [int(value) for value in request.values]
                yield self._write(_WRITES[type(request)], request.address, values, unit_id)
            case MaskWriteRegister():
                (old,) = yield self._read(Table.HOLDING, request.address, 1, unit_id)
                new = (old & request.and_mask) | (request.or_mask & ~request.and_mask & 0xFFFF)
                yield self._write(Table.HOLDING, request.address, [new], unit_id)
            case ReadWriteMultipleRegisters():  # the write comes first (6.17), unless the read is known to fail
                if self._tables:
                    self._read_table(Table.HOLDING, request.read_address, request.read_count, unit_id)
                yield self._write(Table.HOLDING, request.write_address, list(request.values), unit_id)
                return (yield self._read(Table.HOLDING, request.read_address, request.read_count, unit_id))
            case Diagnostics(sub_function=0):
                return request.data
            case ReadDeviceIdentification() if self._identification is not None:
                return self._identification.answer(request.access, request.object_id)
            case _:
                raise DeviceException(ExceptionCode.ILLEGAL_FUNCTION)
        return None

    def _read_table(self, table: Table, address: int, count: int, unit_id: int) -> Sequence[int]:
        cells, is_list = self._find(table)
        if is_list:
            if address + count > len(cells):
                raise DeviceException(ExceptionCode.ILLEGAL_DATA_ADDRESS)
            return cast("Sequence[int]", cells)[address : address + count]
        try:
            return [cells[each] for each in range(address, address + count)]
        except KeyError:
            raise DeviceException(ExceptionCode.ILLEGAL_DATA_ADDRESS) from None

    def _write_table(self, table: Table, address: int, values: Sequence[int], unit_id: int) -> None:
        cells, is_list = self._find(table)
        addresses = range(address, address + len(values))
        fits = addresses.stop <= len(cells) if is_list else all(each in cells for each in addresses)
        if not fits:
            raise DeviceException(ExceptionCode.ILLEGAL_DATA_ADDRESS)
        for each, value in zip(addresses, values, strict=True):
            cells[each] = value

    def _write_nothing(self, table: Table, address: int, values: Sequence[int], unit_id: int) -> None:
        raise DeviceException(ExceptionCode.ILLEGAL_FUNCTION)

    def _find(self, table: Table) -> tuple[Cells, bool]:
        found = self._tables.get(table)
        if found is None:
            raise DeviceException(ExceptionCode.ILLEGAL_FUNCTION)
        return found


_WRITES: dict[type, Table] = {
    WriteSingleCoil: Table.COILS,
    WriteMultipleCoils: Table.COILS,
    WriteSingleRegister: Table.HOLDING,
    WriteMultipleRegisters: Table.HOLDING,
}


class DeviceBackend:
    """Answers the sessions of a service from `Device`s by unit id. An unknown unit is exception 0A."""

    def __init__(self, devices: Mapping[int, Device]) -> None:
        self._devices = devices
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, session: Session, adu: bytes, ruling: Ruling) -> None:
        device = self._devices.get(adu[UNIT_AT])
        if device is None or ruling.request is None:
            session.answer_exception(adu, ExceptionCode.GATEWAY_PATH_UNAVAILABLE)
            return
        try:
            value = device.carry_out(adu[UNIT_AT], ruling.request)
        except Exception as error:  # noqa: BLE001 - see _answer_error
            _answer_error(session, adu, error)
            return
        if type(value) is not list and inspect.isawaitable(value):
            task = asyncio.get_running_loop().create_task(self._wait_for(value, session, adu, ruling.request))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            _answer(session, adu, ruling.request, value)

    def abandon(self, session: Session, *, only_writes: bool = False) -> None: ...

    async def _wait_for(self, work: Awaitable[Any], session: Session, adu: bytes, request: Request) -> None:
        try:
            value = await work
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - see _answer_error
            _answer_error(session, adu, error)
        else:
            _answer(session, adu, request, value)


def _answer(session: Session, adu: bytes, request: Request, value: Any) -> None:
    try:
        pdu = encode_answer(request, value)
    except LocalError as error:
        _answer_error(session, adu, error)
    else:
        session.answer(adu, encode_answer_adu(adu[UNIT_AT], pdu))


def _answer_error(session: Session, adu: bytes, error: BaseException) -> None:
    """A device is code of the user. If it raises, the client still gets an answer, and the error is logged."""
    if isinstance(error, DeviceException):
        session.answer_exception(adu, error.exception_code)
    else:
        _log.error("the device of unit %d failed", adu[UNIT_AT], exc_info=error)
        session.answer_exception(adu, ExceptionCode.SERVER_DEVICE_FAILURE)
