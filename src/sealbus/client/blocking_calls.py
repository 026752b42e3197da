"""The calls of the client API without `await`: each function code, typed values, calls of several requests.

`BlockingCalls` has the calls; what sends them is a subclass: `BlockingConnection` for any unit, `BlockingUnit` for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from sealbus.client.calls import (
    OWN_UNIT,
    RequestCache,
    build_read_write,
    build_write,
    data_of,
    named,
    parse_read,
    prepare,
    values_of,
)
from sealbus.client.procedures import identification_steps, register_scan_steps, sunspec_steps
from sealbus.errors import PeerError, SealbusError
from sealbus.protocol import (
    ANSWER_FUNCTION_AT,
    FileRecord,
    FileReference,
    MaskWriteRegister,
    ReadCoils,
    ReadDiscreteInputs,
    ReadFifoQueue,
    ReadFileRecord,
    ReadHoldingRegisters,
    ReadInputRegisters,
    ReportServerId,
    WriteFileRecord,
    WriteMultipleCoils,
    WriteMultipleRegisters,
    WriteSingleCoil,
    WriteSingleRegister,
    decode_answer,
    unpack_bits,
    unpack_words,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealbus.client.calls import FloatType, IntegerType, OrderName, ReadKind, TypeName, Value
    from sealbus.client.procedures import Result, Steps, SunSpecModel
    from sealbus.endpoints import Endpoint
    from sealbus.protocol import DeviceIdentification, Place, Request, ValueType, WireRequest, WordOrder

__all__ = ["BlockingCalls"]


class BlockingCalls:
    """The calls to a device: those of `AwaitedCalls`, with the same errors."""

    _cache: RequestCache
    _unit_id: int
    """The unit of a call that names none: its `unit` is OWN_UNIT then."""

    # -- what the subclass does

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint."""
        raise NotImplementedError

    def _exchange(self, request: WireRequest) -> bytes:
        """Send a prepared request and wait for its answer, the MBAP ADU without its transaction id."""
        raise NotImplementedError

    def _allowed(self, unit: int) -> int:
        """The unit that a call names. LocalError where it may not name this one."""
        raise NotImplementedError

    # -- the function codes (MODBUS Application Protocol V1.1b3, section 6)

    def read_coils(self, address: int, count: int, *, unit: int = OWN_UNIT) -> list[bool]:
        """Function 01: 1 to 2000 coils from `address`."""
        return unpack_bits(data_of(self._read(ReadCoils, address, count, unit)), count)

    def read_discrete_inputs(self, address: int, count: int, *, unit: int = OWN_UNIT) -> list[bool]:
        """Function 02: 1 to 2000 discrete inputs from `address`."""
        return unpack_bits(data_of(self._read(ReadDiscreteInputs, address, count, unit)), count)

    def read_holding_registers(self, address: int, count: int, *, unit: int = OWN_UNIT) -> list[int]:
        """Function 03: 1 to 125 holding registers from `address`, unsigned 16 bit each."""
        return unpack_words(data_of(self._read(ReadHoldingRegisters, address, count, unit)))

    def read_input_registers(self, address: int, count: int, *, unit: int = OWN_UNIT) -> list[int]:
        """Function 04: 1 to 125 input registers from `address`, unsigned 16 bit each."""
        return unpack_words(data_of(self._read(ReadInputRegisters, address, count, unit)))

    def write_coil(self, address: int, value: bool, *, unit: int = OWN_UNIT) -> None:
        """Function 05: set or clear one coil; True, False, 0 or 1."""
        self.execute(WriteSingleCoil(address, value), unit=unit)

    def write_register(self, address: int, value: int, *, unit: int = OWN_UNIT) -> None:
        """Function 06: write one holding register, unsigned 16 bit."""
        self.execute(WriteSingleRegister(address, value), unit=unit)

    def write_coils(self, address: int, values: Sequence[bool], *, unit: int = OWN_UNIT) -> None:
        """Function 15: write 1 to 1968 coils from `address`; True, False, 0 or 1 each."""
        self.execute(WriteMultipleCoils(address, values_of(values)), unit=unit)

    def write_registers(self, address: int, values: Sequence[int], *, unit: int = OWN_UNIT) -> None:
        """Function 16: write 1 to 123 holding registers from `address`, unsigned 16 bit each."""
        self.execute(WriteMultipleRegisters(address, values_of(values)), unit=unit)

    def mask_write_register(self, address: int, and_mask: int, or_mask: int, *, unit: int = OWN_UNIT) -> None:
        """Function 22: register = (register AND and_mask) OR (or_mask AND NOT and_mask)."""
        self.execute(MaskWriteRegister(address, and_mask, or_mask), unit=unit)

    def read_write_registers(
        self, read: tuple[int, int], write: tuple[int, Sequence[int]], *, unit: int = OWN_UNIT
    ) -> list[int]:
        """Function 23: write `(address, values)`, then read `(address, count)`, in one request."""
        registers: list[int] = self.execute(build_read_write(read, write), unit=unit)
        return registers

    def read_fifo_queue(self, address: int, *, unit: int = OWN_UNIT) -> list[int]:
        """Function 24: the up to 31 registers of the queue at `address`."""
        queue: list[int] = self.execute(ReadFifoQueue(address), unit=unit)
        return queue

    def read_file_record(self, file: int, record: int, count: int, *, unit: int = OWN_UNIT) -> list[int]:
        """Function 20: 1 to 124 registers of `file` (1 to 65535) from `record` (0 to 9999) on."""
        groups = self.execute(ReadFileRecord((FileReference(file, record, count),)), unit=unit)
        registers: list[int] = groups[0]
        return registers

    def write_file_record(self, file: int, record: int, values: Sequence[int], *, unit: int = OWN_UNIT) -> None:
        """Function 21: write 1 to 122 registers of `file` (1 to 65535) from `record` (0 to 9999) on."""
        self.execute(WriteFileRecord((FileRecord(file, record, values_of(values)),)), unit=unit)

    def report_server_id(self, *, unit: int = OWN_UNIT) -> bytes:
        """Function 17: server id, run indicator (00 or FF) and more, in lengths that only the device's manual knows."""
        data: bytes = (self.execute(ReportServerId(), unit=unit)).data
        return data

    def read_device_identification(
        self, access: int = 1, object_id: int = 0, *, unit: int = OWN_UNIT
    ) -> DeviceIdentification:
        """Function 43/14: vendor, product, revision (access 1), more with 2 and 3, one object with 4.

        Where more follows than one answer holds, it is asked for too: `objects` are all from `object_id` on.
        """
        return self._run(identification_steps(access, object_id), unit)

    def execute(self, request: Request, *, unit: int = OWN_UNIT) -> Any:
        """Send any request of `sealbus.protocol` and return its decoded answer; None for a write or a broadcast."""
        asked = prepare(request, self._unit_id if unit is OWN_UNIT else self._allowed(unit))
        answer = self._exchange(asked)
        return decode_answer(request, answer[ANSWER_FUNCTION_AT:]) if answer else None

    # -- typed values

    @overload
    def read(
        self, place: str, *, type: IntegerType, order: OrderName | WordOrder = ..., unit: int = ...
    ) -> int | list[int]: ...
    @overload
    def read(
        self, place: str, *, type: FloatType, order: OrderName | WordOrder = ..., unit: int = ...
    ) -> float | list[float]: ...
    @overload
    def read(
        self, place: str, *, type: Literal["string"], order: OrderName | WordOrder = ..., unit: int = ...
    ) -> str: ...
    @overload
    def read(
        self, place: str, *, type: Literal["bit"], order: OrderName | WordOrder = ..., unit: int = ...
    ) -> bool | list[bool]: ...
    @overload
    def read(
        self, place: str, *, type: None = ..., order: OrderName | WordOrder = ..., unit: int = ...
    ) -> int | list[int] | list[bool]: ...
    @overload
    def read(
        self, place: str, *, type: ValueType | None, order: OrderName | WordOrder = ..., unit: int = ...
    ) -> Value | list[int] | list[float] | list[bool]: ...
    def read(
        self,
        place: str,
        *,
        type: TypeName | ValueType | None = None,
        order: OrderName | WordOrder = "ABCD",
        unit: int = OWN_UNIT,
    ) -> Any:
        """Read a place such as "holding:20", "input:0-9" or "coils:3", decoded as `type` in word order `order`.

        Returns one value for one place, a list for a range. "holding:20" with a 32 bit type reads two registers. Without
        `type` registers are uint16. A string is one text, and "bit" returns a list of 16 for each register.
        """
        read = parse_read(place, type, order)
        asked = self._prepared(read.kind, read.address, read.count, unit)
        return read.decode(data_of(self._exchange(asked)), self.endpoint, asked)

    def write(
        self,
        place: str,
        *values: Value,
        type: TypeName | ValueType | None = None,
        order: OrderName | WordOrder = "ABCD",
        unit: int = OWN_UNIT,
    ) -> None:
        """Write values to the places from "holding:100" or "coils:3" on, encoded as `type` in word order `order`.

        One coil or register is sent as function 05 or 06, several as 15 or 16: some devices know only one of the two.
        A text that is shorter than its range is filled with NUL.
        """
        self.execute(build_write(place, values, type, order), unit=unit)

    # -- calls of several reads

    def scan_registers(self, place: str, *, unit: int = OWN_UNIT) -> list[Place]:
        """The parts of a range such as "holding:0-999" that can be read. What is refused is halved until it fits.

        Raises DeviceException where the device has no such table, and ResponseTimeout where it does not answer.
        """
        return self._run(register_scan_steps(place), unit)

    def read_sunspec(self, bases: Sequence[int] = (40_000, 50_000, 0), *, unit: int = OWN_UNIT) -> list[SunSpecModel]:
        """The models of a SunSpec device with their registers, from the first of `bases` that has "SunS".

        Empty where none has. What the registers mean is defined by the SunSpec Alliance for each model id.
        """
        return self._run(sunspec_steps(values_of(bases)), unit)

    # -- machinery

    def _read(self, kind: ReadKind, address: int, count: int, unit: int) -> bytes:
        # `_prepared`, written out: a call less for each read
        return self._exchange(
            self._cache.read(kind, address, count, self._unit_id if unit is OWN_UNIT else self._allowed(unit))
        )

    def _prepared(self, kind: ReadKind, address: int, count: int, unit: int) -> WireRequest:
        return self._cache.read(kind, address, count, self._unit_id if unit is OWN_UNIT else self._allowed(unit))

    def _run(self, steps: Steps[Result], unit: int) -> Result:
        """Send the requests of a call of several, one after the other."""
        unit_id = self._unit_id if unit is OWN_UNIT else self._allowed(unit)
        answer: Any = None
        request = None
        failure: SealbusError | None = None
        try:
            while True:
                request = steps.send(answer) if failure is None else steps.throw(failure)
                answer = failure = None
                try:
                    answer = self.execute(request, unit=unit_id)
                except SealbusError as error:
                    failure = error
        except StopIteration as end:
            result: Result = end.value
            return result
        except PeerError as error:
            if request is not None:
                named(error, self.endpoint, prepare(request, unit_id))
            raise
