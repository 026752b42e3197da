"""The Modbus client that Python developers use: every function code, typed reads and writes, secure by default.

A connection talks to one endpoint. It opens when asked, opens anew by itself when it was lost (after a jittered wait),
and sends one request at a time unless `in_flight` says more. It never repeats a request: when a write is not answered,
the error says that its outcome is unknown, and what to do about that is for the caller to decide.
"""

from __future__ import annotations

import asyncio
import select
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sealbus.client.channel import Channel, ChannelRules
from sealbus.client.transaction import Failure, Transaction
from sealbus.endpoints import Endpoint, Scheme, parse_endpoint
from sealbus.errors import (
    ConfigError,
    DeviceException,
    LocalError,
    PeerError,
    ResponseTimeout,
    SealbusError,
    Unreachable,
)
from sealbus.protocol import (
    EXCEPTION_BIT,
    MaskWriteRegister,
    RawRequest,
    ReadCoils,
    ReadDeviceIdentification,
    ReadDiscreteInputs,
    ReadFifoQueue,
    ReadHoldingRegisters,
    ReadInputRegisters,
    ReadWriteMultipleRegisters,
    Table,
    ValueType,
    WordOrder,
    WriteMultipleCoils,
    WriteMultipleRegisters,
    WriteSingleCoil,
    WriteSingleRegister,
    decode_answer,
    decode_registers,
    encode_registers,
    parse_place,
    unpack_bits,
    unpack_words,
)
from sealbus.security import Identity, TlsOptions, Trust, build_client_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence
    from types import TracebackType

    from sealbus.protocol import DeviceIdentification, Place, Request

__all__ = ["Connection", "Value", "connect"]

Value = bool | int | float | str
"""What one place of a device holds, once decoded."""

_UNIT_IDS = range(256)
_REMEMBERED = 1024
_Reads = type[ReadCoils] | type[ReadDiscreteInputs] | type[ReadHoldingRegisters] | type[ReadInputRegisters]
_ERROR_OF: dict[Failure, type[Unreachable] | type[ResponseTimeout]] = {
    Failure.UNREACHABLE: Unreachable,
    Failure.CONNECTION_LOST: Unreachable,
    Failure.ABANDONED: Unreachable,
}


class _Call(Transaction):
    """A transaction that somebody awaits."""

    __slots__ = ("future",)

    future: asyncio.Future[bytes]

    def settle(self, answer: bytes) -> None:
        if not self.future.done():
            self.future.set_result(answer)

    def waits_no_more(self, future: asyncio.Future[bytes]) -> None:
        """Whoever awaited it was cancelled: its time to be sent is over."""
        if future.cancelled():
            self.send_by = 0.0

    def fail(self, failure: Failure, detail: str = "") -> None:
        if self.future.done():
            return
        if failure is Failure.BROADCAST:
            self.future.set_result(b"")
            return
        if failure is Failure.BROADCAST_READ:
            self.future.set_exception(LocalError("a broadcast (unit 0 on a serial line) can only write"))
            return
        unknown = failure.was_sent and self.request.may_change_state
        message = detail or failure.text
        if failure is Failure.WRONG_ANSWER:
            error: SealbusError = PeerError(f"{failure.text} its request: {detail}", outcome_unknown=unknown)
        else:
            error = _ERROR_OF.get(failure, ResponseTimeout)(message, outcome_unknown=unknown)
        self.future.set_exception(error)


class Connection:
    """A connection to one endpoint. Made by `connect`; use it with `async with`.

    Addresses are 0-based, as on the wire. `unit` is the unit id, 0 to 255. Every call raises `DeviceException` when the
    device refuses, `ResponseTimeout` when it stays silent, `Unreachable` when there is no connection, `PeerError` when it
    breaks the protocol, and `LocalError` when the call itself makes no sense; the first three say by `outcome_unknown`
    whether a write may have been carried out.
    """

    def __init__(self, endpoint: Endpoint, rules: ChannelRules, tls: ssl.SSLContext | None) -> None:
        self._endpoint = endpoint
        self._rules = rules
        self._tls = tls
        self._patience_s = rules.connect_timeout_s + rules.connect_delay_s + rules.timeout_s
        self._channel: Channel | None = None
        self._asked: dict[tuple[_Reads, int, int, int], RawRequest] = {}

    @property
    def endpoint(self) -> Endpoint:
        """What it is connected to."""
        return self._endpoint

    async def open(self) -> None:
        """Connect now, rather than with the first request. Raises Unreachable."""
        await self._opened_channel().open()

    async def close(self) -> None:
        """Close the connection. What is under way fails."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
            await asyncio.sleep(0)  # lets the transport tell the peer

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
        return unpack_bits(_data_of(await self._begin_read(ReadCoils, address, count, unit)), count)

    async def read_discrete_inputs(self, address: int, count: int, *, unit: int = 1) -> list[bool]:
        """Function 02: 1 to 2000 discrete inputs from `address`."""
        return unpack_bits(_data_of(await self._begin_read(ReadDiscreteInputs, address, count, unit)), count)

    async def read_holding_registers(self, address: int, count: int, *, unit: int = 1) -> list[int]:
        """Function 03: 1 to 125 holding registers from `address`, unsigned 16 bit each."""
        return unpack_words(_data_of(await self._begin_read(ReadHoldingRegisters, address, count, unit)))

    async def read_input_registers(self, address: int, count: int, *, unit: int = 1) -> list[int]:
        """Function 04: 1 to 125 input registers from `address`, unsigned 16 bit each."""
        return unpack_words(_data_of(await self._begin_read(ReadInputRegisters, address, count, unit)))

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
        return unpack_words(_data_of(await self._begin(request, unit)))

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
        return decode_answer(request, answer[5:]) if answer else None

    # -- typed values

    async def read(self, place: str, *, type: str = "uint16", order: str = "ABCD", unit: int = 1) -> Any:
        """Read a place such as "holding:20", "input:0-9" or "coils:3", decoded as `type` in word order `order`.

        One value comes back as itself, a range as a list. "holding:20" with a 32 bit type reads two registers.
        """
        where, value_type, word_order = _parsed(place, type, order)
        if where.table in (Table.COILS, Table.DISCRETE):
            read_bits = self.read_coils if where.table is Table.COILS else self.read_discrete_inputs
            bits = await read_bits(where.address, where.count, unit=unit)
            return bits if "-" in place else bits[0]
        count = _register_count(place, where, value_type)
        read_words = self.read_holding_registers if where.table is Table.HOLDING else self.read_input_registers
        values = decode_registers(await read_words(where.address, count, unit=unit), value_type, word_order)
        return values if "-" in place and value_type is not ValueType.STRING else values[0]

    async def write(self, place: str, *values: Value, type: str = "uint16", order: str = "ABCD", unit: int = 1) -> None:
        """Write values to "holding:100" or "coils:3" and on, encoded as `type` in word order `order`.

        A single coil or register goes as function 05 or 06, more as 15 or 16: some devices know only one of the two.
        """
        where, value_type, word_order = _parsed(place, type, order)
        if not values:
            raise LocalError(f"nothing to write to {place}: name at least one value")
        if where.table is Table.COILS:
            bits = [_as_bit(value) for value in values]
            _check_fit(place, where, len(bits))
            await (self.write_coil(where.address, bits[0], unit=unit) if len(bits) == 1
                   else self.write_coils(where.address, bits, unit=unit))  # fmt: skip
            return
        if where.table is not Table.HOLDING:
            raise LocalError(f"{where.table} cannot be written: only coils and holding can")
        words = encode_registers(list(values), value_type, word_order)
        _check_fit(place, where, len(words))
        await (self.write_register(where.address, words[0], unit=unit) if len(words) == 1
               else self.write_registers(where.address, words, unit=unit))  # fmt: skip

    # -- machinery

    def _has_news(self) -> bool:
        """Whether bytes, or the end of a connection, wait for a loop that does not run all the time."""
        lines = self._channel._lines if self._channel else ()
        transports = [line.transport for line in lines if line.transport is not None]
        sockets = [sock for each in transports if (sock := each.get_extra_info("socket")) is not None]
        return bool(sockets) and bool(select.select(sockets, (), (), 0)[0])

    def _opened_channel(self) -> Channel:
        if self._channel is None:
            tls = self._tls
            self._channel = Channel(self._endpoint, self._rules, tls=None if tls is None else lambda: tls)
        return self._channel

    def _begin_read(self, kind: _Reads, address: int, count: int, unit: int) -> asyncio.Future[bytes]:
        """Who polls asks for the same places again and again: what was worked out of them once is kept."""
        key = (kind, address, count, unit)
        asked = self._asked.get(key)
        if asked is None:
            if len(self._asked) >= _REMEMBERED:
                self._asked.clear()
            asked = self._asked[key] = _work_out(kind(address, count), unit)
        return self._submit(asked)

    def _begin(self, request: Request, unit: int) -> asyncio.Future[bytes]:
        return self._submit(_work_out(request, unit))

    def _submit(self, asked: RawRequest) -> asyncio.Future[bytes]:
        channel = self._channel or self._opened_channel()
        loop = channel.loop
        call = _Call(None, asked, loop.time() + self._patience_s)
        future = call.future = loop.create_future()
        channel.submit(call)
        if not call.expires and not future.done():  # it waits for its turn
            future.add_done_callback(call.waits_no_more)
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

    mbaps needs `identity` (this client's certificate and key) and `trust` (the authorities whose servers are believed);
    `crl` names their revocation lists. `timeout` is the seconds to wait for an answer. `rules` says more: how many
    requests may be under way at once, gaps, delays. Raises ConfigError for what cannot work.
    """
    endpoint = parse_endpoint(url)
    rules = rules or ChannelRules(timeout_s=timeout)
    if not endpoint.is_encrypted or endpoint.scheme is Scheme.SSH_TCP:
        if identity is not None or trust is not None:  # so that nobody takes a plain connection for a sealed one
            raise ConfigError(
                f"{url} is not mbaps, so identity and trust mean nothing",
                key="url",
                hint="use mbaps://, or leave them out",
            )
        return Connection(endpoint, rules, None)
    if identity is None or trust is None:
        missing = "identity" if identity is None else "trust"
        raise ConfigError(
            f"{url} needs {missing}",
            key=missing,
            hint="mbaps is mutual: give identity=Identity.load(...) and trust=...",
        )
    if not isinstance(trust, Trust):
        trust = Trust.load(_as_list(trust), _as_list(crl))
    return Connection(endpoint, rules, build_client_context(identity, trust, tls_options or TlsOptions()))


def _work_out(request: Request, unit: int) -> RawRequest:
    if unit not in _UNIT_IDS:
        raise LocalError(f"unit {unit} is no unit id: use 0 to 255")
    return RawRequest(b"%c%b" % (unit, request.encode()))


def _data_of(answer: bytes) -> bytes:
    """The data of an answer that is known to fit its request: the line has looked at that already."""
    if answer[5] & EXCEPTION_BIT:
        raise DeviceException(answer[6], function_code=answer[5] & ~EXCEPTION_BIT)
    return answer[7:]


def _as_list(paths: str | Path | Sequence[str | Path]) -> list[str | Path]:
    return [paths] if isinstance(paths, str | Path) else list(paths)


def _parsed(place: str, type: str, order: str) -> tuple[Place, ValueType, WordOrder]:
    try:
        value_type = ValueType(type)
    except ValueError:
        raise LocalError(f"unknown type {type!r}: use one of {', '.join(ValueType)}") from None
    try:
        word_order = WordOrder(order.upper())
    except ValueError:
        raise LocalError(f"unknown order {order!r}: use one of {', '.join(WordOrder)}") from None
    return parse_place(place), value_type, word_order


def _register_count(text: str, place: Place, value_type: ValueType) -> int:
    if "-" in text or value_type.registers is None:
        return place.count
    return value_type.registers


def _check_fit(text: str, place: Place, count: int) -> None:
    if "-" in text and count != place.count:
        raise LocalError(f"{text} has {place.count} places and the values fill {count}")


def _as_bit(value: Value) -> bool:
    if value in (0, 1):
        return bool(value)
    raise LocalError(f"{value!r} is no value for a coil: use 0 or 1")
