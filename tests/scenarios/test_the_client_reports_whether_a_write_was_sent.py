"""The Sealbus client with faulty devices: each call ends once, reports what is known, and repeats nothing."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

import sealbus
from scenarios.plant import PATIENCE_S, ScriptedDevice, adu, exception, open_device, until, words, write_register
from sealbus import ChannelRules, DeviceException, LocalError, PeerError, ResponseTimeout, Unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from sealbus import Connection


@pytest.fixture
async def device() -> AsyncIterator[ScriptedDevice]:
    async with open_device() as device:
        yield device


@pytest.fixture
async def modbus(device: ScriptedDevice) -> AsyncIterator[Connection]:
    async with sealbus.connect(f"tcp://127.0.0.1:{device.port}", timeout=1.0) as modbus:
        yield modbus


def answer(request: bytes, pdu: bytes) -> bytes:
    return adu(int.from_bytes(request[:2], "big"), pdu)


async def test_a_device_that_refuses_is_a_device_exception(modbus: Connection, device: ScriptedDevice) -> None:
    device.answer = lambda request: answer(request, exception(request[7], 2))
    with pytest.raises(DeviceException) as refused:
        await modbus.read_holding_registers(10, 1)
    assert (refused.value.exception_code, refused.value.function_code, refused.value.outcome_unknown) == (2, 3, False)
    with pytest.raises(DeviceException, match="exception 02 to function 6: illegal data address"):
        await modbus.write_register(10, 1)
    assert len(device.requests) == 2


async def test_a_read_without_an_answer_times_out_and_is_not_repeated(
    modbus: Connection, device: ScriptedDevice
) -> None:
    device.answer = lambda request: None
    with pytest.raises(ResponseTimeout) as silent:
        await modbus.read_holding_registers(10, 1)
    assert not silent.value.outcome_unknown
    assert len(device.requests) == 1
    device.answer = device.normal_answer
    assert await modbus.read_holding_registers(20, 1) == [20]


async def test_a_write_without_an_answer_has_an_unknown_outcome_and_is_not_repeated(
    modbus: Connection, device: ScriptedDevice
) -> None:
    device.answer = lambda request: None
    with pytest.raises(ResponseTimeout, match="may or may not have been carried out") as silent:
        await modbus.write_register(10, 1)
    assert silent.value.outcome_unknown
    with pytest.raises(ResponseTimeout):
        await modbus.read_write_registers((0, 1), (10, [1]))
    assert [request[7] for request in device.requests] == [6, 23]


async def test_a_connection_lost_during_a_call_reports_whether_a_write_was_sent(
    modbus: Connection, device: ScriptedDevice
) -> None:
    assert await modbus.read_holding_registers(1, 1) == [1]
    device.answer = lambda request: device.drop()
    with pytest.raises(Unreachable) as lost:
        await modbus.write_registers(10, [1, 2])
    assert lost.value.outcome_unknown
    device.answer = device.normal_answer
    assert await modbus.read_holding_registers(1, 1) == [1]
    device.answer = lambda request: device.drop()
    with pytest.raises(Unreachable) as lost:
        await modbus.read_holding_registers(1, 1)
    assert not lost.value.outcome_unknown
    assert [request[7] for request in device.requests] == [3, 16, 3, 3, 3], "the read was asked again, once"


async def test_a_gateway_that_got_no_answer_does_not_know_the_outcome_of_a_write(
    modbus: Connection, device: ScriptedDevice
) -> None:
    calls: tuple[tuple[Callable[[], Awaitable[object]], int, bool], ...] = (
        (lambda: modbus.write_register(10, 1), 0x0B, True),
        (lambda: modbus.write_coils(10, [True]), 0x0B, True),
        (lambda: modbus.read_write_registers((1, 1), (10, [1])), 0x0B, True),
        (lambda: modbus.write_register(10, 1), 0x0A, False),
        (lambda: modbus.read_write_registers((1, 1), (10, [1])), 0x02, False),
        (lambda: modbus.read_holding_registers(10, 1), 0x0B, False),
        (lambda: modbus.read_device_identification(), 0x0B, False),
    )
    for call, code, unknown in calls:
        device.answer = lambda request, code=code: answer(request, bytes((request[7] | 0x80, code)))  # type: ignore[misc]
        with pytest.raises(DeviceException) as refused:
            await call()
        assert (refused.value.exception_code, refused.value.outcome_unknown) == (code, unknown)
        assert ("the write may or may not have been carried out" in str(refused.value)) == unknown


WRONG = {
    "another unit": lambda request: adu(int.from_bytes(request[:2], "big"), words(1), unit=9),
    "another length": lambda request: answer(request, words(1, 2)),
    "another function": lambda request: answer(request, b"\x04\x02\x00\x01"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_an_answer_that_does_not_fit_is_a_peer_error(
    modbus: Connection, device: ScriptedDevice, wrong: str
) -> None:
    device.answer = WRONG[wrong]
    with pytest.raises(PeerError, match="does not fit its request") as broken:
        await modbus.read_holding_registers(10, 1)
    assert not broken.value.outcome_unknown
    device.answer = device.normal_answer
    assert await modbus.read_holding_registers(20, 1) == [20]


async def test_an_echo_that_differs_is_a_peer_error_with_an_unknown_outcome(
    modbus: Connection, device: ScriptedDevice
) -> None:
    device.answer = lambda request: answer(request, write_register(10, 2))
    with pytest.raises(PeerError) as broken:
        await modbus.write_register(10, 1)
    assert broken.value.outcome_unknown
    assert len(device.writes) == 1


async def test_a_late_answer_is_dropped_and_is_not_that_of_the_next_call(
    modbus: Connection, device: ScriptedDevice
) -> None:
    late = asyncio.Event()

    async def answer_late(request: bytes) -> bytes:
        await late.wait()
        return device.normal_answer(request)

    device.answer = answer_late
    with pytest.raises(ResponseTimeout):
        await modbus.read_holding_registers(10, 1)
    device.answer = device.normal_answer
    call = asyncio.create_task(modbus.read_holding_registers(20, 1))
    await asyncio.sleep(0)
    late.set()
    assert await call == [20]


async def test_a_closed_port_is_unreachable_and_no_write_was_sent(device: ScriptedDevice) -> None:
    port = device.port
    await device.stop()
    modbus = sealbus.connect(f"tcp://127.0.0.1:{port}")
    with pytest.raises(Unreachable, match="connection refused") as away:
        await modbus.write_register(10, 1)
    assert not away.value.outcome_unknown
    with pytest.raises(Unreachable):
        async with modbus:
            pass
    await modbus.close()


async def test_it_reconnects_to_a_restarted_device(modbus: Connection, device: ScriptedDevice) -> None:
    assert await modbus.read_holding_registers(10, 1) == [10]
    port = device.port
    await device.stop()
    with pytest.raises(Unreachable):
        await modbus.read_holding_registers(10, 1)
    await device.start(port)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(Unreachable):
                assert await modbus.read_holding_registers(10, 1) == [10]
                break
            await asyncio.sleep(0.02)


async def test_one_request_is_under_way_at_a_time_and_eight_if_configured(device: ScriptedDevice) -> None:
    held: list[bytes] = []

    def hold(request: bytes) -> None:
        held.append(request)

    for in_flight in (1, 8):
        held.clear()
        device.answer = hold
        rules = ChannelRules(in_flight=in_flight, timeout_s=5.0)
        async with sealbus.connect(f"tcp://127.0.0.1:{device.port}", rules=rules) as modbus:
            calls = [asyncio.create_task(modbus.read_holding_registers(address, 1)) for address in range(12)]
            await until(lambda in_flight=in_flight: len(held) == in_flight)  # type: ignore[misc]
            await asyncio.sleep(0.02)
            assert len(held) == in_flight
            device.answer = device.normal_answer
            writer = next(each for each in device.live if not each.is_closing())
            for request in reversed(held):
                writer.write(device.normal_answer(request))
            assert await asyncio.gather(*calls) == [[address] for address in range(12)]
        await until(lambda: not device.live)


async def test_calls_from_many_tasks_get_their_own_answers(device: ScriptedDevice) -> None:
    rules = ChannelRules(in_flight=8, connections=2)
    async with sealbus.connect(f"tcp://127.0.0.1:{device.port}", rules=rules) as modbus:
        calls = [modbus.read_holding_registers(address, 2) for address in range(400)]
        assert await asyncio.gather(*calls) == [[address, address + 1] for address in range(400)]


async def test_a_call_cancelled_after_sending_does_not_affect_the_next(
    modbus: Connection, device: ScriptedDevice
) -> None:
    may_answer = asyncio.Event()

    async def answer_late(request: bytes) -> bytes:
        await may_answer.wait()
        return device.normal_answer(request)

    device.answer = answer_late
    call = asyncio.create_task(modbus.read_holding_registers(10, 1))
    await until(lambda: len(device.requests) == 1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    may_answer.set()
    assert await modbus.read_holding_registers(20, 1) == [20]


async def test_a_write_cancelled_before_sending_is_never_sent(modbus: Connection, device: ScriptedDevice) -> None:
    may_answer = asyncio.Event()

    async def answer_late(request: bytes) -> bytes:
        await may_answer.wait()
        return device.normal_answer(request)

    device.answer = answer_late
    first = asyncio.create_task(modbus.read_holding_registers(10, 1))
    await until(lambda: len(device.requests) == 1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(modbus.write_register(100, 7), 0.05)
    may_answer.set()
    assert await first == [10]
    assert await modbus.read_holding_registers(20, 1) == [20]
    assert device.writes == []


async def test_closing_ends_every_call_and_the_connection_can_be_used_again(
    modbus: Connection, device: ScriptedDevice
) -> None:
    device.answer = lambda request: None
    on_the_wire = asyncio.create_task(modbus.write_register(10, 1))
    waiting = asyncio.create_task(modbus.write_register(11, 1))
    await until(lambda: len(device.requests) == 1)
    await modbus.close()
    with pytest.raises(Unreachable) as lost:
        await on_the_wire
    assert lost.value.outcome_unknown
    with pytest.raises(Unreachable) as lost:
        await waiting
    assert not lost.value.outcome_unknown
    device.answer = device.normal_answer
    assert await modbus.read_holding_registers(20, 1) == [20]


async def test_invalid_arguments_are_reported_before_anything_is_sent(
    modbus: Connection, device: ScriptedDevice
) -> None:
    for call in (
        modbus.read_holding_registers(0, 126),
        modbus.read_holding_registers(0, 0),
        modbus.read_holding_registers(65_535, 2),
        modbus.read_coils(0, 2001),
        modbus.write_register(0, 65_536),
        modbus.write_registers(0, [0] * 124),
        modbus.write_registers(0, []),
        modbus.read_holding_registers(0, 1, unit=256),
        modbus.write("input:0", 1),
        modbus.write("holding:0-1", 1),
    ):
        with pytest.raises(LocalError):
            await call
    assert device.requests == []
