"""Wrong lengths and protocol ids, and frames of 0, 1 and 65,535 bytes end the session; no part reaches the device."""

from __future__ import annotations

import struct

import pytest

from scenarios.plant import Plant, adu, exception, read_holding, until, words, write_register
from sealbus.records import Disconnected

READ, ANSWER = adu(1, read_holding(7, 1)), adu(1, words(7))
WRITE = write_register(100, 7)


def header(*, protocol_id: int = 0, length: int) -> bytes:
    return struct.pack(">HHH", 9, protocol_id, length)


NOT_MODBUS = {
    "a frame of 0": header(length=0) + b"\1" + WRITE,
    "a frame of 1": header(length=1) + b"\1" + WRITE,
    "a frame of 255": header(length=255) + b"\1" + WRITE * 60,
    "a frame of 256": header(length=256) + b"\1" + WRITE * 60,
    "a frame of 32,768": header(length=0x8000) + b"\1" + WRITE * 6600,
    "a frame of 65,535": header(length=0xFFFF) + b"\1" + WRITE * 13_107,
    "protocol id 1": header(protocol_id=1, length=6) + b"\1" + WRITE,
    "protocol id 256": header(protocol_id=256, length=6) + b"\1" + WRITE,
    "protocol id 65,535": header(protocol_id=0xFFFF, length=6) + b"\1" + WRITE,
    "TLS within TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(508),
    "HTTP": b"GET / HTTP/1.1\r\nHost: plant\r\n\r\n",
    "text": b"hello, is anybody there?\n",
}


@pytest.mark.parametrize("garbage", NOT_MODBUS.values(), ids=NOT_MODBUS)
async def test_bytes_that_cannot_be_modbus_end_the_session_and_no_other(plant: Plant, garbage: bytes) -> None:
    hostile, other = await plant.connect(role="Operator"), await plant.connect(role="Viewer")
    assert [await hostile.request(READ), await other.request(READ)] == [ANSWER, ANSWER]
    hostile.writer.write(garbage)
    assert await hostile.closed() == b""
    await until(lambda: bool(plant.records(Disconnected)))
    (ended,) = plant.records(Disconnected)
    assert ended.reason.startswith("not Modbus: ")
    assert await other.request(READ) == ANSWER
    assert plant.device.writes == []
    assert len(plant.device.requests) == 3


@pytest.mark.parametrize("garbage", NOT_MODBUS.values(), ids=NOT_MODBUS)
async def test_no_request_is_read_behind_invalid_bytes(plant: Plant, garbage: bytes) -> None:
    hostile = await plant.connect(role="Operator")
    hostile.writer.write(READ + garbage + adu(2, WRITE))
    hostile.writer.write(adu(3, WRITE))
    await hostile.closed()
    hostile = await plant.connect(role="Operator")
    assert await hostile.request(READ) == ANSWER
    assert plant.device.writes == []


@pytest.mark.parametrize(
    ("lie", "expected"),
    [
        pytest.param(struct.pack(">HHHB", 9, 0, 2, 1) + b"\3", [exception(3, 3)], id="only the function code"),
        pytest.param(struct.pack(">HHHB", 9, 0, 5, 1) + read_holding(7, 1)[:4], [exception(3, 3)], id="a byte short"),
        pytest.param(struct.pack(">HHHB", 9, 0, 7, 1) + read_holding(7, 1) + b"\0", [exception(3, 3)], id="one more"),
        pytest.param(struct.pack(">HHHB", 9, 0, 254, 1) + b"\3" * 253, [exception(3, 3)], id="the longest frame"),
        pytest.param(
            struct.pack(">HHHB", 9, 0, 14, 1) + b"\x10\0\x64\0\1\2\0\7" + WRITE,
            [exception(16, 3)],
            id="a write in a write",
        ),
        pytest.param(
            struct.pack(">HHHB", 9, 0, 8, 1) + b"\x10\0\x64\0\1\4\0", [exception(16, 3)], id="a byte count that lies"
        ),
    ],
)
async def test_a_frame_whose_length_does_not_fit_its_function_is_refused_whole(
    plant: Plant, lie: bytes, expected: list[bytes]
) -> None:
    operator = await plant.connect(role="Operator")
    await operator.send(lie + READ)
    assert sorted(await operator.receive(2)) == sorted([adu(9, *expected), ANSWER])
    assert [request[7:] for request in plant.device.requests] == [read_holding(7, 1)]
