"""Files, the server id, a long identification and the calls to one unit, with and without `await`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scenarios.plant import ScriptedDevice, adu
from sealbus import DeviceException, LocalError, PeerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenarios.both_clients import Client


def with_pdu(pdu: bytes, unit: int = 1) -> Callable[[bytes], bytes]:
    return lambda request: adu(int.from_bytes(request[:2]), pdu, unit=unit)


async def test_a_file_record_is_read_and_written(modbus: Client, device: ScriptedDevice) -> None:
    device.answer = with_pdu(bytes.fromhex("14 06 05 06 0dfe 0020"))
    assert await modbus.call(lambda it: it.read_file_record(4, 1, 2)) == [0x0DFE, 0x0020]
    device.answer = lambda request: request
    await modbus.call(lambda it: it.write_file_record(4, 7, [0x06AF, 0x04BE]))
    assert [request[7:].hex(" ") for request in device.requests] == [
        "14 07 06 00 04 00 01 00 02",
        "15 0b 06 00 04 00 07 00 02 06 af 04 be",
    ]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda it: it.read_file_record(0, 0, 1), "the file number 0 is not in 1 to 65535"),
        (lambda it: it.read_file_record(1, 9999, 2), "2 records from record 9999"),
        (lambda it: it.read_file_record(1, 0, 126), "the answer would not fit"),
        (lambda it: it.write_file_record(1, 0, [0] * 123), "the byte count 253 is not in"),
        (lambda it: it.write_file_record(1, 0, []), "0 records from record 0"),
        (lambda it: it.write_file_record(1, 0, "ab"), "values 'ab' is not a list"),
    ],
)
async def test_a_file_record_that_cannot_be_is_refused(
    modbus: Client, device: ScriptedDevice, call: Callable[[Any], Any], message: str
) -> None:
    with pytest.raises(LocalError, match=message):
        await modbus.call(call)
    assert device.requests == []


async def test_the_server_id_is_its_bytes(modbus: Client, device: ScriptedDevice) -> None:
    device.answer = with_pdu(b"\x11\x05\x07\xffpm3")
    assert await modbus.call(lambda it: it.report_server_id()) == b"\x07\xffpm3"


def identification(more: int, following: int, *objects: tuple[int, bytes]) -> bytes:
    body = b"".join(bytes((number, len(text))) + text for number, text in objects)
    return bytes((0x2B, 14, 3, 0x83, more, following, len(objects))) + body


async def test_an_identification_of_several_answers_is_read_to_its_end(modbus: Client, device: ScriptedDevice) -> None:
    answers = {
        0: identification(0xFF, 2, (0, b"Example"), (1, b"EX-1")),
        2: identification(0xFF, 0x80, (2, b"1.0"), (3, b"https://example.org")),
        0x80: identification(0, 0, (0x80, b"pump")),
    }
    device.answer = lambda request: adu(int.from_bytes(request[:2]), answers[request[10]])
    found = await modbus.call(lambda it: it.read_device_identification(3))
    assert found.objects == {0: b"Example", 1: b"EX-1", 2: b"1.0", 3: b"https://example.org", 0x80: b"pump"}
    assert (found.more_follows, found.conformity) == (False, 0x83)
    assert [request[9:] for request in device.requests] == [b"\3\0", b"\3\2", b"\3\x80"]


@pytest.mark.parametrize("following", [0, 1, 2])
async def test_an_identification_without_end_is_an_error_of_the_device(
    modbus: Client, device: ScriptedDevice, following: int
) -> None:
    device.answer = with_pdu(identification(0xFF, following, (2, b"1.0")))
    with pytest.raises(PeerError, match=f"follow from {following}, which was asked for already") as endless:
        await modbus.call(lambda it: it.read_device_identification(3, 2))
    assert endless.value.request is not None
    assert endless.value.request.function_code == 43
    assert len(device.requests) == 1


async def test_one_identification_object_is_one_request(modbus: Client, device: ScriptedDevice) -> None:
    device.answer = with_pdu(identification(0xFF, 3, (2, b"1.0")).replace(b"\x0e\x03", b"\x0e\x04", 1))
    found = await modbus.call(lambda it: it.read_device_identification(4, 2))
    assert found.objects == {2: b"1.0"}
    assert len(device.requests) == 1


async def test_the_calls_of_a_unit_go_to_it_and_to_no_other(modbus: Client, device: ScriptedDevice) -> None:
    def answer(request: bytes) -> bytes:
        return adu(int.from_bytes(request[:2]), device.normal_answer(request)[7:], unit=request[6])

    device.answer = answer
    assert await modbus.call(lambda it: it.unit(7).read_holding_registers(10, 2)) == [10, 11]
    assert await modbus.call(lambda it: it.unit(7).read("holding:10", unit=7)) == 10
    await modbus.call(lambda it: it.unit(9).write_coil(3, True))
    assert await modbus.call(lambda it: it.read_holding_registers(10, 1)) == [10]
    assert [request[6] for request in device.requests] == [7, 7, 9, 1]
    with pytest.raises(LocalError, match="these are the calls of unit 7"):
        await modbus.call(lambda it: it.unit(7).write_register(0, 1, unit=8))
    with pytest.raises(LocalError, match="these are the calls of unit 7"):
        await modbus.call(lambda it: it.unit(7).read("holding:0", unit=1))
    assert len(device.requests) == 4


async def test_an_error_of_a_unit_names_it(modbus: Client, device: ScriptedDevice) -> None:
    device.answer = lambda request: adu(int.from_bytes(request[:2]), bytes((0x83, 2)), unit=7)
    with pytest.raises(DeviceException, match="unit 7, function 3, address 10"):
        await modbus.call(lambda it: it.unit(7).read_holding_registers(10, 1))


@pytest.mark.parametrize("unit", [256, -1, "7", True, None])
async def test_a_wrong_unit_id_is_refused_when_it_is_given(modbus: Client, unit: Any) -> None:
    with pytest.raises(LocalError, match="is not a unit id"):
        modbus.connection.unit(unit)
