"""Scans of units and registers, and SunSpec models, through the client, with and without `await`."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest

from ports import free_ports
from scenarios.both_clients import CLIENTS, Client
from scenarios.plant import ScriptedDevice, adu, exception, words
from sealbus import DeviceException, LocalError, PeerError, ResponseTimeout, SunSpecModel, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def replying(pdu_of: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda request: adu(int.from_bytes(request[:2]), pdu_of(request[7:]), unit=request[6])


def registers(held: Mapping[int, int], *, most: int = 125, refusal: int = 2) -> Callable[[bytes], bytes]:
    """A device that has these holding registers only, and answers at most so many at once."""

    def answer(pdu: bytes) -> bytes:
        address, count = struct.unpack_from(">HH", pdu, 1)
        places = range(address, address + count)
        if count > most or not all(place in held for place in places):
            return exception(pdu[0], refusal)
        return words(*(held[place] for place in places))

    return replying(answer)


@pytest.mark.parametrize("kind", CLIENTS)
async def test_units_that_answer_are_found_be_it_with_an_exception(kind: str, device: ScriptedDevice) -> None:
    answers = {2: words(7), 4: exception(3, 2), 5: exception(3, 0x0B), 6: exception(3, 0x0A), 7: exception(3, 1)}
    device.answer = lambda request: (
        adu(int.from_bytes(request[:2]), answers[request[6]], unit=request[6]) if request[6] in answers else None
    )
    client = Client(kind, f"tcp://127.0.0.1:{device.port}", timeout=1.5)
    assert await client.call(lambda it: it.scan_units(2, 8)) == [2, 4, 7]
    assert [request[6] for request in device.requests] == [2, 3, 4, 5, 6, 7, 8]
    await client.close()


@pytest.mark.parametrize("kind", CLIENTS)
async def test_a_scan_of_units_says_that_nothing_can_be_reached(kind: str) -> None:
    client = Client(kind, f"tcp://127.0.0.1:{free_ports(1)}")
    with pytest.raises(Unreachable):
        await client.call(lambda it: it.scan_units(1, 3))
    await client.close()


@pytest.mark.parametrize(
    "call",
    [
        lambda it: it.scan_units(0, 256),
        lambda it: it.scan_units("1", 3),
        lambda it: it.scan_units(1, 3, place="holdings:0"),
        lambda it: it.scan_registers("holding"),
        lambda it: it.scan_registers(0),
        lambda it: it.read_sunspec([0, -1]),
        lambda it: it.read_sunspec(40_000),
    ],
)
async def test_a_wrong_argument_of_a_scan_is_refused(
    modbus: Client, device: ScriptedDevice, call: Callable[[Any], Any]
) -> None:
    with pytest.raises(LocalError):
        await modbus.call(call)
    assert device.requests == []


@pytest.mark.parametrize("refusal", [2, 3, 4])
async def test_registers_are_found_around_holes(modbus: Client, device: ScriptedDevice, refusal: int) -> None:
    held = dict.fromkeys([*range(3, 40), 41, *range(120, 300)], 0)
    device.answer = registers(held, most=60, refusal=refusal)
    found = await modbus.call(lambda it: it.scan_registers("holding:0-999", unit=4))
    assert [str(place) for place in found] == ["holding:3-39", "holding:41", "holding:120-299"]
    assert {request[6] for request in device.requests} == {4}


async def test_an_answer_that_does_not_fit_is_halved_too(modbus: Client, device: ScriptedDevice) -> None:
    device.answer = replying(lambda pdu: words(*range(min(pdu[4], 10))))
    found = await modbus.call(lambda it: it.scan_registers("holding:0-19"))
    assert [str(place) for place in found] == ["holding:0-19"]


async def test_a_table_that_is_not_there_ends_the_scan(modbus: Client, device: ScriptedDevice) -> None:
    device.answer = replying(lambda pdu: exception(pdu[0], 1))
    with pytest.raises(DeviceException, match="exception 01 to function 2"):
        await modbus.call(lambda it: it.scan_registers("discrete:0-9999"))
    assert len(device.requests) == 1


@pytest.mark.parametrize("kind", CLIENTS)
async def test_silence_ends_a_scan_of_registers(kind: str, device: ScriptedDevice) -> None:
    device.answer = lambda request: None
    client = Client(kind, f"tcp://127.0.0.1:{device.port}", timeout=0.2)
    with pytest.raises(ResponseTimeout):
        await client.call(lambda it: it.scan_registers("holding:0-9999"))
    await client.close()
    assert len(device.requests) == 1


SUNS = [0x5375, 0x6E53]


def chain(base: int, *models: tuple[int, list[int]], end: bool = True) -> dict[int, int]:
    flat = [*SUNS]
    for model_id, points in models:
        flat += [model_id, len(points), *points]
    return dict(enumerate(flat + ([0xFFFF, 0] if end else []), start=base))


@pytest.mark.parametrize("base", [40_000, 50_000, 0])
@pytest.mark.parametrize("end", [True, False])
async def test_the_models_of_a_sunspec_device_are_read(
    modbus: Client, device: ScriptedDevice, base: int, end: bool
) -> None:
    points = list(range(200))
    device.answer = registers(chain(base, (1, points), (103, [7, 8]), (64_001, []), end=end))
    assert await modbus.call(lambda it: it.read_sunspec()) == [
        SunSpecModel(1, base + 2, 200, tuple(points)),
        SunSpecModel(103, base + 204, 2, (7, 8)),
        SunSpecModel(64_001, base + 208, 0, ()),
    ]


async def test_a_chain_may_end_with_0(modbus: Client, device: ScriptedDevice) -> None:
    device.answer = registers({**dict.fromkeys(range(40_000, 41_000), 0), **chain(40_000, (1, [5]), end=False)})
    assert await modbus.call(lambda it: it.read_sunspec()) == [SunSpecModel(1, 40_002, 1, (5,))]


async def test_a_device_without_sunspec_has_no_models(modbus: Client, device: ScriptedDevice) -> None:
    device.answer = registers(dict.fromkeys(range(65_536), 0))
    assert await modbus.call(lambda it: it.read_sunspec()) == []
    device.answer = registers({})
    assert await modbus.call(lambda it: it.read_sunspec()) == []
    assert await modbus.call(lambda it: it.read_sunspec(())) == []


@pytest.mark.parametrize("kind", CLIENTS)
async def test_a_silent_base_is_passed_and_a_silent_device_is_a_time_out(kind: str, device: ScriptedDevice) -> None:
    held = registers(chain(40_000, (1, [5])))
    device.answer = lambda request: None if request[8:10] == b"\0\0" else held(request)
    client = Client(kind, f"tcp://127.0.0.1:{device.port}", timeout=1.5)
    assert await client.call(lambda it: it.read_sunspec((0, 40_000))) == [SunSpecModel(1, 40_002, 1, (5,))]
    device.answer = lambda request: None
    with pytest.raises(ResponseTimeout):
        await client.call(lambda it: it.read_sunspec((0, 40_000)))
    await client.close()


async def test_a_model_that_is_longer_than_the_table_is_an_error_of_the_device(
    modbus: Client, device: ScriptedDevice
) -> None:
    device.answer = registers({40_000: SUNS[0], 40_001: SUNS[1], 40_002: 1, 40_003: 0xFFF0})
    with pytest.raises(PeerError, match="model 1 at holding:40002 has 65520 registers, past the table"):
        await modbus.call(lambda it: it.read_sunspec())


async def test_a_chain_without_end_is_left_at_last(modbus: Client, device: ScriptedDevice) -> None:
    held = {address: 0 if address % 2 else 7 for address in range(65_536)}  # models 7 without registers
    device.answer = registers({**held, 40_000: SUNS[0], 40_001: SUNS[1]})
    models = await modbus.call(lambda it: it.read_sunspec())
    assert {model.model_id for model in models} == {7}
    assert len(device.requests) < 1000
