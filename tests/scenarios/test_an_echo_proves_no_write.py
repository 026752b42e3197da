"""Behind an adapter with local echo, a write to a device that is switched off is never reported as done."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, TypeAlias

import pytest

import sealbus
from scenarios.plant import adu, exception, open_plant, write_register
from scenarios.serial_line import RtuDevice, RtuRequest, rtu_frame
from sealbus.errors import ResponseTimeout
from sealbus.protocol import Diagnostics
from sealbus.records import WriteOutcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from sealbus.client import Connection

    Write: TypeAlias = Callable[[Connection], Awaitable[object]]


SILENT_S = 0.5
"""The time-out where no answer comes."""
PATIENT_S = 20.0
WRITES: dict[str, Write] = {
    "function 5": lambda modbus: modbus.write_coil(5, True),
    "function 6": lambda modbus: modbus.write_register(100, 700),
    "function 22": lambda modbus: modbus.mask_write_register(100, 1, 2),
    "function 8": lambda modbus: modbus.execute(Diagnostics(0, b"\xa5\x37")),
    "function 16": lambda modbus: modbus.write_registers(100, [1, 2]),
}
ALL_WRITES = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())


def echo(request: RtuRequest) -> bytes:
    return rtu_frame(request.unit, request.pdu)


def answer(request: RtuRequest) -> bytes:
    """What a device answers that knows the writes above and functions 1 and 3."""
    match request.pdu[0]:
        case 1:
            return rtu_frame(request.unit, bytes((1, 1, 0)))
        case 3:
            count = request.pdu[4]
            return rtu_frame(request.unit, bytes((3, 2 * count, *([0, 7] * count))))
        case _:
            return rtu_frame(request.unit, request.pdu[:5] if request.pdu[0] == 16 else request.pdu)


@contextlib.asynccontextmanager
async def rtu_over_tcp(device: RtuDevice) -> AsyncIterator[str]:
    """The same device behind a converter: rtu+tcp."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(256):
                request = RtuRequest(data)
                device.requests.append(request)
                replied = device.answer(request)
                for piece in replied if isinstance(replied, list) else [replied]:
                    writer.write(piece or b"")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"rtu+tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@contextlib.asynccontextmanager
async def on_line(device: RtuDevice, *, over_tcp: bool, timeout_s: float, **rules: bool) -> AsyncIterator[Connection]:
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(device)
        url = await stack.enter_async_context(rtu_over_tcp(device)) if over_tcp else device.url
        settings = sealbus.ChannelRules(timeout_s=timeout_s, **rules)
        yield await stack.enter_async_context(sealbus.connect(url, rules=settings))


@ALL_WRITES
@pytest.mark.parametrize("over_tcp", [False, True])
@pytest.mark.parametrize("local_echo", [False, True])
async def test_the_echo_alone_is_no_answer(write: Write, over_tcp: bool, local_echo: bool) -> None:
    device = RtuDevice()
    device.answer = echo
    async with on_line(device, over_tcp=over_tcp, timeout_s=SILENT_S, local_echo=local_echo) as modbus:
        for _ in range(2):
            with pytest.raises(ResponseTimeout):
                await write(modbus)
    if local_echo:
        assert [request.pdu[0] for request in device.requests] == [device.requests[0].pdu[0]] * 2, "nothing was added"


@ALL_WRITES
@pytest.mark.parametrize("over_tcp", [False, True])
@pytest.mark.parametrize("local_echo", [False, True])
@pytest.mark.parametrize("is_joined", [False, True])
async def test_an_answer_behind_the_echo_is_the_answer(
    write: Write, over_tcp: bool, local_echo: bool, is_joined: bool
) -> None:
    device = RtuDevice()

    def replied(request: RtuRequest) -> bytes | list[bytes]:
        pieces = [echo(request), answer(request)]
        return b"".join(pieces) if is_joined else pieces

    device.answer = replied
    async with on_line(device, over_tcp=over_tcp, timeout_s=PATIENT_S, local_echo=local_echo) as modbus:
        await write(modbus)
        assert await modbus.read_holding_registers(0x0300, 3) == [7, 7, 7]
        await write(modbus)


@ALL_WRITES
@pytest.mark.parametrize("over_tcp", [False, True])
async def test_without_an_echo_the_answer_counts(write: Write, over_tcp: bool) -> None:
    device = RtuDevice()
    device.answer = answer
    async with on_line(device, over_tcp=over_tcp, timeout_s=PATIENT_S) as modbus:
        await write(modbus)
        sent = len(device.requests)
        await write(modbus)
        assert len(device.requests) == sent + 1, "what is known about the line is not asked again"


async def test_a_read_tells_whether_the_line_echoes() -> None:
    device = RtuDevice()
    device.answer = answer
    async with on_line(device, over_tcp=False, timeout_s=PATIENT_S) as modbus:
        await modbus.read_holding_registers(0, 1)
        await modbus.write_register(100, 7)
    assert [request.pdu[0] for request in device.requests] == [3, 6]


async def test_a_unit_that_does_not_answer_the_read_before_a_write_is_not_written_to() -> None:
    device = RtuDevice()
    device.answer = lambda request: None
    async with on_line(device, over_tcp=False, timeout_s=SILENT_S) as modbus:
        with pytest.raises(ResponseTimeout, match="not sent") as raised:
            await modbus.write_register(100, 7)
    assert not raised.value.outcome_unknown
    assert [request.pdu[0] for request in device.requests] == [3]


async def test_a_device_that_is_switched_off_later_is_not_written_to_by_its_echo() -> None:
    device = RtuDevice()
    device.answer = lambda request: [echo(request), answer(request)]
    async with on_line(device, over_tcp=False, timeout_s=PATIENT_S) as modbus:
        await modbus.write_register(100, 7)
    device = RtuDevice()
    async with on_line(device, over_tcp=False, timeout_s=SILENT_S) as modbus:
        device.answer = lambda request: [echo(request), answer(request)]
        await modbus.read_holding_registers(0, 1)
        device.answer = echo
        with pytest.raises(ResponseTimeout, match="only the echo") as raised:
            await modbus.write_register(100, 7)
    assert raised.value.outcome_unknown


async def test_a_read_whose_echo_looks_like_its_answer_gets_no_values_from_it() -> None:
    """Function 1 from 0300 hex on, 17 to 24 coils: address and count of the request are a byte count of 3 and its bytes."""
    device = RtuDevice()
    device.answer = echo
    async with on_line(device, over_tcp=False, timeout_s=SILENT_S) as modbus:
        with pytest.raises(ResponseTimeout):
            await modbus.read_coils(0x0312, 20)
    device = RtuDevice()
    device.answer = lambda request: rtu_frame(
        request.unit, bytes((1, 1, 0)) if request.pdu[4] == 1 else bytes((1, 3, 0x12, 0, 20))
    )
    async with on_line(device, over_tcp=False, timeout_s=PATIENT_S) as modbus:
        assert sum(await modbus.read_coils(0x0312, 20)) == 3, "the device has these values"


async def test_with_the_setting_nothing_counts_without_an_echo() -> None:
    device = RtuDevice()
    device.answer = answer
    async with on_line(device, over_tcp=False, timeout_s=SILENT_S, local_echo=True) as modbus:
        with pytest.raises(ResponseTimeout, match="local_echo is set"):
            await modbus.read_holding_registers(0, 1)


async def test_a_gateway_records_no_such_write_as_done(tmp_path: Path) -> None:
    async with RtuDevice() as device:
        device.answer = echo
        table = f'units = "1-10"\nurl = "{device.url}"\ntimeout = {SILENT_S}'
        async with open_plant(tmp_path, device=table) as plant:
            operator = await plant.connect(role="Operator")
            for number in range(2):
                request = adu(number, write_register(100, 7))
                assert await operator.request(request) == adu(number, exception(6, 0x0B))
            assert [each.outcome.value for each in plant.records(WriteOutcome)] == ["not_sent", "unknown"]
