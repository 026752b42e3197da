"""The Modbus client of the Python API: every function code, typed reads and writes, secure by default.

A connection talks to one endpoint. It opens with `open` or with the first request, reconnects after a loss (with
jittered back-off), and sends one request at a time unless `in_flight` is higher. It never repeats a write: when one
is not answered, the error states that its outcome is unknown, and the caller decides what to do.
"""

from __future__ import annotations

import asyncio
import select
from typing import TYPE_CHECKING, Any

from sealbus.client.calls import RequestCache, build_write, data_of, error_of, parse_read, prepare
from sealbus.client.channel import Channel
from sealbus.client.target import resolve_target
from sealbus.client.transaction import Failure, Transaction
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
    WireRequest,
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
    from pathlib import Path
    from types import TracebackType

    from sealbus.client.calls import ReadKind, Value
    from sealbus.client.channel import ChannelRules
    from sealbus.client.target import ConnectionTarget
    from sealbus.endpoints import Endpoint
    from sealbus.protocol import DeviceIdentification, Request
    from sealbus.security import Identity, TlsOptions, Trust

__all__ = ["Connection", "connect"]


class _AwaitedCall(Transaction):
    """A transaction whose future a caller awaits."""

    __slots__ = ("future",)

    future: asyncio.Future[bytes]

    def finish(self, answer: bytes) -> None:
        if not self.future.done():
            self.future.set_result(answer)

    def on_cancelled(self, future: asyncio.Future[bytes]) -> None:
        """The caller was cancelled: the request must not be sent any more."""
        if future.cancelled():
            self.send_by = 0.0

    def fail(self, failure: Failure, detail: str = "") -> None:
        if self.future.done():
            return
        if failure is Failure.BROADCAST:
            self.future.set_result(b"")
            return
        may_change_state = self.request.may_change_state
        self.future.set_exception(error_of(failure, detail, may_change_state=may_change_state))


class Connection:
    """A connection to one endpoint. Made by `connect`; use it with `async with`.

    Addresses are 0-based, as on the wire. `unit` is the unit id, 0 to 255. Every call raises `DeviceException` when the
    device refuses, `ResponseTimeout` when it does not answer, `Unreachable` when there is no connection, `PeerError` when it
    breaks the protocol, and `LocalError` when the arguments are not valid. The attribute `outcome_unknown` says whether a
    write may have been carried out.
    """

    def __init__(self, target: ConnectionTarget) -> None:
        self._target = target
        self._send_timeout_s = target.rules.send_timeout_s
        self._channel: Channel | None = None
        self._cache = RequestCache()

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint."""
        return self._target.endpoint

    async def open(self) -> None:
        """Connect now, rather than with the first request. Raises Unreachable."""
        await self._opened_channel().open()

    async def close(self) -> None:
        """Close the connection. Calls in progress fail."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
            await asyncio.sleep(0)  # the transport closes in the next turn of the loop

    async def __aenter__(self) -> Connection:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # -- the function codes (MODBUS Application Protocol V1.1b3, section 6)

    async def read_coils(self, address: int, count: int, *, unit: int = 1) -> list[bool]:
        """Function 01: 1 to 2000 coils from `address`."""
        return unpack_bits(data_of(await self._begin_read(ReadCoils, address, count, unit)), count)

    async def read_discrete_inputs(self, address: int, count: int, *, unit: int = 1) -> list[bool]:
        """Function 02: 1 to 2000 discrete inputs from `address`."""
        return unpack_bits(data_of(await self._begin_read(ReadDiscreteInputs, address, count, unit)), count)

    async def read_holding_registers(self, address: int, count: int, *, unit: int = 1) -> list[int]:
        """Function 03: 1 to 125 holding registers from `address`, unsigned 16 bit each."""
        return unpack_words(data_of(await self._begin_read(ReadHoldingRegisters, address, count, unit)))

    async def read_input_registers(self, address: int, count: int, *, unit: int = 1) -> list[int]:
        """Function 04: 1 to 125 input registers from `address`, unsigned 16 bit each."""
        return unpack_words(data_of(await self._begin_read(ReadInputRegisters, address, count, unit)))

    async def write_coil(self, address: int, value: bool, *, unit: int = 1) -> None:
        """Function 05: set or clear one coil."""
        await self.execute(WriteSingleCoil(address, value), unit=unit)

    async def write_register(self, address: int, value: int, *, unit: int = 1) -> None:
        """Function 06: write one holding register, unsigned 16 bit."""
        await self.execute(WriteSingleRegister(address, value), unit=unit)

    async def write_coils(self, address: int, values: Sequence[bool], *, unit: int = 1) -> None:
        """Function 15: write 1 to 1968 coils from `address`."""
        await self.execute(WriteMultipleCoils(address, tuple(values)), unit=unit)

    async def write_registers(self, address: int, values: Sequence[int], *, unit: int = 1) -> None:
        """Function 16: write 1 to 123 holding registers from `address`, unsigned 16 bit each."""
        await self.execute(WriteMultipleRegisters(address, tuple(values)), unit=unit)

    async def mask_write_register(self, address: int, and_mask: int, or_mask: int, *, unit: int = 1) -> None:
        """Function 22: register = (register AND and_mask) OR (or_mask AND NOT and_mask)."""
        await self.execute(MaskWriteRegister(address, and_mask, or_mask), unit=unit)

    async def read_write_registers(
        self, read: tuple[int, int], write: tuple[int, Sequence[int]], *, unit: int = 1
    ) -> list[int]:
        """Function 23: write `(address, values)`, then read `(address, count)`, in one request."""
        request = ReadWriteMultipleRegisters(read[0], read[1], write[0], tuple(write[1]))
        return unpack_words(data_of(await self._begin(request, unit)))

    async def read_fifo_queue(self, address: int, *, unit: int = 1) -> list[int]:
        """Function 24: the up to 31 registers of the queue at `address`."""
        queue: list[int] = await self.execute(ReadFifoQueue(address), unit=unit)
        return queue

    async def read_device_identification(
        self, access: int = 1, object_id: int = 0, *, unit: int = 1
    ) -> DeviceIdentification:
        """Function 43/14: vendor, product, revision (access 1), more with 2 and 3, one object with 4."""
        answer: DeviceIdentification = await self.execute(ReadDeviceIdentification(access, object_id), unit=unit)
        return answer

    async def execute(self, request: Request, *, unit: int = 1) -> Any:
        """Send any request of `sealbus.protocol` and return its decoded answer; None for a write or a broadcast."""
        answer = await self._begin(request, unit)
        return decode_answer(request, answer[ANSWER_FUNCTION_AT:]) if answer else None

    # -- typed values

    async def read(self, place: str, *, type: str = "uint16", order: str = "ABCD", unit: int = 1) -> Any:
        """Read a place such as "holding:20", "input:0-9" or "coils:3", decoded as `type` in word order `order`.

        Returns one value for one place, a list for a range. "holding:20" with a 32 bit type reads two registers.
        """
        read = parse_read(place, type, order)
        return read.decode(data_of(await self._begin_read(read.kind, read.address, read.count, unit)))

    async def write(self, place: str, *values: Value, type: str = "uint16", order: str = "ABCD", unit: int = 1) -> None:
        """Write values to the places from "holding:100" or "coils:3" on, encoded as `type` in word order `order`.

        One coil or register is sent as function 05 or 06, several as 15 or 16: some devices know only one of the two.
        """
        await self.execute(build_write(place, values, type, order), unit=unit)

    # -- machinery

    def _has_news(self) -> bool:
        """Whether a socket has bytes or an end to read, for a loop that does not run all the time."""
        lines = self._channel._lines if self._channel else ()
        transports = [line.transport for line in lines if line.transport is not None]
        sockets = [sock for each in transports if (sock := each.get_extra_info("socket")) is not None]
        return bool(sockets) and bool(select.select(sockets, (), (), 0)[0])

    def _opened_channel(self) -> Channel:
        if self._channel is None:
            tls = self._target.tls
            self._channel = Channel(self._target.endpoint, self._target.rules, tls=None if tls is None else lambda: tls)
        return self._channel

    def _begin_read(self, kind: ReadKind, address: int, count: int, unit: int) -> asyncio.Future[bytes]:
        return self._submit(self._cache.read(kind, address, count, unit))

    def _begin(self, request: Request, unit: int) -> asyncio.Future[bytes]:
        return self._submit(prepare(request, unit))

    def _submit(self, asked: WireRequest) -> asyncio.Future[bytes]:
        """Send a prepared request within a running loop. The future gets the answer as `Transaction.finish` does."""
        channel = self._channel or self._opened_channel()
        loop = channel.loop
        call = _AwaitedCall(None, asked, loop.time() + self._send_timeout_s)
        future = call.future = loop.create_future()
        channel.submit(call)
        if not call.answer_due and not future.done():  # it is queued
            future.add_done_callback(call.on_cancelled)
        return future


def connect(
    url: str,
    *,
    identity: Identity | None = None,
    trust: Trust | str | Path | Sequence[str | Path] | None = None,
    crl: str | Path | Sequence[str | Path] = (),
    timeout: float = 1.0,
    rules: ChannelRules | None = None,
    tls_options: TlsOptions | None = None,
) -> Connection:
    """A connection to the endpoint `url`, to be opened with `async with` or at the first request.

    mbaps needs `identity` (this client's certificate and key) and `trust` (the certificates of trusted authorities);
    `crl` names their revocation lists. `timeout` is the seconds to wait for an answer. `rules` sets more: requests in
    flight, gaps, delays. Raises ConfigError for invalid arguments.
    """
    return Connection(
        resolve_target(
            url, identity=identity, trust=trust, crl=crl, timeout=timeout, rules=rules, tls_options=tls_options
        )
    )
