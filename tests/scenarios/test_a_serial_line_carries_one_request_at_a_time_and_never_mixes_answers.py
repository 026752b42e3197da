"""Serial devices behind a gateway (MODBUS over Serial Line V1.02, 2.1 to 2.5): many clients share one line.

One request is on the line at a time. A damaged frame, a foreign slave, a late or a repeated answer fails its own
request and not the next one. A broadcast needs its own right, is not answered, and is followed by a turnaround delay.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from typing import TYPE_CHECKING

import pytest
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer

import sealbus
from scenarios.plant import (
    PATIENCE_S,
    POLICY,
    Plant,
    adu,
    exception,
    open_plant,
    read_holding,
    until,
    words,
    write_register,
    write_registers,
)
from scenarios.pymodbus_peers import pymodbus_device
from scenarios.serial_line import PtyPair, RtuDevice, RtuRequest, joined, rtu_frame
from sealbus.errors import LocalError, Unreachable
from sealbus.records import Alarm, Denied, WriteOutcome, WriteRequested

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

PATIENT_S, HASTY_S = 3.0, 0.3
"""Time-outs of the gateway: long where an answer arrives, so that a busy machine does not matter; short where none does."""
TURNAROUND_S = 0.1
NO_ANSWER, NO_PATH = 11, 10

BROADCASTS = """
[[role]]
name = "Broadcaster"
[[role.allow]]
units = "0"
read = ["holding:0-999"]
write = ["holding:0-999"]
[[role.allow]]
units = "1-10"
read = ["holding:0-999"]
"""


@contextlib.asynccontextmanager
async def open_line(
    folder: Path, url: str, *, timeout_s: float = PATIENT_S, turnaround_s: float = TURNAROUND_S
) -> AsyncIterator[Plant]:
    """A plant with the units 0 to 10 on a serial line."""
    device = f'units = "0-10"\nurl = "{url}"\ntimeout = {timeout_s}\nturnaround = {turnaround_s}'
    async with open_plant(folder, policy=POLICY + BROADCASTS, device=device) as plant:
        yield plant


@pytest.fixture
async def line() -> AsyncIterator[RtuDevice]:
    async with RtuDevice() as device:
        yield device


@pytest.fixture
async def plant(tmp_path: Path, line: RtuDevice) -> AsyncIterator[Plant]:
    async with open_line(tmp_path, line.url) as plant:
        yield plant


@pytest.fixture
async def short_timeout(tmp_path: Path, line: RtuDevice) -> AsyncIterator[Plant]:
    async with open_line(tmp_path, line.url, timeout_s=HASTY_S) as plant:
        yield plant


async def test_concurrent_clients_get_their_own_answers_one_request_after_the_other(
    plant: Plant, line: RtuDevice
) -> None:
    line.delay_s = 0.002

    async def poll(number: int) -> None:
        wire = await plant.connect(role="Viewer")
        for round_ in range(12):
            unit, address = 1 + (number + round_) % 3, 10 * number + round_
            answer = await wire.request(adu(round_, read_holding(address, 2), unit=unit))
            assert answer == adu(round_, words(100 * unit + address, 100 * unit + address + 1), unit=unit)

    await asyncio.gather(*map(poll, range(5)))
    assert (len(line.requests), line.overlaps) == (60, 0)


async def test_concurrent_requests_are_sent_one_after_the_other(plant: Plant, line: RtuDevice) -> None:
    line.delay_s = 0.005
    operator = await plant.connect(role="Operator")
    requests = [adu(1, read_holding(1, 1)), adu(2, write_register(100, 9)), adu(3, read_holding(100, 1))]
    await operator.send(b"".join(requests))
    assert await operator.receive(3) == [adu(1, words(101)), adu(2, write_register(100, 9)), adu(3, words(9))]
    assert (line.overlaps, [outcome.outcome.value for outcome in plant.records(WriteOutcome)]) == (0, ["done"])


async def test_an_exception_of_a_slave_comes_through(plant: Plant, line: RtuDevice) -> None:
    line.answer = lambda request: rtu_frame(request.unit, exception(3, 2))
    viewer = await plant.connect(role="Viewer")
    assert await viewer.request(adu(1, read_holding(1, 1))) == adu(1, exception(3, 2))


# -- faults of a line


def damaged(frame: bytes | None) -> bytes:
    assert frame is not None
    return frame[:-1] + bytes((frame[-1] ^ 0x55,))


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda device, request: damaged(device.normal_answer(request)), id="a wrong checksum"),
        pytest.param(lambda device, request: device.normal_answer(request)[:4], id="an answer that breaks off"),
        pytest.param(lambda device, request: rtu_frame(9, words(7)), id="another slave"),
        pytest.param(lambda device, request: rtu_frame(1, words(7, 8)), id="another length"),
        pytest.param(lambda device, request: rtu_frame(1, write_register(7, 7)), id="another function"),
        pytest.param(lambda device, request: b"\xff\x00\x13\x37" * 8, id="noise"),
        pytest.param(lambda device, request: None, id="silence"),
    ],
)
async def test_a_damaged_answer_is_dropped_and_the_next_is_correct(
    short_timeout: Plant, line: RtuDevice, spoil: object
) -> None:
    viewer = await short_timeout.connect(role="Viewer")
    line.answer = lambda request: spoil(line, request)  # type: ignore[operator]  # from the table above
    assert await viewer.request(adu(1, read_holding(3, 1))) == adu(1, exception(3, NO_ANSWER))
    line.answer = line.normal_answer
    assert await viewer.request(adu(2, read_holding(4, 1))) == adu(2, words(104))
    assert await viewer.request(adu(3, read_holding(5, 2), unit=2)) == adu(3, words(205, 206), unit=2)


async def test_noise_before_an_answer_never_gives_a_wrong_answer(plant: Plant, line: RtuDevice) -> None:
    viewer = await plant.connect(role="Viewer")
    line.answer = lambda request: [rtu_frame(9, words(1)), line.normal_answer(request) or b""]
    assert await viewer.request(adu(1, read_holding(3, 1))) == adu(1, words(103))


async def test_a_damaged_frame_does_not_end_the_wait_for_the_answer(plant: Plant, line: RtuDevice) -> None:
    viewer = await plant.connect(role="Viewer")
    (channel,) = plant.process.gateway.channels.values()
    line.answer = lambda request: damaged(line.normal_answer(request))
    await viewer.send(adu(1, read_holding(3, 1)))
    await until(lambda: channel.counters.dropped_answers == 1)
    line.send_bytes(line.normal_answer(line.requests[0]) or b"")
    assert await viewer.receive() == [adu(1, words(103))]


async def test_an_answer_in_pieces_is_joined(plant: Plant, line: RtuDevice) -> None:
    viewer = await plant.connect(role="Viewer")
    line.answer = lambda request: [bytes((byte,)) for byte in line.normal_answer(request) or b""]
    assert await viewer.request(adu(1, read_holding(3, 4))) == adu(1, words(103, 104, 105, 106))


async def test_an_answer_after_the_time_out_is_dropped(short_timeout: Plant, line: RtuDevice) -> None:
    viewer = await short_timeout.connect(role="Viewer")
    late: list[RtuRequest] = []
    line.answer = late.append  # the device records it and does not answer
    assert await viewer.request(adu(1, read_holding(3, 1))) == adu(1, exception(3, NO_ANSWER))
    line.answer = line.normal_answer
    await viewer.send(adu(2, read_holding(4, 1)))
    line.send_bytes(line.normal_answer(late[0]) or b"")
    assert await viewer.receive() == [adu(2, words(104))]
    assert await viewer.request(adu(3, read_holding(5, 1))) == adu(3, words(105))


async def test_a_repeated_answer_is_used_once(plant: Plant, line: RtuDevice) -> None:
    viewer = await plant.connect(role="Viewer")
    line.answer = lambda request: 2 * (line.normal_answer(request) or b"")
    assert await viewer.request(adu(1, read_holding(3, 1))) == adu(1, words(103))
    line.answer = line.normal_answer
    assert await viewer.request(adu(2, read_holding(4, 1))) == adu(2, words(104))


async def test_a_write_without_an_answer_is_sent_once_and_its_outcome_is_unknown(
    short_timeout: Plant, line: RtuDevice
) -> None:
    operator = await short_timeout.connect(role="Operator")
    # A read first: the write alone would be preceded by one that tells whether the line echoes.
    assert await operator.request(adu(0, read_holding(100, 1))) == adu(0, words(200))
    line.answer = lambda request: (line.normal_answer(request), None)[1]
    assert await operator.request(adu(1, write_register(100, 5))) == adu(1, exception(6, NO_ANSWER))
    line.answer = line.normal_answer
    assert await operator.request(adu(2, read_holding(100, 1))) == adu(2, words(5))
    assert [request.pdu for request in line.requests][1:] == [write_register(100, 5), read_holding(100, 1)]
    assert [outcome.outcome.value for outcome in short_timeout.records(WriteOutcome)] == ["unknown"]


# -- broadcast


async def test_a_broadcast_reaches_every_slave_is_not_answered_and_has_a_turnaround_delay(
    plant: Plant, line: RtuDevice
) -> None:
    broadcaster = await plant.connect(role="Broadcaster")
    await broadcaster.send(adu(1, write_registers(50, 7), unit=0) + adu(2, read_holding(50, 1), unit=3))
    assert await broadcaster.receive() == [adu(2, words(7), unit=3)]
    assert [request.unit for request in line.requests] == [0, 3]
    (requested,) = plant.records(WriteRequested)
    (outcome,) = plant.records(WriteOutcome)
    assert (requested.unit, requested.role, outcome.outcome.value) == (0, "Broadcaster", "unknown")


async def test_no_request_is_sent_during_the_turnaround_delay(tmp_path: Path, line: RtuDevice) -> None:
    async with open_line(tmp_path, line.url, turnaround_s=60.0) as plant:
        broadcaster, viewer = await plant.connect(role="Broadcaster"), await plant.connect(role="Viewer")
        await broadcaster.send(adu(1, write_registers(50, 7), unit=0) + adu(2, read_holding(50, 1), unit=3))
        await until(lambda: len(line.requests) == 1)
        for number in range(20):  # denials: the gateway answers them and sends nothing on the line
            assert await viewer.request(adu(number, write_register(0, 1))) == adu(number, exception(6, 1))
        assert [request.unit for request in line.requests] == [0]


async def test_a_role_without_unit_0_does_not_broadcast(plant: Plant, line: RtuDevice) -> None:
    operator = await plant.connect(role="Operator")
    assert await operator.request(adu(1, write_register(100, 5), unit=0)) == adu(1, exception(6, 1), unit=0)
    (denied,) = plant.records(Denied)
    assert (denied.unit, denied.function, line.requests) == (0, 6, [])


@pytest.mark.parametrize("request_pdu", [read_holding(50, 1), struct.pack(">BHHHHBH", 23, 50, 1, 50, 1, 2, 7)])
async def test_a_broadcast_cannot_read(plant: Plant, line: RtuDevice, request_pdu: bytes) -> None:
    broadcaster = await plant.connect(role="Broadcaster")
    assert await broadcaster.request(adu(1, request_pdu, unit=0)) == adu(1, exception(request_pdu[0], NO_PATH), unit=0)
    assert await broadcaster.request(adu(2, read_holding(50, 1), unit=3)) == adu(2, words(350), unit=3)
    assert [request.unit for request in line.requests] == [3]


async def test_the_client_of_sealbus_broadcasts_writes_and_refuses_other_broadcasts(line: RtuDevice) -> None:
    async with sealbus.connect(line.url) as modbus:
        await modbus.write_registers(50, [7, 8], unit=0)
        assert await modbus.read_holding_registers(50, 2, unit=200) == [7, 8]
        with pytest.raises(LocalError, match="can only write"):
            await modbus.read_holding_registers(50, 2, unit=0)
        with pytest.raises(LocalError, match="can only write"):
            await modbus.read_write_registers((50, 1), (50, [9]), unit=0)
        assert [request.unit for request in line.requests] == [0, 200]


# -- the line itself


async def test_an_unplugged_adapter_is_reported_and_works_again_when_plugged_in(tmp_path: Path) -> None:
    path = tmp_path / "ttyUSB0"
    async with RtuDevice() as first:
        path.symlink_to(first.pty.near)
        async with open_line(tmp_path, f"rtu://{path}") as plant:
            viewer = await plant.connect(role="Viewer")
            assert await viewer.request(adu(1, read_holding(3, 1))) == adu(1, words(103))
            first.unplug()
            path.unlink()
            (channel,) = plant.process.gateway.channels.values()
            await until(lambda: channel.open_lines == 0)
            assert await viewer.request(adu(2, read_holding(3, 1))) == adu(2, exception(3, NO_PATH))
            assert "there is no such device" in plant.records(Alarm)[0].text
            async with RtuDevice() as second:
                path.symlink_to(second.pty.near)
                async with asyncio.timeout(PATIENCE_S):
                    while await viewer.request(adu(3, read_holding(3, 1))) != adu(3, words(103)):
                        await asyncio.sleep(0.05)
    assert [(alarm.name, alarm.state.value) for alarm in plant.records(Alarm)] == [
        (f"rtu://{path}?baud=19200&parity=E&stop=1 unreachable", state) for state in ("raised", "cleared")
    ]


async def test_a_line_has_one_master(plant: Plant, line: RtuDevice) -> None:
    viewer = await plant.connect(role="Viewer")
    assert await viewer.request(adu(1, read_holding(3, 1))) == adu(1, words(103))
    other = sealbus.connect(line.url)
    with pytest.raises(Unreachable, match="another program has it open"):
        await other.open()


async def test_a_pymodbus_device_works_at_the_far_end_of_the_line(tmp_path: Path) -> None:
    ours, theirs = PtyPair(), PtyPair()
    with contextlib.closing(ours), contextlib.closing(theirs), joined(ours, theirs):
        server = ModbusSerialServer([pymodbus_device()], framer=FramerType.RTU, port=theirs.near, baudrate=19200)
        await server.serve_forever(background=True)
        async with open_line(tmp_path, f"rtu://{ours.near}") as plant:
            operator = await plant.connect(role="Operator")
            for number, (request, answer) in enumerate(
                (
                    (bytes((15, 0, 0, 0, 3, 1, 0b101)), bytes((15, 0, 0, 0, 3))),
                    (bytes((5, 0, 3, 0xFF, 0)), bytes((5, 0, 3, 0xFF, 0))),
                    (bytes((1, 0, 0, 0, 5)), bytes((1, 1, 0b01101))),
                    (bytes((2, 0, 0, 0, 4)), bytes((2, 1, 0b1001))),
                    (struct.pack(">BHH", 4, 97, 3), struct.pack(">BBHHH", 4, 6, 1097, 1098, 1099)),
                    (write_registers(200, 1, 2, 3), struct.pack(">BHH", 16, 200, 3)),
                    (write_register(203, 65535), write_register(203, 65535)),
                    (struct.pack(">BHHH", 22, 201, 0xF2, 0x25), struct.pack(">BHHH", 22, 201, 0xF2, 0x25)),
                    (read_holding(200, 4), words(1, 7, 3, 65535)),
                    (read_holding(499, 2), exception(3, 2)),
                )
            ):
                assert await operator.request(adu(number, request)) == adu(number, answer)
        await server.shutdown()  # type: ignore[no-untyped-call]
