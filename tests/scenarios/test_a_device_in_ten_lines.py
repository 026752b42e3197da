"""`sealbus.serve`: tables or functions become a device under a policy; errors of its author become exception 04."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

import pki
import sealbus
from sealbus import (
    ConfigError,
    Device,
    DeviceException,
    ExceptionCode,
    Identity,
    LocalError,
    Table,
    Trust,
    parse_policy,
)
from sealbus.protocol import ReadDeviceIdentification, ReadWriteMultipleRegisters

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path

    from sealbus import Connection


@contextlib.asynccontextmanager
async def served(device: Device | dict[int, Device]) -> AsyncIterator[Connection]:
    """A client of this device; everything is allowed."""
    async with (
        sealbus.serve("tcp://127.0.0.1:0", device, unsafe_no_policy=True) as server,
        sealbus.connect(f"tcp://127.0.0.1:{server.port}", timeout=2.0) as modbus,
    ):
        yield modbus


async def refused(call: Awaitable[Any]) -> int:
    """The exception code of a refused call."""
    with pytest.raises(DeviceException) as error:
        await call
    return error.value.exception_code


async def test_four_tables_are_a_device() -> None:
    holding = {100: 1, 101: 2, 102: 3}
    device = Device({"holding": holding, "input": [7, 8], "coils": [0] * 8, "discrete": {5: 1}})
    async with served(device) as modbus:
        assert await modbus.read_holding_registers(100, 3) == [1, 2, 3]
        assert await modbus.read_input_registers(0, 2) == [7, 8]
        await modbus.write_registers(101, [20, 30])
        await modbus.write_coils(2, [True, True])
        await modbus.mask_write_register(100, 0xFFF0, 0x000F)
        assert holding == {100: 15 & ~0xFFF0 | 1 & 0xFFF0 | 15, 101: 20, 102: 30}
        assert await modbus.read_coils(0, 5) == [False, False, True, True, False]
        assert await modbus.read_discrete_inputs(5, 1) == [True]
        assert await modbus.read_write_registers((100, 2), (101, [9])) == [15, 9]


async def test_a_missing_address_is_02_and_no_part_of_the_write_is_done() -> None:
    holding, coils = {100: 1, 101: 2}, [0, 0]
    async with served(Device({"holding": holding, "coils": coils})) as modbus:
        assert await refused(modbus.read_holding_registers(101, 2)) == 2
        assert await refused(modbus.read_coils(1, 2)) == 2
        assert await refused(modbus.write_registers(101, [5, 6])) == 2
        assert await refused(modbus.write_coils(1, [True, True])) == 2
        assert await refused(modbus.read_write_registers((200, 1), (100, [5]))) == 2
        assert await refused(modbus.mask_write_register(200, 0, 0)) == 2
        assert (holding, coils) == ({100: 1, 101: 2}, [0, 0])


async def test_a_missing_table_or_function_is_01() -> None:
    async with served(Device({"holding": [0]})) as modbus:
        assert await refused(modbus.read_coils(0, 1)) == 1
        assert await refused(modbus.read_fifo_queue(0)) == 1
        assert await refused(modbus.read_device_identification()) == 1
    async with served(Device(read=lambda table, address, count, unit_id: [0] * count)) as modbus:
        assert await refused(modbus.write_register(0, 1)) == 1


async def test_a_missing_unit_is_0a() -> None:
    async with served({1: Device({"holding": [1]}), 2: Device({"holding": [2]})}) as modbus:
        assert await modbus.read_holding_registers(0, 1, unit=2) == [2]
        assert await refused(modbus.read_holding_registers(0, 1, unit=3)) == ExceptionCode.GATEWAY_PATH_UNAVAILABLE


async def test_functions_get_table_address_count_and_unit() -> None:
    seen: list[tuple[object, ...]] = []

    def read(table: Table, address: int, count: int, unit_id: int) -> list[int]:
        seen.append((table, address, count, unit_id))
        return list(range(address, address + count))

    def write(table: Table, address: int, values: Sequence[int], unit_id: int) -> None:
        seen.append((table, address, list(values), unit_id))

    async with served(Device(read=read, write=write)) as modbus:
        assert await modbus.read_input_registers(5, 2, unit=7) == [5, 6]
        await modbus.write_coil(3, True, unit=9)
    assert seen == [(Table.INPUT, 5, 2, 7), (Table.COILS, 3, [1], 9)]


async def test_asynchronous_functions_run_concurrently() -> None:
    may_answer = asyncio.Event()

    async def read(table: Table, address: int, count: int, unit_id: int) -> list[int]:
        if address == 0:
            await may_answer.wait()
        return [address] * count

    async with served(Device(read=read)) as modbus, sealbus.connect(str(modbus.endpoint)) as other:
        waiting = asyncio.create_task(modbus.read_holding_registers(0, 1))
        assert await other.read_holding_registers(1, 1) == [1]
        may_answer.set()
        assert await waiting == [0]


async def test_a_plain_function_may_return_an_awaitable() -> None:
    async def fetch(address: int, count: int) -> list[int]:
        await asyncio.sleep(0)
        return [address] * count

    device = Device(read=lambda table, address, count, unit_id: fetch(address, count))
    async with served(device) as modbus:
        assert await modbus.read_holding_registers(3, 2) == [3, 3]


def failing(error: BaseException) -> Callable[..., list[int]]:
    def read(table: Table, address: int, count: int, unit_id: int) -> list[int]:
        raise error

    return read


async def test_an_exception_raised_by_a_function_is_answered_with_its_code() -> None:
    async with served(Device(read=failing(DeviceException(ExceptionCode.SERVER_DEVICE_BUSY)))) as modbus:
        assert await refused(modbus.read_holding_registers(0, 1)) == 6


@pytest.mark.parametrize("error", [ValueError("no sensor"), KeyError(5), OSError(5, "I/O error"), TimeoutError()])
async def test_a_function_that_fails_is_04_and_the_next_request_is_answered(error: Exception) -> None:
    async with served(Device(read=failing(error))) as modbus:
        for _ in range(40):
            assert await refused(modbus.read_holding_registers(0, 1)) == 4, "no transaction slot is lost"


@pytest.mark.parametrize(
    "values",
    [None, [], [1, 2], 5, [70_000], [-1], ["1"], [1.5], [None], "1", b"\0\1", {0: 1}, object(), iter([1])],
    ids=lambda values: repr(values).partition(" object at ")[0],  # an object address differs in each worker
)
async def test_a_function_that_returns_an_invalid_value_is_04_and_the_next_request_is_answered(values: Any) -> None:
    async with served(Device(read=lambda table, address, count, unit_id: values)) as modbus:
        for _ in range(20):
            assert await refused(modbus.read_holding_registers(0, 1)) == 4


@pytest.mark.parametrize("value", ["off", "0", 2, -1, 1.0, None, b"\0", []], ids=repr)
async def test_a_function_that_returns_no_bit_is_04_and_never_an_input_that_is_on(value: Any) -> None:
    async with served(Device(read=lambda table, address, count, unit_id: [value])) as modbus:
        assert await refused(modbus.read_coils(0, 1)) == 4
        assert await refused(modbus.read_discrete_inputs(0, 1)) == 4
    async with served(Device(read=lambda table, address, count, unit_id: [1, 0, True, False])) as modbus:
        assert await modbus.read_coils(0, 4) == [True, False, True, False]


@pytest.mark.parametrize("error", [ValueError("no sensor"), asyncio.CancelledError(), TimeoutError()], ids=repr)
async def test_an_asynchronous_function_that_fails_is_04(error: BaseException) -> None:
    async def read(table: Table, address: int, count: int, unit_id: int) -> Any:
        await asyncio.sleep(0)
        raise error

    async with served(Device(read=read)) as modbus:
        for _ in range(20):
            assert await refused(modbus.read_holding_registers(0, 1)) == 4


async def test_an_asynchronous_function_that_returns_an_invalid_value_is_04() -> None:
    async def read(table: Table, address: int, count: int, unit_id: int) -> Any:
        return None

    async with served(Device(read=read)) as modbus:
        for _ in range(20):
            assert await refused(modbus.read_holding_registers(0, 1)) == 4


async def test_a_table_with_a_value_outside_its_register_is_04() -> None:
    cells = [5]
    async with served(Device({"holding": cells})) as modbus:
        cells[0] = -5
        assert await refused(modbus.read_holding_registers(0, 1)) == 4


async def test_an_identification_is_read_in_parts() -> None:
    device = Device(
        {"holding": [0]}, identification={0: b"Sealbus", 1: b"S1", 2: b"1.0", 3: b"https://sealbus.example"}
    )
    async with served(device) as modbus:
        basic = await modbus.read_device_identification()
        assert basic.objects == {0: b"Sealbus", 1: b"S1", 2: b"1.0"}
        assert (await modbus.read_device_identification(4, 3)).objects == {3: b"https://sealbus.example"}
        assert await refused(modbus.read_device_identification(4, 9)) == 2


async def test_an_identification_beyond_one_answer_is_read_in_several() -> None:
    objects = {0: b"Sealbus", 1: b"S1", 2: b"1.0", 3: b"u" * 200, 0x80: b"v" * 200}
    async with served(Device({"holding": [0]}, identification=objects)) as modbus:
        first = await modbus.execute(ReadDeviceIdentification(3))
        assert (first.conformity, first.more_follows, first.next_object) == (0x83, True, 0x80)
        rest = await modbus.execute(ReadDeviceIdentification(3, first.next_object))
        assert (rest.more_follows, rest.next_object) == (False, 0)
        assert {**first.objects, **rest.objects} == objects
        assert (await modbus.read_device_identification(3)).objects == objects
    with pytest.raises(LocalError, match="identification object 3 has 300 bytes"):
        Device({"holding": [0]}, identification={3: b"u" * 300})


async def test_a_server_without_a_policy_is_refused_unless_unsafe_is_named(tmp_path: Path) -> None:
    device = Device({"holding": [0]})
    with pytest.raises(ConfigError, match="no policy"):
        sealbus.serve("tcp://127.0.0.1:0", device)
    with pytest.raises(ConfigError, match="needs identity"):
        sealbus.serve("mbaps://127.0.0.1:0", device, unsafe_no_policy=True)
    open_to_all = sealbus.serve("tcp://0.0.0.0:0", device, unsafe_no_policy=True)
    with pytest.raises(ConfigError, match="would offer plain Modbus to every host"):
        await open_to_all.start()
    with pytest.raises(ConfigError, match="cannot be read"):
        sealbus.serve("tcp://127.0.0.1:0", device, policy=tmp_path / "none.toml")


async def test_the_policy_applies_to_a_device_in_python(tmp_path: Path) -> None:
    root = pki.make_root()
    trust = Trust.load(pki.save_trust(tmp_path / "ca.crt", root))
    own = Identity.load(*pki.make_leaf(root, hosts=["127.0.0.1"]).save(tmp_path, "device"))
    policy = parse_policy(
        '[[role]]\nname = "Viewer"\n[[role.allow]]\nunits = "1"\nread = ["holding:0-4"]\n', file="policy.toml"
    )
    holding = [1] * 10
    async with sealbus.serve(
        "mbaps://127.0.0.1:0", Device({"holding": holding}), policy=policy, identity=own, trust=trust
    ) as server:
        url = f"mbaps://127.0.0.1:{server.port}"
        viewer = Identity.load(*pki.make_leaf(root, role="Viewer").save(tmp_path, "viewer"))
        async with sealbus.connect(url, identity=viewer, trust=trust) as modbus:
            assert await modbus.read_holding_registers(0, 5) == [1] * 5
            assert await refused(modbus.read_holding_registers(4, 2)) == 1
            assert await refused(modbus.write_register(0, 5)) == 1
            assert await refused(modbus.execute(ReadWriteMultipleRegisters(0, 1, 0, (5,)))) == 1
        nobody = Identity.load(*pki.make_leaf(root).save(tmp_path, "nobody"))
        async with sealbus.connect(url, identity=nobody, trust=trust) as modbus:
            assert await refused(modbus.read_holding_registers(0, 1)) == 1
    assert holding == [1] * 10
