"""Each error of a call says which request failed: endpoint, unit, function and address, as fields and in its text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ports import free_ports
from scenarios.both_clients import CLIENTS, Client
from scenarios.plant import ScriptedDevice, adu, exception, open_device, words
from sealbus import DeviceException, FailedRequest, PeerError, ResponseTimeout, SealbusError, Unreachable
from sealbus.protocol import FileReference, ReadFileRecord

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


@pytest.fixture
async def device() -> AsyncIterator[ScriptedDevice]:
    async with open_device() as device:
        yield device


@pytest.fixture(params=CLIENTS)
async def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


CALLS: dict[str, tuple[Callable[[Any], Any], int, int, int | None]] = {
    "a read": (lambda it: it.read_holding_registers(100, 2, unit=7), 7, 3, 100),
    "a typed read": (lambda it: it.read("input:30", type="float32"), 1, 4, 30),
    "a write": (lambda it: it.write_register(9, 1), 1, 6, 9),
    "a typed write": (lambda it: it.write("coils:4-5", 1, 0), 1, 15, 4),
    "a mask write": (lambda it: it.mask_write_register(5, 0, 0), 1, 22, 5),
    "a read and write": (lambda it: it.read_write_registers((40, 1), (50, [1])), 1, 23, 40),
    "a file": (lambda it: it.execute(ReadFileRecord((FileReference(4, 1, 2),)), unit=3), 3, 20, None),
}


@pytest.mark.parametrize("call", CALLS)
async def test_an_exception_names_its_request(kind: str, device: ScriptedDevice, call: str) -> None:
    use, unit, function, address = CALLS[call]
    device.answer = lambda request: adu(int.from_bytes(request[:2]), exception(function, 2), unit=unit)
    url = f"tcp://127.0.0.1:{device.port}"
    client = Client(kind, url, timeout=20.0)
    with pytest.raises(DeviceException, match=f"exception 02 to function {function}: illegal data address") as refused:
        await client.call(use)
    assert refused.value.request == FailedRequest(url, unit, function, address)
    where = f"({url}, unit {unit}, function {function}"
    assert str(refused.value).endswith(f"{where})" if address is None else f"{where}, address {address})")
    assert not refused.value.outcome_unknown
    await client.close()


async def fails(kind: str, url: str, call: Callable[[Any], Any], timeout: float = 20.0) -> SealbusError:
    client = Client(kind, url, timeout=timeout)
    with pytest.raises(SealbusError) as failed:
        await client.call(call)
    await client.close()
    return failed.value


async def test_silence_a_wrong_answer_and_a_lost_connection_name_their_request(
    kind: str, device: ScriptedDevice
) -> None:
    url = f"tcp://127.0.0.1:{device.port}"
    device.answer = lambda request: None
    errors = [await fails(kind, url, lambda it: it.read_coils(8, 1), timeout=0.2)]
    device.answer = lambda request: adu(int.from_bytes(request[:2]), words(1, 2))
    errors.append(await fails(kind, url, lambda it: it.read_coils(8, 1)))
    device.answer = lambda request: device.drop()
    errors.append(await fails(kind, url, lambda it: it.read_coils(8, 1)))
    errors.append(await fails(kind, f"tcp://127.0.0.1:{free_ports(1)}", lambda it: it.read_coils(8, 1)))
    assert [type(error) for error in errors] == [ResponseTimeout, PeerError, Unreachable, Unreachable]
    assert [error.request and error.request.address for error in errors] == [8] * 4
    assert all(f"({error.request})" in str(error) for error in errors)


async def test_a_text_that_is_not_utf_8_names_its_request(kind: str, device: ScriptedDevice) -> None:
    device.registers = {4: 0xFFFE}
    url = f"tcp://127.0.0.1:{device.port}"
    error = await fails(kind, url, lambda it: it.read("holding:4", type="string"))
    assert isinstance(error, PeerError)
    assert error.request == FailedRequest(url, 1, 3, 4)


@pytest.mark.parametrize(("code", "is_unknown"), [(0x0B, True), (0x0A, False), (4, False)])
async def test_no_answer_behind_a_gateway_leaves_the_outcome_of_a_write_unknown(
    kind: str, device: ScriptedDevice, code: int, is_unknown: bool
) -> None:
    device.answer = lambda request: adu(int.from_bytes(request[:2]), exception(request[7], code))
    url = f"tcp://127.0.0.1:{device.port}"
    write = await fails(kind, url, lambda it: it.write_register(9, 1))
    assert write.outcome_unknown is is_unknown
    assert ("may or may not have been carried out" in str(write)) is is_unknown
    assert not (await fails(kind, url, lambda it: it.read_holding_registers(9, 1))).outcome_unknown
