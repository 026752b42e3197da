"""The client API without `await`: the calls and errors of `Connection`, for scripts and threads.

`calls` defines what is sent and what an answer means; this module, how a call waits. tcp and mbaps endpoints get a plain
socket (`BlockingChannel`), because starting and stopping an event loop for each call costs more than the call. Serial
lines and SSH have no blocking transport: they get the asynchronous client on an event loop that runs during a call.
There is no thread, and nothing happens between calls.
"""

from __future__ import annotations

import asyncio
import threading
from asyncio import _get_running_loop
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sealbus.client.blocking_channel import BlockingChannel
from sealbus.client.calls import RequestCache, build_write, data_of, parse_read, prepare
from sealbus.client.connection import Connection
from sealbus.client.target import resolve_target
from sealbus.errors import LocalError, SealbusError
from sealbus.protocol import (
    ANSWER_FUNCTION_AT,
    MaskWriteRegister,
    ReadCoils,
    ReadDeviceIdentification,
    ReadDiscreteInputs,
    ReadFifoQueue,
    ReadHoldingRegisters,
    ReadInputRegisters,
    ReadWriteMultipleRegisters,
    WriteMultipleCoils,
    WriteMultipleRegisters,
    WriteSingleCoil,
    WriteSingleRegister,
    decode_answer,
    unpack_bits,
    unpack_words,
)
from sealbus.transport import is_blocking_supported

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from pathlib import Path
    from types import TracebackType

    from sealbus.client.calls import ReadKind, Value
    from sealbus.client.channel import ChannelRules
    from sealbus.client.target import ConnectionTarget
    from sealbus.endpoints import Endpoint
    from sealbus.protocol import DeviceIdentification, Request, WireRequest
    from sealbus.security import Identity, TlsOptions, Trust

__all__ = ["BlockingConnection", "connect_blocking"]

_Result = TypeVar("_Result")
_TURNS = 8  # from the socket through TLS to the line
_CLOSED = "the connection is closed: make a new one with connect()"
_IN_A_CALL = "this connection is within a call already: the handler of a signal must not use it"
_IN_A_LOOP = "sealbus.sync was called inside an event loop: await sealbus.connect there"


class _Exchanger(Protocol):
    """One request at a time to one endpoint. Not thread-safe."""

    def open(self) -> None: ...
    def exchange(self, request: WireRequest) -> bytes: ...
    def close(self) -> None: ...


class BlockingConnection:
    """A connection to one endpoint, made by `sealbus.sync.connect`; use it with `with`. The calls are those of
    `sealbus.Connection`. Calls from several threads take turns.
    """

    def __init__(self, target: ConnectionTarget) -> None:
        self._target = target
        self._cache = RequestCache()
        self._turn = threading.RLock()  # a plain lock would wait for ever in the handler of a signal
        self._is_busy = False
        self._is_closed = False
        self._exchanger: _Exchanger = (
            BlockingChannel(target) if is_blocking_supported(target.endpoint) else _LoopExchanger(Connection(target))
        )

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint."""
        return self._target.endpoint

    def open(self) -> None:
        """Connect now, rather than with the first request. Raises Unreachable."""
        _refuse_in_a_loop()
        with self._turn:
            self._refuse_unusable()
            self._is_busy = True
            try:
                self._exchanger.open()
            finally:
                self._is_busy = False

    def close(self) -> None:
        """Close the connection permanently."""
        with self._turn:
            if self._is_busy:
                raise LocalError(_IN_A_CALL)
            if not self._is_closed:
                self._exchanger.close()
                self._is_closed = True

    def __enter__(self) -> BlockingConnection:
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read_coils(self, address: int, count: int, *, unit: int = 1) -> list[bool]:
        """Function 01: 1 to 2000 coils from `address`."""
        return unpack_bits(data_of(self._read(ReadCoils, address, count, unit)), count)

    def read_discrete_inputs(self, address: int, count: int, *, unit: int = 1) -> list[bool]:
        """Function 02: 1 to 2000 discrete inputs from `address`."""
        return unpack_bits(data_of(self._read(ReadDiscreteInputs, address, count, unit)), count)

    def read_holding_registers(self, address: int, count: int, *, unit: int = 1) -> list[int]:
        """Function 03: 1 to 125 holding registers from `address`, unsigned 16 bit each."""
        return unpack_words(data_of(self._read(ReadHoldingRegisters, address, count, unit)))

    def read_input_registers(self, address: int, count: int, *, unit: int = 1) -> list[int]:
        """Function 04: 1 to 125 input registers from `address`, unsigned 16 bit each."""
        return unpack_words(data_of(self._read(ReadInputRegisters, address, count, unit)))

    def write_coil(self, address: int, value: bool, *, unit: int = 1) -> None:
        """Function 05: set or clear one coil."""
        self.execute(WriteSingleCoil(address, value), unit=unit)

    def write_register(self, address: int, value: int, *, unit: int = 1) -> None:
        """Function 06: write one holding register, unsigned 16 bit."""
        self.execute(WriteSingleRegister(address, value), unit=unit)

    def write_coils(self, address: int, values: Sequence[bool], *, unit: int = 1) -> None:
        """Function 15: write 1 to 1968 coils from `address`."""
        self.execute(WriteMultipleCoils(address, tuple(values)), unit=unit)

    def write_registers(self, address: int, values: Sequence[int], *, unit: int = 1) -> None:
        """Function 16: write 1 to 123 holding registers from `address`, unsigned 16 bit each."""
        self.execute(WriteMultipleRegisters(address, tuple(values)), unit=unit)

    def mask_write_register(self, address: int, and_mask: int, or_mask: int, *, unit: int = 1) -> None:
        """Function 22: register = (register AND and_mask) OR (or_mask AND NOT and_mask)."""
        self.execute(MaskWriteRegister(address, and_mask, or_mask), unit=unit)

    def read_write_registers(
        self, read: tuple[int, int], write: tuple[int, Sequence[int]], *, unit: int = 1
    ) -> list[int]:
        """Function 23: write `(address, values)`, then read `(address, count)`, in one request."""
        request = ReadWriteMultipleRegisters(read[0], read[1], write[0], tuple(write[1]))
        return unpack_words(data_of(self._exchange(prepare(request, unit))))

    def read_fifo_queue(self, address: int, *, unit: int = 1) -> list[int]:
        """Function 24: the up to 31 registers of the queue at `address`."""
        queue: list[int] = self.execute(ReadFifoQueue(address), unit=unit)
        return queue

    def read_device_identification(self, access: int = 1, object_id: int = 0, *, unit: int = 1) -> DeviceIdentification:
        """Function 43/14: vendor, product, revision (access 1), more with 2 and 3, one object with 4."""
        answer: DeviceIdentification = self.execute(ReadDeviceIdentification(access, object_id), unit=unit)
        return answer

    def execute(self, request: Request, *, unit: int = 1) -> Any:
        """Send any request of `sealbus.protocol` and return its decoded answer; None for a write or a broadcast."""
        answer = self._exchange(prepare(request, unit))
        return decode_answer(request, answer[ANSWER_FUNCTION_AT:]) if answer else None

    def read(self, place: str, *, type: str = "uint16", order: str = "ABCD", unit: int = 1) -> Any:
        """Read a place such as "holding:20", "input:0-9" or "coils:3", decoded as `type` in word order `order`."""
        read = parse_read(place, type, order)
        return read.decode(data_of(self._read(read.kind, read.address, read.count, unit)))

    def write(self, place: str, *values: Value, type: str = "uint16", order: str = "ABCD", unit: int = 1) -> None:
        """Write values to "holding:100" or "coils:3" and on, encoded as `type` in word order `order`."""
        self.execute(build_write(place, values, type, order), unit=unit)

    def _read(self, kind: ReadKind, address: int, count: int, unit: int) -> bytes:
        return self._exchange(self._cache.read(kind, address, count, unit))

    def _exchange(self, request: WireRequest) -> bytes:
        _refuse_in_a_loop()
        with self._turn:
            self._refuse_unusable()
            self._is_busy = True
            try:
                return self._exchanger.exchange(request)
            finally:
                self._is_busy = False

    def _refuse_unusable(self) -> None:
        if self._is_busy:  # by this thread: it has the lock
            raise LocalError(_IN_A_CALL)
        if self._is_closed:
            raise LocalError(_CLOSED)

    def __del__(self) -> None:
        if not self._is_closed:
            self._exchanger.close()


class _LoopExchanger:
    """The asynchronous client on an event loop that runs only while a call is under way."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._loop = asyncio.new_event_loop()  # not uvloop: it is slow to start and stop, which each call does

    def open(self) -> None:
        self._run(self._connection.open())

    def exchange(self, request: WireRequest) -> bytes:
        return self._run(self._ask(request))

    def close(self) -> None:
        if not self._loop.is_closed():
            try:
                self._run(self._connection.close())
            finally:
                self._loop.close()

    async def _ask(self, request: WireRequest) -> bytes:
        return await self._connection._submit(request)

    def _run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        try:
            if self._connection._has_news():
                self._loop.run_until_complete(_take_up_news())
            return self._loop.run_until_complete(work)
        except SealbusError:
            raise
        except BaseException:  # the handler of a signal may raise anything
            self._loop.run_until_complete(_cancel_calls())
            raise
        finally:
            work.close()  # it never began where the loop could not run


def connect_blocking(
    url: str,
    *,
    identity: Identity | None = None,
    trust: Trust | str | Path | Sequence[str | Path] | None = None,
    crl: str | Path | Sequence[str | Path] = (),
    timeout: float = 1.0,
    rules: ChannelRules | None = None,
    tls_options: TlsOptions | None = None,
) -> BlockingConnection:
    """A connection to the endpoint `url`, to be opened with `with` or at the first request; see `sealbus.connect`."""
    return BlockingConnection(
        resolve_target(
            url, identity=identity, trust=trust, crl=crl, timeout=timeout, rules=rules, tls_options=tls_options
        )
    )


def _refuse_in_a_loop() -> None:
    if _get_running_loop() is not None:  # get_running_loop raises where there is none, which costs more than the rest
        raise LocalError(_IN_A_LOOP)


async def _cancel_calls() -> None:
    """End the call that was interrupted: otherwise it would continue in the next one, and send its write then."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _take_up_news() -> None:
    """Run the loop for events since it last ran, such as the end of a connection that was idle for long."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
